package reconcile

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// checkConferences checks the conferences that nobody keeps live by what was read,
// and each of the others in its turn.
func (c *tenantCheck) checkConferences(ctx context.Context, entries []Entry) {
	var group errgroup.Group
	group.SetLimit(blocks)
	check := func(e Entry) {
		group.Go(func() error {
			c.failed(ctx, e, c.checkConference(ctx, e.Conference))
			return nil
		})
	}
	var turn []conference.ID
	for _, e := range entries {
		switch {
		case e.Conference == "":
		case c.keepers[e.Number] == 0 || c.closed(e.Number):
			check(e)
		case inTurn(string(e.Tenant)+"#"+string(e.Conference), c.now()):
			turn = append(turn, e.Conference)
		}
	}
	read, err := c.store.SomeConferences(ctx, c.tenant, turn)
	c.failed(ctx, Entry{Tenant: c.tenant}, problem.Wrap("read conferences", err))
	for _, one := range read {
		if one.State != conference.StateLive || !one.VacantSince.IsZero() {
			check(Entry{Tenant: c.tenant, Conference: one.ID})
		}
	}
	_ = group.Wait() // its functions return nil
}

// closed tells whether a conference's own pools are closed, as they are when it ends.
func (c *tenantCheck) closed(number conference.Number) bool {
	for _, pool := range seat.PoolsOf(c.tenant, number).Both() {
		if state := c.states[seat.Block{Pool: pool}]; state != nil && state.Closed {
			return true
		}
	}
	return false
}

// checkConference completes an unfinished end of a conference, and ends a
// conference that has been vacant for too long.
func (c *tenantCheck) checkConference(ctx context.Context, id conference.ID) error {
	is, err := c.store.Conference(ctx, c.tenant, id, true)
	if err != nil || is == nil {
		return problem.Wrap("read a conference", err)
	}
	now := c.now()
	switch {
	case is.Ending && now.Sub(is.EndedAt) >= young:
		if err := c.meetings.Complete(ctx, *is, now); err != nil {
			return err
		}
		c.count(func(f *RunStats) { f.Completed++ })
		return nil
	case is.State != conference.StateLive:
		return nil
	}
	l, err := c.readLicense(ctx)
	if err != nil || l == nil {
		return err
	}
	patience := conference.EmptyFor
	if is.OwnPools {
		patience = time.Duration(l.HostAbsentMinutes) * time.Minute
	}
	if c.keepers[is.Number] == 0 && !is.VacantSince.IsZero() && now.Sub(is.VacantSince) < patience {
		return nil
	}
	attended, err := c.attended(ctx, *is)
	if err != nil {
		return err
	}
	switch {
	case attended && !is.VacantSince.IsZero():
		_, err = c.store.Occupy(ctx, c.tenant, id, is.Number)
	case attended:
	case is.VacantSince.IsZero():
		err = c.store.Vacate(ctx, c.tenant, id, is.Number, now)
	case now.Sub(is.VacantSince) >= patience:
		err = c.meetings.Expire(ctx, *is, now)
		c.count(func(f *RunStats) { f.Expired++ })
	}
	return problem.Wrap("check a conference", err)
}

// attended tells whether somebody is in a conference who keeps it live: its host
// if it went live under a named license, else anybody. A held seat counts.
func (c *tenantCheck) attended(ctx context.Context, is conference.Conference) (bool, error) {
	now := c.now().UnixMilli()
	keepsLive := func(m seat.Member) bool {
		return m.Conference == is.Number && !m.Expired(now) && (m.Host || !is.OwnPools)
	}
	own := seat.PoolsOf(c.tenant, is.Number)
	for _, pool := range []seat.Pool{own.Chair, own.Participants, {Tenant: c.tenant}} {
		states, err := c.pool(ctx, pool)
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

func (c *tenantCheck) pool(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	read := func() ([]seat.State, error) {
		states, err := c.store.Read(ctx, pool)
		return states, problem.Wrap("read a pool", err)
	}
	if pool.Number != 0 {
		return read()
	}
	return c.ownPool.get(read)
}

// checkLock unlocks a host that is locked to no live conference: the start of the
// conference broke off, or came too late.
func (c *tenantCheck) checkLock(ctx context.Context, email host.Email) error {
	l, held, err := c.lock(ctx, email)
	if err != nil || !held || c.now().Sub(l.Since) < young {
		return err
	}
	is, err := c.store.Conference(ctx, c.tenant, conference.ID(l.Conference), true)
	if err != nil {
		return fmt.Errorf("read a host's conference: %w", err)
	}
	if is != nil && is.State == conference.StateLive && int64(is.Number) == l.Number && is.Host == email {
		return nil
	}
	c.count(func(f *RunStats) { f.Locks++ })
	return problem.Wrap("unlock a host", c.store.Unlock(ctx, c.tenant, l))
}

func (c *tenantCheck) lock(ctx context.Context, email host.Email) (host.Lock, bool, error) {
	byHost, err := c.locks.get(func() (map[host.Email]host.Lock, error) {
		list, err := c.store.Locks(ctx, c.tenant)
		byHost := make(map[host.Email]host.Lock, len(list))
		for _, l := range list {
			byHost[l.Host] = l
		}
		return byHost, problem.Wrap("list locks", err)
	})
	l, held := byHost[email]
	return l, held, err
}
