// Package faults makes the calls of a DynamoDB fail as those of any process can:
// before or after they are done, slowly, without an answer, or by a crash of the
// process before or after a call. Intercept is for any other change of a request
// or its answer.
package faults

import (
	"context"
	"errors"
	"sync/atomic"

	"seatmeter/shared/dynamo"
)

// Fault is what happens to one call.
type Fault int

// The faults. After a crash no call of the process has an effect (see Crashes).
const (
	None        Fault = iota
	Before            // the call fails, and nothing was done
	After             // the call is done, and its answer is lost
	CrashBefore       // the process crashes before the call
	CrashAfter        // the process crashes after the call
)

func (f Fault) String() string {
	return [...]string{"goes well", "fails before", "fails after", "crashes before", "crashes after"}[f]
}

// Errors of faulty calls.
var (
	ErrFault = errors.New("the store failed")
	ErrCrash = errors.New("the process crashed")
)

// API is a DynamoDB whose calls fail when Decide says so.
type API struct {
	dynamo.API
	// Decide is asked before each call, and may wait to make the call slow. Nil: no
	// faults.
	Decide func(ctx context.Context, call dynamo.Call) Fault

	crashed atomic.Bool
}

// New makes a DynamoDB over another, without faults until Decide is set.
func New(over dynamo.API) *API {
	a := &API{}
	a.API = Intercept(over, a.around)
	return a
}

// Crashes runs a handler as a process of its own, and reports whether the process
// crashed. Calls that the handler makes after the crash fail.
func (a *API) Crashes(run func()) (crashed bool) {
	run()
	return a.crashed.Swap(false)
}

func (a *API) around(ctx context.Context, in any, next Next) (out any, err error) {
	err = a.Do(ctx, dynamo.Describe(in), func() (err error) {
		out, err = next(ctx, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Do makes a call of something else than DynamoDB, with the fault that Decide says.
func (a *API) Do(ctx context.Context, call dynamo.Call, do func() error) error {
	if a.crashed.Load() {
		return ErrCrash
	}
	fault := None
	if a.Decide != nil {
		fault = a.Decide(ctx, call)
	}
	switch fault {
	case Before:
		return ErrFault
	case CrashBefore:
		a.crashed.Store(true)
		return ErrCrash
	case None, After, CrashAfter:
	}
	err := do()
	switch fault {
	case After:
		return ErrFault
	case CrashAfter:
		a.crashed.Store(true)
		return ErrCrash
	case None, Before, CrashBefore:
	}
	return err
}
