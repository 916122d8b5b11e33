package wiring

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"seatmeter/shared/metrics"
)

// Function is a function as Lambda calls it. It gives each invocation its ids for the
// log, and writes what the invocation counted.
type Function struct {
	handler lambda.Handler
	counts  *metrics.Function
	log     *slog.Logger
}

// Function makes the function of a name: handle is what lambda.NewHandler takes.
func (p Process) Function(name string, handle any) Function {
	return Function{lambda.NewHandler(handle), metrics.NewFunction(p.Stack, name), p.Log}
}

// Invoke implements lambda.Handler.
func (f Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	ctx = f.counts.Begin(ctx, requestOf(event), invocationOf(ctx))
	defer f.counts.End(ctx, f.log)
	return f.handler.Invoke(ctx, event) //nolint:wrapcheck // Lambda reports the handler's own error
}

// requestOf is the id that API Gateway gave the request; empty for other events.
func requestOf(event []byte) string {
	var of struct {
		Context struct {
			ID string `json:"requestId"`
		} `json:"requestContext"`
	}
	if json.Unmarshal(event, &of) != nil {
		return ""
	}
	return of.Context.ID
}

// invocationOf is the id that Lambda gave the invocation.
func invocationOf(ctx context.Context) string {
	if of, ok := lambdacontext.FromContext(ctx); ok {
		return of.AwsRequestID
	}
	return ""
}
