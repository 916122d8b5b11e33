package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// AnyRevision makes PutLicense replace whatever is there, or nothing;
// SomeRevision, whatever is there.
const (
	AnyRevision  = -1
	SomeRevision = -2
)

// PutLicense replaces a tenant's license and brings every pool under it before
// it returns, so that from then on no seat is taken under the old one. With
// ifRevision it does so only if that is the revision in force. It gives
// the license that it replaced, nil if the tenant is new, and the one in force:
// also with an error, if that is written and not in force everywhere yet.
//
// Safe to repeat: the pools are settled again, under one more revision. If it
// dies half way, joins that know the new license settle the pools they meet, and
// reconciliation the rest.
// Nobody who is in loses a seat.
func (d *Door) PutLicense(ctx context.Context, l license.License, ifRevision int64) (was *license.License, is license.License, err error) {
	var none license.License
	if err := l.Validate(); err != nil {
		return nil, none, fmt.Errorf("check the license: %w", err)
	}
	for range admissionTries {
		was, err = d.store.License(ctx, l.Tenant)
		if err != nil {
			return nil, none, fmt.Errorf("read the license: %w", err)
		}
		var revision int64
		if was != nil {
			revision = was.Revision
		}
		if !matches(ifRevision, revision) {
			if was != nil && !was.Settled { // perhaps by an earlier try of this very call
				if err := d.settle(ctx, *was); err != nil {
					return nil, none, err
				}
			}
			return nil, none, problem.New(problem.PreconditionFailed, "The license has changed since it was read.")
		}
		l = l.Following(was)
		written, err := d.store.PutLicense(ctx, l)
		if err != nil {
			return nil, none, fmt.Errorf("write the license: %w", err)
		}
		if !written {
			// A retry of a write that had landed finds its own.
			now, err := d.store.License(ctx, l.Tenant)
			if err != nil {
				return nil, none, fmt.Errorf("read the license again: %w", err)
			}
			if written = now != nil; written {
				now.Settled = false
				written = *now == l
			}
		}
		if written {
			return was, l, d.settle(ctx, l)
		}
	}
	return nil, none, problem.New(problem.Unavailable, "Others keep changing the license. Try again.")
}

func matches(ifRevision, revision int64) bool {
	switch ifRevision {
	case AnyRevision:
		return true
	case SomeRevision:
		return revision > 0
	}
	return ifRevision == revision
}

// settle brings a tenant's pools under a license. Where a later one has begun to
// settle them it settles that, which may have broken off: what is left under an
// older license would go on to admit people. A conference that goes live while
// it lists them reads the license after its lock is there (see start): so none
// is left out, and when all are done the license is settled.
func (d *Door) settle(ctx context.Context, l license.License) error {
	for range admissionTries {
		err := d.settleUnder(ctx, l)
		if err == nil {
			err = d.store.NoteSettled(ctx, l.Tenant, l.Revision)
		}
		if !errors.Is(err, errStale) {
			return wrap("settle a license", err)
		}
		now, err := d.License(ctx, l.Tenant)
		if err != nil {
			return err
		}
		l = now
	}
	return problem.New(problem.Unavailable, "Others keep changing the license. Try again.")
}

// settleUnder brings the tenant's own pool and those of its live conferences
// under a license. The pools that its model does not use are left without
// capacity: who is in them stays, and does not count in those that it does use.
func (d *Door) settleUnder(ctx context.Context, l license.License) error {
	capacity := 0
	if l.Model == license.ModelConcurrent {
		capacity = l.Capacity()
	}
	if err := d.settlePool(ctx, seat.Pool{Tenant: l.Tenant}, capacity, l); err != nil {
		return err
	}
	locks, err := d.store.Locks(ctx, l.Tenant)
	if err != nil {
		return fmt.Errorf("list live conferences: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for _, lock := range locks {
		group.Go(func() error { return d.settleOwn(ctx, l, conference.Number(lock.Number)) })
	}
	return group.Wait() //nolint:wrapcheck // settleOwn's
}

// sideBySide is how many of a tenant's pools are read, and conferences brought
// under a license, at the same time: so many that those of the largest license
// take less than a call may last.
const sideBySide = 32

// settleOwn brings a conference's own pools under a license.
func (d *Door) settleOwn(ctx context.Context, l license.License, number conference.Number) error {
	participants, chair := 0, 0
	if l.Model == license.ModelNamed {
		participants, chair = l.Capacity(), 1
	}
	pools := ownPools(l.Tenant, number)
	if err := d.settlePool(ctx, pools.chair, chair, l); err != nil {
		return err
	}
	return d.settlePool(ctx, pools.participants, participants, l)
}

// settlePool brings one pool under a license; errStale, if a part of it is under
// a later one.
func (d *Door) settlePool(ctx context.Context, pool seat.Pool, capacity int, l license.License) error {
	terms := pool.Terms{Capacity: capacity, Revision: l.Revision}
	states, err := d.pools.Rebalance(ctx, pool, terms, true)
	if err != nil {
		return fmt.Errorf("settle a pool: %w", err)
	}
	if slices.ContainsFunc(states, func(s seat.State) bool { return !s.Closed && s.Revision > l.Revision }) {
		return errStale
	}
	return nil
}

// License reads a tenant's license.
func (d *Door) License(ctx context.Context, t tenant.ID) (license.License, error) {
	l, err := d.store.License(ctx, t)
	if err != nil {
		return license.License{}, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return license.License{}, problem.New(problem.NotFound, "There is no such tenant.")
	}
	return *l, nil
}
