package report

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"seatmeter/shared/usage"
)

// errStopped ends a sweep whose summaries are not wanted any more.
var errStopped = errors.New("stopped")

// sweep reads the ledger once for several adjacent periods.
func (b *tenantReader) sweep(ctx context.Context, periods []usage.Period, by usage.Grouping) iter.Seq2[usage.Summary, error] {
	return func(yield func(usage.Summary, error) bool) {
		whole := usage.Period{FromMillis: periods[0].FromMillis, ToMillis: periods[len(periods)-1].ToMillis}
		sweep := usage.NewGroupedSweep(periods, by, b.limits, b.asOf)
		give := func(summaries []usage.Summary) error {
			for _, s := range summaries {
				if !yield(s, nil) {
					return errStopped
				}
			}
			return nil
		}
		records := usage.Streams{Stays: b.stays(ctx, whole), Refusals: b.refusals(ctx, whole), Waits: b.waits(ctx, whole)}
		err := usage.Feed(records, func() error { return give(sweep.Done()) }, sweep)
		if err == nil {
			err = give(sweep.Close())
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(usage.Summary{}, fmt.Errorf("sweep the ledger: %w", err))
		}
	}
}

// refusals gives the refusals in a period, as of as_of.
func (b *tenantReader) refusals(ctx context.Context, p usage.Period) iter.Seq2[usage.Refusal, error] {
	return b.store.Refusals(ctx, b.tenant, p.FromMillis, max(p.FromMillis, min(p.ToMillis, b.asOf)))
}

// waits gives the waits that may have ended in a period, as of as_of, in order of
// their beginning. A wait that has not begun before a moment has not ended by then.
func (b *tenantReader) waits(ctx context.Context, p usage.Period) iter.Seq2[usage.Wait, error] {
	from := p.FromMillis - usage.MaxStayMillis
	return b.store.Waits(ctx, b.tenant, from, max(from, min(p.ToMillis, b.asOf)))
}

// stays gives the parts of stays that may affect a period, in order of joining:
// closed and open ones. Open ones are read first: a stay that ends meanwhile is
// in both, and is given once, as closed.
func (b *tenantReader) stays(ctx context.Context, p usage.Period) iter.Seq2[usage.Stay, error] {
	// Periods after as_of have the stays that are open at as_of.
	from, to := min(p.FromMillis, b.asOf)-usage.MaxStayMillis, min(p.ToMillis+usage.MaxGapMillis, b.asOf)
	return func(yield func(usage.Stay, error) bool) {
		if from >= to {
			return
		}
		open, err := b.open(ctx, to)
		if err != nil {
			yield(usage.Stay{}, err)
			return
		}
		for stay, err := range b.store.Stays(ctx, b.tenant, from, to) {
			if err != nil {
				yield(usage.Stay{}, fmt.Errorf("read the ledger: %w", err))
				return
			}
			for len(open) > 0 && open[0].JoinedAtMillis < stay.JoinedAtMillis {
				if !yield(open[0], nil) {
					return
				}
				open = open[1:]
			}
			open = without(open, stay)
			if !yield(stay, nil) {
				return
			}
		}
		for _, stay := range open {
			if !yield(stay, nil) {
				return
			}
		}
	}
}

// open gives the open stays that joined before a moment. No connection lasts
// longer than MaxStayMillis, so open stays matter only to recent periods.
func (b *tenantReader) open(ctx context.Context, before int64) ([]usage.Stay, error) {
	if before <= b.asOf-usage.MaxStayMillis {
		return nil, nil
	}
	open, err := b.sessions.OpenStays(ctx, b.tenant, b.asOf)
	if err != nil {
		return nil, fmt.Errorf("read open sessions: %w", err)
	}
	for i, stay := range open {
		if stay.JoinedAtMillis >= before {
			return open[:i], nil
		}
	}
	return open, nil
}

// without removes a stay that was closed meanwhile. Earlier open stays are gone
// already.
func without(open []usage.Stay, closed usage.Stay) []usage.Stay {
	for i := 0; i < len(open) && open[i].JoinedAtMillis == closed.JoinedAtMillis; i++ {
		if open[i].Connection == closed.Connection {
			return slices.Delete(open, i, i+1)
		}
	}
	return open
}
