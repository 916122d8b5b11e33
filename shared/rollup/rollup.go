// Package rollup adds up usage day by day, so that a month's report costs the
// same for a thousand joins as for ten million.
//
// Terms: a bucket is a quarter-hour of a tenant's usage. A day of the tenant's
// calendar is stored as its buckets, its hours, and its own row with the sets of
// whom it counted, so that distinct counts of longer periods are exact. So are the
// day's groups, by host and by conference. A month is made from its days. A day is final when no stay that touches it can be open
// any more; only final days are stored. A late record is one that was written
// when its day could already be final, such as that of a connection which
// reconciliation did not reach for hours. Its days and months are made again.
//
// Everything here is made from the ledger alone, and can be made again at any
// time. The next run continues one that broke off; two concurrent runs write the
// same.
package rollup

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

const (
	// FinalMillis is how long after its end a day is final: later records count as late.
	// It includes a margin for clock differences.
	FinalMillis = usage.LateMillis + usage.MaxGapMillis + 50*60*1000
	// overlapMillis is how far back a run reads late marks again that the run before has
	// read: a record may be written up to one invocation later than its mark.
	overlapMillis = 10 * 60 * 1000

	page     = 100 // tenants at a time
	parallel = 4   // tenants in parallel
	// reserve is how much of an invocation's time is left when no more days are begun.
	reserve = 10 * time.Second
)

// Roller rolls up usage. Safe for use by many goroutines.
type Roller struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
}

// New makes a Roller. Its clock is compared with times of the gateway's clock.
func New(store Store, log *slog.Logger, now func() time.Time) *Roller {
	return &Roller{store, log, now}
}

// Run rolls up every tenant, or as many as there is time for before ctx ends; the
// next run begins where this one stopped. A tenant that fails is logged and left
// to the next run; an error means that the tenants could not be read, or that
// some failed.
func (r *Roller) Run(ctx context.Context) error {
	after, err := r.store.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("read the cursor: %w", err)
	}
	failed := 0
	for !r.outOfTime(ctx) {
		list, err := r.store.Tenants(ctx, after, page)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		failed += r.tenants(ctx, list)
		if len(list) < page {
			after = ""
			break
		}
		after = list[len(list)-1]
	}
	if err := r.store.SaveCursor(ctx, after); err != nil {
		return fmt.Errorf("save the cursor: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d tenants are left to the next run", failed)
	}
	return nil
}

// tenants rolls up some tenants in parallel and returns how many failed.
func (r *Roller) tenants(ctx context.Context, list []tenant.ID) int {
	failed := make([]int, len(list))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, t := range list {
		group.Go(func() error {
			if _, err := r.Tenant(ctx, t); err != nil {
				failed[i] = 1
				metrics.Count(ctx, metrics.RollupsFailed, 1)
				r.log.ErrorContext(ctx, "a tenant's usage is left to the next run", "tenant", t, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
	total := 0
	for _, n := range failed {
		total += n
	}
	return total
}

// outOfTime tells whether too little time is left to begin anything.
func (r *Roller) outOfTime(ctx context.Context) bool {
	return timeleft.Of(ctx, r.now()) < reserve
}

// Tenant rolls up one tenant's final days, and makes outdated ones again. It
// returns the progress; nil if there is no such tenant. Safe to retry, to run
// twice at once, and to abort.
func (r *Roller) Tenant(ctx context.Context, t tenant.ID) (*Progress, error) {
	began := r.now()
	l, err := r.store.License(ctx, t)
	if err != nil || l == nil {
		return nil, problem.Wrap("read the license", err)
	}
	revisions, err := r.store.Revisions(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	one := &tenantRoller{Roller: r, tenant: t, zone: l.Location(), limits: usage.LimitsOf(revisions)}
	p, err := one.progress(ctx, began)
	if err != nil {
		return nil, err
	}
	if err := one.redoOutdated(ctx, p); err != nil {
		return nil, err
	}
	p.MarksReadMillis = began.UnixMilli()
	if err := one.advance(ctx, p, began.UnixMilli()-FinalMillis); err != nil {
		return nil, err
	}
	return p, problem.Wrap("save the progress", r.store.SaveProgress(ctx, t, *p))
}

// tenantRoller rolls up one tenant's ledger, by the tenant's calendar.
type tenantRoller struct {
	*Roller
	tenant tenant.ID
	zone   *time.Location
	limits usage.Limits
}

// progress is how far the tenant is rolled up; nothing, if its calendar has
// changed.
func (l *tenantRoller) progress(ctx context.Context, now time.Time) (*Progress, error) {
	p, err := l.store.Progress(ctx, l.tenant)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	if p != nil && p.Zone == l.zone.String() {
		next := usage.DayOf(time.UnixMilli(p.ThroughMillis), l.zone)
		metrics.Highest(ctx, metrics.RollupBehindMillis, now.UnixMilli()-FinalMillis-next.ToMillis)
		return p, nil
	}
	first, err := First(ctx, l.store, l.tenant, now.UnixMilli()-FinalMillis)
	if err != nil {
		return nil, err
	}
	removed := int64(0)
	if p != nil {
		removed = p.RemovedMillis
	}
	from := usage.DayOf(time.UnixMilli(max(first, removed)), l.zone).FromMillis
	return &Progress{Zone: l.zone.String(), ThroughMillis: from, MarksReadMillis: now.UnixMilli(), RemovedMillis: removed}, nil
}

// First is the time of a tenant's first ledger record before a moment, else the
// moment. Errors are the store's.
func First(ctx context.Context, history usage.History, t tenant.ID, before int64) (int64, error) {
	for s, err := range history.Stays(ctx, t, 0, before) {
		if err != nil {
			return 0, fmt.Errorf("find the first stay: %w", err)
		}
		before = s.JoinedAtMillis
		break
	}
	for r, err := range history.Refusals(ctx, t, 0, before) {
		if err != nil {
			return 0, fmt.Errorf("find the first refusal: %w", err)
		}
		before = r.AtMillis
		break
	}
	for w, err := range history.Waits(ctx, t, 0, before) {
		if err != nil {
			return 0, fmt.Errorf("find the first wait: %w", err)
		}
		before = w.SinceMillis
		break
	}
	return before, nil
}

// redoOutdated makes the days and months again that have late records.
func (l *tenantRoller) redoOutdated(ctx context.Context, p *Progress) error {
	days, err := Outdated(ctx, l.store, l.tenant, *p)
	if err != nil {
		return err
	}
	months := make(map[usage.Period]bool)
	for _, day := range days {
		if err := l.day(ctx, day); err != nil {
			return err
		}
		months[usage.MonthAt(time.UnixMilli(day.FromMillis), l.zone)] = true
	}
	for month := range months {
		if month.ToMillis <= p.ThroughMillis {
			if err := l.month(ctx, month); err != nil {
				return err
			}
		}
	}
	return nil
}

// Outdated gives the stored days, in order, that may lack a late record: those
// with a late mark since the last run, and for a while before it. All other
// stored days agree with the ledger. Errors are the store's.
func Outdated(ctx context.Context, history usage.History, t tenant.ID, p Progress) ([]usage.Period, error) {
	zone, err := timezone.Load(p.Zone)
	if err != nil {
		return nil, fmt.Errorf("the calendar of the roll-up: %w", err)
	}
	days := make(map[usage.Period]bool)
	for span, err := range history.Late(ctx, t, p.MarksReadMillis-overlapMillis) {
		if err != nil {
			return nil, fmt.Errorf("read late marks: %w", err)
		}
		// The record may join parts of a stay before and after it.
		for at, to := max(span.FromMillis-usage.MaxGapMillis, p.RemovedMillis), span.ToMillis+usage.MaxGapMillis; at <= to && at < p.ThroughMillis; {
			day := usage.DayOf(time.UnixMilli(at), zone)
			days[day] = true
			at = day.ToMillis
		}
	}
	return slices.SortedFunc(maps.Keys(days), func(a, b usage.Period) int { return cmp.Compare(a.FromMillis, b.FromMillis) }), nil
}

// advance rolls up day after day until a moment, and saves the progress after
// each.
func (l *tenantRoller) advance(ctx context.Context, p *Progress, until int64) error {
	for !l.outOfTime(ctx) {
		day := usage.DayOf(time.UnixMilli(p.ThroughMillis), l.zone)
		if day.ToMillis > until {
			return nil
		}
		if err := l.day(ctx, day); err != nil {
			return err
		}
		if month := usage.MonthAt(time.UnixMilli(day.FromMillis), l.zone); month.ToMillis == day.ToMillis {
			if err := l.month(ctx, month); err != nil {
				return err
			}
		}
		p.ThroughMillis = day.ToMillis
		if err := l.store.SaveProgress(ctx, l.tenant, *p); err != nil {
			return fmt.Errorf("save the progress: %w", err)
		}
	}
	return nil
}

// day rolls up one day from the ledger, and its groups, in one reading. It holds the
// day's sets in memory.
func (l *tenantRoller) day(ctx context.Context, p usage.Period) error {
	quarters, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityQuarterHour, l.zone)
	if err != nil {
		return fmt.Errorf("cut a day: %w", err)
	}
	hours, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityHour, l.zone)
	if err != nil {
		return fmt.Errorf("cut a day: %w", err)
	}
	all := make([]*groupedDay, 0, 1+len(groupings))
	sweeps := make([]*usage.Sweep, 0, cap(all))
	for _, by := range append([]usage.Grouping{usage.GroupingNone}, groupings...) {
		sweep := usage.NewGroupedSweep(quarters, by, l.limits, math.MaxInt64)
		sweeps, all = append(sweeps, sweep), append(all, &groupedDay{by: by, hours: hours})
	}
	records := int64(0)
	err = usage.Feed(usage.StreamsOf(ctx, l.store, l.tenant, p).Counted(&records), func() error {
		for i, sweep := range sweeps {
			all[i].add(sweep.Done())
		}
		return nil
	}, sweeps...)
	if err != nil {
		return fmt.Errorf("add up a day: %w", err)
	}
	// A month's groups are named by the records of its days' rows. So a row that is there
	// must mean that its groups are.
	for i, sweep := range slices.Backward(sweeps) {
		all[i].add(sweep.Close())
		if err := l.keep(ctx, p, records, all[i]); err != nil {
			return err
		}
	}
	return nil
}

// groupings are those that are rolled up.
var groupings = []usage.Grouping{usage.GroupingHost, usage.GroupingConference}

// groupedDay adds up the quarters of a day, by group.
type groupedDay struct {
	by                      usage.Grouping
	hours                   []usage.Period // those to come
	quarterRows, hourRows   []usage.Row
	quarters, summedUpHours usage.GroupTotals
}

// add adds quarters, in order.
func (d *groupedDay) add(quarters []usage.Summary) {
	for _, quarter := range quarters {
		for quarter.Row.FromMillis >= d.hours[0].ToMillis {
			d.endHour()
		}
		d.quarterRows = append(d.quarterRows, quarter.Row)
		d.quarters.Add(quarter)
	}
}

func (d *groupedDay) endHour() {
	for _, hour := range d.quarters.Take(d.hours[0]) {
		d.hourRows = append(d.hourRows, hour.Row)
		d.summedUpHours.Add(hour)
	}
	d.hours = d.hours[1:]
}

// end gives the day's summaries, by group.
func (d *groupedDay) end(p usage.Period) []usage.Summary {
	for len(d.hours) > 0 {
		d.endHour()
	}
	return d.summedUpHours.Take(p)
}

// keep stores a day, or its groups.
func (l *tenantRoller) keep(ctx context.Context, p usage.Period, records int64, d *groupedDay) error {
	days := d.end(p)
	if d.by == usage.GroupingNone {
		day := Day{Records: records, Summary: days[0], Hours: d.hourRows, Quarters: d.quarterRows}
		return problem.Wrap("keep a day", l.store.PutDay(ctx, l.tenant, l.zone.String(), day))
	}
	if len(days) == 0 {
		return nil
	}
	return problem.Wrap("keep a day's groups", l.store.PutGroups(ctx, l.tenant, l.zone.String(), Groups{
		By: d.by, Period: p, Records: records, Quarters: listed(d.quarterRows), Hours: listed(d.hourRows), Days: days,
	}))
}

func listed(rows []usage.Row) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// month rolls up one month from its days.
func (l *tenantRoller) month(ctx context.Context, p usage.Period) error {
	summary, records, err := Sum(ctx, l.store, l.tenant, l.zone.String(), p)
	if err != nil {
		return err
	}
	for _, by := range groupings {
		days, err := l.store.GroupDays(ctx, l.tenant, l.zone.String(), by, p.FromMillis, p.ToMillis)
		if err != nil {
			return fmt.Errorf("read the groups of days: %w", err)
		}
		if len(days) == 0 {
			continue
		}
		err = l.store.PutGroups(ctx, l.tenant, l.zone.String(), Groups{By: by, Period: p, Records: records, Months: rowsOf(usage.MergeGroups(p, days))})
		if err != nil {
			return fmt.Errorf("keep a month's groups: %w", err)
		}
	}
	return problem.Wrap("keep a month", l.store.PutMonth(ctx, l.tenant, l.zone.String(), Month{records, summary.Row}))
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

// Sum adds up the days of a period, and returns how many records they were made
// from.
func Sum(ctx context.Context, store Buckets, t tenant.ID, zone string, p usage.Period) (usage.Summary, int64, error) {
	var list []usage.Summary
	at, records := p.FromMillis, int64(0)
	idle := func(until int64) { // idle time up to then
		if at < until {
			list = append(list, usage.Idle(usage.Period{FromMillis: at, ToMillis: until}))
		}
	}
	for day, err := range store.Days(ctx, t, zone, p.FromMillis, p.ToMillis) {
		if err != nil {
			return usage.Summary{}, 0, fmt.Errorf("read days: %w", err)
		}
		idle(day.Summary.Row.FromMillis)
		list = append(list, day.Summary)
		at, records = day.Summary.Row.ToMillis, records+day.Records
	}
	idle(p.ToMillis)
	return usage.MergeAll(list), records, nil
}
