// Package secret reads the key of join tokens from Secrets Manager.
package secret

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/jointoken"
)

const secretID = "JOIN_TOKEN_SECRET_ID" //nolint:gosec // names the secret, and is none

// Signer makes the signer of join tokens. The key is read once per process.
func Signer(ctx context.Context, env *environment.Environment) (*jointoken.Signer, error) {
	id := env.Get(secretID)
	if id == "" {
		return nil, nil // reported by environment.Start
	}
	out, err := secretsmanager.NewFromConfig(env.AWS).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		return nil, fmt.Errorf("read the join token key: %w", err)
	}
	signer, err := jointoken.NewSigner([]byte(aws.ToString(out.SecretString)))
	if err != nil {
		return nil, fmt.Errorf("use the join token key: %w", err)
	}
	return signer, nil
}
