package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// Refused checks pools that have just refused a join: first the small ones, then
// the large ones for a few seconds, each by one process at a time. A failure of
// one pool does not keep the others from being checked.
func (r *Reconciler) Refused(ctx context.Context, pools []seat.Pool) error {
	began, one := r.now(), r.newRun()
	var mu sync.Mutex
	var large []seat.Pool
	err := each(pools, func(pool seat.Pool) error {
		first, err := r.store.Get(ctx, seat.Block{Pool: pool})
		if err != nil || first == nil {
			return problem.Wrap("read a pool's first block", err)
		}
		if !first.Listed {
			return one.scanPool(ctx, pool, func() bool { return one.outOfTime(ctx) })
		}
		mu.Lock()
		defer mu.Unlock()
		large = append(large, pool)
		return nil
	})
	scanning := r.now()
	late := func() bool { return one.outOfTime(ctx) || r.now().Sub(scanning) > scanFor }
	err = errors.Join(err, each(large, func(pool seat.Pool) error {
		if late() {
			return nil
		}
		now := r.now()
		mine, err := r.store.ClaimPool(ctx, pool, now, now.Add(scanFor))
		if err != nil || !mine {
			return problem.Wrap("claim a pool", err)
		}
		return one.scanPool(ctx, pool, late)
	}))
	one.report(ctx, "refusal", r.now().Sub(began))
	return err
}

// scanPool checks a few of a pool's blocks, those first that were found alive
// longest ago, and all of them if anybody there is dead.
func (r *run) scanPool(ctx context.Context, pool seat.Pool, late func() bool) error {
	tenants := &tenantCache{run: r}
	states, err := r.store.Read(ctx, pool)
	if err != nil {
		return fmt.Errorf("read a refusing pool: %w", err)
	}
	seen := r.now().Add(-fresh).UnixMilli()
	states = slices.DeleteFunc(states, func(b seat.State) bool { return len(b.Members) == 0 || b.SeenAtMillis > seen })
	slices.SortFunc(states, func(a, b seat.State) int {
		return cmp.Or(cmp.Compare(a.SeenAtMillis, b.SeenAtMillis), cmp.Compare(oldest(a), oldest(b)))
	})
	var dead atomic.Bool
	check := func(state seat.State) error {
		if late() {
			return nil
		}
		alive, err := r.checkMembers(ctx, state, tenants)
		r.failed(ctx, Entry{Tenant: pool.Tenant, Block: state.Block}, err)
		if err == nil && !alive {
			dead.Store(true)
		}
		return nil
	}
	_ = each(states[:min(samples, len(states))], check) // check returns no error
	if dead.Load() && len(states) > samples {
		_ = each(states[samples:], check)
	}
	return nil
}

// each calls a function for each element, some of them in parallel, and returns
// the first error after all calls.
func each[T any](list []T, do func(T) error) error {
	var group errgroup.Group
	group.SetLimit(blocks)
	for _, one := range list {
		group.Go(func() error { return do(one) })
	}
	return group.Wait() //nolint:wrapcheck // its functions' own
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
