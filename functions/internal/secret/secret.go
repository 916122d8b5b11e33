// Package secret reads the functions' keys from Secrets Manager.
package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"seatmeter/functions/internal/environment"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/keys"
)

// joinTokenSecretID is the variable with the id of the join tokens' secret, which
// template.yaml sets.
const joinTokenSecretID = "JOIN_TOKEN_SECRET_ID" //nolint:gosec // names the secret, and is none

// The labels of a secret's versions. PutSecretValue moves both.
const (
	current  = "AWSCURRENT"
	previous = "AWSPREVIOUS"
)

// Signer builds the signer of join tokens.
func Signer(ctx context.Context, env *environment.Environment) (*jointoken.Signer, error) {
	ring, err := Ring(ctx, env, joinTokenSecretID)
	if ring == nil || err != nil {
		return nil, err
	}
	return jointoken.NewSigner(ring), nil
}

// Ring opens the keys of the secret whose id is in a variable. It returns nil if the
// variable is not set, which environment.Start reports.
func Ring(ctx context.Context, env *environment.Environment, variable string) (*keys.Ring, error) {
	id := env.Get(variable)
	if id == "" {
		return nil, nil
	}
	ring, err := keys.Open(ctx, versions{secretsmanager.NewFromConfig(env.AWS), id}, time.Now)
	if err != nil {
		return nil, fmt.Errorf("open the keys of %s: %w", variable, err)
	}
	return ring, nil
}

// versions implements keys.Source by the versions of a secret.
type versions struct {
	client *secretsmanager.Client
	id     string
}

func (v versions) Current(ctx context.Context) ([]byte, error) { return v.read(ctx, current) }

func (v versions) Previous(ctx context.Context) ([]byte, error) {
	secret, err := v.read(ctx, previous)
	var none *types.ResourceNotFoundException
	if errors.As(err, &none) {
		return nil, nil
	}
	return secret, err
}

func (v versions) read(ctx context.Context, stage string) ([]byte, error) {
	out, err := v.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(v.id), VersionStage: aws.String(stage)})
	if err != nil {
		return nil, fmt.Errorf("read the version %s: %w", stage, err)
	}
	return []byte(aws.ToString(out.SecretString)), nil
}
