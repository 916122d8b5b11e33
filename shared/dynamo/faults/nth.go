package faults

import (
	"context"
	"sync"

	"seatmeter/shared/dynamo"
)

// Nth makes the n-th call from now on fail; the first is number 1. Calls that
// happen makes itself are not counted. Safe for many goroutines.
type Nth struct {
	number int
	name   string // of the calls that count; empty: all
	happen func() Fault

	mu    sync.Mutex
	calls int
	busy  bool
}

// At makes an Nth for a call number; happen returns its fault.
func At(number int, happen func() Fault) *Nth { return &Nth{number: number, happen: happen} }

// AtFirst makes an Nth whose first call of a name becomes what happen says.
func AtFirst(name string, happen func() Fault) *Nth {
	return &Nth{number: 1, name: name, happen: happen}
}

// Decide is for API.Decide.
func (n *Nth) Decide(_ context.Context, call dynamo.Call) Fault {
	n.mu.Lock()
	if n.busy || n.name != "" && n.name != call.Name {
		n.mu.Unlock()
		return None
	}
	n.calls++
	now := n.calls == n.number
	n.busy = now
	n.mu.Unlock()
	if !now {
		return None
	}
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.busy = false
	}()
	return n.happen()
}

// Reached tells whether there were so many calls.
func (n *Nth) Reached() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls >= n.number
}
