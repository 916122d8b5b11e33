package report

import (
	"context"
	"errors"
	"fmt"

	"seatmeter/shared/problem"
	"seatmeter/shared/sizing"
	"seatmeter/shared/usage"
)

// Sizing replays a query's range against every number of seats, by the license's
// present model. The query's granularity and grouping are ignored. It reads the raw
// ledger, once. Errors are those of a report, and problem.Invalid at #/to if the range
// has more records than a replay takes.
func (r *Reporter) Sizing(ctx context.Context, q Query) (sizing.Result, error) {
	q.Granularity, q.GroupBy = usage.GranularityTotal, usage.GroupingNone
	if _, err := q.Periods(); err != nil {
		return sizing.Result{}, err
	}
	progress, err := r.store.Progress(ctx, q.Tenant)
	if err != nil {
		return sizing.Result{}, fmt.Errorf("read the progress: %w", err)
	}
	if err := progress.Covers("#/from", q.FromMillis); err != nil {
		return sizing.Result{}, fmt.Errorf("find the records: %w", err)
	}
	b := &tenantReader{Reporter: r, tenant: q.Tenant, asOf: q.AsOfMillis}
	p := usage.Period{FromMillis: q.FromMillis, ToMillis: q.ToMillis}
	demand := sizing.New(p, q.License.Model, q.AsOfMillis)
	for refusal, err := range b.refusals(ctx, p) {
		if err == nil {
			err = demand.Refuse(refusal)
		}
		if err != nil {
			return sizing.Result{}, sizingError(err)
		}
	}
	for stay, err := range b.stays(ctx, p) {
		if err == nil {
			err = demand.Add(stay)
		}
		if err != nil {
			return sizing.Result{}, sizingError(err)
		}
	}
	return demand.Replay(), nil
}

func sizingError(err error) error {
	if errors.Is(err, sizing.ErrTooMany) {
		return problem.InvalidFields(problem.Field{
			Pointer: "#/to", Detail: fmt.Sprintf("makes a range of more than %d stays and refusals: choose a shorter one", sizing.MaxRecords),
		})
	}
	return fmt.Errorf("read the ledger: %w", err)
}
