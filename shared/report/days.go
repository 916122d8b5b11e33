package report

import (
	"context"
	"iter"
	"time"

	"seatmeter/shared/usage"
)

// Days gives a row for each day of a query's range, and one for the whole range.
// Both come from one reading, so the days add up to the whole also while people
// join and leave. The query's granularity and grouping are ignored. Errors are
// those of a report.
func (r *Reporter) Days(ctx context.Context, q Query) ([]usage.Row, usage.Row, error) {
	q.Granularity, q.GroupBy = usage.GranularityDay, usage.GroupingNone
	periods, err := q.Periods()
	if err != nil {
		return nil, usage.Row{}, err
	}
	b, err := r.reader(ctx, q)
	if err != nil {
		return nil, usage.Row{}, err
	}
	rows := make([]usage.Row, 0, len(periods))
	var whole usage.Summary
	var month []usage.Summary // the sets in memory
	for day, err := range b.days(ctx, periods) {
		if err != nil {
			return nil, usage.Row{}, err
		}
		rows, month = append(rows, day.Row), append(month, day)
		if next := usage.MonthAt(time.UnixMilli(day.Row.FromMillis), b.zone).ToMillis; day.Row.ToMillis == next || len(rows) == len(periods) {
			whole, month = usage.Merge(whole, usage.MergeAll(month)), nil
		}
	}
	return rows, whole.Row, nil
}

// days gives each day with its sets, run by run.
func (b *tenantReader) days(ctx context.Context, periods []usage.Period) iter.Seq2[usage.Summary, error] {
	return func(yield func(usage.Summary, error) bool) {
		for len(periods) > 0 {
			from, n := b.source(periods[0], usage.GranularityDay), 1
			for n < len(periods) && b.source(periods[n], usage.GranularityDay) == from {
				n++
			}
			run := b.sweep(ctx, periods[:n], usage.GroupingNone)
			if from == sourceStored {
				run = b.storedDays(ctx, periods[:n])
			}
			for day, err := range run {
				if !yield(day, err) || err != nil {
					return
				}
			}
			periods = periods[n:]
		}
	}
}

// storedDays reads stored days, and adds idle ones.
func (b *tenantReader) storedDays(ctx context.Context, periods []usage.Period) iter.Seq2[usage.Summary, error] {
	from, to := periods[0].FromMillis, periods[len(periods)-1].ToMillis
	return usage.FilledSummaries(periods, func(yield func(usage.Summary, error) bool) {
		for day, err := range b.store.Days(ctx, b.tenant, b.zone.String(), from, to) {
			if !yield(day.Summary, err) {
				return
			}
		}
	})
}
