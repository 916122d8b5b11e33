package statement

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// closings bounds how often a close starts over because another was quicker.
const closings = 5

// Store is all that closing reads and writes.
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

// NewCloser makes a closer.
func NewCloser(store Store, roller *rollup.Roller, now func() time.Time) *Closer {
	return &Closer{store, roller, now}
}

// Close closes a tenant's period: it rolls up what is not yet, computes the
// figures once more from the raw ledger, by another way, and seals them if both
// agree. If a revision is there that says the same, that is the answer, and
// false.
//
// The errors are problems: invalid, if there is no such month, it has not
// ended, or not all of its days can be known yet; precondition_failed, if the
// ledger says something else than what was rolled up from it.
//
// Safe to repeat and to run twice at once: a revision is written where there is
// none, and whoever comes second finds it, and has nothing to add.
func (c *Closer) Close(ctx context.Context, t tenant.ID, period string) (Sealed, bool, error) {
	for range closings {
		next, last, err := c.compute(ctx, t, period)
		if err != nil {
			return Sealed{}, false, err
		}
		if last != nil && next.Corrects == 0 {
			return *last, false, nil
		}
		sealed, err := seal(next, c.now())
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

// compute is what the period's next statement says, and its latest, if there is
// one. If both say the same, the next one corrects nothing.
func (c *Closer) compute(ctx context.Context, t tenant.ID, period string) (Statement, *Sealed, error) {
	var none Statement
	l, err := c.store.License(ctx, t)
	if err != nil {
		return none, nil, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return none, nil, problem.New(problem.NotFound, "There is no such tenant.")
	}
	p, err := usage.MonthOf(period, l.Location())
	if err != nil {
		return none, nil, fmt.Errorf("read the period: %w", err)
	}
	if now := c.now(); now.UnixMilli() < p.ToMillis {
		return none, nil, faults("has not ended: it does at " + usage.FormatTime(p.ToMillis))
	}
	if err := c.settled(ctx, t, p, l.Location()); err != nil {
		return none, nil, err
	}
	revisions, err := c.store.Revisions(ctx, t)
	if err != nil {
		return none, nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	b := books{c, t, l.Location(), usage.LimitsOf(revisions)}
	totals, days, records, err := b.agreed(ctx, p)
	if err != nil {
		return none, nil, err
	}
	next := Statement{
		Tenant: t, Period: period, Revision: 1, From: usage.FormatTime(p.FromMillis), To: usage.FormatTime(p.ToMillis),
		TimeZone: l.TimeZone, ClosedAt: usage.FormatTime(c.now().UnixMilli()), Records: records, Rules: RuleVersion, Rounding: "half_up",
		Licenses: terms(revisions, p), Totals: figures(totals), Days: days, Corrections: []Figures{},
	}
	last, err := c.store.Statement(ctx, t, period, 0)
	if err != nil || last == nil {
		return next, nil, wrap("read the latest revision", err)
	}
	before, err := last.Open()
	if err != nil {
		return none, nil, err
	}
	return correct(before, next), last, nil
}

func faults(details ...string) error {
	list := make([]problem.Field, len(details))
	for i, detail := range details {
		list[i] = problem.Field{Pointer: "#/period", Detail: detail}
	}
	return problem.InvalidFields(list...)
}

// settled rolls the period up, as far as it is not, and checks that all of it
// is.
func (c *Closer) settled(ctx context.Context, t tenant.ID, p usage.Period, zone *time.Location) error {
	progress, err := c.roller.Tenant(ctx, t)
	if err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	if progress == nil {
		return problem.New(problem.NotFound, "There is no such tenant.")
	}
	var missing []string
	for at := max(p.FromMillis, progress.ThroughMillis); at < p.ToMillis; {
		day := usage.DayOf(time.UnixMilli(at), zone)
		missing = append(missing, fmt.Sprintf("the day of %s is not rolled up yet: it can be from %s on",
			time.UnixMilli(day.FromMillis).In(zone).Format(time.DateOnly), usage.FormatTime(day.ToMillis+rollup.SettleMillis)))
		at = day.ToMillis
	}
	if len(missing) > 0 {
		return faults(missing...)
	}
	return nil
}

// books is a tenant's ledger, and what was rolled up of it.
type books struct {
	*Closer
	tenant tenant.ID
	zone   *time.Location
	limits usage.Limits
}

// agreed gives the totals and the days of a period, if what was rolled up is
// what the ledger says, and of how many records.
func (b books) agreed(ctx context.Context, p usage.Period) (usage.Row, []Figures, int64, error) {
	none := usage.Row{}
	sum, _, err := rollup.Sum(ctx, b.store, b.tenant, b.zone.String(), p)
	if err != nil {
		return none, nil, 0, fmt.Errorf("add up the days: %w", err)
	}
	recounted, records, err := b.recount(ctx, p)
	if err != nil {
		return none, nil, 0, err
	}
	kept, err := b.days(ctx, p)
	if err != nil {
		return none, nil, 0, err
	}
	if !same(sum.Row, recounted) {
		return none, nil, 0, b.disagreement(ctx, kept)
	}
	days := make([]Figures, len(kept))
	for i, row := range kept {
		days[i] = figures(row)
	}
	return sum.Row, days, records, nil
}

// days are those of a period as they are kept, also the still ones.
func (b books) days(ctx context.Context, p usage.Period) ([]usage.Row, error) {
	var rows []usage.Row
	at := p.FromMillis
	still := func(until int64) {
		for at < until {
			day := usage.DayOf(time.UnixMilli(at), b.zone)
			rows = append(rows, usage.Row{FromMillis: day.FromMillis, ToMillis: day.ToMillis})
			at = day.ToMillis
		}
	}
	for row, err := range b.store.Rows(ctx, b.tenant, b.zone.String(), usage.GranularityDay, p.FromMillis, p.ToMillis) {
		if err != nil {
			return nil, fmt.Errorf("read the days: %w", err)
		}
		still(row.FromMillis)
		rows = append(rows, row)
		at = row.ToMillis
	}
	still(p.ToMillis)
	return rows, nil
}

// recount computes a period from the raw ledger.
func (b books) recount(ctx context.Context, p usage.Period) (usage.Row, int64, error) {
	records := int64(0)
	stays := counted(b.store.Stays(ctx, b.tenant, p.FromMillis-usage.MaxStayMillis, p.ToMillis+usage.MaxGapMillis), &records)
	refusals := counted(b.store.Refusals(ctx, b.tenant, p.FromMillis, p.ToMillis), &records)
	row, err := usage.Recount(p, b.limits, stays, refusals, b.now().UnixMilli())
	if err != nil {
		return row, 0, fmt.Errorf("recount the ledger: %w", err)
	}
	return row, records, nil
}

func counted[T any](items iter.Seq2[T, error], n *int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range items {
			*n++
			if !yield(item, err) {
				return
			}
		}
	}
}

// disagreement finds the days on which the ledger says something else.
func (b books) disagreement(ctx context.Context, kept []usage.Row) error {
	p := problem.New(problem.PreconditionFailed, "What was rolled up and the ledger disagree. If a record came in just now, closing again will do; else a record was changed.")
	for _, row := range kept {
		recounted, _, err := b.recount(ctx, usage.Period{FromMillis: row.FromMillis, ToMillis: row.ToMillis})
		if err != nil {
			return err
		}
		if !same(row, recounted) {
			p.Fields = append(p.Fields, problem.Field{Pointer: "#/period", Detail: fmt.Sprintf(
				"the day of %s: %d ms and %d joins were rolled up, the ledger has %d ms and %d joins",
				time.UnixMilli(row.FromMillis).In(b.zone).Format(time.DateOnly), row.SeatMillis, row.Joins, recounted.SeatMillis, recounted.Joins)})
		}
	}
	return p
}

// same tells whether two rows have the same figures.
func same(a, b usage.Row) bool {
	refusals := maps.Equal(a.Refusals, b.Refusals)
	a.Refusals, b.Refusals = nil, nil
	return refusals && reflect.DeepEqual(a, b)
}

// correct makes a statement the next revision of one before. If both say the
// same it corrects nothing.
func correct(before, next Statement) Statement {
	if reflect.DeepEqual(before.Totals, next.Totals) && reflect.DeepEqual(before.Days, next.Days) && before.TimeZone == next.TimeZone && before.Rules == next.Rules {
		return next
	}
	next.Revision, next.Corrects = before.Revision+1, before.Revision
	byDay := make(map[string]Figures, len(before.Days))
	for _, day := range before.Days {
		byDay[day.From] = day
	}
	for _, day := range next.Days {
		if d := difference(day, byDay[day.From]); !d.nothing() {
			next.Corrections = append(next.Corrections, d)
		}
		delete(byDay, day.From)
	}
	for _, day := range before.Days { // of another time zone's calendar
		if was, left := byDay[day.From]; left {
			if d := difference(Figures{From: was.From, To: was.To}, was); !d.nothing() {
				next.Corrections = append(next.Corrections, d)
			}
		}
	}
	a, b := next.Totals, before.Totals
	next.Adjustment = &Adjustment{
		Peak: a.Peak - b.Peak, SeatMillis: a.SeatMillis - b.SeatMillis, OverageMillis: a.OverageMillis - b.OverageMillis,
		Joins: a.Joins - b.Joins, Refused: a.Refused - b.Refused, Conferences: a.Conferences - b.Conferences,
		Hosts: a.Hosts - b.Hosts, Identities: a.Identities - b.Identities, EstimatedMillis: a.EstimatedMillis - b.EstimatedMillis,
	}
	return next
}

// difference is what a day adds up to more than it did.
func difference(now, before Figures) Figures {
	d := Figures{
		From: now.From, To: now.To, SeatMillis: now.SeatMillis - before.SeatMillis, OverageMillis: now.OverageMillis - before.OverageMillis,
		Joins: now.Joins - before.Joins, Refused: now.Refused - before.Refused, EstimatedMillis: now.EstimatedMillis - before.EstimatedMillis,
		Refusals: map[problem.Code]int{},
	}
	for code, n := range now.Refusals {
		d.Refusals[code] = n
	}
	for code, n := range before.Refusals {
		if d.Refusals[code] -= n; d.Refusals[code] == 0 {
			delete(d.Refusals, code)
		}
	}
	return d
}

func (f Figures) nothing() bool {
	return f.SeatMillis == 0 && f.OverageMillis == 0 && f.Joins == 0 && f.Refused == 0 && f.EstimatedMillis == 0 && len(f.Refusals) == 0
}

func wrap(doing string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
