package statement

import (
	"context"
	"fmt"
	"slices"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

// closings bounds how often Close starts over after losing a race.
const closings = 5

// Store is everything that a close reads and writes.
type Store interface {
	rollup.Store
	Statements
}

// Closer closes periods. Safe for use by many goroutines.
type Closer struct {
	store  Store
	roller *rollup.Roller
	now    func() time.Time
}

// NewCloser makes a Closer.
func NewCloser(store Store, roller *rollup.Roller, now func() time.Time) *Closer {
	return &Closer{store, roller, now}
}

// Close closes a tenant's period. It completes the roll-up, computes the figures
// again from the raw ledger in another way, and seals them if both agree. If a
// revision already says the same, Close returns it and false.
//
// The errors are problems: invalid if there is no such month, it has not ended,
// it ended before the tenant had a license, or not all of its days are final;
// unavailable while days are being rolled up; precondition_failed if the ledger
// and the roll-up disagree.
//
// Safe to retry and to run twice at once: a revision is written only if it does
// not exist, and the second caller finds it.
func (c *Closer) Close(ctx context.Context, t tenant.ID, period string) (Sealed, bool, error) {
	for range closings {
		cutoff := c.now()
		next, last, err := c.compute(ctx, t, period, cutoff)
		if err != nil {
			return Sealed{}, false, err
		}
		if last != nil && next.Corrects == 0 {
			return *last, false, nil
		}
		sealed, err := seal(next, cutoff)
		if err != nil {
			return Sealed{}, false, err
		}
		written, err := c.store.AddStatement(ctx, sealed)
		if err != nil {
			return Sealed{}, false, fmt.Errorf("write the statement: %w", err)
		}
		if written {
			return sealed, true, nil
		}
	}
	return Sealed{}, false, problem.New(problem.Unavailable, "Others keep closing the period. Try again.")
}

// compute makes the period's next statement, and returns it with the latest one,
// if there is one. If both say the same, the next one corrects nothing.
func (c *Closer) compute(ctx context.Context, t tenant.ID, period string, cutoff time.Time) (Statement, *Sealed, error) {
	var none Statement
	l, err := c.store.License(ctx, t)
	if err != nil {
		return none, nil, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return none, nil, problem.New(problem.NotFound, "There is no such tenant.")
	}
	revisions, err := c.store.Revisions(ctx, t)
	if err != nil {
		return none, nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	last, before, err := c.latest(ctx, t, period)
	if err != nil {
		return none, nil, err
	}
	all := slices.Concat(revisions, []license.License{*l})
	s, err := c.span(ctx, t, period, before, all)
	if err != nil {
		return none, nil, err
	}
	if cutoff.UnixMilli() < s.ToMillis {
		return none, nil, faults("has not ended: it does at " + usage.FormatTime(s.ToMillis))
	}
	if before == nil {
		if err := c.begun(ctx, t, s, all); err != nil {
			return none, nil, err
		}
	}
	b := tenantLedger{c, t, s.zone, usage.LimitsOf(revisions), cutoff.UnixMilli()}
	kept := s.whole && s.zone.String() == l.Location().String()
	totals, days, records, err := b.figures(ctx, s.Period, kept)
	if err != nil {
		return none, nil, err
	}
	next := Statement{
		Tenant: t, Period: period, Revision: 1, From: usage.FormatTime(s.FromMillis), To: usage.FormatTime(s.ToMillis),
		TimeZone: s.zone.String(), ClosedAt: usage.FormatTime(cutoff.UnixMilli()), Records: records, Rules: RuleVersion, Rounding: "half_up",
		Licenses: terms(revisions, s.Period), Totals: figures(totals), Days: days, Corrections: []Figures{},
	}
	if before == nil {
		return next, nil, nil
	}
	return correct(*before, next), last, nil
}

// begun checks that the period did not end before the tenant's first license was
// recorded or valid, and before its first ledger record.
func (c *Closer) begun(ctx context.Context, t tenant.ID, s span, revisions []license.License) error {
	first := revisions[0].ChangedAtMillis
	for _, l := range revisions {
		if !l.StartsAt.IsZero() {
			first = min(first, l.StartsAt.UnixMilli())
		}
	}
	if s.ToMillis > first {
		return nil
	}
	first, err := rollup.First(ctx, c.store, t, first)
	if err != nil {
		return fmt.Errorf("find the first record: %w", err)
	}
	if s.ToMillis > first {
		return nil
	}
	month := time.UnixMilli(first).In(s.zone).Format(usage.MonthLayout)
	return faults("is before the tenant had a license: the first month that can be closed is " + month)
}

// latest is the period's latest revision, sealed and decoded; nil if there is
// none.
func (c *Closer) latest(ctx context.Context, t tenant.ID, period string) (*Sealed, *Statement, error) {
	last, err := c.store.Statement(ctx, t, period, 0)
	if err != nil || last == nil {
		return nil, nil, problem.Wrap("read the latest revision", err)
	}
	s, err := last.Open()
	return last, &s, err
}

// span is the time of a period, and the time zone of its calendar.
type span struct {
	usage.Period
	zone *time.Location
	// whole: it is a month of that calendar, from its first day to its last.
	whole bool
}

// span is the time of a period. A closed period keeps its time. Otherwise the
// time zone is that of the license in force at the period's end, and the period
// begins where the one before it was closed, so that a change of time zone bills
// no hour twice or never.
func (c *Closer) span(ctx context.Context, t tenant.ID, period string, before *Statement, revisions []license.License) (span, error) {
	if before != nil {
		return spanOf(*before)
	}
	zone := revisions[0].Location()
	for _, l := range revisions {
		p, err := usage.MonthOf(period, l.Location())
		if err != nil {
			return span{}, fmt.Errorf("read the period: %w", err)
		}
		if l.ChangedAtMillis < p.ToMillis {
			zone = l.Location()
		}
	}
	p, err := usage.MonthOf(period, zone)
	if err != nil {
		return span{}, fmt.Errorf("read the period: %w", err)
	}
	s := span{p, zone, true}
	earlier := time.UnixMilli(p.FromMillis).In(zone).AddDate(0, 0, -1).Format(usage.MonthLayout)
	_, previous, err := c.latest(ctx, t, earlier)
	if err != nil || previous == nil {
		return s, err
	}
	closed, err := spanOf(*previous)
	s.FromMillis, s.whole = closed.ToMillis, closed.ToMillis == p.FromMillis
	return s, err
}

// spanOf is the span of a statement.
func spanOf(s Statement) (span, error) {
	zone, err := timezone.Load(s.TimeZone)
	if err != nil {
		return span{}, fmt.Errorf("a statement's time zone: %w", err)
	}
	from, err := time.Parse(usage.TimeLayout, s.From)
	if err != nil {
		return span{}, fmt.Errorf("a statement's beginning: %w", err)
	}
	to, err := time.Parse(usage.TimeLayout, s.To)
	if err != nil {
		return span{}, fmt.Errorf("a statement's end: %w", err)
	}
	month, err := usage.MonthOf(s.Period, zone)
	p := usage.Period{FromMillis: from.UnixMilli(), ToMillis: to.UnixMilli()}
	return span{p, zone, p == month}, problem.Wrap("a statement's period", err)
}

func faults(details ...string) error {
	list := make([]problem.Field, len(details))
	for i, detail := range details {
		list[i] = problem.Field{Pointer: "#/period", Detail: detail}
	}
	return problem.InvalidFields(list...)
}
