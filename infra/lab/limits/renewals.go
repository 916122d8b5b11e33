package limits

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/lease"
	"seatmeter/shared/seat"
)

// RenewalsResult is what a server experiences that renews its seats one by one.
type RenewalsResult struct {
	// Renewed, Lapsed and Failed count the answers.
	Renewed, Lapsed, Failed int
	// P99 is that of a renewal's time, and Took the time until the last answer, since the
	// first renewal that is measured.
	P99, Took time.Duration
	Units     Units
	// Processes is how many processes the function had.
	Processes int
}

// renewedSeconds is the lease of the seats: they are renewed in turn, and each more often
// than that.
const renewedSeconds = 60

// Renewals simulates so many renewals a second, each a call of its own, of the seats that
// servers have of one tenant. The first two seconds are not measured.
func Renewals(ctx context.Context, seed, seats, perSecond int, lasts time.Duration) (RenewalsResult, error) {
	w := newWorld(seed)
	c, err := w.customer(ctx, "servers", seats, max(1, seats/conferenceSize))
	if err != nil {
		return RenewalsResult{}, err
	}
	ids, err := c.lend(ctx, seats)
	if err != nil {
		return RenewalsResult{}, err
	}
	w.connect.Warm(warm)
	var result RenewalsResult
	var before Units
	var took []time.Duration
	w.engine.Clock.At(calm, func() { before = *w.connect.Units })
	for n := range int((calm + lasts).Seconds() * float64(perSecond)) {
		at := time.Second * time.Duration(n) / time.Duration(perSecond)
		w.engine.Clock.At(at, func() {
			w.connect.Invoke(func(p *Process) {
				r := lease.Renewal{Scope: lease.Scope{Tenant: c.passes[0].Tenant}, AtMillis: w.millis()}
				renewed, err := p.Domain.Leases.Renew(ctx, r, ids[n%seats:n%seats+1])
				if at < calm {
					return
				}
				switch {
				case err != nil:
					result.Failed++
				case len(renewed) == 0:
					result.Lapsed++
				default:
					result.Renewed++
				}
				now := w.engine.Clock.Now()
				took, result.Took = append(took, now-at), now-calm
			})
		})
	}
	err = w.run(ctx)
	result.Units, result.P99, result.Processes = w.connect.Units.since(before), percentile(took, p99), w.connect.count
	return result, err
}

// lend has servers take seats, before the clock starts.
func (c *customer) lend(ctx context.Context, seats int) ([]seat.ConnectionID, error) {
	var ids []seat.ConnectionID
	for n := range seats {
		v := c.visitor(startMillis - 1)
		v.Connection, v.LeaseSeconds = seat.ConnectionID(fmt.Sprintf("~%09d", n)), renewedSeconds
		conference, err := c.world.store.Conference(ctx, v.Tenant, v.Conference, true)
		if err != nil || conference == nil {
			return nil, fmt.Errorf("find %s: %w", v.Conference, err)
		}
		if _, _, err := c.world.setup.TakeSeat(ctx, v, *conference); err != nil {
			return nil, fmt.Errorf("take a seat: %w", err)
		}
		ids = append(ids, v.Connection)
	}
	return ids, nil
}
