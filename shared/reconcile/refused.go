package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/crossing"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Refused tells of pools that have just refused a join, and checks them: first the small ones, then
// the large ones, each for a few seconds and by one process at a time. Of each tenant
// one pool comes before the second of any. What there is no time for, and what restraint
// leaves out, is left to the rounds, which look at full pools each minute. A failure of
// one pool does not keep the others from being checked.
func (r *Reconciler) Refused(ctx context.Context, refusals []crossing.Refusal) error {
	began, one := r.now(), r.newRun()
	pools := make([]seat.Pool, len(refusals))
	var telling errgroup.Group
	telling.SetLimit(tenants)
	for n, one := range refusals {
		pools[n] = one.Pool
		telling.Go(func() error { return r.crossings.Refused(ctx, one, began.UnixMilli()) })
	}
	told := problem.Wrap("tell of refusals", telling.Wait())
	s := &scan{run: one, checks: make(map[tenant.ID]*tenantCheck)}
	var mu sync.Mutex
	var large []seat.Pool
	small := s.each(ctx, seat.InTurns(pools), func(pool seat.Pool) error {
		first, err := r.store.Get(ctx, seat.Block{Pool: pool})
		if err != nil || first == nil {
			return problem.Wrap("read a pool's first block", err)
		}
		if first.Listed {
			mu.Lock()
			defer mu.Unlock()
			large = append(large, pool)
			return nil
		}
		return s.pool(ctx, pool)
	})
	err := errors.Join(told, small, s.each(ctx, large, func(pool seat.Pool) error {
		now := r.now()
		mine, err := r.store.ClaimPool(ctx, pool, now, now.Add(scanFor))
		if err != nil || !mine {
			return problem.Wrap("claim a pool", err)
		}
		return s.pool(ctx, pool)
	}))
	one.report(ctx, runRefusal, began, began)
	return err
}

// scan is the check of refusing pools.
type scan struct {
	*run
	until time.Time // when no check is begun any more

	mu     sync.Mutex
	checks map[tenant.ID]*tenantCheck
}

// each calls a function for pools that restraint does not leave out, some of them in
// parallel, for a while. It returns the first error after all calls.
func (s *scan) each(ctx context.Context, pools []seat.Pool, do func(seat.Pool) error) error {
	s.until = s.now().Add(scanFor)
	var group errgroup.Group
	group.SetLimit(tenants)
	for _, pool := range pools {
		if s.late(ctx) {
			break
		}
		if s.restraint.permits(pool, s.now()) {
			group.Go(func() error { return do(pool) })
		}
	}
	return group.Wait() //nolint:wrapcheck // its functions' own
}

func (s *scan) late(ctx context.Context) bool { return s.outOfTime(ctx) || s.now().After(s.until) }

func (s *scan) checkOf(t tenant.ID) *tenantCheck {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.checks[t] == nil {
		s.checks[t] = s.newCheck(t)
	}
	return s.checks[t]
}

// pool checks a few of a pool's blocks, those first that were found alive longest ago,
// and all of them if anybody there is dead.
func (s *scan) pool(ctx context.Context, pool seat.Pool) error {
	c := s.checkOf(pool.Tenant)
	states, err := s.store.Read(ctx, pool)
	if err != nil {
		return fmt.Errorf("read a refusing pool: %w", err)
	}
	chair, err := s.chair(ctx, pool)
	if err != nil {
		return err
	}
	seen := s.now().Add(-fresh).UnixMilli()
	states = slices.DeleteFunc(states, func(b seat.State) bool { return len(b.Members) == 0 || b.SeenAtMillis > seen })
	slices.SortFunc(states, func(a, b seat.State) int {
		return cmp.Or(cmp.Compare(a.SeenAtMillis, b.SeenAtMillis), cmp.Compare(oldest(a), oldest(b)))
	})
	var dead atomic.Bool
	var alive atomic.Int64
	check := func(states []seat.State) {
		var group errgroup.Group
		group.SetLimit(blocks)
		for n := range states {
			if s.late(ctx) {
				break
			}
			group.Go(func() error {
				u := unit{blocks: []*seat.State{&states[n]}, seenMillis: states[n].SeenAtMillis, all: true}
				if chair != nil && states[n].Block.Index == 0 {
					u.blocks = append(u.blocks, chair)
				}
				in := int64(len(states[n].Members))
				stay, err := c.check(ctx, u)
				s.failed(ctx, Entry{Tenant: pool.Tenant, Block: states[n].Block}, err)
				if err == nil && !stay {
					dead.Store(true)
				}
				alive.Add(in)
				return nil
			})
		}
		_ = group.Wait() // its functions return nil
	}
	check(states[:min(samples, len(states))])
	if dead.Load() && len(states) > samples {
		check(states[samples:])
	}
	s.restraint.note(pool, s.now(), int(alive.Load()), dead.Load())
	return nil
}

// chair reads the chair that the proof of life of a pool's first block is of too; nil
// if there is none, or nobody in it.
func (s *scan) chair(ctx context.Context, pool seat.Pool) (*seat.State, error) {
	if pool.Number == 0 || pool.Chair {
		return nil, nil //nolint:nilnil // there is none
	}
	chair, err := s.store.Get(ctx, chairOf(seat.Block{Pool: pool}))
	if err != nil || chair == nil || len(chair.Members) == 0 {
		return nil, problem.Wrap("read a chair", err)
	}
	return chair, nil
}

func oldest(b seat.State) int64 {
	first := int64(1 << 62)
	for _, m := range b.Members {
		first = min(first, since(m))
	}
	return first
}

// since is when a member joined or, if held, was lost.
func since(m seat.Member) int64 {
	if m.Held() {
		return m.Hold.LostAtMillis
	}
	return m.JoinedAtMillis
}
