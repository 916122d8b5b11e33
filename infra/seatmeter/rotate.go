package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"seatmeter/infra/local"
	"seatmeter/shared/jointoken"
)

// rotateAfter is the least age of a key that is replaced. A token lives for up to
// a day, and a process may sign with the previous key for up to an hour: a younger
// key's tokens would be refused after the next replacement.
const rotateAfter = jointoken.MaxLifetime + time.Hour

type rotateCommand struct {
	dataFlag

	Secret []string `placeholder:"ARN" help:"A secret of a deployed stack: JoinTokenSecretArn or CursorSecretArn of its outputs. May be given twice. Without one, the keys of the local stack are replaced."`
	Now    bool     `help:"Replace a key that is younger than 25 hours, for instance since it has leaked. Tokens of the key before it are refused from then on."`
}

// Help is the command's longer help.
func (rotateCommand) Help() string {
	return "Makes new keys for join tokens, resume tokens and cursors. What the present keys have made stays good: " +
		"functions take the tokens of two keys, the current and the previous one. A running stack needs no restart."
}

// Run replaces the keys.
func (c rotateCommand) Run(ctx context.Context) error {
	if len(c.Secret) == 0 {
		dir, err := c.dir()
		if err != nil {
			return err
		}
		if err := local.RotateKeys(dir); err != nil {
			return err
		}
		fmt.Println("the keys in", dir, "are replaced")
		return nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load the AWS configuration: %w", err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	for _, secret := range c.Secret {
		if err := rotate(ctx, client, os.Stdout, secret, c.Now); err != nil {
			return fmt.Errorf("%s: %w", secret, err)
		}
	}
	return nil
}

// rotate replaces the key of one secret, unless its current key is too young.
func rotate(ctx context.Context, client *secretsmanager.Client, out io.Writer, secret string, now bool) error {
	made, err := currentSince(ctx, client, secret)
	if err != nil {
		return err
	}
	if age := time.Since(made); age < rotateAfter && !now {
		return fmt.Errorf("its key was made at %s and may be replaced from %s on; --now replaces it at once, and refuses the tokens of the key before it",
			made.UTC().Format(time.RFC3339), made.Add(rotateAfter).UTC().Format(time.RFC3339))
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails, by its documentation
	_, err = client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(secret), SecretString: aws.String(hex.EncodeToString(key)),
	})
	if err != nil {
		return fmt.Errorf("put the new key: %w", err)
	}
	_, err = fmt.Fprintln(out, secret, "has a new key; tokens of the key before stay good")
	return err //nolint:wrapcheck // standard output's
}

// currentSince is when a secret's current key was made.
func currentSince(ctx context.Context, client *secretsmanager.Client, secret string) (time.Time, error) {
	pages := secretsmanager.NewListSecretVersionIdsPaginator(client, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String(secret)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("list the secret's versions: %w", err)
		}
		for _, version := range page.Versions {
			if slices.Contains(version.VersionStages, "AWSCURRENT") {
				return aws.ToTime(version.CreatedDate), nil
			}
		}
	}
	return time.Time{}, errors.New("the secret has no current version")
}
