package cost_test

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/infra/lab/cost"
	parsed "seatmeter/infra/local/template"
	"seatmeter/shared/problem"
	"seatmeter/shared/table"
	"seatmeter/shared/usage"
)

var assumed = cost.Assumptions{HandlerMillis: 30, RoundMillis: 1000, RollupMillis: 5000, MonthsKept: 12}

func equal(t *rapid.T, what string, got, want *big.Rat) {
	t.Helper()
	if got.Cmp(want) != 0 {
		t.Errorf("%s: %s, want %s", what, got.FloatString(12), want.FloatString(12))
	}
}

// counts draws the counts of drivers.
func counts(t *rapid.T) cost.Counts {
	var c cost.Counts
	for _, d := range cost.Drivers() {
		c[d] = big.NewRat(rapid.Int64Range(0, 1e9).Draw(t, d.String()), rapid.Int64Range(1, 60).Draw(t, "over"))
	}
	return c
}

func TestABillIsLinearInWhatHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(cost.Designs(assumed)).Draw(t, "design")
		a, b, n := counts(t), counts(t), big.NewRat(rapid.Int64Range(0, 1000).Draw(t, "n"), 7)
		sum := new(big.Rat).Add(d.Bill(a).Total(), d.Bill(b).Total())
		equal(t, "of both", d.Bill(a.Add(b)).Total(), sum)
		equal(t, "of n times as much", d.Bill(a.Times(n)).Total(), new(big.Rat).Mul(n, d.Bill(a).Total()))
	})
}

func TestNothingCostsNothing(t *testing.T) {
	for _, d := range cost.Designs(assumed) {
		if got := d.Bill(cost.Counts{}).Total(); got.Sign() != 0 {
			t.Errorf("%s: %s", d.Name, got.FloatString(6))
		}
	}
}

func TestTheServicesAndTheDriversBothAddUpToTheTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SampledFrom(cost.Designs(assumed)).Draw(t, "design").Bill(counts(t))
		services, drivers := new(big.Rat), new(big.Rat)
		for _, s := range cost.Services() {
			services.Add(services, b.Service(s))
		}
		for _, d := range cost.Drivers() {
			drivers.Add(drivers, b.Of(d))
		}
		equal(t, "services", services, b.Total())
		equal(t, "drivers", drivers, b.Total())
	})
}

// load draws a load in halves, which floats represent exactly.
func load(t *rapid.T) cost.Load {
	half := func(name string, most int) float64 { return float64(rapid.IntRange(0, most).Draw(t, name)) / 2 }
	return cost.Load{
		Tenants: 1 + half("tenants", 1000), JoinsPerDay: half("joins", 1e7), MinutesPerStay: half("minutes", 240),
		MessagesPerStay: half("messages", 100), RefusalsPercent: half("refusals", 100), PeoplePerConference: 1 + half("people", 1000),
	}
}

func TestTheBillIsLinearInTenants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := load(t)
		two := one
		two.Tenants, two.JoinsPerDay = 2*one.Tenants, 2*one.JoinsPerDay
		for _, d := range cost.Designs(assumed) {
			of := func(l cost.Load) *big.Rat {
				b := d.Bill(l.Counts(assumed))
				return new(big.Rat).Sub(b.Total(), b.Of(cost.DriverMonth))
			}
			equal(t, d.Name, of(two), new(big.Rat).Mul(big.NewRat(2, 1), of(one)))
		}
	})
}

func TestABillIsLinearInJoins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := load(t)
		none, two := one, one
		none.JoinsPerDay, two.JoinsPerDay = 0, 2*one.JoinsPerDay
		for _, d := range cost.Designs(assumed) {
			of := func(l cost.Load) *big.Rat { return d.Bill(l.Counts(assumed)).Total() }
			first, second := new(big.Rat).Sub(of(one), of(none)), new(big.Rat).Sub(of(two), of(one))
			equal(t, d.Name, second, first)
		}
	})
}

func tenants(t *rapid.T) []cost.Usage {
	names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}`), 1, 20, rapid.ID[string]).Draw(t, "tenants")
	count := func(name string) int64 { return rapid.Int64Range(0, 1e6).Draw(t, name) }
	list := make([]cost.Usage, len(names))
	for i, name := range names {
		from := 1_790_000_000_000 + count("from")
		list[i] = cost.Usage{
			Tenant: name, FromMillis: from, ToMillis: from + 1 + 1000*count("long"),
			Joins: count("joins"), Refused: count("refused"), Conferences: count("conferences"), SeatsMillis: count("seat_ms") * 1000,
		}
	}
	return list
}

func TestTheTenantsPartsAddUpToTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(cost.Designs(assumed)).Draw(t, "design")
		list := tenants(t)
		shares, bill := cost.Attribute(d, list, 1.5, assumed)
		sum := new(big.Rat)
		for i, share := range shares {
			if share.Tenant != list[i].Tenant || share.Own.Sign() < 0 || share.Shared.Sign() < 0 {
				t.Errorf("%s has %s and %s", share.Tenant, share.Own.FloatString(6), share.Shared.FloatString(6))
			}
			sum.Add(sum, share.Total())
		}
		equal(t, "all parts", sum, bill.Total())
	})
}

func TestATenantsPartIsTheBillOfItsLoad(t *testing.T) {
	const hours = 730
	l := cost.Load{Tenants: 1, JoinsPerDay: 48, MinutesPerStay: 30, MessagesPerStay: 1, RefusalsPercent: 50, PeoplePerConference: 4}
	joins := int64(48 * hours / 24)
	u := cost.Usage{
		Tenant: "acme", ToMillis: hours * time.Hour.Milliseconds(), Joins: joins, Refused: joins / 2, Conferences: joins / 4,
		SeatsMillis: joins * 30 * time.Minute.Milliseconds(),
	}
	d := cost.Ours(assumed)
	_, bill := cost.Attribute(d, []cost.Usage{u}, 1, assumed)
	if got, want := bill.Total(), d.Bill(l.Counts(assumed)).Total(); got.Cmp(want) != 0 {
		t.Errorf("%s, and its load costs %s", got.FloatString(12), want.FloatString(12))
	}
}

// A million joins of one minute, without assumptions.
func TestAMillionTextbookJoinsCostTheHandComputedSum(t *testing.T) {
	var c cost.Counts
	c[cost.DriverJoin] = big.NewRat(1e6, 1)
	b := cost.Textbook(cost.Assumptions{}).Bill(c)
	for service, want := range map[string]string{
		"DynamoDB": "5.000000", "Lambda": "0.800000", "API Gateway WebSocket": "2.000000", "API Gateway HTTP": "1.000000",
		"CloudWatch Logs": "0.484288", // 860 bytes a join, and 180 of its call, at 0.50 a GiB
	} {
		if got := b.Service(service).FloatString(6); got != want {
			t.Errorf("%s costs %s, want %s", service, got, want)
		}
	}
}

func TestEveryPriceHasANumberAndASource(t *testing.T) {
	if _, err := time.Parse(time.DateOnly, cost.PricesRead); err != nil {
		t.Error(err)
	}
	for _, p := range cost.Prices {
		n, ok := new(big.Rat).SetString(p.Dollars)
		if !ok || n.Sign() <= 0 || p.Per <= 0 || p.Source == "" || p.Service == "" || p.Unit == "" {
			t.Errorf("%+v", p)
		}
	}
}

func TestReportsAreReadAsTheAPIWritesThem(t *testing.T) {
	var text strings.Builder
	row := usage.Row{FromMillis: 1_790_000_000_000, ToMillis: 1_790_000_900_000, SeatMillis: 90_000, Joins: 3, Conferences: 1, Refusals: map[problem.Code]int{"seats_exhausted": 2}}
	next := row
	next.FromMillis, next.ToMillis = row.ToMillis, row.ToMillis+900_000
	rows := usage.LicensedColumns().Table("usage", func(yield func(usage.ReportRow, error) bool) {
		_ = yield(usage.ReportRow{Tenant: "acme", Row: row}, nil) && yield(usage.ReportRow{Tenant: "acme", Row: next}, nil)
	})
	if err := table.WriteCSV(&text, rows); err != nil {
		t.Fatal(err)
	}
	got, err := cost.ReadUsage(strings.NewReader(text.String()))
	want := cost.Usage{Tenant: "acme", FromMillis: row.FromMillis, ToMillis: next.ToMillis, SeatsMillis: 180_000, Joins: 6, Refused: 4, Conferences: 2}
	if err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
}

func TestAMalformedReportIsRefused(t *testing.T) {
	const head = "tenant,from,to,seat_ms,joins,refused,conferences\n"
	for name, text := range map[string]string{
		"nothing":              "",
		"a column is missing":  "tenant,from,to,seat_ms,joins,refused\n",
		"a count below zero":   head + "acme,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,1,-1,0,0\n",
		"no number":            head + "acme,2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,1,many,0,0\n",
		"no time":              head + "acme,november,2026-12-01T00:00:00Z,1,1,0,0\n",
		"it ends before":       head + "acme,2026-12-01T00:00:00Z,2026-11-01T00:00:00Z,1,1,0,0\n",
		"no tenant":            head + ",2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,1,1,0,0\n",
		"a row is cut off":     head + "acme,2026-11-01T00:00:00Z\n",
		"a quote that is open": head + "\"acme,2026-11-01T00:00:00Z\n",
	} {
		if got, err := cost.ReadUsage(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
}

// The numbers in designs.go are those of the template.
func TestTheBillIsOfTheTemplate(t *testing.T) {
	described, err := parsed.Read(template)
	if err != nil {
		t.Fatal(err)
	}
	every := map[string]int{}
	for _, s := range described.Schedules {
		every[fmt.Sprintf("%s %s", s.Function, s.Interval)]++
	}
	text, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	has := func(what string) int { return strings.Count(string(text), what) }
	if has("    MemorySize: 256\n") != 1 || has("      MemorySize: 1024\n") != 1 {
		t.Error("functions do not have 256 MB of memory, or the roll-up not 1,024 MB")
	}
	secrets, streams, recovered := has("Type: AWS::SecretsManager::Secret\n"), has("StreamViewType:"), has("PointInTimeRecoveryEnabled: true\n")
	if secrets != 2 || streams != 1 || recovered != 3 {
		t.Errorf("%d secrets, %d streams, %d tables with recovery", secrets, streams, recovered)
	}
	if alarms, dashboards := has("Type: AWS::CloudWatch::Alarm\n"), has("Type: AWS::CloudWatch::Dashboard\n    Condition: DashboardMade\n"); alarms != cost.Alarms || dashboards != 1 {
		t.Errorf("%d alarms, %d dashboards on condition", alarms, dashboards)
	}
	if has("      AccessLogSettings:\n") != 1 || has("      Metrics:\n") != 0 {
		t.Error("other than the HTTP API has an access log by default, or an alarm has several metrics")
	}
	want := map[string]int{"reconcile 1m0s": 1, "queue 1m0s": 1, "signals 1m0s": 1, "rollup 1h0m0s": 1}
	if !maps.Equal(every, want) {
		t.Errorf("schedules %v, want %v", every, want)
	}
}
