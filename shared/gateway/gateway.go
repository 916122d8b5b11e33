// Package gateway pushes to, closes and probes WebSocket connections through API
// Gateway's management API.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"

	"seatmeter/shared/meeting"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
)

// Gateway pushes to, closes and probes connections. All calls are safe to repeat, but
// a push that is repeated after a lost answer reaches the client twice.
type Gateway struct {
	client *apigatewaymanagementapi.Client
	// probing retries like the SDK, except a throttled probe: the caller has to slow
	// down.
	probing aws.Retryer
}

var (
	_ meeting.Gateway  = (*Gateway)(nil)
	_ reconcile.Prober = (*Gateway)(nil)
)

// New returns the gateway of the API with this management URL (https://…/<stage>).
func New(cfg aws.Config, endpoint string) *Gateway {
	client := apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(endpoint)
	})
	return &Gateway{client: client, probing: unlessThrottled{client.Options().Retryer}}
}

// unlessThrottled retries like the retryer inside, except throttled calls.
type unlessThrottled struct{ aws.Retryer }

// IsErrorRetryable implements aws.Retryer.
func (r unlessThrottled) IsErrorRetryable(err error) bool {
	return !throttled(err) && r.Retryer.IsErrorRetryable(err)
}

// Push implements meeting.Gateway.
func (g *Gateway) Push(ctx context.Context, id seat.ConnectionID, message []byte) error {
	_, err := g.client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
		ConnectionId: aws.String(string(id)), Data: message,
	})
	if gone(err) {
		return meeting.ErrGone
	}
	if err != nil {
		return fmt.Errorf("post to connection: %w", err)
	}
	return nil
}

// Close implements meeting.Gateway.
func (g *Gateway) Close(ctx context.Context, id seat.ConnectionID) error {
	_, err := g.client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: aws.String(string(id))})
	if err != nil && !gone(err) {
		return fmt.Errorf("delete connection: %w", err)
	}
	return nil
}

// Alive implements reconcile.Prober.
func (g *Gateway) Alive(ctx context.Context, id seat.ConnectionID) (bool, error) {
	_, err := g.client.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: aws.String(string(id))},
		func(o *apigatewaymanagementapi.Options) { o.Retryer = g.probing })
	if gone(err) {
		return false, nil
	}
	if throttled(err) {
		return false, fmt.Errorf("%w: %w", reconcile.ErrThrottled, err)
	}
	if err != nil {
		return false, fmt.Errorf("get connection: %w", err)
	}
	return true, nil
}

func gone(err error) bool {
	_, is := errors.AsType[*types.GoneException](err)
	return is
}

// throttled reports whether the API refused a call for its rate: by
// LimitExceededException, or by any error with the status 429.
func throttled(err error) bool {
	answer, is := errors.AsType[*awshttp.ResponseError](err)
	return is && answer.HTTPStatusCode() == http.StatusTooManyRequests
}
