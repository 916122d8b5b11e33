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

// errIntegrationTimeout means that the gateway stopped waiting. The function may
// still be running.
var errIntegrationTimeout = errors.New("the function did not answer in time")

// functions invokes handlers, as Lambda does.
type functions struct {
	handlers      map[string]lambda.Handler
	timeouts      map[string]time.Duration
	responseBytes int
	log           *slog.Logger
	work          *work
	// base is the parent of every invocation's context. stop cancels it.
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

// invoke runs a function on an event and returns its raw response. It waits at most
// for patience; the function's context ends at the function's own timeout. Only
// counted work calls it.
func (f *functions) invoke(name string, patience time.Duration, event any) ([]byte, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("event for %s: %w", name, err)
	}
	requestID := newUUID()
	f.log.Debug("START", "function", name, "request_id", requestID) // in the format of Lambda's log
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
		// An authorizer refuses with "Unauthorized". That is no failure.
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
	// The context also ends when the handler has returned. Its answer counts then.
	select {
	case o := <-done:
		return o.response, o.err
	default:
		return nil, f.killed(ctx, name)
	}
}

// killed returns the error of a function that Lambda ends at its timeout, or that the
// stack ends when it stops.
func (f *functions) killed(ctx context.Context, name string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("stopped with the stack: %w", ctx.Err())
	}
	return fmt.Errorf("task timed out after %v: %w", f.timeouts[name], ctx.Err())
}

// run converts a panic to a function error, as Lambda does.
func (f *functions) run(ctx context.Context, name string, payload []byte) (response []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			f.log.Error("function panicked", "function", name, "panic", p, "stack", string(debug.Stack()))
			response, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return f.handlers[name].Invoke(ctx, payload)
}

// isUnauthorized reports whether an authorizer asks for a 401. Lambda passes on only
// an error's message, so the text decides.
func isUnauthorized(err error) bool { return err.Error() == "Unauthorized" }
