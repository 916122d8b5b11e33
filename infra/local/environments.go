package local

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
)

// environments runs functions as Lambda does: an invocation has an execution
// environment to itself, with all that it remembers; the one that became free
// last is used again, and a new one is made when none is free.
//
// Not for likeness alone: the bytes that aws-lambda-go's handlers answer with
// are those of a buffer that the next invocation overwrites, so that two at
// once would read each other's answers.
type environments struct {
	starters  map[string]Starter
	processes Processes

	mu   sync.Mutex
	free map[string][]lambda.Handler
}

// newEnvironments gives for every function a handler that may be invoked any
// number of times at once. It starts each once, to see that it can be.
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

// function is one function in all its environments.
type function struct {
	environments *environments
	name         string
}

// Invoke implements lambda.Handler. An environment whose function panicked or
// whose process died is not used again.
func (f function) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	handler, err := f.environments.acquire(f.name)
	if err != nil {
		return nil, err
	}
	ctx, died := f.environments.processes.Begin(ctx)
	response, err := handler.Invoke(ctx, payload)
	if died() { // whatever it still answered
		return nil, errDied
	}
	response = bytes.Clone(response) // while the buffer is ours
	f.environments.release(f.name, handler)
	return response, err
}
