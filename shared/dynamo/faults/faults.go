// Package faults has the calls of a DynamoDB go wrong, as those of any process
// can: they fail before or after they are done, are slow or never answered, and
// the process dies before or after any of them. Intercept is for any other
// change of a request or of its answer.
package faults

import (
	"context"
	"errors"
	"sync/atomic"

	"seatmeter/shared/dynamo"
)

// Fault is what happens to one call.
type Fault int

// The faults. With a crash the process ends: no call of it has an effect any more
// (see Crashes).
const (
	None        Fault = iota
	Before            // it fails, nothing was done
	After             // it is done, and the answer is lost
	CrashBefore       // the process dies before it
	CrashAfter        // the process dies after it
)

// Errors of faulty calls.
var (
	ErrFault = errors.New("the store failed")
	ErrCrash = errors.New("the process died")
)

// API is a DynamoDB whose calls go wrong when Decide says so.
type API struct {
	dynamo.API
	// Decide is asked about each call before it is made. It may wait, and so has
	// the call be slow. Nil: nothing goes wrong.
	Decide func(ctx context.Context, call dynamo.Call) Fault

	dead atomic.Bool
}

// New makes a DynamoDB over another whose calls go well until Decide is set.
func New(over dynamo.API) *API {
	a := &API{}
	a.API = Intercept(over, a.around)
	return a
}

// Crashes runs a handler, as a process of its own, and tells whether the process
// died. What the handler still does then fails.
func (a *API) Crashes(run func()) (died bool) {
	run()
	return a.dead.Swap(false)
}

func (a *API) around(ctx context.Context, in any, next Next) (any, error) {
	if a.dead.Load() {
		return nil, ErrCrash
	}
	fault := None
	if a.Decide != nil {
		fault = a.Decide(ctx, dynamo.Describe(in))
	}
	switch fault {
	case Before:
		return nil, ErrFault
	case CrashBefore:
		a.dead.Store(true)
		return nil, ErrCrash
	case None, After, CrashAfter:
	}
	out, err := next(ctx, in)
	switch fault {
	case After:
		return nil, ErrFault
	case CrashAfter:
		a.dead.Store(true)
		return nil, ErrCrash
	case None, Before, CrashBefore:
	}
	return out, err
}
