package retention_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/retention"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

const (
	acme = tenant.ID("acme")
	days = 400
)

// world is a tenant with a stay on each fifth day of the first quarter of 2025 and a clock.
type world struct {
	t      *testing.T
	tables *memtable.Tables
	calls  *faults.API
	store  *dynamo.Store
	now    time.Time
	zone   *time.Location
}

func newWorld(t *testing.T) *world {
	t.Helper()
	zone, err := timezone.Load("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, tables: memtable.New(), zone: zone}
	w.calls = faults.New(w.tables)
	w.store = dynamo.New(w.calls, memtable.Names).WithClock(w.clock)
	w.now = w.day(1)
	w.licensed(license.License{Seats: 5, TimeZone: zone.String(), Revision: 1})
	for day := 1; day < 90; day += 5 {
		from := w.day(day).Add(23 * time.Hour) // those of a month's last day go on in the next
		w.now = from.Add(2 * time.Hour)
		id := seat.ConnectionID(fmt.Sprintf("c%06d=", day))
		if _, err := w.store.Record(t.Context(), usage.Stay{
			ID: usage.NewStayID(id, from.UnixMilli()), Tenant: acme, Conference: "weekly", Number: 1, Host: "ann", Identity: "bob", Connection: id,
			Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: int64(day), JoinedAtMillis: from.UnixMilli(), LeftAtMillis: w.now.UnixMilli(), End: usage.EndClosed,
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.day(100)
	return w
}

func (w *world) clock() time.Time { return w.now }

// day is the beginning of a day of 2025.
func (w *world) day(n int) time.Time { return time.Date(2025, time.January, n, 0, 0, 0, 0, w.zone) }

func (w *world) licensed(l license.License) {
	w.t.Helper()
	l.Tenant, l.Model, l.ChangedAtMillis = acme, license.ModelConcurrent, w.now.UnixMilli()
	if written, err := w.store.PutLicense(w.t.Context(), l.WithDefaults()); err != nil || !written {
		w.t.Fatalf("write a license: %v, %v", written, err)
	}
}

func (w *world) roller() *rollup.Roller {
	return rollup.New(w.store, slog.New(slog.DiscardHandler), w.clock)
}

func (w *world) closer() *statement.Closer {
	return statement.NewCloser(statement.Config{
		Store: w.store, Roller: w.roller(), Log: slog.New(slog.DiscardHandler), Now: w.clock, Pause: pool.Sleep,
	})
}

// closes closes months, and returns their statements.
func (w *world) closes(periods ...string) (list []statement.Sealed) {
	w.t.Helper()
	for _, period := range periods {
		result, err := w.closer().Close(w.t.Context(), acme, period)
		if err != nil || result.Sealed == nil {
			w.t.Fatalf("close %s: %+v, %v", period, result, err)
		}
		list = append(list, *result.Sealed)
	}
	return list
}

func (w *world) keep() error {
	return retention.NewKeeper(w.store, w.closer(), days, slog.New(slog.DiscardHandler), w.clock).Run(context.Background())
}

// kept runs on three days, from so many days after the end of a day on.
func (w *world) kept(after time.Time) {
	w.t.Helper()
	w.now = after.AddDate(0, 0, days+1)
	for range 3 {
		if err := w.keep(); err != nil {
			w.t.Fatal(err)
		}
		w.now = w.now.AddDate(0, 0, 1)
	}
}

// stays are the days of 2025 on which the stays of the ledger began.
func (w *world) stays() (list []int) {
	w.t.Helper()
	for stay, err := range w.store.Stays(w.t.Context(), acme, 0, w.now.UnixMilli()) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, time.UnixMilli(stay.JoinedAtMillis).In(w.zone).YearDay())
	}
	return list
}

func (w *world) report(from, to time.Time) (rows []usage.Row, err error) {
	l, err := w.store.License(w.t.Context(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	q := report.Query{
		Tenant: acme, License: *l, FromMillis: from.UnixMilli(), ToMillis: to.UnixMilli(), Granularity: usage.GranularityTotal, AsOfMillis: w.now.UnixMilli(),
	}
	for row, err := range report.New(w.store, nobody{}).Usage(w.t.Context(), q) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// nobody is in.
type nobody struct{}

func (nobody) OpenStays(context.Context, tenant.ID, int64) ([]usage.Stay, error) { return nil, nil }

func TestAClosedMonthGoesAndItsStatementStays(t *testing.T) {
	w := newWorld(t)
	sealed := w.closes("2025-01", "2025-02", "2025-03")
	march, err := w.report(w.day(60), w.day(91))
	if err != nil {
		t.Fatal(err)
	}
	w.kept(w.day(60)) // the end of February
	if diff := cmp.Diff([]int{61, 66, 71, 76, 81, 86}, w.stays()); diff != "" {
		t.Errorf("stays (-want +got):\n%s", diff)
	}
	w.licensed(license.License{Seats: 5, TimeZone: "Asia/Kathmandu", Revision: 2}) // which makes the roll-up anew
	if _, err := w.roller().Tenant(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	w.licensed(license.License{Seats: 5, TimeZone: w.zone.String(), Revision: 3})
	if _, err := w.roller().Tenant(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	w.late(t)
	for _, one := range sealed {
		stored, err := w.store.Statement(t.Context(), acme, one.Period, 0)
		if err != nil || stored == nil || stored.SHA256 != one.SHA256 {
			t.Fatalf("%s: %+v, %v", one.Period, stored, err)
		}
		if _, err := stored.Open(); err != nil {
			t.Error(err)
		}
		if stale, _, err := w.closer().Stale(t.Context(), *stored); err != nil || stale {
			t.Errorf("%s is stale: %v, %v", one.Period, stale, err)
		}
		if again := w.closes(one.Period)[0]; again.SHA256 != one.SHA256 {
			t.Errorf("%s was closed again, as revision %d", one.Period, again.Revision)
		}
	}
	again, err := w.report(w.day(60), w.day(91))
	if diff := cmp.Diff(march, again); err != nil || diff != "" {
		t.Errorf("March: %v (-before +after):\n%s", err, diff)
	}
}

// Operators may empty the usage table, since it is made again from the ledger.
func TestARemovedMonthStaysSealedAfterTheUsageTableIsEmptied(t *testing.T) {
	w := newWorld(t)
	sealed := w.closes("2025-01")[0]
	w.kept(w.day(32))
	before, err := w.store.Removal(t.Context(), acme)
	if err != nil || before.DoneMillis == 0 {
		t.Fatalf("the removal is %+v, %v", before, err)
	}
	w.empties()
	for _, when := range []string{"emptied", "rolled up anew"} {
		if after, err := w.store.Removal(t.Context(), acme); err != nil || after != before {
			t.Errorf("%s: the removal is %+v, %v", when, after, err)
		}
		if _, err := w.report(w.day(1), w.day(32)); !problem.Is(err, problem.Invalid) {
			t.Errorf("%s: a report of what was removed: %v", when, err)
		}
		if stale, _, err := w.closer().Stale(t.Context(), sealed); err != nil || stale {
			t.Errorf("%s: the statement is stale: %v, %v", when, stale, err)
		}
		if again := w.closes("2025-01")[0]; again.SHA256 != sealed.SHA256 {
			t.Errorf("%s: closed again, as revision %d", when, again.Revision)
		}
		if _, err := w.roller().Tenant(t.Context(), acme); err != nil {
			t.Fatal(err)
		}
	}
}

// empties removes all items of the usage table.
func (w *world) empties() {
	var keys [][2]string
	w.tables.Each(memtable.Names.Usage, func(i memtable.Item) {
		pk, sk := keysOf(i)
		keys = append(keys, [2]string{pk, sk})
	})
	if len(keys) == 0 {
		w.t.Fatal("the usage table was empty already")
	}
	for _, k := range keys {
		w.tables.Set(memtable.Names.Usage, k[0], k[1], nil)
	}
}

func TestReportsAndClosingsSayThatRecordsWereRemoved(t *testing.T) {
	w := newWorld(t)
	w.closes("2025-01")
	w.kept(w.day(32))
	_, err := w.report(w.day(31), w.day(91))
	if !problem.Is(err, problem.Invalid) {
		t.Errorf("a range from before: %v", err)
	}
	if _, err := w.report(w.day(32), w.day(91)); err != nil {
		t.Error(err)
	}
	reporter := report.New(w.store, nobody{})
	if _, err := reporter.Tenants(t.Context(), "2025-01", "", 10, w.now.UnixMilli()); !problem.Is(err, problem.Invalid) {
		t.Errorf("all tenants' January: %v", err)
	}
	if _, err := reporter.Tenants(t.Context(), "2025-02", "", 10, w.now.UnixMilli()); err != nil {
		t.Error(err)
	}
	if _, err := w.closer().Close(t.Context(), acme, "2024-12"); !problem.Is(err, problem.Invalid) {
		t.Errorf("a month that was not closed: %v", err)
	}
	w.late(t)
	if s, err := w.closer().CloseAll(t.Context(), "2025-01", "ann"); err != nil || s.States[statement.StateDone] != 1 {
		t.Errorf("all tenants' January is closed again as %+v, %v", s, err)
	}
	q := report.Query{Tenant: acme, FromMillis: w.day(1).UnixMilli(), ToMillis: w.day(32).UnixMilli(), AsOfMillis: w.now.UnixMilli(), Granularity: usage.GranularityTotal}
	if _, err := reporter.Sizing(t.Context(), q); !problem.Is(err, problem.Invalid) {
		t.Errorf("a sizing: %v", err)
	}
}

func TestWhatIsNotClosedOrNotOldStays(t *testing.T) {
	whole := newWorld(t).stays()
	for name, c := range map[string]struct {
		closed []string
		run    func(w *world)
	}{
		"nothing closed":         {nil, func(w *world) { w.kept(w.day(91)) }},
		"a month open before it": {[]string{"2025-02", "2025-03"}, func(w *world) { w.kept(w.day(91)) }},
		"a day too early":        {[]string{"2025-01"}, func(w *world) { w.kept(w.day(28)) }},
		"stale":                  {[]string{"2025-01"}, func(w *world) { w.late(t); w.kept(w.day(32)) }},
		"just noted": {[]string{"2025-01"}, func(w *world) {
			w.now = w.day(32).AddDate(0, 0, days)
			for range 2 {
				if err := w.keep(); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.closes(c.closed...)
			c.run(w)
			want := whole
			if name == "stale" {
				want = append([]int{1}, whole...)
			}
			if diff := cmp.Diff(want, w.stays()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// late records a stay of January late.
func (w *world) late(t *testing.T) {
	t.Helper()
	w.now = w.now.Add(time.Minute)
	from := w.day(1).Add(time.Hour)
	if _, err := w.store.Record(t.Context(), usage.Stay{
		ID: usage.NewStayID("late=", from.UnixMilli()), Tenant: acme, Conference: "weekly", Number: 1, Connection: "late=",
		Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: 1000, JoinedAtMillis: from.UnixMilli(), LeftAtMillis: from.UnixMilli() + 1000, End: usage.EndClosed,
	}); err != nil {
		t.Fatal(err)
	}
}

// copied is another world of the same.
func (w *world) copied() *world {
	other := &world{t: w.t, tables: memtable.New(), zone: w.zone, now: w.now}
	for _, table := range []string{memtable.Names.Live, memtable.Names.Ledger, memtable.Names.Usage} {
		w.tables.Each(table, func(i memtable.Item) {
			pk, sk := keysOf(i)
			other.tables.Set(table, pk, sk, i)
		})
	}
	other.calls = faults.New(other.tables)
	other.store = dynamo.New(other.calls, memtable.Names).WithClock(other.clock)
	return other
}

func keysOf(i memtable.Item) (pk, sk string) {
	text := func(name string) string {
		s, _ := i[name].(*types.AttributeValueMemberS)
		return s.Value
	}
	return text(dynamo.PartitionKey), text(dynamo.SortKey)
}

// items are the keys of the ledger's and the roll-up's items.
func (w *world) items() map[string]bool {
	keys := make(map[string]bool)
	for _, table := range []string{memtable.Names.Ledger, memtable.Names.Usage} {
		w.tables.Each(table, func(i memtable.Item) {
			pk, sk := keysOf(i)
			keys[pk+" "+sk] = true
		})
	}
	return keys
}
