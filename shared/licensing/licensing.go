// Package licensing puts a tenant's license in force and reads it.
//
// Terms: a license is rolled out when every pool of its tenant is under its
// revision: the tenant's own pool, and those of its live conferences. Until then
// a pool that was not reached yet admits people under the license before.
package licensing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/deletion"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// Store is what a license is written to, and what it applies to.
type Store interface {
	license.Licenses
	deletion.Notes
	// Locks lists the locks of a tenant's hosts: its conferences that are live
	// under a named license, or may be.
	Locks(ctx context.Context, t tenant.ID) ([]host.Lock, error)
}

// ErrSuperseded says that a later license than the one at hand is being rolled
// out: read the license again.
var ErrSuperseded = errors.New("a later license is in force")

// tries bounds how often a change starts over because others change the license
// at the same time.
const tries = 5

// Licensing changes and reads licenses. Safe for use by many goroutines.
type Licensing struct {
	store Store
	pools *pool.Pools
}

// New makes a Licensing over a store and the pools in it.
func New(store Store, pools *pool.Pools) *Licensing { return &Licensing{store, pools} }

// AnyRevision makes Put replace whatever is there, or nothing;
// SomeRevision, whatever is there.
const (
	AnyRevision  = -1
	SomeRevision = -2
)

// Put writes a tenant's license and rolls it out before it returns, so that from
// then on no seat is taken under the one before. It does so only if ifRevision is
// the revision in force. It gives the license that it replaced, nil for a new
// tenant, and the one in force; that also beside an error, if the license is
// written and not rolled out yet.
//
// Safe to repeat: the license is rolled out again, under one more revision. If
// the process dies half way, joins that know the new license rebalance the pools
// they meet, and reconciliation rebalances the rest. Nobody who is in loses a
// seat.
//
// The license of a tenant that is being deleted is not replaced, and the id of one that
// was deleted is not given again: what is kept of it would be taken for the new tenant's.
func (x *Licensing) Put(ctx context.Context, l license.License, ifRevision int64) (was *license.License, is license.License, err error) {
	if err := l.Validate(); err != nil {
		return nil, license.License{}, fmt.Errorf("check the license: %w", err)
	}
	return x.replace(ctx, l.Tenant, ifRevision, func(was *license.License) (license.License, error) {
		if was != nil && !was.DeletingAt.IsZero() {
			return l, problem.New(problem.LicenseSuspended, "The tenant is being deleted. Restore it first.")
		}
		if was == nil {
			return l, x.neverDeleted(ctx, l.Tenant)
		}
		return l, nil
	})
}

// neverDeleted refuses the id of a deleted tenant. A tenant with a license is marked as
// deleted in the step that removes the license, so that none is missed.
func (x *Licensing) neverDeleted(ctx context.Context, t tenant.ID) error {
	deleted, err := x.store.Deleted(ctx, t)
	if err == nil && deleted {
		return problem.Newf(problem.AlreadyExists, "There was a tenant %s, which is deleted. Choose another id.", t)
	}
	return problem.Wrap("look for a deleted tenant", err)
}

// replace puts in force what next makes of a tenant's license; see Put.
func (x *Licensing) replace(ctx context.Context, t tenant.ID, ifRevision int64, next func(was *license.License) (license.License, error)) (was *license.License, is license.License, err error) {
	var none license.License
	for range tries {
		was, err = x.store.License(ctx, t)
		if err != nil {
			return nil, none, fmt.Errorf("read the license: %w", err)
		}
		if !matches(ifRevision, was) {
			if was != nil && !was.RolledOut { // perhaps by an earlier try of this very call
				if err := x.RollOut(ctx, *was); err != nil {
					return nil, none, err
				}
			}
			return nil, none, problem.New(problem.PreconditionFailed, "The license has changed since it was read.")
		}
		l, err := next(was)
		if err != nil {
			return nil, none, err
		}
		l = l.Following(was)
		written, err := x.write(ctx, l, notes(was, l))
		if err != nil {
			return nil, none, err
		}
		if written {
			return was, l, x.RollOut(ctx, l)
		}
	}
	return nil, none, errChanging()
}

// write writes a license as the next revision. False: somebody else wrote that
// revision. A retry of a write that had landed finds its own.
func (x *Licensing) write(ctx context.Context, l license.License, tell []signal.Note) (bool, error) {
	written, err := x.store.PutLicense(ctx, l, tell...)
	if written || err != nil {
		return written, problem.Wrap("write the license", err)
	}
	now, err := x.store.License(ctx, l.Tenant)
	if now == nil || err != nil {
		return false, problem.Wrap("read the license again", err)
	}
	now.RolledOut = false
	return *now == l, nil
}

func errChanging() error {
	return problem.New(problem.Unavailable, "Others keep changing the license. Try again.")
}

func matches(ifRevision int64, was *license.License) bool {
	var revision int64
	if was != nil {
		revision = was.Revision
	}
	switch ifRevision {
	case AnyRevision:
		return true
	case SomeRevision:
		return revision > 0
	}
	return ifRevision == revision
}

// RollOut brings all of a tenant's pools under a license, and notes that it is
// done. Where a later license is being rolled out, RollOut rolls out that one,
// whose own roll-out may have broken off: a pool left under an older license
// would go on to admit people. No live conference is left out: one that goes live
// meanwhile reads the license after its lock is written (see meeting.Start).
func (x *Licensing) RollOut(ctx context.Context, l license.License) error {
	for range tries {
		err := x.rebalanceAll(ctx, l)
		if err == nil {
			err = x.store.NoteRolledOut(ctx, l)
		}
		if !errors.Is(err, ErrSuperseded) {
			return problem.Wrap("roll out a license", err)
		}
		now, err := x.Get(ctx, l.Tenant)
		if err != nil {
			return err
		}
		l = now
	}
	return errChanging()
}

// rebalanceAll brings the tenant's own pool and those of its live conferences
// under a license. The pools that its model does not use are left without
// capacity: their members stay, and do not count in the pools that it does use.
func (x *Licensing) rebalanceAll(ctx context.Context, l license.License) error {
	capacity := 0
	if l.Model == license.ModelConcurrent {
		capacity = l.Capacity()
	}
	if err := x.rebalance(ctx, seat.Pool{Tenant: l.Tenant}, capacity, l); err != nil {
		return err
	}
	locks, err := x.store.Locks(ctx, l.Tenant)
	if err != nil {
		return fmt.Errorf("list live conferences: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, lock := range locks {
		group.Go(func() error { return x.OpenConference(ctx, l, conference.Number(lock.Number)) })
	}
	return group.Wait() //nolint:wrapcheck // OpenConference's
}

// parallel is how many of a tenant's pools are read, and conferences brought
// under a license, at the same time: so many that those of the largest license
// take less than a call may last.
const parallel = 32

// OpenConference brings a conference's own pools under a license.
func (x *Licensing) OpenConference(ctx context.Context, l license.License, number conference.Number) error {
	participants, chair := 0, 0
	if l.Model == license.ModelNamed {
		participants, chair = l.Capacity(), 1
	}
	pools := seat.PoolsOf(l.Tenant, number)
	if err := x.rebalance(ctx, pools.Chair, chair, l); err != nil {
		return err
	}
	return x.rebalance(ctx, pools.Participants, participants, l)
}

// rebalance brings one pool under a license; ErrSuperseded if a block of it is
// under a later one.
func (x *Licensing) rebalance(ctx context.Context, of seat.Pool, capacity int, l license.License) error {
	states, err := x.pools.Rebalance(ctx, of, pool.Terms{Capacity: capacity, Revision: l.Revision}, true)
	if err != nil {
		return fmt.Errorf("rebalance a pool: %w", err)
	}
	if slices.ContainsFunc(states, func(s seat.State) bool { return !s.Closed && s.Revision > l.Revision }) {
		return ErrSuperseded
	}
	return nil
}

// Get reads a tenant's license, consistently. A tenant without one is not found.
func (x *Licensing) Get(ctx context.Context, t tenant.ID) (license.License, error) {
	l, err := x.store.License(ctx, t)
	if err != nil {
		return license.License{}, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return license.License{}, problem.New(problem.NotFound, "There is no such tenant.")
	}
	return *l, nil
}

// brokenOff is how long ago a change of license must have begun to be taken for
// one whose process died: no invocation lasts longer than 29 s.
const brokenOff = 30 * time.Second

// Revisions gives every license that a tenant ever had, in order.
func (x *Licensing) Revisions(ctx context.Context, t tenant.ID) ([]license.License, error) {
	list, err := x.store.Revisions(ctx, t)
	return list, problem.Wrap("read the license's revisions", err)
}

// Complete rolls out a license whose own roll-out has broken off. It tells whether
// there was anything to do.
func (x *Licensing) Complete(ctx context.Context, l license.License, now time.Time) (bool, error) {
	if l.RolledOut || now.Sub(time.UnixMilli(l.ChangedAtMillis)) < brokenOff {
		return false, nil
	}
	fresh, err := x.Get(ctx, l.Tenant)
	if err != nil || fresh.RolledOut {
		return false, err // another process has done it meanwhile
	}
	return true, x.RollOut(ctx, fresh)
}
