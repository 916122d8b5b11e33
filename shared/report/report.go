// Package report tells what a tenant used, and who used it.
//
// Terms: a stored row was rolled up; the raw data are the ledger and the open
// sessions. A row comes from the roll-up if it is stored and no record of it came
// late, and from the raw data otherwise. Both say the same, so a report does not
// depend on how far the roll-up is. A run is a stretch of time that is read at
// once. A row longer than any stored one, such as the total or an unfinished
// month, is merged from runs.
//
// Errors are the store's, or problems of the query. Everything here only reads,
// and is safe to retry.
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

// Sessions tells which stays are open. occupancy.Reader implements it.
type Sessions interface {
	// OpenStays gives the stays that are open at a moment, in order of joining, and
	// just-ended ones that the ledger may not have yet. A stay is in the ledger before it
	// is missing here. Errors are the store's.
	OpenStays(ctx context.Context, t tenant.ID, atMillis int64) ([]usage.Stay, error)
}

// Reporter makes reports. Safe for use by many goroutines.
type Reporter struct {
	store    rollup.Store
	sessions Sessions
}

// New makes a reporter.
func New(store rollup.Store, sessions Sessions) *Reporter { return &Reporter{store, sessions} }

// Query asks for a tenant's usage. Times are Unix milliseconds.
type Query struct {
	Tenant tenant.ID
	// License is the tenant's present one; its time zone's calendar cuts the periods.
	License              license.License
	FromMillis, ToMillis int64
	Granularity          usage.Granularity
	GroupBy              usage.Grouping
	// AsOfMillis is the time of the report: nothing later has happened.
	AsOfMillis int64
}

// MaxRangeMillis bounds a range: 1,100 days, more than three years of any
// calendar.
const MaxRangeMillis = maxRangeDays * 24 * 60 * 60 * 1000

const maxRangeDays = 1100

// Periods are the report's rows. The error is problem.Invalid at #/from, #/to,
// #/granularity or #/group_by.
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

// Usage gives a row for each period, idle ones included; with a grouping, one for
// each group with a stay, a join, a refusal or the end of a wait in the period. Rows are streamed:
// only the sets of merged rows, and groups, are held in memory. An error ends the
// sequence. An invalid query gives its error first: see Query.Periods.
func (r *Reporter) Usage(ctx context.Context, q Query) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		periods, err := q.Periods()
		if err != nil {
			yield(usage.Row{}, err)
			return
		}
		b, err := r.reader(ctx, q)
		if err != nil {
			yield(usage.Row{}, err)
			return
		}
		b.by = q.GroupBy
		for row, err := range b.rows(ctx, periods, q.Granularity) {
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// rowsOf drops the sets.
func rowsOf(summaries iter.Seq2[usage.Summary, error]) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for s, err := range summaries {
			if !yield(s.Row, err) || err != nil {
				return
			}
		}
	}
}

// tenantReader reads one tenant's usage, stored and raw.
type tenantReader struct {
	*Reporter
	tenant tenant.ID
	zone   *time.Location
	asOf   int64
	by     usage.Grouping
	// limits are the limits of the license's revisions.
	revisions []license.License
	limits    usage.Limits
	progress  *rollup.Progress
	// All days before through are stored, except outdated ones, which are in order.
	// through is the beginning of a day.
	through  int64
	outdated []usage.Period
	// cells are the stored hours or quarters of day that were last asked for.
	day   usage.Period
	cells []usage.Period
}

// reader is tenantReader, for a range of which nothing was removed.
func (r *Reporter) reader(ctx context.Context, q Query) (*tenantReader, error) {
	b, err := r.tenantReader(ctx, q)
	if err == nil {
		err = b.progress.Covers("#/from", q.FromMillis)
	}
	return b, err
}

// tenantReader reads which rows are stored.
func (r *Reporter) tenantReader(ctx context.Context, q Query) (*tenantReader, error) {
	b := &tenantReader{Reporter: r, tenant: q.Tenant, zone: q.License.Location(), asOf: q.AsOfMillis, through: math.MinInt64}
	var err error
	if b.revisions, err = r.store.Revisions(ctx, q.Tenant); err != nil {
		return nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	b.limits = usage.LimitsOf(b.revisions)
	p, err := r.store.Progress(ctx, q.Tenant)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	b.progress = p
	if p == nil || p.Zone != b.zone.String() {
		return b, nil
	}
	// Stored rows know how stays from less than MaxGapMillis before as_of continued.
	b.through = min(p.ThroughMillis, usage.DayOf(time.UnixMilli(b.asOf-usage.MaxGapMillis), b.zone).FromMillis)
	if b.outdated, err = rollup.Outdated(ctx, r.store, q.Tenant, *p); err != nil {
		return nil, fmt.Errorf("find outdated days: %w", err)
	}
	return b, nil
}

// source is where a row comes from.
type source int

const (
	sourceRaw source = iota
	sourceStored
	sourceMerged
)

// rows gives a row for each period, run by run.
func (b *tenantReader) rows(ctx context.Context, periods []usage.Period, g usage.Granularity) iter.Seq2[usage.Row, error] {
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

func (b *tenantReader) run(ctx context.Context, periods []usage.Period, g usage.Granularity, from source) iter.Seq2[usage.Row, error] {
	grouped := b.by != usage.GroupingNone
	switch {
	case from == sourceStored && grouped:
		return b.storedGroups(ctx, periods, g)
	case from == sourceStored:
		return b.stored(ctx, periods, g)
	case from == sourceMerged && grouped:
		return b.mergedGroups(ctx, periods)
	case from == sourceMerged:
		return b.merged(ctx, periods)
	}
	return rowsOf(b.sweep(ctx, periods, b.by))
}

// stored reads stored rows, and adds idle ones.
func (b *tenantReader) stored(ctx context.Context, periods []usage.Period, g usage.Granularity) iter.Seq2[usage.Row, error] {
	if g == usage.GranularityTotal {
		g = usage.GranularityMonth
	}
	from, to := periods[0].FromMillis, periods[len(periods)-1].ToMillis
	return usage.Filled(periods, b.store.Rows(ctx, b.tenant, b.zone.String(), g, from, to))
}

// merged merges each row from runs, of which some are stored.
func (b *tenantReader) merged(ctx context.Context, periods []usage.Period) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, p := range periods {
			summary, err := b.merge(ctx, p)
			if !yield(summary.Row, err) || err != nil {
				return
			}
		}
	}
}

// merge merges a row from runs as they come.
func (b *tenantReader) merge(ctx context.Context, p usage.Period) (usage.Summary, error) {
	var whole usage.Summary
	for _, s := range b.stretches(p) {
		parts := b.sweep(ctx, []usage.Period{s.Period}, usage.GroupingNone)
		if s.stored {
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

// sums adds up stored days month by month, so that at most a month's sets are in
// memory.
func (b *tenantReader) sums(ctx context.Context, days usage.Period) iter.Seq2[usage.Summary, error] {
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
func (b *tenantReader) source(p usage.Period, g usage.Granularity) source {
	if b.isStored(p, g) {
		return sourceStored
	}
	if g == usage.GranularityMonth || g == usage.GranularityTotal {
		if slices.ContainsFunc(b.stretches(p), func(s stretch) bool { return s.stored }) {
			return sourceMerged
		}
	}
	return sourceRaw
}

// isStored tells whether a period's row is stored and up to date.
func (b *tenantReader) isStored(p usage.Period, g usage.Granularity) bool {
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

// outdatedIn gives the outdated days that overlap a period.
func (b *tenantReader) outdatedIn(p usage.Period) []usage.Period {
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

// cellsAt gives the stored hour or quarter that begins at a moment; none if there
// is none. Stored hours are cut at midnight, also where the clocks change so
// oddly that a report's hour spans it.
func (b *tenantReader) cellsAt(at time.Time, g usage.Granularity) []usage.Period {
	if at := at.UnixMilli(); at < b.day.FromMillis || at >= b.day.ToMillis || b.cells == nil {
		b.day = usage.DayOf(time.UnixMilli(at), b.zone)
		cells, err := usage.Periods(time.UnixMilli(b.day.FromMillis), time.UnixMilli(b.day.ToMillis), g, b.zone)
		if err != nil {
			return nil // unreachable: the granularity was valid before
		}
		b.cells = cells
	}
	from, _ := slices.BinarySearchFunc(b.cells, at.UnixMilli(), func(p usage.Period, at int64) int {
		return cmp.Compare(p.FromMillis, at)
	})
	return b.cells[from:min(from+1, len(b.cells))]
}

// stretch is a part of a period: stored whole days, or the rest.
type stretch struct {
	usage.Period
	stored bool
}

// stretches cuts a period into stretches, in order.
func (b *tenantReader) stretches(p usage.Period) []stretch {
	var list []stretch
	add := func(to int64, stored bool) {
		if p.FromMillis < to {
			list = append(list, stretch{usage.Period{FromMillis: p.FromMillis, ToMillis: to}, stored})
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
