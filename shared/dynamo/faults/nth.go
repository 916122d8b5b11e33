package faults

import (
	"context"
	"sync"

	"seatmeter/shared/dynamo"
)

// Nth has one call of those that are made from now on go wrong, the first being
// number 1. What happens at it may make calls itself, which are not counted. Safe
// for many goroutines.
type Nth struct {
	number int
	happen func() Fault

	mu    sync.Mutex
	calls int
	busy  bool
}

// At makes an Nth whose call of a number becomes what happen says.
func At(number int, happen func() Fault) *Nth { return &Nth{number: number, happen: happen} }

// Decide is for API.Decide.
func (n *Nth) Decide(context.Context, dynamo.Call) Fault {
	n.mu.Lock()
	if n.busy {
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
