// Package secret reads the functions' secrets from Secrets Manager, each once
// per process.
package secret

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/jointoken"
)

// joinTokenSecretID is the variable with the id of the join tokens' secret, which
// template.yaml sets.
const joinTokenSecretID = "JOIN_TOKEN_SECRET_ID" //nolint:gosec // names the secret, and is none

// Signer builds the signer of join tokens.
func Signer(ctx context.Context, env *environment.Environment) (*jointoken.Signer, error) {
	key, err := Read(ctx, env, joinTokenSecretID)
	if key == nil || err != nil {
		return nil, err
	}
	signer, err := jointoken.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("use the join token key: %w", err)
	}
	return signer, nil
}

// Read reads the secret whose id is in a variable. It returns nil if the variable is
// not set, which environment.Start reports.
func Read(ctx context.Context, env *environment.Environment, variable string) ([]byte, error) {
	id := env.Get(variable)
	if id == "" {
		return nil, nil
	}
	out, err := secretsmanager.NewFromConfig(env.AWS).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		return nil, fmt.Errorf("read the secret of %s: %w", variable, err)
	}
	return []byte(aws.ToString(out.SecretString)), nil
}
