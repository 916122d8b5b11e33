package local

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/dynamo"
)

// Processes controls the processes that run the functions.
type Processes interface {
	// Begin begins an invocation, which makes its calls with the returned context. If
	// died returns true at the end, the invocation is a function error whatever it
	// answered, and its environment is not reused.
	Begin(ctx context.Context) (_ context.Context, died func() bool)
	// DynamoDB returns the DynamoDB that the processes call.
	DynamoDB(over dynamo.API) dynamo.API
	// HTTP returns the client of all other requests of the processes.
	HTTP(over aws.HTTPClient) aws.HTTPClient
}

// errDied is the error of an invocation whose process has died.
var errDied = errors.New("the process has died")

// lasting processes never die.
type lasting struct{}

// Begin implements Processes.
func (lasting) Begin(ctx context.Context) (context.Context, func() bool) {
	return ctx, func() bool { return false }
}

// DynamoDB implements Processes.
func (lasting) DynamoDB(over dynamo.API) dynamo.API { return over }

// HTTP implements Processes.
func (lasting) HTTP(over aws.HTTPClient) aws.HTTPClient { return over }
