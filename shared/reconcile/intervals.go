package reconcile

import (
	"context"
	"sync"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// keepInterval is how long a process goes by what it read of a license.
const keepInterval = 30 * time.Minute

// intervals is how often all members of each tenant are asked after, as far as known.
type intervals struct {
	mu sync.Mutex
	of map[tenant.ID]interval
}

type interval struct {
	every time.Duration
	until time.Time
}

func newIntervals() *intervals { return &intervals{of: make(map[tenant.ID]interval)} }

func (i *intervals) get(t tenant.ID, now time.Time) (every time.Duration, known bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	is := i.of[t]
	return is.every, now.Before(is.until)
}

func (i *intervals) put(t tenant.ID, every time.Duration, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.of) >= remembered {
		clear(i.of)
	}
	i.of[t] = interval{every, now.Add(keepInterval)}
}

// due tells whether all members of a unit that was found alive at a time are asked after.
// The license is read only where its answer counts.
func (c *tenantCheck) due(ctx context.Context, seenMillis int64) bool {
	now := c.now()
	age := now.Sub(time.UnixMilli(seenMillis)) + early
	switch {
	case age >= checkEvery:
		return true
	case age < time.Minute:
		return false
	}
	every, known := c.intervals.get(c.tenant, now)
	if !known {
		l, err := c.readLicense(ctx)
		if err != nil || l == nil {
			c.failed(ctx, Entry{Tenant: c.tenant}, problem.Wrap("read how close estimates are to be", err))
			return false
		}
		every = time.Duration(l.EstimatedEndWithinMinutes)*time.Minute - young
		c.intervals.put(c.tenant, every, now)
	}
	return age >= every
}
