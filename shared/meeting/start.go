package meeting

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// startTries bounds how often a start is tried again because hosts that started
// at the same time were in each other's way, and startPause how long it waits at
// the most before.
const (
	startTries = 4
	startPause = 200 * time.Millisecond
)

// Opening is a host's attempt to bring a scheduled conference to life.
type Opening struct {
	conference.Conference
	// AtMillis is when the host came, by the gateway's clock.
	AtMillis int64
	// Origin is that of the host's page; empty for clients that are no browser.
	Origin string
}

// Start makes a conference live under a named license: it locks the host, reads
// the license afresh, opens the conference's pools, and marks the conference live.
// Nothing else opens those pools. It gives the license in force; the one that is
// passed in may be out of date. licensing.ErrSuperseded: the license has changed,
// or the conference has another host, and the visitor is to be judged anew.
//
// Safe to repeat at every step. The license is read after the lock is taken: a
// change of license either finds the lock, and rebalances the pools, or is seen
// here. A pool under a later license is left alone. An end that comes between
// closes the pools for good. A start that finds more hosts than the license has
// gives back the lock that it took, unless another attempt may be opening the same
// conference under it, and tries again: of hosts who refuse each other, one gets
// in. Any other start that fails leaves its lock, which counts as abandoned after
// a minute.
func (m *Meetings) Start(ctx context.Context, o Opening, l license.License) (live conference.Conference, now license.License, err error) {
	c := o.Conference
	named, err := m.store.Host(ctx, c.Tenant, c.Host, true)
	if err != nil {
		return c, l, fmt.Errorf("read the host: %w", err)
	}
	if named == nil || !named.Active {
		return c, l, problem.New(problem.Forbidden, noHost)
	}
	var exhausted error
	for range startTries {
		if err := m.withinHosts(ctx, l, c); err != nil {
			return c, l, err
		}
		mine := host.Lock{
			Host: c.Host, Conference: string(c.ID), Number: int64(c.Number), Since: time.UnixMilli(o.AtMillis), Mark: seat.NewMark(),
		}
		renewed, err := m.lock(ctx, c.Tenant, mine)
		if err != nil {
			return c, l, err
		}
		live, l, err = m.open(ctx, o)
		replaced := errors.Is(err, errReplaced)
		if renewed || !replaced && !problem.Is(err, problem.HostsExhausted) {
			return live, l, err
		}
		exhausted = err
		if err := m.store.Unlock(ctx, c.Tenant, mine); err != nil {
			return c, l, fmt.Errorf("unlock the host: %w", err)
		}
		if replaced {
			return c, l, exhausted
		}
		if err := m.pools.Wait(ctx, rand.N(startPause)); err != nil { //nolint:gosec // a pause is no secret
			return c, l, fmt.Errorf("wait for other hosts: %w", err)
		}
	}
	return c, l, exhausted
}

// errReplaced: the conference has another host by now.
var errReplaced = fmt.Errorf("replaced as the host: %w", licensing.ErrSuperseded)

// open is what Start does under the host's lock.
func (m *Meetings) open(ctx context.Context, o Opening) (conference.Conference, license.License, error) {
	c := o.Conference
	l, err := m.licensing.Get(ctx, c.Tenant)
	if err != nil {
		return c, l, err
	}
	if l.Model != license.ModelNamed || l.Admits(time.UnixMilli(o.AtMillis)) != nil || !l.AllowedOrigins.Allow(o.Origin) {
		return c, l, licensing.ErrSuperseded
	}
	if err := m.withinHosts(ctx, l, c); err != nil {
		return c, l, err
	}
	if err := m.store.Register(ctx, c.Tenant, c.Number, o.AtMillis); err != nil {
		return c, l, fmt.Errorf("register the conference's pools: %w", err)
	}
	if err := m.licensing.OpenConference(ctx, l, c.Number); err != nil {
		return c, l, err
	}
	live, err := m.store.GoLive(ctx, c, time.UnixMilli(o.AtMillis), true)
	if err != nil {
		return c, l, fmt.Errorf("go live: %w", err)
	}
	if live != nil && live.Number == c.Number && live.State == conference.StateScheduled {
		return c, l, errReplaced
	}
	if live == nil || live.Number != c.Number || live.State != conference.StateLive {
		return c, l, conference.Ended(c.ID)
	}
	return *live, l, nil
}

// withinHosts keeps a tenant with more hosts than its license has, as after a
// smaller license, from running more conferences than that at a time. Locks
// are listed only for such tenants.
func (m *Meetings) withinHosts(ctx context.Context, l license.License, c conference.Conference) error {
	tally, err := m.store.HostTally(ctx, c.Tenant)
	if err != nil {
		return fmt.Errorf("count the hosts: %w", err)
	}
	if tally.Hosts <= l.Hosts {
		return nil
	}
	locks, err := m.store.Locks(ctx, c.Tenant)
	if err != nil {
		return fmt.Errorf("list live conferences: %w", err)
	}
	locks = slices.DeleteFunc(locks, func(l host.Lock) bool { return l.Host == c.Host })
	if len(locks) >= l.Hosts {
		return problem.Newf(problem.HostsExhausted, "%d hosts are running conferences, as many as the license has.", l.Hosts)
	}
	return nil
}

// CheckHost gives the host of a live conference, and refuses its visitor if that is
// no active host any more: deleted, deactivated or replaced. The people in the conference stay.
// The read is not consistent, costs half a unit, and may miss what happened in the
// last moment; a host who would be refused is read again, consistently.
func (m *Meetings) CheckHost(ctx context.Context, c conference.Conference, role jointoken.Role) (host.Host, error) {
	for _, consistent := range []bool{false, true} {
		h, err := m.store.Host(ctx, c.Tenant, c.Host, consistent)
		if err != nil {
			return host.Host{}, fmt.Errorf("read the host: %w", err)
		}
		if h != nil && h.Active {
			return *h, nil
		}
	}
	if role != jointoken.RoleHost && !c.OwnPools {
		blocks, err := m.store.Read(ctx, seat.PoolsOf(c.Tenant, c.Number).Participants)
		if err != nil {
			return host.Host{}, fmt.Errorf("read a pool: %w", err)
		}
		if len(blocks) == 0 {
			return host.Host{}, conference.NotLive(c.ID)
		}
	}
	return host.Host{}, problem.New(problem.Forbidden, noHost)
}

const noHost = "The conference's host is not a registered, active host."

// Attend reads the conference of a visitor who has a seat, and gives it. A
// conference that is scheduled still goes live under a concurrent license, which
// wentLive tells. A note that it is vacant is taken back before the visitor is
// admitted, so that no conference with somebody in it is ended for being vacant.
//
// An end lists the pool after it marked the conference, so that either the end finds
// the seat or Attend finds the end. But Attend's read is not consistent, which would
// cost half a unit more, and may miss an end of the last moment: reconciliation then
// closes that visitor's connection a minute later. A refusal rests on a consistent
// read.
func (m *Meetings) Attend(ctx context.Context, p jointoken.Pass, atMillis int64) (c conference.Conference, wentLive bool, err error) {
	now, err := m.store.Conference(ctx, p.Tenant, p.Conference, false)
	hasEnded := func() bool { return now == nil || now.Number != p.Number || now.State == conference.StateEnded }
	if err == nil && hasEnded() {
		// The read may be older than the conference.
		now, err = m.store.Conference(ctx, p.Tenant, p.Conference, true)
	}
	switch {
	case err != nil || hasEnded():
	case now.State == conference.StateScheduled:
		now, err = m.store.GoLive(ctx, *now, time.UnixMilli(atMillis), false)
		wentLive = true
	case !now.VacantSince.IsZero():
		now, err = m.store.Occupy(ctx, p.Tenant, p.Conference, p.Number)
	}
	if err != nil {
		return c, false, fmt.Errorf("look at the conference: %w", err)
	}
	if hasEnded() {
		return c, false, conference.Ended(p.Conference)
	}
	return *now, wentLive, nil
}
