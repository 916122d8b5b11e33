package local

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
)

// environments runs functions as Lambda does: an invocation has an execution
// environment, with its memory, to itself. The most recently freed environment is
// reused first, and a new one is started if none is free.
//
// This is also needed for correctness: aws-lambda-go's handlers answer with a buffer
// that the next invocation overwrites.
type environments struct {
	starters  map[string]Starter
	processes Processes

	mu   sync.Mutex
	free map[string][]lambda.Handler
}

// newEnvironments returns for every function a handler that can be invoked
// concurrently. It starts each once, to see that it starts.
func newEnvironments(starters map[string]Starter, processes Processes) (map[string]lambda.Handler, error) {
	e := &environments{starters: starters, processes: processes, free: map[string][]lambda.Handler{}}
	handlers := make(map[string]lambda.Handler, len(starters))
	for name := range starters {
		handler, err := e.acquire(name)
		if err != nil {
			return nil, err
		}
		e.release(name, handler)
		handlers[name] = function{e, name}
	}
	return handlers, nil
}

func (e *environments) acquire(name string) (lambda.Handler, error) {
	if handler, ok := e.reuse(name); ok {
		return handler, nil
	}
	handler, err := e.starters[name]()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return handler, nil
}

func (e *environments) reuse(name string) (lambda.Handler, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	free := e.free[name]
	if len(free) == 0 {
		return nil, false
	}
	last := len(free) - 1
	e.free[name] = free[:last]
	return free[last], true
}

func (e *environments) release(name string, handler lambda.Handler) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.free[name] = append(e.free[name], handler)
}

// function is a function with all its environments.
type function struct {
	environments *environments
	name         string
}

// Invoke implements lambda.Handler. An environment is not reused if its function
// panicked or its process died.
func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	handler, err := f.environments.acquire(f.name)
	if err != nil {
		return nil, err
	}
	ctx, died := f.environments.processes.Begin(ctx)
	response, err := handler.Invoke(ctx, payload)
	if died() { // whatever it answered
		return nil, errDied
	}
	response = bytes.Clone(response) // before the buffer is reused
	f.environments.release(f.name, handler)
	return response, err
}
