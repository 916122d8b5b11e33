package reconcile

import (
	"context"
	"sync"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// tenantCache caches what several entries of a page of the agenda need. Values a few
// seconds old are good enough: a vacancy lasts minutes, a conference is ended on
// condition, and an ended one stays ended.
type tenantCache struct {
	run         *run
	ownPools    cache[tenant.ID, []seat.State]
	hostLocks   cache[tenant.ID, map[host.Email]host.Lock]
	conferences cache[conferenceKey, *conference.Conference]
	licenses    cache[tenant.ID, *license.License]
}

type conferenceKey struct {
	tenant     tenant.ID
	conference conference.ID
}

func (t *tenantCache) conference(ctx context.Context, id tenant.ID, c conference.ID) (*conference.Conference, error) {
	return t.conferences.get(conferenceKey{id, c}, func() (*conference.Conference, error) {
		c, err := t.run.store.Conference(ctx, id, c, false)
		return c, problem.Wrap("read a member's conference", err)
	})
}

// license gives a tenant's license. It first completes an unfinished change of
// the license: until then, processes that have cached the license before admit
// joins to blocks under it.
func (t *tenantCache) license(ctx context.Context, id tenant.ID) (*license.License, error) {
	return t.licenses.get(id, func() (*license.License, error) {
		l, err := t.run.store.License(ctx, id)
		if err != nil || l == nil {
			return nil, problem.Wrap("read a license", err)
		}
		t.run.rollOut(ctx, *l)
		return l, nil
	})
}

func (t *tenantCache) pool(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	read := func() ([]seat.State, error) {
		states, err := t.run.store.Read(ctx, pool)
		return states, problem.Wrap("read a pool", err)
	}
	if pool.Number != 0 {
		return read()
	}
	return t.ownPools.get(pool.Tenant, read)
}

func (t *tenantCache) locks(ctx context.Context, id tenant.ID) (map[host.Email]host.Lock, error) {
	return t.hostLocks.get(id, func() (map[host.Email]host.Lock, error) {
		list, err := t.run.store.Locks(ctx, id)
		byHost := make(map[host.Email]host.Lock, len(list))
		for _, l := range list {
			byHost[l.Host] = l
		}
		return byHost, problem.Wrap("list locks", err)
	})
}

// cache keeps what was read. Concurrent callers may read the same twice.
type cache[K comparable, V any] struct {
	mu    sync.Mutex
	items map[K]V
}

func (s *cache[K, V]) get(key K, read func() (V, error)) (V, error) {
	if value, known := s.find(key); known {
		return value, nil
	}
	value, err := read()
	if err == nil {
		s.keep(key, value)
	}
	return value, err
}

func (s *cache[K, V]) find(key K) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, known := s.items[key]
	return value, known
}

func (s *cache[K, V]) keep(key K, value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items == nil {
		s.items = make(map[K]V)
	}
	s.items[key] = value
}
