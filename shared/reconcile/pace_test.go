package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
)

// sparing is a platform that answers so many probes a second, and says of others
// that they came too often.
type sparing struct {
	*world
	limit     *rate.Limiter
	throttled int
}

// Alive implements reconcile.Prober.
func (s *sparing) Alive(ctx context.Context, id seat.ConnectionID) (bool, error) {
	if !s.limit.Allow() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.throttled++
		return false, reconcile.ErrThrottled
	}
	return s.world.Alive(ctx, id)
}

// round is one that has as much time as the function has, by the bubble's clock.
func (s *sparing) round(began time.Time) {
	s.t.Helper()
	clock := func() time.Time { return s.clock().Add(time.Since(began)) }
	ctx, cancel := context.WithDeadline(s.t.Context(), clock().Add(55*time.Second))
	defer cancel()
	if err := s.door.Reconciler(s.failing(), s, s.log(), clock).Round(ctx); err != nil {
		s.t.Fatal(err)
	}
}

func TestAPlatformThatThrottlesSlowsARoundAndFailsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const people, dead, answers = 1000, 7, 100
		w := newWorld(t, concurrent(people))
		for n := range people {
			if v := w.in(jointoken.RoleParticipant); n < dead {
				w.die(v)
			}
		}
		w.pass(2 * time.Minute)
		platform := &sparing{world: w, limit: rate.NewLimiter(answers, answers)}
		began := time.Now()
		platform.round(began)
		if got := w.inUse(seat.Pool{Tenant: acme}); got != people-dead {
			t.Errorf("%d seats in use after one round, want %d", got, people-dead)
		}
		if took := time.Since(began); took < people/answers*time.Second-2*time.Second || platform.throttled == 0 || platform.throttled > people {
			t.Errorf("the round took %v and was throttled %d times", took, platform.throttled)
		}
		t.Logf("%d probes at %d a second took %v; %d came too often", people, answers, time.Since(began), platform.throttled)
	})
}

// Nobody is taken for dead by it, and what there is no time for is left.
func TestAPlatformThatAnswersNothingIsLeftToTheNextRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, concurrent(25))
		w.die(w.in(jointoken.RoleParticipant))
		w.pass(2 * time.Minute)
		platform := &sparing{world: w, limit: rate.NewLimiter(0, 0)}
		began := time.Now()
		platform.round(began)
		if took := time.Since(began); took > 50*time.Second || w.inUse(seat.Pool{Tenant: acme}) != 1 {
			t.Errorf("the round took %v, and %d seats are in use", took, w.inUse(seat.Pool{Tenant: acme}))
		}
	})
}
