package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"seatmeter/infra/local/template"
)

// errIntegrationTimeout is the gateway's own impatience; the function may still be running.
var errIntegrationTimeout = errors.New("the function did not answer in time")

// functions are Lambda: they run handlers on events.
type functions struct {
	handlers      map[string]lambda.Handler
	timeouts      map[string]time.Duration
	responseBytes int
	log           *slog.Logger
	work          *work
	// base is the parent of every invocation's context; stop ends them all.
	base context.Context
	stop context.CancelFunc
}

func newFunctions(t *template.Template, handlers map[string]lambda.Handler, responseBytes int, log *slog.Logger, w *work) functions {
	f := functions{
		handlers: handlers, timeouts: map[string]time.Duration{}, responseBytes: responseBytes, log: log, work: w,
	}
	for _, function := range t.Functions {
		f.timeouts[function.Name] = function.Timeout
	}
	f.base, f.stop = context.WithCancel(context.Background())
	return f
}

// invoke runs a function once on an event and gives its raw response. It waits for it at most for
// patience; the function's context ends at the function's own time-out. It is called from counted
// work only.
func (f *functions) invoke(name string, patience time.Duration, event any) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("event for %s: %w", name, err)
	}
	requestID := newUUID()
	f.log.Debug("START", "function", name, "request_id", requestID) // as Lambda's own log has it
	ctx, cancel := context.WithTimeout(f.base, f.timeouts[name])
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID:       requestID,
		InvokedFunctionArn: "arn:aws:lambda:local:000000000000:function:" + name,
	})
	response, err := f.await(ctx, cancel, name, patience, payload)
	if err == nil && len(response) > f.responseBytes {
		err = fmt.Errorf("the response has %d bytes, more than Lambda's %d", len(response), f.responseBytes)
	}
	if err != nil {
		// Refusing with "Unauthorized" is an authorizer's way of speaking, not a failure.
		if !isUnauthorized(err) {
			f.log.Warn("function failed", "function", name, "request_id", requestID, "error", err)
		}
		return nil, err
	}
	return response, nil
}

func (f *functions) await(ctx context.Context, cancel context.CancelFunc, name string, patience time.Duration, payload []byte) ([]byte, error) {
	type outcome struct {
		response []byte
		err      error
	}
	done := make(chan outcome, 1)
	f.work.spawn(func() {
		defer cancel()
		response, err := f.run(ctx, name, payload)
		if ctx.Err() != nil {
			response, err = nil, f.killed(ctx, name)
		}
		done <- outcome{response, err}
	})
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.response, o.err
	case <-timer.C:
		return nil, errIntegrationTimeout
	case <-ctx.Done():
	}
	// The context also ends when the handler has returned: its answer counts, then.
	select {
	case o := <-done:
		return o.response, o.err
	default:
		return nil, f.killed(ctx, name)
	}
}

// killed is what comes of a function that Lambda ends, whatever it would have answered; or
// that the stack does, when it stops.
func (f *functions) killed(ctx context.Context, name string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("stopped with the stack: %w", ctx.Err())
	}
	return fmt.Errorf("task timed out after %v: %w", f.timeouts[name], ctx.Err())
}

// run turns a panic into the function error that Lambda makes of it.
func (f *functions) run(ctx context.Context, name string, payload []byte) (response []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			f.log.Error("function panicked", "function", name, "panic", p, "stack", string(debug.Stack()))
			response, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return f.handlers[name].Invoke(ctx, payload)
}

// isUnauthorized tells the error by which an authorizer asks for a 401. Lambda carries an error's
// message and nothing else, so its text is what counts.
func isUnauthorized(err error) bool { return err.Error() == "Unauthorized" }
