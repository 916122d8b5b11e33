// Package deletion deletes tenants.
//
// Terms: a deletion begins as a note, when it is asked for. From then until the tenant's
// license says that its moment has come it waits, and can be taken back; the license
// alone decides, and the note is how Remover finds it. Then the tenant is gone: in one
// step its license is removed, and its id is marked as that of a deleted tenant, for
// good. From then on each call and each join finds no such tenant. After a while, when
// nothing that had read the license is running any more, the rest is removed. What comes
// in late, such as the end of a connection that is told days after it, is removed when
// no session is left that could bring more.
//
// What stays: statements, which are sealed and name nobody, and the audit log, whose
// pseudonyms then are nobody's.
package deletion

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
)

// Deletion is a deletion of a tenant. Unix time.
type Deletion struct {
	Tenant      tenant.ID
	AskedMillis int64
	// By is the sub of the bearer that asked for it.
	By string
	// GoneMillis is when the license was removed; zero: it was not.
	GoneMillis int64
	// Shards is the license's, for after it.
	Shards int
}

// Notes keeps what is asked for. Errors are the store's own.
type Notes interface {
	// NoteDeletion notes a deletion, in the place of one whose license is not removed.
	// Safe to repeat.
	NoteDeletion(ctx context.Context, d Deletion) error
	// Deleted tells whether a tenant was deleted, consistently.
	Deleted(ctx context.Context, t tenant.ID) (bool, error)
}

// Store is what a Remover reads and writes. Everything is safe to repeat. Errors are the
// store's own.
type Store interface {
	// License is license.Licenses'.
	License(ctx context.Context, t tenant.ID) (*license.License, error)
	// Conferences is conference.Conferences'.
	Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error)
	// Read is seat.Blocks'.
	Read(ctx context.Context, pool seat.Pool) ([]seat.State, error)
	audit.Log
	Deletions
}

// Deletions are the steps of a deletion.
type Deletions interface {
	// Deletions lists those that have not ended in order of tenant, or as many as fit a
	// page, after one.
	Deletions(ctx context.Context, after tenant.ID) ([]Deletion, error)
	// RemoveLicense removes a tenant's license of a revision, takes the tenant off the list
	// of tenants, marks the id as a deleted one's, and saves GoneMillis and Shards, in one
	// step. False: the license has another revision, or none; so also after a lost answer.
	RemoveLicense(ctx context.Context, d Deletion, revision int64) (bool, error)
	// RemoveRest removes all that a tenant has but statements and the audit log, from which
	// it removes reasons and names in clear, page by page as long as more says so. True:
	// nothing is left.
	RemoveRest(ctx context.Context, d Deletion, more func() bool) (bool, error)
	// EndDeletion removes the note, if it is of what was asked for at this moment.
	EndDeletion(ctx context.Context, d Deletion) error
}

const (
	// cached is how long after its last change a license is not removed yet: no process
	// has an earlier revision in its cache any more.
	cached = 5 * time.Minute
	// calm is how long after the license the rest is removed: no function runs longer.
	calm = 16 * time.Minute
	// late is how long after the license the rest is removed once more: until then a
	// server's release, or an event of a connection, may record a stay of a session that
	// is kept. DynamoDB removes what has expired within a few days.
	late = session.KeepSeatedMillis*time.Millisecond + 3*24*time.Hour
	// brokenOff is how long a note has to be there until one without a license to it is
	// that of a request that broke off, or was taken back.
	brokenOff = time.Hour
	// reserve is how much of an invocation's time is left when no more pages are begun.
	reserve = 10 * time.Second
)

// Remover goes on with deletions. Safe to run twice at once, and to abort.
type Remover struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
}

// NewRemover makes a Remover.
func NewRemover(store Store, log *slog.Logger, now func() time.Time) *Remover {
	return &Remover{store, log, now}
}

// Run goes on with all deletions, or as many as there is time for before ctx ends; the
// next run continues. One that fails is logged and left to the next run. A license costs
// little time, so all whose moment has come are removed first; then each of the others has
// an equal share of the time that is left.
func (x *Remover) Run(ctx context.Context) error {
	var due []Deletion
	failed := 0
	leave := func(d Deletion, err error) {
		if err != nil {
			failed++
			x.log.ErrorContext(ctx, "a deletion is left to the next run", "tenant", d.Tenant, "error", err)
		}
	}
	for after := tenant.ID(""); ; {
		list, err := x.store.Deletions(ctx, after)
		if err != nil {
			return fmt.Errorf("list deletions: %w", err)
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			after = d.Tenant
			if d.GoneMillis == 0 {
				leave(d, x.removeLicense(ctx, d))
				continue
			}
			is, err := x.isDue(ctx, d)
			if leave(d, err); is {
				due = append(due, d)
			}
		}
	}
	for n, d := range due {
		leave(d, x.removeRest(ctx, d, x.share(ctx, len(due)-n)))
	}
	if failed > 0 {
		return fmt.Errorf("%d deletions are left to the next run", failed)
	}
	return nil
}

// isDue tells whether there is something to remove of a tenant without a license: once,
// and once more in the end.
func (x *Remover) isDue(ctx context.Context, d Deletion) (bool, error) {
	switch since := x.since(d.GoneMillis); {
	case since < calm:
		return false, nil
	case since >= late:
		return true, nil
	}
	list, err := x.store.Actions(ctx, d.Tenant, d.GoneMillis, d.GoneMillis+1, audit.Name{}, sameMoment)
	entered := slices.ContainsFunc(list, func(r audit.Record) bool { return r.Name == endName(d) && r.Result == audit.ResultDone })
	return err == nil && !entered, problem.Wrap("look for the end in the audit log", err)
}

// share divides the time that is left into equal parts. The function tells whether there
// is more of the first part.
func (x *Remover) share(ctx context.Context, parts int) (more func() bool) {
	began := x.now()
	until := began.Add((timeleft.Of(ctx, began) - reserve) / time.Duration(parts))
	return func() bool { return ctx.Err() == nil && x.now().Before(until) }
}

// removeRest removes what a tenant without a license has, as far as there is time.
func (x *Remover) removeRest(ctx context.Context, d Deletion, more func() bool) error {
	ends := x.since(d.GoneMillis) >= late
	done, err := x.store.RemoveRest(ctx, d, more)
	if err != nil || !done {
		return problem.Wrap("remove what a tenant has", err)
	}
	if err := x.enter(ctx, d); err != nil {
		return fmt.Errorf("enter the deletion in the audit log: %w", err)
	}
	x.log.InfoContext(ctx, "a tenant is deleted", "tenant", d.Tenant, "last", ends)
	if !ends {
		return nil
	}
	return problem.Wrap("end a deletion", x.store.EndDeletion(ctx, d))
}

func (x *Remover) since(millis int64) time.Duration { return x.now().Sub(time.UnixMilli(millis)) }

// removeLicense removes the license if its moment has come, and nobody is in any more.
func (x *Remover) removeLicense(ctx context.Context, d Deletion) error {
	l, err := x.store.License(ctx, d.Tenant)
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	switch {
	case l == nil || l.DeletingAt.IsZero():
		if x.since(d.AskedMillis) < brokenOff {
			return nil
		}
		return problem.Wrap("end a deletion", x.store.EndDeletion(ctx, d))
	case x.now().Before(l.DeletingAt) || x.since(l.ChangedAtMillis) < cached:
		return nil
	}
	empty, err := x.empty(ctx, d.Tenant)
	if err != nil || !empty {
		return err // reconciliation ends the conferences that are live
	}
	d.GoneMillis, d.Shards = x.now().UnixMilli(), l.Shards
	_, err = x.store.RemoveLicense(ctx, d, l.Revision) // not removed: it was taken back just now
	return problem.Wrap("remove a license", err)
}

// empty tells whether no conference is live or ending, and nobody has a seat.
func (x *Remover) empty(ctx context.Context, t tenant.ID) (bool, error) {
	const page = 500
	for after := conference.ID(""); ; {
		list, err := x.store.Conferences(ctx, t, after, page)
		if err != nil {
			return false, fmt.Errorf("list conferences: %w", err)
		}
		for _, c := range list {
			if c.State == conference.StateLive || c.Ending {
				return false, nil
			}
			after = c.ID
		}
		if len(list) < page {
			break
		}
	}
	blocks, err := x.store.Read(ctx, seat.Pool{Tenant: t})
	if err != nil {
		return false, fmt.Errorf("read the tenant's pool: %w", err)
	}
	for _, block := range blocks {
		if len(block.Members) > 0 {
			return false, nil
		}
	}
	return true, nil
}

// ActionEnd is the audit log's action for the end of a deletion.
const ActionEnd = "end-deletion"

// sameMoment bounds how many actions of the same millisecond are looked at.
const sameMoment = 100

// endName names the entry of a deletion's end.
func endName(d Deletion) audit.Name {
	return audit.Name{AtMillis: d.GoneMillis, RequestID: "deletion-" + strconv.FormatInt(d.GoneMillis, 10)}
}

// enter enters the end of a deletion in the audit log, once.
func (x *Remover) enter(ctx context.Context, d Deletion) error {
	name := endName(d)
	err := x.store.BeginAction(ctx, audit.Entry{Tenant: d.Tenant, Name: name, By: "seatmeter", Role: "seatmeter", Action: ActionEnd})
	if err == nil {
		err = x.store.EndAction(ctx, d.Tenant, name, audit.Outcome{Result: audit.ResultDone})
	}
	return err //nolint:wrapcheck // wrapped by the caller
}
