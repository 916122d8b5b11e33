// Package secret reads the functions' secrets from Secrets Manager, each once
// per process.
package secret

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jointoken"
)

// The environment variables that name the secrets, as template.yaml sets them.
const (
	joinTokenSecretID = "JOIN_TOKEN_SECRET_ID" //nolint:gosec // names the secret, and is none
	cursorSecretID    = "CURSOR_SECRET_ID"     //nolint:gosec // likewise
)

// Signer makes the signer of join tokens.
func Signer(ctx context.Context, env *environment.Environment) (*jointoken.Signer, error) {
	key, err := read(ctx, env, joinTokenSecretID)
	if key == nil || err != nil {
		return nil, err
	}
	signer, err := jointoken.NewSigner(key)
	if err != nil {
		return nil, fmt.Errorf("use the join token key: %w", err)
	}
	return signer, nil
}

// API makes an API whose cursors are sealed.
func API(ctx context.Context, env *environment.Environment) (*httpapi.API, error) {
	secret, err := read(ctx, env, cursorSecretID)
	if secret == nil || err != nil {
		return httpapi.New(env.Log, nil), err
	}
	seal, err := httpapi.NewSeal(secret)
	if err != nil {
		return nil, fmt.Errorf("use the cursor secret: %w", err)
	}
	return httpapi.New(env.Log, seal), nil
}

// read reads the secret that a variable names; nil if it is not set, which
// environment.Start reports.
func read(ctx context.Context, env *environment.Environment, variable string) ([]byte, error) {
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
