// Package retention removes records of the ledger that are older than they are to be kept.
//
// Terms: a removal is noted as the moment before which a tenant's records go: the end of
// a month, up to which every month since the tenant's first record is closed. From then
// on nobody reads what is before it: reports refuse such a range, statements of it are
// neither stale nor closed again, and the roll-up does not make it again. Once nothing is
// running any more that may not know the note, the records are removed, and what was
// rolled up from them.
//
// What stays: statements, the audit log, and the book of people.
package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
	"seatmeter/shared/usage"
)

// Removal is how far a tenant's records are removed. Times are Unix milliseconds.
type Removal struct {
	// BeforeMillis is the moment before which records are removed; zero: none are.
	BeforeMillis int64
	// NotedMillis is when that was noted.
	NotedMillis int64
	// DoneMillis is the moment before which all have been removed.
	DoneMillis int64
}

// Old is what a step removes of a tenant.
type Old struct {
	Tenant tenant.ID
	Shards int
	// Zones are those of all calendars that were ever rolled up.
	Zones []string
	// RecordsMillis is the moment before which stays, refusals and waits are removed that began,
	// and marks of late ones that were written.
	RecordsMillis int64
	// RollupsMillis is the moment before which days and months are removed that began, and
	// Period is the first month whose closing keeps its own days.
	RollupsMillis int64
	Period        string
}

// Pass is how far a pass over all tenants is.
type Pass struct {
	BeganMillis int64
	// After is the last tenant that was looked at; empty: the pass is over.
	After tenant.ID
}

// Removals keeps what is noted, and removes. Everything is safe to repeat. Errors are
// the store's own.
type Removals interface {
	// Removal reads a tenant's removal, consistently. rollup.Progress has its BeforeMillis.
	Removal(ctx context.Context, t tenant.ID) (Removal, error)
	// SaveRemoval replaces a removal, unless the stored one has a later BeforeMillis.
	SaveRemoval(ctx context.Context, t tenant.ID, r Removal) error
	// RemoveOld removes, page by page as long as more says so. True: nothing is left.
	RemoveOld(ctx context.Context, o Old, more func() bool) (bool, error)
	// Pass is the pass over tenants, and SavePass replaces it.
	Pass(ctx context.Context) (Pass, error)
	SavePass(ctx context.Context, p Pass) error
}

// Store is what a Keeper reads and writes.
type Store interface {
	rollup.Store
	Removals
}

// Closings is statement.Closer's.
type Closings interface {
	ClosedUntil(ctx context.Context, t tenant.ID, fromMillis, limitMillis int64) (int64, error)
}

const (
	dayMillis = 24 * 60 * 60 * 1000
	// shortestMillis is shorter than any month.
	shortestMillis = 27 * dayMillis
	// marginMillis is how much longer than their month records are kept: those that affect
	// the next month are among them.
	marginMillis = usage.MaxStayMillis + usage.MaxGapMillis + dayMillis
	// calmMillis is how long after the note the records are removed: no function runs longer.
	calmMillis = 16 * 60 * 1000
	// reserve is how much of an invocation's time is left when no more pages are begun.
	reserve = 10 * time.Second
	page    = 100 // tenants at a time
)

// Keeper removes what was kept long enough. Safe to run twice at once, and to abort.
type Keeper struct {
	store    Store
	closings Closings
	days     int
	log      *slog.Logger
	now      func() time.Time
}

// NewKeeper makes a Keeper of records for so many days after the end of their month, at
// least a month.
func NewKeeper(store Store, closings Closings, days int, log *slog.Logger, now func() time.Time) *Keeper {
	return &Keeper{store, closings, days, log, now}
}

var errOutOfTime = errors.New("out of time")

// Run passes over all tenants once a day, or over as many as there is time for before ctx
// ends; the next run goes on. A tenant that fails is logged and left to the next pass.
func (k *Keeper) Run(ctx context.Context) error {
	pass, err := k.store.Pass(ctx)
	if err != nil {
		return fmt.Errorf("read the pass: %w", err)
	}
	if pass.After == "" {
		began := k.now().UnixMilli()
		if began-pass.BeganMillis < dayMillis {
			return nil
		}
		pass.BeganMillis = began
	}
	failed := 0
	for {
		list, err := k.store.Tenants(ctx, pass.After, page)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		for _, t := range list {
			err := k.tenant(ctx, t)
			if errors.Is(err, errOutOfTime) {
				return k.stop(ctx, pass)
			}
			if err != nil {
				failed++
				k.log.ErrorContext(ctx, "the removal of old records is left to the next pass", "tenant", t, "error", err)
			}
			pass.After = t
		}
		if len(list) < page {
			break
		}
	}
	pass.After = ""
	if err := k.store.SavePass(ctx, pass); err != nil {
		return fmt.Errorf("save the pass: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("old records of %d tenants are left to the next pass", failed)
	}
	return nil
}

// stop saves where the next run goes on: at the first tenant by another pass.
func (k *Keeper) stop(ctx context.Context, pass Pass) error {
	if pass.After == "" {
		return nil
	}
	return problem.Wrap("save the pass", k.store.SavePass(ctx, pass))
}

func (k *Keeper) more(ctx context.Context) bool {
	return timeleft.Of(ctx, k.now()) >= reserve
}

// tenant goes on with a tenant's removal, or notes one that is due.
func (k *Keeper) tenant(ctx context.Context, t tenant.ID) error {
	if !k.more(ctx) {
		return errOutOfTime
	}
	r, err := k.store.Removal(ctx, t)
	if err != nil {
		return fmt.Errorf("read the removal: %w", err)
	}
	switch {
	case r.DoneMillis == r.BeforeMillis:
		return k.note(ctx, t, r)
	case k.now().UnixMilli()-r.NotedMillis < calmMillis:
		return nil
	}
	l, err := k.store.License(ctx, t)
	if err != nil || l == nil {
		return problem.Wrap("read the license", err)
	}
	revisions, err := k.store.Revisions(ctx, t)
	if err != nil {
		return fmt.Errorf("read the license's revisions: %w", err)
	}
	done, err := k.store.RemoveOld(ctx, old(*l, revisions, r.BeforeMillis), func() bool { return k.more(ctx) })
	if err != nil {
		return fmt.Errorf("remove old records: %w", err)
	}
	if !done {
		return errOutOfTime
	}
	k.log.InfoContext(ctx, "old records are removed", "tenant", t, "before", usage.FormatTime(r.BeforeMillis))
	r.DoneMillis = r.BeforeMillis
	return problem.Wrap("save the removal", k.store.SaveRemoval(ctx, t, r))
}

// old is what goes of a tenant before a moment.
func old(l license.License, revisions []license.License, before int64) Old {
	zones := make(map[string]bool)
	for _, one := range revisions {
		zones[one.Location().String()] = true
	}
	const halfMonth = 15 * 24 * time.Hour // so that it is in the next month in every time zone
	return Old{
		Tenant: l.Tenant, Shards: max(1, l.Shards), Zones: slices.Sorted(maps.Keys(zones)),
		RecordsMillis: before - marginMillis, RollupsMillis: before,
		Period: time.UnixMilli(before).Add(halfMonth).UTC().Format(usage.MonthLayout),
	}
}

// note notes a removal, if a further month is closed that was kept long enough.
func (k *Keeper) note(ctx context.Context, t tenant.ID, r Removal) error {
	now := k.now().UnixMilli()
	limit := now - int64(k.days)*dayMillis
	from := r.BeforeMillis
	if limit-from < shortestMillis {
		return nil
	}
	if from == 0 {
		first, err := rollup.First(ctx, k.store, t, limit)
		if err != nil || first == limit {
			return err //nolint:wrapcheck // says what it did
		}
		from = first
	}
	until, err := k.closings.ClosedUntil(ctx, t, from, limit)
	if err != nil || until == from {
		return problem.Wrap("find what is closed", err)
	}
	r.BeforeMillis, r.NotedMillis = until, now
	return problem.Wrap("note the removal", k.store.SaveRemoval(ctx, t, r))
}
