package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Config is a configuration of the SDK for an engine at an endpoint: by https with the
// credentials and the region of the environment, by http with ones that a local engine
// takes.
func Config(ctx context.Context, endpoint string) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRetryer(Retryer)}
	if !strings.HasPrefix(endpoint, "https:") {
		options = append(options, config.WithRegion("local"),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("make a configuration for DynamoDB: %w", err)
	}
	cfg.BaseEndpoint = aws.String(endpoint)
	return cfg, nil
}

// Retryer retries without a quota, up to ten attempts in about two and a half
// seconds. DynamoDB Local answers 500 when a request has waited too long for a
// lock. On a busy machine many requests fail so at once, more than the SDK's retry
// quota allows.
func Retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.RateLimiter = ratelimit.None
		o.MaxAttempts = 10
		o.BaseDelay, o.MaxBackoff = 25*time.Millisecond, time.Second
	})
}
