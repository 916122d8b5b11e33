package bench

import (
	"context"
	"fmt"
	"iter"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/report"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// monthly makes reports of a month that is rolled up in DynamoDB.
type monthly struct {
	month      *Month
	reporter   *report.Reporter
	ledger     *counting
	milliUnits atomic.Int64 // thousandths of read units
}

// counting counts reads of a ledger.
type counting struct {
	usage.History
	read atomic.Int64
}

func (c *counting) Stays(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	c.read.Add(1)
	return c.History.Stays(ctx, t, fromMillis, toMillis)
}

func (c *counting) Refusals(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	c.read.Add(1)
	return c.History.Refusals(ctx, t, fromMillis, toMillis)
}

func (c *counting) Waits(ctx context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Wait, error] {
	c.read.Add(1)
	return c.History.Waits(ctx, t, fromMillis, toMillis)
}

// nobody is OpenStays of a month that has passed.
type nobody struct{}

func (nobody) OpenStays(context.Context, tenant.ID, int64) ([]usage.Stay, error) { return nil, nil }

// newMonthly rolls a month up.
func newMonthly(ctx context.Context, to *dynamo.Store, t tenant.ID, sessions int) (*monthly, error) {
	m, err := NewMonth(t, sessions)
	if err != nil {
		return nil, err
	}
	if err := licensed(ctx, to, m); err != nil {
		return nil, err
	}
	if err := rollUp(ctx, store{to, m, to}, m); err != nil {
		return nil, err
	}
	one := &monthly{month: m, ledger: &counting{History: m}}
	metered := to.Metered(func(consumed *types.ConsumedCapacity, _ bool) {
		const thousandths = 1000
		one.milliUnits.Add(int64(*consumed.CapacityUnits * thousandths))
	})
	one.reporter = report.New(store{metered, one.ledger, metered}, nobody{})
	return one, nil
}

// read reads a month's report.
func (r *monthly) read(ctx context.Context, g usage.Granularity, by usage.Grouping) error {
	licenses, seats := r.month.Licenses(), int64(0)
	period := r.month.Period()
	for row, err := range r.reporter.Usage(ctx, report.Query{
		Tenant: r.month.tenant, License: licenses[len(licenses)-1], FromMillis: period.FromMillis, ToMillis: period.ToMillis,
		Granularity: g, GroupBy: by, AsOfMillis: afterMonth(r.month).UnixMilli(),
	}) {
		if err != nil {
			return fmt.Errorf("report %s by %s: %w", r.month.tenant, g, err)
		}
		seats += row.SeatMillis
	}
	if seats == 0 {
		return fmt.Errorf("report %s by %s: no joins", r.month.tenant, g)
	}
	if r.ledger.read.Load() > 0 {
		return fmt.Errorf("report %s by %s: read the ledger although the month is rolled up", r.month.tenant, g)
	}
	return nil
}

// unitsOf is the cost of one report in read units.
func (r *monthly) unitsOf(ctx context.Context, g usage.Granularity, by usage.Grouping) (float64, error) {
	const thousandths = 1000
	r.milliUnits.Store(0)
	err := r.read(ctx, g, by)
	return float64(r.milliUnits.Load()) / thousandths, err
}

func measureMonthReports(ctx context.Context, to *dynamo.Store, o UsageOptions, out *Report) error {
	o.Progress("rolling two months up into DynamoDB")
	many, err := newMonthly(ctx, to, tenantMany, o.Sessions)
	if err != nil {
		return err
	}
	few, err := newMonthly(ctx, to, tenantFew, LeastSessions)
	if err != nil {
		return err
	}
	for _, kind := range []reportKind{
		{"day", usage.GranularityDay, usage.GroupingNone}, {"month", usage.GranularityMonth, usage.GroupingNone}, {"host", usage.GranularityMonth, usage.GroupingHost},
	} {
		if err := measureMonthReport(ctx, many, few, kind, o, out); err != nil {
			return err
		}
	}
	return nil
}

// reportKind is a kind of report of a month.
type reportKind struct {
	name        string
	granularity usage.Granularity
	by          usage.Grouping
}

func measureMonthReport(ctx context.Context, many, few *monthly, kind reportKind, o UsageOptions, out *Report) error {
	do := func(r *monthly) func(context.Context, int) error {
		return func(ctx context.Context, _ int) error { return r.read(ctx, kind.granularity, kind.by) }
	}
	name := "month's report by " + kind.name
	rates, err := contest(ctx, o.Rounds, o.Reports, 1, []contestant{
		{name + ", many sessions", do(many)}, {name + ", few sessions", do(few)},
	}, o.Progress)
	if err != nil {
		return err
	}
	out.Rates = append(out.Rates, Rate{name + ", many sessions", median(rates[0])}, Rate{name + ", few sessions", median(rates[1])})
	unitsMany, err := many.unitsOf(ctx, kind.granularity, kind.by)
	if err != nil {
		return err
	}
	unitsFew, err := few.unitsOf(ctx, kind.granularity, kind.by)
	if err != nil {
		return err
	}
	sizes := fmt.Sprintf("%s of %d sessions over one of %d", name, many.month.sessions, few.month.sessions)
	out.Figures = append(out.Figures,
		ratio("month_report_time_by_"+kind.name, "time of a "+sizes, rates[1], rates[0]).atMost(limitMonth),
		figure("month_report_read_units_by_"+kind.name, fmt.Sprintf("read units of a %s: %g and %g", sizes, unitsMany, unitsFew),
			[]float64{unitsMany / unitsFew}).atMost(limitMonth))
	return nil
}
