package report

import (
	"context"
	"fmt"
	"iter"

	"seatmeter/shared/usage"
)

// storedGroups reads stored rows of groups.
func (b *tenantReader) storedGroups(ctx context.Context, periods []usage.Period, g usage.Granularity) iter.Seq2[usage.Row, error] {
	if g == usage.GranularityTotal {
		g = usage.GranularityMonth
	}
	from, to := periods[0].FromMillis, periods[len(periods)-1].ToMillis
	return func(yield func(usage.Row, error) bool) {
		for row, err := range b.store.GroupRows(ctx, b.tenant, b.zone.String(), b.by, g, from, to) {
			if err != nil {
				yield(row, fmt.Errorf("read stored rows: %w", err))
				return
			}
			row.OverageShared = b.limits.BoundTenant(usage.Period{FromMillis: row.FromMillis, ToMillis: row.ToMillis})
			if !yield(row, nil) {
				return
			}
		}
	}
}

// mergedGroups merges the rows of each period's groups from runs, of which some are
// stored. It holds the groups of raw runs in memory, and of each stored day some.
func (b *tenantReader) mergedGroups(ctx context.Context, periods []usage.Period) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, p := range periods {
			parts, err := b.groupParts(ctx, p)
			if err != nil {
				yield(usage.Row{}, err)
				return
			}
			shared := b.limits.BoundTenant(p)
			for s, err := range usage.MergeGroups(p, parts) {
				s.Row.OverageShared = shared
				if !yield(s.Row, err) || err != nil {
					return
				}
			}
		}
	}
}

// groupParts are the runs of a period: stored days, and the rest.
func (b *tenantReader) groupParts(ctx context.Context, p usage.Period) ([]usage.Groups, error) {
	var parts []usage.Groups
	for _, s := range b.stretches(p) {
		if s.stored {
			days, err := b.store.GroupDays(ctx, b.tenant, b.zone.String(), b.by, s.FromMillis, s.ToMillis)
			if err != nil {
				return nil, fmt.Errorf("read the groups of days: %w", err)
			}
			parts = append(parts, days...)
			continue
		}
		parts = append(parts, usage.Groups{
			Period: s.Period, PassedMillis: max(0, min(s.ToMillis, b.asOf)-s.FromMillis),
			Summaries: b.sweep(ctx, []usage.Period{s.Period}, b.by),
		})
	}
	return parts, nil
}
