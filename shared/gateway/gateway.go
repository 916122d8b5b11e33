// Package gateway reaches WebSocket connections through API Gateway's
// management API.
package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"

	"seatmeter/shared/meeting"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
)

// Gateway pushes to, closes and probes connections. All are safe to repeat; a
// push that is repeated after a lost answer reaches the client twice.
type Gateway struct {
	client *apigatewaymanagementapi.Client
}

var (
	_ meeting.Gateway  = (*Gateway)(nil)
	_ reconcile.Prober = (*Gateway)(nil)
)

// New makes a gateway of the API whose management URL is endpoint
// (https://…/<stage>).
func New(cfg aws.Config, endpoint string) *Gateway {
	return &Gateway{apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String(endpoint)
	})}
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
	_, err := g.client.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: aws.String(string(id))})
	if gone(err) {
		return false, nil
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
