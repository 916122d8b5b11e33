package statement

import (
	"context"
	"fmt"

	"seatmeter/shared/rollup"
	"seatmeter/shared/usage"
)

// Stale tells whether records of its period came in after a statement, the period's
// latest revision, was made; with the difference that they make, if the roll-up has it
// already. A month whose records were removed stays as it was closed. It takes five reads.
func (c *Closer) Stale(ctx context.Context, sealed Sealed) (bool, *Adjustment, error) {
	s, err := sealed.Open()
	if err != nil {
		return false, nil, err
	}
	month, err := s.month()
	if err != nil {
		return false, nil, err
	}
	since := sealed.ClosedAt.UnixMilli()
	j, err := c.store.Job(ctx, s.Period, s.Tenant)
	if err != nil {
		return false, nil, fmt.Errorf("read the closing: %w", err)
	}
	if j != nil && j.Revision == s.Revision {
		since = max(since, j.CheckedMillis)
	}
	progress, err := c.store.Progress(ctx, s.Tenant)
	if err != nil {
		return false, nil, fmt.Errorf("read the progress: %w", err)
	}
	if progress.Covers("", month.FromMillis) != nil {
		return false, nil, nil //nolint:nilerr // as documented
	}
	row, err := c.monthRow(ctx, s, month, progress)
	if err != nil {
		return false, nil, err
	}
	if row != nil {
		if d := adjustment(figures(*row), s.Totals); d != (Adjustment{}) {
			return true, &d, nil
		}
	}
	late, err := c.late(ctx, s.Tenant, month.Period, since+1)
	return late, nil, err
}

// monthRow is the stored row of a statement's month; nil if the roll-up does not have
// it, because it is of another calendar.
func (c *Closer) monthRow(ctx context.Context, s Statement, month usage.BillingMonth, progress *rollup.Progress) (*usage.Row, error) {
	l, err := c.store.License(ctx, s.Tenant)
	if err != nil {
		return nil, fmt.Errorf("read the license: %w", err)
	}
	if l == nil || l.TimeZone != s.TimeZone || progress == nil || progress.Zone != s.TimeZone || progress.ThroughMillis < month.ToMillis || !month.Whole() {
		return nil, nil //nolint:nilnil // as documented
	}
	row := usage.Row{FromMillis: month.FromMillis, ToMillis: month.ToMillis}
	for stored, err := range c.store.Rows(ctx, s.Tenant, s.TimeZone, usage.GranularityMonth, month.FromMillis, month.FromMillis+1) {
		if err != nil {
			return nil, fmt.Errorf("read the month: %w", err)
		}
		row = stored
	}
	return &row, nil
}
