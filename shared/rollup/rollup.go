// Package rollup adds usage up as time goes by, so that a report of a month
// costs the same whether a thousand joined in it or ten million.
//
// Terms: a bucket is a quarter-hour of a tenant's usage. A day of the tenant's
// calendar is kept as its buckets, its hours, and itself, with the sets of whom
// it counted, so that days roll up to a distinct count that is exact. A month
// is made of its days. A day is settled when no stay that touches it can be
// open any more; only settled days are kept. A late record is one that was
// written when its day could have been settled: that of a connection which
// nobody looked after for hours. It has its days and months made again.
//
// Everything here is made from the ledger alone, and can be made again at any
// time. A run that breaks off is gone on with by the next; two at once write
// the same.
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
	// SettleMillis is how long after its end a day is settled: what was
	// recorded later counts as late, and a margin for clocks that differ.
	SettleMillis = usage.LateMillis + usage.MaxGapMillis + 50*60*1000
	// overlap is how far back a run looks for late records that the one before
	// may have missed: a note of one comes before the record, by less than an
	// invocation lasts.
	overlapMillis = 10 * 60 * 1000

	page     = 100 // tenants at a time
	parallel = 4   // of them at once
	// reserve is what is left of an invocation's time when no day is begun.
	reserve = 10 * time.Second
)

// Roller rolls usage up. Safe for use by many goroutines.
type Roller struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
}

// New makes a roller. Its clock is compared with the gateway's times.
func New(store Store, log *slog.Logger, now func() time.Time) *Roller {
	return &Roller{store, log, now}
}

// Run rolls up every tenant, or as many as there is time for before ctx ends:
// the next run begins where this one stopped. What fails for one tenant is
// logged and left to the next run; an error means that the tenants could not be
// read, or that some failed.
func (r *Roller) Run(ctx context.Context) error {
	after, err := r.store.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("read where to begin: %w", err)
	}
	failed := 0
	for !r.late(ctx) {
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
		return fmt.Errorf("save where to begin: %w", err)
	}
	if failed > 0 {
		return fmt.Errorf("%d tenants are left to the next run", failed)
	}
	return nil
}

// tenants rolls some up at the same time and counts those that failed.
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

// late tells whether too little time is left to begin anything more.
func (r *Roller) late(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && deadline.Sub(r.now()) < reserve
}

// Tenant rolls up one tenant's settled days, and makes those again that
// something was recorded late of. It gives how far it came; nil, if there is no
// such tenant. Safe to repeat, to run twice at once, and to break off.
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
	one := &ledger{Roller: r, tenant: t, zone: l.Location(), limits: usage.LimitsOf(revisions)}
	p, err := one.progress(ctx, began)
	if err != nil {
		return nil, err
	}
	if err := one.takeIn(ctx, p); err != nil {
		return nil, err
	}
	p.LateMillis = began.UnixMilli()
	if err := one.goOn(ctx, p, began.UnixMilli()-SettleMillis); err != nil {
		return nil, err
	}
	return p, problem.Wrap("save the progress", r.store.SaveProgress(ctx, t, *p))
}

// ledger is one tenant's, by its calendar.
type ledger struct {
	*Roller
	tenant tenant.ID
	zone   *time.Location
	limits usage.Limits
}

// progress is how far the tenant is rolled up by its calendar: not at all, if
// that is another than it was.
func (l *ledger) progress(ctx context.Context, now time.Time) (*Progress, error) {
	p, err := l.store.Progress(ctx, l.tenant)
	if err != nil {
		return nil, fmt.Errorf("read the progress: %w", err)
	}
	if p != nil && p.Zone == l.zone.String() {
		return p, nil
	}
	first, err := First(ctx, l.store, l.tenant, now.UnixMilli()-SettleMillis)
	if err != nil {
		return nil, err
	}
	from := usage.DayOf(time.UnixMilli(first), l.zone).FromMillis
	return &Progress{Zone: l.zone.String(), ThroughMillis: from, LateMillis: now.UnixMilli()}, nil
}

// First is the time of a tenant's first record in the ledger, if that is before
// a moment; else the moment. Errors are the store's.
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
	return before, nil
}

// takeIn makes the days and months again that late records are of.
func (l *ledger) takeIn(ctx context.Context, p *Progress) error {
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

// Outdated gives the days, in order, that are kept and may lack a late record:
// those that one was noted of since the last run, and for a while before it.
// What is kept of any other day is what the ledger says. Errors are the store's.
func Outdated(ctx context.Context, history usage.History, t tenant.ID, p Progress) ([]usage.Period, error) {
	zone, err := timezone.Load(p.Zone)
	if err != nil {
		return nil, fmt.Errorf("the calendar of what is kept: %w", err)
	}
	days := make(map[usage.Period]bool)
	for span, err := range history.Late(ctx, t, p.LateMillis-overlapMillis) {
		if err != nil {
			return nil, fmt.Errorf("read what was recorded late: %w", err)
		}
		// Its stay may be one with parts before and after it now.
		for at, to := span.FromMillis-usage.MaxGapMillis, span.ToMillis+usage.MaxGapMillis; at <= to && at < p.ThroughMillis; {
			day := usage.DayOf(time.UnixMilli(at), zone)
			days[day] = true
			at = day.ToMillis
		}
	}
	return slices.SortedFunc(maps.Keys(days), func(a, b usage.Period) int { return cmp.Compare(a.FromMillis, b.FromMillis) }), nil
}

// goOn rolls up day after day until a moment, and saves the progress of each.
func (l *ledger) goOn(ctx context.Context, p *Progress, until int64) error {
	for !l.late(ctx) {
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

// day makes one from the ledger. It holds the day's sets, and who is in.
func (l *ledger) day(ctx context.Context, p usage.Period) error {
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

// month makes one from its days.
func (l *ledger) month(ctx context.Context, p usage.Period) error {
	summary, records, err := Sum(ctx, l.store, l.tenant, l.zone.String(), p)
	if err != nil {
		return err
	}
	return problem.Wrap("keep a month", l.store.PutMonth(ctx, l.tenant, l.zone.String(), Month{records, summary.Row}))
}

// Sum adds up the days that make a period, and tells of how many records.
func Sum(ctx context.Context, store Buckets, t tenant.ID, zone string, p usage.Period) (usage.Summary, int64, error) {
	var list []usage.Summary
	at, records := p.FromMillis, int64(0)
	still := func(until int64) { // nothing happened until then
		if at < until {
			list = append(list, usage.Summary{Row: usage.Row{FromMillis: at, ToMillis: until}})
		}
	}
	for day, err := range store.Days(ctx, t, zone, p.FromMillis, p.ToMillis) {
		if err != nil {
			return usage.Summary{}, 0, fmt.Errorf("read days: %w", err)
		}
		still(day.Summary.Row.FromMillis)
		list = append(list, day.Summary)
		at, records = day.Summary.Row.ToMillis, records+day.Records
	}
	still(p.ToMillis)
	return usage.MergeAll(list), records, nil
}
