package reconcile

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// restraint keeps pools of living people that go on refusing from being checked over
// and over. A pool in which nobody was found dead is left out for a while, each time
// for longer; so are all pools of a tenant of whom very many were found alive. A process
// that starts remembers nothing.
type restraint struct {
	mu    sync.Mutex
	pools map[seat.Pool]pause
	alive map[tenant.ID]*rate.Limiter
}

// pause is how long a pool is left out, and until when.
type pause struct {
	long  time.Duration
	until time.Time
}

const (
	// A pool is left out for this long at first, and at most. The first refusal after
	// a quiet while counts as the first one again.
	shortest = fresh
	longest  = 16 * time.Second
	quiet    = time.Minute
	// Of a tenant so many connections found alive a second, and at once, cause no pause.
	alivePerSecond = 100
	aliveAtOnce    = 1000
	// remembered bounds the pools and the tenants that are remembered.
	remembered = 10_000
)

func newRestraint() *restraint {
	return &restraint{pools: make(map[seat.Pool]pause), alive: make(map[tenant.ID]*rate.Limiter)}
}

// permits tells whether a pool may be checked now.
func (r *restraint) permits(pool seat.Pool, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.alive[pool.Tenant]
	return !now.Before(r.pools[pool].until) && (of == nil || of.TokensAt(now) > 0)
}

// note notes that a pool was checked: how many were found alive, and whether anybody
// was not.
func (r *restraint) note(pool seat.Pool, now time.Time, alive int, dead bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if dead {
		delete(r.pools, pool)
		return
	}
	if len(r.pools) >= remembered || len(r.alive) >= remembered {
		clear(r.pools)
		clear(r.alive)
	}
	next := pause{long: shortest}
	if was, paused := r.pools[pool]; paused && now.Sub(was.until) < quiet {
		next.long = min(2*was.long, longest)
	}
	next.until = now.Add(next.long)
	r.pools[pool] = next
	of := r.alive[pool.Tenant]
	if of == nil {
		of = rate.NewLimiter(alivePerSecond, aliveAtOnce)
		r.alive[pool.Tenant] = of
	}
	of.ReserveN(now, min(alive, aliveAtOnce))
}
