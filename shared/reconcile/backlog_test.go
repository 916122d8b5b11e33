//go:build !race

package reconcile_test

import (
	"context"
	"testing"
	"time"

	"seatmeter/shared/worldtest"
)

// A hundred thousand ghosts at once, and invocations of 55 s: each ends in time,
// and the next continues.
func TestABacklogIsWorkedThroughInPieces(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const seats = 100_000
	w := worldtest.NewWorld(t, worldtest.Concurrent(seats))
	for range seats {
		w.Gateway.Kill(w.GuestIn().Connection)
	}
	w.Pass(2 * time.Minute)
	slowProbes(w, 2*time.Millisecond)
	rounds := 0
	for w.InUse(worldtest.Shared()) > 0 {
		rounds++
		began := w.Now()
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(55*time.Second))
		if err := w.Reconciler(w.Process).Unlimited().Round(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if took := w.Now().Sub(began); took > 55*time.Second {
			t.Fatalf("round %d took %v", rounds, took)
		}
		if rounds > 20 {
			t.Fatalf("%d seats in use after %d rounds", w.InUse(worldtest.Shared()), rounds)
		}
		w.Pass(time.Second)
	}
	if rounds < 2 {
		t.Errorf("%d rounds: the backlog was no backlog", rounds)
	}
	w.Gateway.OnProbe = nil
	w.Books(0)
	t.Logf("%d ghosts in %d rounds", seats, rounds)
}
