package reconcile

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// checkConference completes an unfinished end of a conference, and ends a
// conference that has been vacant for too long.
func (r *run) checkConference(ctx context.Context, t tenant.ID, id conference.ID, tenants *tenantCache) error {
	c, err := r.store.Conference(ctx, t, id, true)
	if err != nil || c == nil {
		return problem.Wrap("read a conference", err)
	}
	now := r.now()
	switch {
	case c.Ending && now.Sub(c.EndedAt) >= young:
		if err := r.meetings.Complete(ctx, *c, now); err != nil {
			return err
		}
		r.count(func(f *RunStats) { f.Completed++ })
		return nil
	case c.State != conference.StateLive:
		return nil
	}
	l, err := tenants.license(ctx, t)
	if err != nil || l == nil {
		return err
	}
	attended, err := r.attended(ctx, *c, tenants)
	if err != nil {
		return err
	}
	patience := conference.EmptyFor
	if c.OwnPools {
		patience = time.Duration(l.HostAbsentMinutes) * time.Minute
	}
	switch {
	case attended && !c.VacantSince.IsZero():
		_, err = r.store.Occupy(ctx, t, id, c.Number)
	case attended:
	case c.VacantSince.IsZero():
		err = r.store.Vacate(ctx, t, id, c.Number, now)
	case now.Sub(c.VacantSince) >= patience:
		err = r.meetings.Expire(ctx, *c, now)
		r.count(func(f *RunStats) { f.Expired++ })
	}
	return problem.Wrap("check a conference", err)
}

// attended tells whether somebody is in a conference who keeps it live: its host
// if it went live under a named license, else anybody. A held seat counts.
func (r *run) attended(ctx context.Context, c conference.Conference, tenants *tenantCache) (bool, error) {
	now := r.now().UnixMilli()
	keepsLive := func(m seat.Member) bool {
		return m.Conference == c.Number && !m.Expired(now) && (m.Host || !c.OwnPools)
	}
	own := seat.Pool{Tenant: c.Tenant, Number: c.Number}
	chair := own
	chair.Chair = true
	for _, pool := range []seat.Pool{chair, own, {Tenant: c.Tenant}} {
		states, err := tenants.pool(ctx, pool)
		if err != nil {
			return false, err
		}
		for _, state := range states {
			for _, m := range state.Members {
				if keepsLive(m) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// checkLock unlocks a host that is locked to no live conference: the start of the
// conference broke off, or came too late.
func (r *run) checkLock(ctx context.Context, t tenant.ID, email host.Email, tenants *tenantCache) error {
	locks, err := tenants.locks(ctx, t)
	if err != nil {
		return err
	}
	l, held := locks[email]
	if !held || r.now().Sub(l.Since) < young {
		return nil
	}
	c, err := r.store.Conference(ctx, t, conference.ID(l.Conference), true)
	if err != nil {
		return fmt.Errorf("read a host's conference: %w", err)
	}
	if c != nil && c.State == conference.StateLive && int64(c.Number) == l.Number && c.Host == email {
		return nil
	}
	r.count(func(f *RunStats) { f.Locks++ })
	return problem.Wrap("unlock a host", r.store.Unlock(ctx, t, l))
}
