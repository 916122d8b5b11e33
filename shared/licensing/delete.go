package licensing

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// Delete has a tenant deleted at a moment, and suspends its license at once: who is in
// stays until then, and nobody comes in any more. With keep, a moment that was set before
// stays. It gives the license before and the one in force. Safe to repeat: the note of
// the deletion is written first, and without effect until the license says so.
func (x *Licensing) Delete(ctx context.Context, d deletion.Deletion, at time.Time, keep bool) (was *license.License, is license.License, err error) {
	if was, err = x.store.License(ctx, d.Tenant); err != nil {
		return nil, is, fmt.Errorf("read the license: %w", err)
	}
	if was == nil {
		return nil, is, problem.New(problem.NotFound, "There is no such tenant.")
	}
	if keep && !was.DeletingAt.IsZero() && was.RolledOut {
		return was, *was, nil
	}
	if err := x.store.NoteDeletion(ctx, d); err != nil {
		return nil, is, fmt.Errorf("note a deletion: %w", err)
	}
	return x.replace(ctx, d.Tenant, SomeRevision, func(was *license.License) (license.License, error) {
		l := *was
		if l.DeletingAt.IsZero() || !keep {
			l.DeletingAt = at.UTC().Truncate(time.Millisecond)
		}
		l.Status, l.ChangedAtMillis, l.ChangedBy = license.StatusSuspended, d.AskedMillis, d.By
		return l, nil
	})
}

// Restore takes the deletion of a tenant back, and puts the license from before in force
// again. Of a tenant that is not being deleted it rolls out what is in force, and changes
// nothing. Safe to repeat. A deletion that has begun cannot be taken back: the tenant is
// not found.
func (x *Licensing) Restore(ctx context.Context, t tenant.ID, by string, now time.Time) (was *license.License, is license.License, err error) {
	if was, err = x.store.License(ctx, t); err != nil {
		return nil, is, fmt.Errorf("read the license: %w", err)
	}
	if was == nil {
		return nil, is, problem.New(problem.NotFound, "There is no such tenant.")
	}
	if was.DeletingAt.IsZero() {
		if !was.RolledOut { // perhaps by an earlier try of this very call
			err = x.RollOut(ctx, *was)
		}
		return was, *was, err
	}
	revisions, err := x.Revisions(ctx, t) // up to that license, at least
	if err != nil {
		return nil, is, err
	}
	return x.replace(ctx, t, was.Revision, func(*license.License) (license.License, error) {
		l := *was
		for _, one := range revisions {
			if one.DeletingAt.IsZero() {
				l = one
			}
		}
		l.DeletingAt, l.ChangedAtMillis, l.ChangedBy = time.Time{}, now.UnixMilli(), by
		return l, nil
	})
}
