package reconcile_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// sparing has the platform answer so many probes a second, and throttle others. It
// counts these.
func sparing(w *worldtest.World, limit rate.Limit, burst int) (throttled *atomic.Int64) {
	limiter, throttled := rate.NewLimiter(limit, burst), new(atomic.Int64)
	w.Gateway.OnProbe = func(seat.ConnectionID) error {
		if limiter.Allow() {
			return nil
		}
		throttled.Add(1)
		return reconcile.ErrThrottled
	}
	return throttled
}

// timedRound is a round with as much time as the function has, and tells how long it took.
func timedRound(t *testing.T, w *worldtest.World) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
	defer cancel()
	began := w.Now()
	if err := w.Reconciler(w.Process).Round(ctx); err != nil {
		t.Fatal(err)
	}
	return w.Now().Sub(began)
}

func TestThrottlingSlowsARoundAndFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, dead, answers = 1000, 7, 100
		w := worldtest.NewBubble(t, worldtest.Concurrent(people))
		for n := range people {
			if v := w.GuestIn(); n < dead {
				w.Gateway.Kill(v.Connection)
			}
		}
		w.Pass(2 * time.Minute)
		throttled := sparing(w, answers, answers)
		took := timedRound(t, w)
		if got := w.InUse(worldtest.Shared()); got != people-dead {
			t.Errorf("%d seats in use after one round, want %d", got, people-dead)
		}
		if took < people/answers*time.Second-2*time.Second || throttled.Load() == 0 || throttled.Load() > people {
			t.Errorf("the round took %v and was throttled %d times", took, throttled.Load())
		}
		t.Logf("%d probes at %d a second took %v; %d were throttled", people, answers, took, throttled.Load())
	})
}

// An unanswered connection is not taken for dead.
func TestUnansweredProbesAreLeftToTheNextRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.NewBubble(t, worldtest.Concurrent(25))
		w.Gateway.Kill(w.GuestIn().Connection)
		w.Pass(2 * time.Minute)
		sparing(w, 0, 0)
		if took := timedRound(t, w); took > 50*time.Second || w.InUse(worldtest.Shared()) != 1 {
			t.Errorf("the round took %v, and %d seats are in use", took, w.InUse(worldtest.Shared()))
		}
	})
}
