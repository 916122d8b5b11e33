package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// conference completes an end that broke off, and ends a conference that has
// been vacant for too long.
func (r *run) conference(ctx context.Context, t tenant.ID, id conference.ID, tenants *tenants) error {
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
		r.count(func(f *Found) { f.Completed++ })
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
		r.count(func(f *Found) { f.Expired++ })
	}
	return problem.Wrap("judge a conference", err)
}

// attended tells whether those are in a conference whom it needs: its host if it
// went live under a named license, anybody if under a concurrent one. A connection
// whose seat is held is in.
func (r *run) attended(ctx context.Context, c conference.Conference, tenants *tenants) (bool, error) {
	now := r.now().UnixMilli()
	needs := func(m seat.Member) bool {
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
				if needs(m) {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// lock frees a host that is held to no live conference: its start broke off, or
// came too late.
func (r *run) lock(ctx context.Context, t tenant.ID, email host.Email, tenants *tenants) error {
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
	r.count(func(f *Found) { f.Locks++ })
	return problem.Wrap("unlock a host", r.store.Unlock(ctx, t, l))
}

// tenants remembers, while a page of the agenda is worked on, what several of
// its entries ask for: the tenants' licenses, their own pools, their locks, and
// the conferences that people are in. What is a few seconds old does: a vacancy counts in
// minutes, and is ended on condition; what has ended stays so.
type tenants struct {
	run   *run
	pools shelf[tenant.ID, []seat.State]
	held  shelf[tenant.ID, map[host.Email]host.Lock]
	meets shelf[conferenceKey, *conference.Conference]
	terms shelf[tenant.ID, *license.License]
}

type conferenceKey struct {
	tenant     tenant.ID
	conference conference.ID
}

func (t *tenants) conference(ctx context.Context, id tenant.ID, c conference.ID) (*conference.Conference, error) {
	return t.meets.get(conferenceKey{id, c}, func() (*conference.Conference, error) {
		c, err := t.run.store.Conference(ctx, id, c, false)
		return c, problem.Wrap("read a conference that somebody is in", err)
	})
}

// license gives a tenant's license. A change of it that broke off is completed
// here first, once in a run: until then blocks under the license before would go
// on to let people in who come by processes that remember it.
func (t *tenants) license(ctx context.Context, id tenant.ID) (*license.License, error) {
	return t.terms.get(id, func() (*license.License, error) {
		l, err := t.run.store.License(ctx, id)
		if err != nil || l == nil {
			return nil, problem.Wrap("read a license", err)
		}
		t.run.putIntoForce(ctx, *l)
		return l, nil
	})
}

func (t *tenants) pool(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	read := func() ([]seat.State, error) {
		states, err := t.run.store.Read(ctx, pool)
		return states, problem.Wrap("read a pool", err)
	}
	if pool.Number != 0 {
		return read()
	}
	return t.pools.get(pool.Tenant, read)
}

func (t *tenants) locks(ctx context.Context, id tenant.ID) (map[host.Email]host.Lock, error) {
	return t.held.get(id, func() (map[host.Email]host.Lock, error) {
		list, err := t.run.store.Locks(ctx, id)
		byHost := make(map[host.Email]host.Lock, len(list))
		for _, l := range list {
			byHost[l.Host] = l
		}
		return byHost, problem.Wrap("list locks", err)
	})
}

// shelf keeps what was read once. Who asks at the same time may read it twice.
type shelf[K comparable, V any] struct {
	mu    sync.Mutex
	items map[K]V
}

func (s *shelf[K, V]) get(key K, read func() (V, error)) (V, error) {
	if value, known := s.find(key); known {
		return value, nil
	}
	value, err := read()
	if err == nil {
		s.keep(key, value)
	}
	return value, err
}

func (s *shelf[K, V]) find(key K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, known := s.items[key]
	return value, known
}

func (s *shelf[K, V]) keep(key K, value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items = make(map[K]V)
	}
	s.items[key] = value
}
