package statement

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
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

// tenantLedger is a tenant's ledger and roll-up.
type tenantLedger struct {
	*Closer
	tenant tenant.ID
	zone   *time.Location
	limits usage.Limits
	asOf   int64
}

// figures gives the totals and the days of a period, and the number of records,
// if two computations agree: the roll-up, or for a period of another calendar a
// sweep of the ledger, and a recount.
func (b tenantLedger) figures(ctx context.Context, p usage.Period, kept bool) (usage.Row, []Figures, int64, error) {
	compute := b.swept
	if kept {
		compute = b.kept
	}
	if err := b.requireFinal(ctx, p, kept); err != nil {
		return usage.Row{}, nil, 0, err
	}
	totals, rows, err := compute(ctx, p)
	if err != nil {
		return totals, nil, 0, err
	}
	recounted, records, err := b.recount(ctx, p)
	if err != nil {
		return totals, nil, 0, err
	}
	if !same(totals, recounted) {
		return totals, nil, 0, b.disagreement(ctx, rows)
	}
	days := make([]Figures, len(rows))
	for i, row := range rows {
		days[i] = figures(row)
	}
	return totals, days, records, nil
}

// requireFinal checks that all days of a period are final, and rolls up those of
// the tenant's calendar.
func (b tenantLedger) requireFinal(ctx context.Context, p usage.Period, kept bool) error {
	through := p.FromMillis
	if kept {
		progress, err := b.roller.Tenant(ctx, b.tenant)
		if err != nil {
			return fmt.Errorf("roll up: %w", err)
		}
		if progress == nil {
			return problem.New(problem.NotFound, "There is no such tenant.")
		}
		through = max(through, progress.ThroughMillis)
	}
	var missing []string
	for at := through; at < p.ToMillis; {
		day := usage.DayOf(time.UnixMilli(at), b.zone)
		finalMillis := day.ToMillis + rollup.FinalMillis
		name := time.UnixMilli(day.FromMillis).In(b.zone).Format(time.DateOnly)
		if kept && finalMillis <= b.asOf {
			p := problem.Newf(problem.Unavailable, "The day of %s is being rolled up. Try again in a minute.", name)
			p.RetryAfter = time.Minute
			return p
		}
		if finalMillis > b.asOf {
			missing = append(missing, fmt.Sprintf("the day of %s is not rolled up yet: it can be from %s on", name, usage.FormatTime(finalMillis)))
		}
		at = day.ToMillis
	}
	if len(missing) > 0 {
		return faults(missing...)
	}
	return nil
}

// kept adds up the stored days of a period.
func (b tenantLedger) kept(ctx context.Context, p usage.Period) (usage.Row, []usage.Row, error) {
	sum, _, err := rollup.Sum(ctx, b.store, b.tenant, b.zone.String(), p)
	if err != nil {
		return usage.Row{}, nil, fmt.Errorf("add up the days: %w", err)
	}
	days, err := b.days(ctx, p)
	return sum.Row, days, err
}

// swept adds up a period from the ledger, day by day.
func (b tenantLedger) swept(ctx context.Context, p usage.Period) (usage.Row, []usage.Row, error) {
	periods, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityDay, b.zone)
	if err != nil {
		return usage.Row{}, nil, fmt.Errorf("cut the period: %w", err)
	}
	sweep := usage.NewSweep(periods, b.limits, b.asOf)
	if _, err := sweep.Read(ctx, b.store, b.tenant); err != nil {
		return usage.Row{}, nil, fmt.Errorf("sweep the ledger: %w", err)
	}
	summaries := sweep.Close()
	rows := make([]usage.Row, len(summaries))
	for i, s := range summaries {
		rows[i] = s.Row
	}
	return usage.MergeAll(summaries).Row, rows, nil
}

// days are the stored days of a period, idle ones included.
func (b tenantLedger) days(ctx context.Context, p usage.Period) ([]usage.Row, error) {
	periods, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityDay, b.zone)
	if err != nil {
		return nil, fmt.Errorf("cut the period: %w", err)
	}
	rows := make([]usage.Row, 0, len(periods))
	kept := b.store.Rows(ctx, b.tenant, b.zone.String(), usage.GranularityDay, p.FromMillis, p.ToMillis)
	for row, err := range usage.Filled(periods, kept) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// recount computes a period from the raw ledger.
func (b tenantLedger) recount(ctx context.Context, p usage.Period) (usage.Row, int64, error) {
	records := int64(0)
	stays := counted(b.store.Stays(ctx, b.tenant, p.FromMillis-usage.MaxStayMillis, p.ToMillis+usage.MaxGapMillis), &records)
	refusals := counted(b.store.Refusals(ctx, b.tenant, p.FromMillis, p.ToMillis), &records)
	waits := counted(b.store.Waits(ctx, b.tenant, p.FromMillis-usage.MaxStayMillis, p.ToMillis), &records)
	row, err := usage.Recount(p, b.limits, usage.Streams{Stays: stays, Refusals: refusals, Waits: waits}, b.asOf)
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

// disagreement names the days on which the roll-up and the ledger disagree, or
// the whole period if each day agrees.
func (b tenantLedger) disagreement(ctx context.Context, kept []usage.Row) error {
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
	if len(p.Fields) == 0 {
		p.Fields = []problem.Field{{Pointer: "#/period", Detail: "each day agrees, and their sum does not"}}
	}
	return p
}

// same tells whether two rows have the same figures.
func same(a, b usage.Row) bool {
	refusals := maps.Equal(a.Refusals, b.Refusals)
	a.Refusals, b.Refusals = nil, nil
	return refusals && reflect.DeepEqual(a, b)
}

// correct makes a statement the next revision of an earlier one. If both say the
// same, it corrects nothing: a change of rules alone makes no revision.
func correct(before, next Statement) Statement {
	if reflect.DeepEqual(before.counted(), next.counted()) {
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
	}
	a, b := next.Totals, before.Totals
	next.Adjustment = &Adjustment{
		Peak: a.Peak - b.Peak, SeatMillis: a.SeatMillis - b.SeatMillis, OverageMillis: a.OverageMillis - b.OverageMillis,
		Joins: a.Joins - b.Joins, Refused: a.Refused - b.Refused, Conferences: a.Conferences - b.Conferences,
		Hosts: a.Hosts - b.Hosts, Identities: a.Identities - b.Identities, EstimatedMillis: a.EstimatedMillis - b.EstimatedMillis,
	}
	return next
}

// counted are the totals and the days, in the figures that all versions of the
// rules share. A change of any other figure changes these too: more hosts or
// participants at once are more seat time.
func (s Statement) counted() []Figures {
	list := append([]Figures{s.Totals}, s.Days...)
	for i := range list {
		list[i].SeatMinutes, list[i].PeakHosts, list[i].PeakParticipants = "", nil, nil
	}
	return list
}

// difference is now minus before.
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
