package statement

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

// plan is the work that closes a tenant's period.
type plan struct {
	tenant    tenant.ID
	period    string
	month     usage.BillingMonth
	revisions []license.License
	limits    usage.Limits
	// last is the latest revision, nil if there is none, and before is its content.
	last   *Sealed
	before *Statement
	// settled: the month's records were removed, and its last revision stays the last.
	settled bool
	// rolledUp: the month's days are those that the roll-up stores.
	rolledUp bool
	days     []usage.Period
	segments []segment
	// pieces are the days in order, cut where a segment ends.
	pieces []piece
}

// piece is a part of a day that is in one segment.
type piece struct {
	usage.Period
	day, segment int
	// key is the calendar that its row is stored by.
	key string
}

// plan finds out what there is to do. The errors are problems, or the store's: see
// Close.
func (c *Closer) plan(ctx context.Context, t tenant.ID, period string) (plan, error) {
	p := plan{tenant: t, period: period}
	l, err := c.store.License(ctx, t)
	if err != nil {
		return p, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return p, problem.New(problem.NotFound, "There is no such tenant.")
	}
	if p.revisions, err = c.store.Revisions(ctx, t); err != nil {
		return p, fmt.Errorf("read the license's revisions: %w", err)
	}
	p.limits = usage.LimitsOf(p.revisions)
	if p.last, p.before, err = c.latest(ctx, t, period); err != nil {
		return p, err
	}
	if p.month, err = usage.BillingMonthOf(period, p.revisions); err != nil {
		return p, fmt.Errorf("read the period: %w", err)
	}
	if p.before != nil { // which may be of rules that knew other edges
		if p.month, err = p.before.month(); err != nil {
			return p, err
		}
	}
	progress, err := c.store.Progress(ctx, t)
	if err != nil {
		return p, fmt.Errorf("read the progress: %w", err)
	}
	if err := progress.Covers("#/period", p.month.FromMillis); err != nil {
		p.settled = p.last != nil
		if p.settled {
			err = nil
		}
		return p, problem.Wrap("find the records", err)
	}
	if err := c.due(ctx, p); err != nil {
		return p, err
	}
	p.rolledUp = p.month.Whole() && p.month.Zone.String() == l.Location().String()
	return p, p.cut()
}

// due checks that a period can be closed: that it has ended, that its days are final,
// and that the tenant had a license in it.
func (c *Closer) due(ctx context.Context, p plan) error {
	now := c.now().UnixMilli()
	if now < p.month.ToMillis {
		return faults("has not ended: it does at " + usage.FormatTime(p.month.ToMillis))
	}
	var missing []string
	for at := now - rollup.FinalMillis; at < p.month.ToMillis; {
		day := usage.DayOf(time.UnixMilli(at), p.month.Zone)
		missing = append(missing, fmt.Sprintf("the day of %s is not rolled up yet: it can be from %s on",
			time.UnixMilli(day.FromMillis).In(p.month.Zone).Format(time.DateOnly), usage.FormatTime(day.ToMillis+rollup.FinalMillis)))
		at = day.ToMillis
	}
	if len(missing) > 0 {
		return faults(missing...)
	}
	if p.before != nil {
		return nil
	}
	return c.begun(ctx, p)
}

// begun checks that the period did not end before the tenant's first license was
// recorded or valid, and before its first ledger record.
func (c *Closer) begun(ctx context.Context, p plan) error {
	first := p.revisions[0].ChangedAtMillis
	for _, l := range p.revisions {
		if !l.StartsAt.IsZero() {
			first = min(first, l.StartsAt.UnixMilli())
		}
	}
	if p.month.ToMillis > first {
		return nil
	}
	first, err := rollup.First(ctx, c.store, p.tenant, first)
	if err != nil {
		return fmt.Errorf("find the first record: %w", err)
	}
	if p.month.ToMillis > first {
		return nil
	}
	month := time.UnixMilli(first).In(p.month.Zone).Format(usage.MonthLayout)
	return faults("is before the tenant had a license: the first month that can be closed is " + month)
}

// latest is the period's latest revision, sealed and decoded; nil if there is
// none.
func (c *Closer) latest(ctx context.Context, t tenant.ID, period string) (*Sealed, *Statement, error) {
	last, err := c.store.Statement(ctx, t, period, 0)
	if err != nil || last == nil {
		return nil, nil, problem.Wrap("read the latest revision", err)
	}
	s, err := last.Open()
	return last, &s, err
}

// month is the billing month of a statement.
func (s Statement) month() (usage.BillingMonth, error) {
	zone, err := timezone.Load(s.TimeZone)
	if err != nil {
		return usage.BillingMonth{}, fmt.Errorf("a statement's time zone: %w", err)
	}
	var edges [2]int64
	for i, text := range []string{s.From, s.To} {
		at, err := time.Parse(usage.TimeLayout, text)
		if err != nil {
			return usage.BillingMonth{}, fmt.Errorf("a statement's time: %w", err)
		}
		edges[i] = at.UnixMilli()
	}
	return usage.BillingMonth{Period: usage.Period{FromMillis: edges[0], ToMillis: edges[1]}, Zone: zone}, nil
}

// cut cuts the month into days, segments and pieces.
func (p *plan) cut() (err error) {
	from, to := time.UnixMilli(p.month.FromMillis), time.UnixMilli(p.month.ToMillis)
	if p.days, err = usage.Periods(from, to, usage.GranularityDay, p.month.Zone); err != nil {
		return fmt.Errorf("cut the period: %w", err)
	}
	p.segments = segmentsOf(p.revisions, p.month.Period)
	// Rows of days that are cut, or are of no calendar that is rolled up now, are
	// stored by a calendar of their own. No zone's name has an @.
	own := "closing@" + p.period + "@" + p.month.Zone.String()
	for day, whole := range p.days {
		first := len(p.pieces)
		for i, s := range p.segments {
			part := usage.Period{FromMillis: max(whole.FromMillis, s.FromMillis), ToMillis: min(whole.ToMillis, s.ToMillis)}
			if part.FromMillis < part.ToMillis {
				p.pieces = append(p.pieces, piece{part, day, i, own})
			}
		}
		if p.rolledUp && len(p.pieces) == first+1 {
			p.pieces[first].key = p.month.Zone.String()
		}
	}
	return nil
}

// piecesOf are the pieces of a day.
func (p *plan) piecesOf(day int) []piece {
	first, _ := slices.BinarySearchFunc(p.pieces, day, func(one piece, day int) int { return one.day - day })
	last := first
	for last < len(p.pieces) && p.pieces[last].day == day {
		last++
	}
	return p.pieces[first:last]
}

// isOwn tells whether a piece's row is stored for closings alone.
func (p piece) isOwn() bool { return strings.Contains(p.key, "@") }

func faults(details ...string) error {
	list := make([]problem.Field, len(details))
	for i, detail := range details {
		list[i] = problem.Field{Pointer: "#/period", Detail: detail}
	}
	return problem.InvalidFields(list...)
}
