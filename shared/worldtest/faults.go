package worldtest

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
)

// Faulty are all faults that a call can have.
var Faulty = []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter}

// EachCall runs a test for the first call that it makes, for the second, and so on
// until the test tells that it made no such call.
func EachCall(t *testing.T, name string, test func(t *testing.T, call int) (made bool)) {
	t.Helper()
	for call, more := 1, true; more; call++ {
		t.Run(fmt.Sprintf("%s, call %d", name, call), func(t *testing.T) {
			more = false // in case it fails
			more = test(t, call)
		})
	}
}

// Calm has calls go well from now on.
func (w *World) Calm() { w.Faults.Decide = nil }

// Fail has one call of those that are made from now on go wrong.
func (w *World) Fail(call int, fault faults.Fault) *faults.Nth {
	return w.decide(faults.At(call, func() faults.Fault { return fault }))
}

// During has something happen just before one call of those that are made from now
// on.
func (w *World) During(call int, happen func()) *faults.Nth {
	return w.decide(faults.At(call, func() faults.Fault {
		happen()
		return faults.None
	}))
}

// FailFirst has the next call of a name go wrong.
func (w *World) FailFirst(name string, fault faults.Fault) *faults.Nth {
	return w.decide(faults.AtFirst(name, func() faults.Fault { return fault }))
}

// Before has something happen just before the next call of a name.
func (w *World) Before(name string, happen func()) *faults.Nth {
	return w.decide(faults.AtFirst(name, func() faults.Fault {
		happen()
		return faults.None
	}))
}

// FailAll has all calls of a name go wrong.
func (w *World) FailAll(name string, fault faults.Fault) {
	w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == name {
			return fault
		}
		return faults.None
	}
}

func (w *World) decide(nth *faults.Nth) *faults.Nth {
	w.Faults.Decide = nth.Decide
	return nth
}
