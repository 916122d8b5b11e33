package worldtest

import (
	"context"
	"slices"
	"sync"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/seat"
)

// Gateway is a platform whose connections live until a test, or a close, ends
// them. Its calls go wrong as those of the tables do.
type Gateway struct {
	// OnProbe is called on each probe, and may fail it. Nil: nothing happens.
	OnProbe func(seat.ConnectionID) error

	faults  *faults.API
	mu      sync.Mutex
	pushed  map[seat.ConnectionID][]string
	dead    map[seat.ConnectionID]bool
	closed  map[seat.ConnectionID]bool
	probes  map[seat.ConnectionID]int
	allDead bool
}

func newGateway(f *faults.API) *Gateway {
	return &Gateway{
		faults: f, pushed: make(map[seat.ConnectionID][]string), dead: make(map[seat.ConnectionID]bool),
		closed: make(map[seat.ConnectionID]bool), probes: make(map[seat.ConnectionID]int),
	}
}

// Push implements meeting.Gateway.
func (g *Gateway) Push(ctx context.Context, id seat.ConnectionID, message []byte) error {
	return g.faults.Do(ctx, dynamo.Call{Name: "push"}, func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.pushed[id] = append(g.pushed[id], string(message))
		return nil
	})
}

// Close implements meeting.Gateway.
func (g *Gateway) Close(ctx context.Context, id seat.ConnectionID) error {
	return g.faults.Do(ctx, dynamo.Call{Name: "close connection"}, func() error {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.dead[id], g.closed[id] = true, true
		return nil
	})
}

// Alive implements reconcile.Prober.
func (g *Gateway) Alive(ctx context.Context, id seat.ConnectionID) (alive bool, err error) {
	err = g.faults.Do(ctx, dynamo.Call{Name: "probe"}, func() error {
		if g.OnProbe != nil {
			if err := g.OnProbe(id); err != nil {
				return err
			}
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.probes[id]++
		alive = !g.dead[id] && !g.allDead
		return nil
	})
	return alive, err
}

// Kill ends connections without a word to anybody.
func (g *Gateway) Kill(ids ...seat.ConnectionID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		g.dead[id] = true
	}
}

// KillAll ends all connections, also those to come.
func (g *Gateway) KillAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.allDead = true
}

// Pushed is what was pushed to a connection.
func (g *Gateway) Pushed(id seat.ConnectionID) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.pushed[id])
}

// Closed tells whether a connection was closed.
func (g *Gateway) Closed(id seat.ConnectionID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[id]
}

// Probes is how often a connection was probed.
func (g *Gateway) Probes(id seat.ConnectionID) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.probes[id]
}

// AllProbes is how often all were, and how often one was at most.
func (g *Gateway) AllProbes() (total, most int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.probes {
		total, most = total+n, max(most, n)
	}
	return total, most
}
