package statement

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

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
