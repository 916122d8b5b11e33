// Package report answers what a tenant used, and who it was.
//
// Terms: the kept is what was rolled up, the raw is the ledger with the
// sessions still open. A row comes of the kept where there is one and nothing
// was recorded late of it since, and of the raw everywhere else: both say the
// same, so that a report does not depend on how far the roll-up came. A run is
// a stretch of time that is read at once. A row that is longer than what is
// kept, as the total or a month that goes on, is merged of runs.
//
// Errors are the store's, or problems of what was asked. Everything here only
// reads, and is safe to repeat.
package report

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Sessions tells who is in right now. Two have it: the door, and tests that
// have no door.
type Sessions interface {
	// Open gives the stays that are open, in order of joining; also those that
	// ended just now, if the ledger may not have them yet. One that ends is in
	// the ledger before it is missing here. Errors are the store's.
	OpenStays(ctx context.Context, t tenant.ID) ([]usage.Stay, error)
}

// Reporter reports. Safe for use by many goroutines.
type Reporter struct {
	store    rollup.Store
	sessions Sessions
}

// New makes a reporter.
func New(store rollup.Store, sessions Sessions) *Reporter { return &Reporter{store, sessions} }

// Query is what is asked of a tenant's usage. Times are Unix milliseconds.
type Query struct {
	Tenant tenant.ID
	// License says by which calendar periods are cut: the tenant's present one.
	License              license.License
	FromMillis, ToMillis int64
	Granularity          usage.Granularity
	GroupBy              usage.Grouping
	// AsOfMillis is the moment until which things have happened: now.
	AsOfMillis int64
}

// MaxRangeMillis bounds a range: 1,100 days, which three years of any calendar
// are less than.
const MaxRangeMillis = maxRangeDays * 24 * 60 * 60 * 1000

const maxRangeDays = 1100

// Periods are those that the report has rows of. The error is problem.Invalid
// at #/from, #/to, #/granularity or #/group_by.
func (q Query) Periods() ([]usage.Period, error) {
	if err := q.GroupBy.Validate(); err != nil {
		return nil, fmt.Errorf("read the grouping: %w", err)
	}
	if q.ToMillis-q.FromMillis > MaxRangeMillis {
		return nil, problem.InvalidFields(problem.Field{
			Pointer: "#/to", Detail: fmt.Sprintf("is more than %d days after from: choose a shorter range", maxRangeDays),
		})
	}
	periods, err := usage.Periods(time.UnixMilli(q.FromMillis), time.UnixMilli(q.ToMillis), q.Granularity, q.License.Location())
	if err != nil {
		return nil, fmt.Errorf("cut the range: %w", err)
	}
	if q.FromMillis >= q.AsOfMillis {
		return nil, problem.InvalidFields(problem.Field{Pointer: "#/from", Detail: "is in the future: nothing has happened yet"})
	}
	return periods, nil
}

// Usage gives a row for each period, also if nothing happened; by group, one
// for each group that had anybody in, a join or a refusal. Rows come as they
// are known: what is held of a report is little, but for the sets of whom a
// merged row counts, and groups. After an error nothing comes. A query that is
// not valid gives that error first: see Query.Periods.
func (r *Reporter) Usage(ctx context.Context, q Query) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		periods, err := q.Periods()
		if err != nil {
			yield(usage.Row{}, err)
			return
		}
		b, err := r.book(ctx, q)
		if err != nil {
			yield(usage.Row{}, err)
			return
		}
		if q.GroupBy != usage.GroupingNone {
			rowsOf(b.sweep(ctx, periods, q.GroupBy))(yield)
			return
		}
		for row, err := range b.rows(ctx, periods, q.Granularity) {
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// rowsOf leaves the sets away.
func rowsOf(summaries iter.Seq2[usage.Summary, error]) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for s, err := range summaries {
			if !yield(s.Row, err) || err != nil {
				return
			}
		}
	}
}

// book is one tenant's usage: what is kept of it, and the ledger.
type book struct {
	*Reporter
	tenant tenant.ID
	zone   *time.Location
	asOf   int64
	// limits are those of the license's revisions.
	revisions []license.License
	limits    usage.Limits
	// All days before through are kept but for the outdated ones, which are in
	// order. It begins a day.
	through  int64
	outdated []usage.Period
	// day's cells are the kept periods of it that were last asked for.
	day   usage.Period
	cells []usage.Period
}

// book reads what it takes to know where to read.
func (r *Reporter) book(ctx context.Context, q Query) (*book, error) {
	b := &book{Reporter: r, tenant: q.Tenant, zone: q.License.Location(), asOf: q.AsOfMillis, through: math.MinInt64}
	var err error
	if b.revisions, err = r.store.Revisions(ctx, q.Tenant); err != nil {
		return nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	b.limits = usage.LimitsOf(b.revisions)
	p, err := r.store.Progress(ctx, q.Tenant)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	if p == nil || p.Zone != b.zone.String() {
		return b, nil
	}
	// How what joined MaxGapMillis before as_of goes on, the kept knows already.
	b.through = min(p.ThroughMillis, usage.DayOf(time.UnixMilli(b.asOf-usage.MaxGapMillis), b.zone).FromMillis)
	if b.outdated, err = rollup.Outdated(ctx, r.store, q.Tenant, *p); err != nil {
		return nil, fmt.Errorf("find what is outdated: %w", err)
	}
	return b, nil
}

// source is where a row comes from.
type source int

const (
	sourceRaw source = iota
	sourceKept
	sourceMerged
)

// rows gives a row for each period, from run after run.
func (b *book) rows(ctx context.Context, periods []usage.Period, g usage.Granularity) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for len(periods) > 0 {
			from, n := b.source(periods[0], g), 1
			for n < len(periods) && b.source(periods[n], g) == from {
				n++
			}
			for row, err := range b.run(ctx, periods[:n], g, from) {
				if !yield(row, err) || err != nil {
					return
				}
			}
			periods = periods[n:]
		}
	}
}

func (b *book) run(ctx context.Context, periods []usage.Period, g usage.Granularity, from source) iter.Seq2[usage.Row, error] {
	switch from {
	case sourceKept:
		return b.kept(ctx, periods, g)
	case sourceMerged:
		return b.merged(ctx, periods)
	case sourceRaw:
	}
	return rowsOf(b.sweep(ctx, periods, usage.GroupingNone))
}

// kept reads rows, and makes those in which nothing happened.
func (b *book) kept(ctx context.Context, periods []usage.Period, g usage.Granularity) iter.Seq2[usage.Row, error] {
	if g == usage.GranularityTotal {
		g = usage.GranularityMonth
	}
	from, to := periods[0].FromMillis, periods[len(periods)-1].ToMillis
	return usage.Filled(periods, b.store.Rows(ctx, b.tenant, b.zone.String(), g, from, to))
}

// merged makes each row of runs, of which some are kept.
func (b *book) merged(ctx context.Context, periods []usage.Period) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, p := range periods {
			summary, err := b.merge(ctx, p)
			if !yield(summary.Row, err) || err != nil {
				return
			}
		}
	}
}

// merge makes a row of runs as they come.
func (b *book) merge(ctx context.Context, p usage.Period) (usage.Summary, error) {
	var whole usage.Summary
	for _, s := range b.stretches(p) {
		parts := b.sweep(ctx, []usage.Period{s.Period}, usage.GroupingNone)
		if s.kept {
			parts = b.sums(ctx, s.Period)
		}
		for part, err := range parts {
			if err != nil {
				return part, err
			}
			whole = usage.Merge(whole, part)
		}
	}
	return whole, nil
}

// sums adds kept days up, month by month: of their sets there are never more in
// memory than a month's.
func (b *book) sums(ctx context.Context, days usage.Period) iter.Seq2[usage.Summary, error] {
	return func(yield func(usage.Summary, error) bool) {
		for at := days.FromMillis; at < days.ToMillis; {
			month := usage.Period{FromMillis: at, ToMillis: min(days.ToMillis, usage.MonthAt(time.UnixMilli(at), b.zone).ToMillis)}
			sum, _, err := rollup.Sum(ctx, b.store, b.tenant, b.zone.String(), month)
			if err != nil {
				yield(sum, fmt.Errorf("add up days: %w", err))
				return
			}
			if !yield(sum, nil) {
				return
			}
			at = month.ToMillis
		}
	}
}

// source tells where the row of a period comes from.
func (b *book) source(p usage.Period, g usage.Granularity) source {
	if b.keeps(p, g) {
		return sourceKept
	}
	if g == usage.GranularityMonth || g == usage.GranularityTotal {
		if slices.ContainsFunc(b.stretches(p), func(s stretch) bool { return s.kept }) {
			return sourceMerged
		}
	}
	return sourceRaw
}

// keeps tells whether a period's row is kept, and is what the ledger says.
func (b *book) keeps(p usage.Period, g usage.Granularity) bool {
	if p.ToMillis > b.through || len(b.outdatedIn(p)) > 0 {
		return false
	}
	at := time.UnixMilli(p.FromMillis)
	switch g {
	case usage.GranularityDay:
		return p == usage.DayOf(at, b.zone)
	case usage.GranularityMonth, usage.GranularityTotal:
		return p == usage.MonthAt(at, b.zone)
	case usage.GranularityHour, usage.GranularityQuarterHour:
	}
	return slices.Contains(b.cellsAt(at, g), p)
}

// outdatedIn gives the outdated days that a period touches.
func (b *book) outdatedIn(p usage.Period) []usage.Period {
	first, _ := slices.BinarySearchFunc(b.outdated, p.FromMillis, func(day usage.Period, at int64) int {
		if day.ToMillis <= at {
			return -1
		}
		return 1
	})
	last := first
	for last < len(b.outdated) && b.outdated[last].FromMillis < p.ToMillis {
		last++
	}
	return b.outdated[first:last]
}

// cellsAt gives the hours or quarters that are kept of the day of a moment,
// from the one that begins there on. They are cut at midnight, as a day is,
// also where the clocks change so oddly that a report's hour goes beyond it.
func (b *book) cellsAt(at time.Time, g usage.Granularity) []usage.Period {
	if at := at.UnixMilli(); at < b.day.FromMillis || at >= b.day.ToMillis || b.cells == nil {
		b.day = usage.DayOf(time.UnixMilli(at), b.zone)
		cells, err := usage.Periods(time.UnixMilli(b.day.FromMillis), time.UnixMilli(b.day.ToMillis), g, b.zone)
		if err != nil {
			return nil // it was cut by this granularity before
		}
		b.cells = cells
	}
	from, _ := slices.BinarySearchFunc(b.cells, at.UnixMilli(), func(p usage.Period, at int64) int {
		return cmp.Compare(p.FromMillis, at)
	})
	return b.cells[from:min(from+1, len(b.cells))]
}

// stretch is a part of a period: whole days that are kept, or what is not.
type stretch struct {
	usage.Period
	kept bool
}

// stretches cuts a period into them, in order.
func (b *book) stretches(p usage.Period) []stretch {
	var list []stretch
	add := func(to int64, kept bool) {
		if p.FromMillis < to {
			list = append(list, stretch{usage.Period{FromMillis: p.FromMillis, ToMillis: to}, kept})
			p.FromMillis = to
		}
	}
	first := usage.DayOf(time.UnixMilli(p.FromMillis), b.zone)
	if first.FromMillis < p.FromMillis {
		first.FromMillis = first.ToMillis
	}
	last := min(b.through, usage.DayOf(time.UnixMilli(p.ToMillis), b.zone).FromMillis)
	if first.FromMillis < last {
		add(first.FromMillis, false)
		for _, day := range b.outdatedIn(usage.Period{FromMillis: first.FromMillis, ToMillis: last}) {
			add(day.FromMillis, true)
			add(day.ToMillis, false)
		}
		add(last, true)
	}
	add(p.ToMillis, false)
	return list
}
