package local

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/shared/dynamo"
)

// Processes says what becomes of the processes that run the functions.
type Processes interface {
	// Begin begins an invocation, whose calls are made on the context. If died says
	// at the end that its process has died, it ends as a function error, whatever it
	// answered, and its environment is not used again.
	Begin(ctx context.Context) (_ context.Context, died func() bool)
	// DynamoDB makes a DynamoDB the one that these processes call.
	DynamoDB(over dynamo.API) dynamo.API
	// HTTP makes a client the one that they make all other requests with.
	HTTP(over aws.HTTPClient) aws.HTTPClient
}

// errDied is what an invocation comes to whose process has died.
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
