// Package rollup adds up usage day by day, so that a month's report costs the
// same for a thousand joins as for ten million.
//
// Terms: a bucket is a quarter-hour of a tenant's usage. A day of the tenant's
// calendar is stored as its buckets, its hours, and its own row with the sets of
// whom it counted, so that distinct counts of longer periods are exact. A month
// is made from its days. A day is final when no stay that touches it can be open
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
	"log/slog"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
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
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && deadline.Sub(r.now()) < reserve
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
		return p, nil
	}
	first, err := First(ctx, l.store, l.tenant, now.UnixMilli()-FinalMillis)
	if err != nil {
		return nil, err
	}
	from := usage.DayOf(time.UnixMilli(first), l.zone).FromMillis
	return &Progress{Zone: l.zone.String(), ThroughMillis: from, MarksReadMillis: now.UnixMilli()}, nil
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
		for at, to := span.FromMillis-usage.MaxGapMillis, span.ToMillis+usage.MaxGapMillis; at <= to && at < p.ThroughMillis; {
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

// day rolls up one day from the ledger. It holds the day's sets in memory.
func (l *tenantRoller) day(ctx context.Context, p usage.Period) error {
	quarters, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityQuarterHour, l.zone)
	if err != nil {
		return fmt.Errorf("cut a day: %w", err)
	}
	sweep := usage.NewSweep(quarters, l.limits, math.MaxInt64)
	records, err := sweep.Read(ctx, l.store, l.tenant)
	if err != nil {
		return fmt.Errorf("add up a day: %w", err)
	}
	day := Day{Records: records}
	summaries := sweep.Close()
	hours, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), usage.GranularityHour, l.zone)
	if err != nil {
		return fmt.Errorf("cut a day: %w", err)
	}
	for _, s := range summaries {
		day.Quarters = append(day.Quarters, s.Row)
	}
	for _, hour := range hours {
		n := 0
		for n < len(summaries) && summaries[n].Row.ToMillis <= hour.ToMillis {
			n++
		}
		whole := usage.MergeAll(summaries[:n])
		day.Hours = append(day.Hours, whole.Row)
		day.Summary = usage.Merge(day.Summary, whole)
		summaries = summaries[n:]
	}
	return problem.Wrap("keep a day", l.store.PutDay(ctx, l.tenant, l.zone.String(), day))
}

// month rolls up one month from its days.
func (l *tenantRoller) month(ctx context.Context, p usage.Period) error {
	summary, records, err := Sum(ctx, l.store, l.tenant, l.zone.String(), p)
	if err != nil {
		return err
	}
	return problem.Wrap("keep a month", l.store.PutMonth(ctx, l.tenant, l.zone.String(), Month{records, summary.Row}))
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
