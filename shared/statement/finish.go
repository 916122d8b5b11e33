package statement

import (
	"context"
	"fmt"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// finish seals the statement and ends the job. False: days have changed since they
// were checked, and are to be checked again.
func (r *run) finish(ctx context.Context) (Result, bool, error) {
	next, same, err := r.statement(ctx)
	if err != nil || !same {
		return Result{}, false, err
	}
	for range races {
		sealed, added, err := r.add(ctx, next)
		if err != nil {
			return Result{}, false, err
		}
		if sealed == nil {
			continue
		}
		r.end(StateDone)
		r.job.Revision, r.job.CheckedMillis = sealed.Revision, r.job.CutoffMillis
		if err := r.save(ctx); err != nil {
			return Result{}, false, err
		}
		return Result{Sealed: sealed, Added: added, Job: r.job}, true, nil
	}
	return Result{}, false, problem.New(problem.Unavailable, "Others keep closing the period. Try again.")
}

// add writes the statement as the next revision, unless the latest one says the same.
// Nil: another run has added a revision, which add has read.
func (r *run) add(ctx context.Context, next Statement) (*Sealed, bool, error) {
	if r.before != nil {
		next = correct(*r.before, next)
		if next.Corrects == 0 {
			return r.last, false, nil
		}
	}
	sealed, err := seal(next, r.job.CutoffMillis)
	if err != nil {
		return nil, false, err
	}
	written, err := r.store.AddStatement(ctx, sealed)
	if err != nil {
		return nil, false, fmt.Errorf("write the statement: %w", err)
	}
	if written {
		return &sealed, true, nil
	}
	r.last, r.before, err = r.latest(ctx, r.plan.tenant, r.period)
	return nil, false, err
}

// statement makes a first revision of the stored rows. False: those of some days are
// not those that were checked. It merges as it reads, so that the sets of the month
// and of one day are in memory.
func (r *run) statement(ctx context.Context) (Statement, bool, error) {
	parts := make([]usage.Summary, len(r.segments))
	var days []Figures
	var whole usage.Summary
	sum, i, same := newChecksum(), 0, true
	for summary, err := range r.read(ctx, r.pieces) {
		if err != nil {
			return Statement{}, false, err
		}
		one := r.pieces[i]
		i++
		parts[one.segment] = usage.Merge(parts[one.segment], summary)
		sum.add(summary.Row)
		whole = usage.Merge(whole, summary)
		if i < len(r.pieces) && r.pieces[i].day == one.day {
			continue
		}
		if sum.value() != r.job.Days[one.day].Sum {
			r.job.Days[one.day], same = Day{}, false
		}
		days = append(days, figures(whole.Row))
		sum, whole = newChecksum(), usage.Summary{}
	}
	var records int64
	for _, day := range r.job.Days {
		records += day.Records
	}
	segments := make([]Segment, len(parts))
	for i, part := range parts {
		segments[i] = r.segments[i].view(part.Row)
	}
	return Statement{
		Tenant: r.plan.tenant, Period: r.period, Revision: 1, From: usage.FormatTime(r.month.FromMillis), To: usage.FormatTime(r.month.ToMillis),
		TimeZone: r.month.Zone.String(), ClosedAt: usage.FormatTime(r.job.CutoffMillis), Records: records, Rules: RuleVersion, Rounding: "half_up",
		Licenses: terms(r.revisions, r.month.Period), Segments: segments, Totals: figures(usage.MergeAll(parts).Row), Days: days, Corrections: []Figures{},
	}, same, nil
}
