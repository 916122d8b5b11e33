package rollup_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

const acme = "acme"

// world is a tenant with a ledger, and a clock.
type world struct {
	t     rapid.TB
	store *dynamo.Store
	now   time.Time
	zone  *time.Location
	next  int
}

func newWorld(t rapid.TB, zone string) *world {
	t.Helper()
	location, err := timezone.Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, zone: location}
	w.now = w.at(1, 0)
	w.store = dynamo.New(memtable.New(), memtable.Names).WithClock(func() time.Time { return w.now })
	w.put(license.License{Tenant: acme, Model: license.ModelConcurrent, Seats: 3, TimeZone: zone, Revision: 1, ChangedAtMillis: w.now.UnixMilli()})
	return w
}

func (w *world) put(l license.License) {
	w.t.Helper()
	if written, err := w.store.PutLicense(context.Background(), l); err != nil || !written {
		w.t.Fatalf("put a license: %v, %v", written, err)
	}
}

// at is a moment of October 2026, in which clocks change in New York's zone's
// neighbours; days and minutes are the zone's.
func (w *world) at(day, minute int) time.Time {
	return time.Date(2026, time.October, day, 0, minute, 0, 0, w.zone)
}

// stay records one, at its end or when the clock says.
func (w *world) stay(from time.Time, length time.Duration, who string) {
	w.t.Helper()
	w.next++
	id := seat.ConnectionID(fmt.Sprintf("c%06d=", w.next))
	s := usage.Stay{
		ID: usage.NewStayID(id, from.UnixMilli()), Tenant: acme, Conference: "weekly", Number: 1, Host: "ann@example.org",
		Identity: who, Connection: id, Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: int64(w.next),
		JoinedAtMillis: from.UnixMilli(), LeftAtMillis: from.Add(length).UnixMilli(), End: usage.EndClosed, Limit: 3,
	}
	if _, err := w.store.Record(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refuse(at time.Time) {
	w.t.Helper()
	w.next++
	r := usage.Refusal{Tenant: acme, Conference: "weekly", Identity: fmt.Sprintf("person-%d", w.next%5), AtMillis: at.UnixMilli(), Connection: seat.ConnectionID(fmt.Sprintf("r%06d=", w.next)), Code: problem.SeatsExhausted}
	if err := w.store.Refuse(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
}

// wait records one, at its end or when the clock says.
func (w *world) wait(since time.Time, length time.Duration, outcome usage.WaitOutcome) {
	w.t.Helper()
	w.next++
	wait := usage.Wait{
		Tenant: acme, Conference: "weekly", Number: 1, Connection: seat.ConnectionID(fmt.Sprintf("w%06d=", w.next)),
		SinceMillis: since.UnixMilli(), UntilMillis: since.Add(length).UnixMilli(), Outcome: outcome,
	}
	if err := w.store.RecordWait(context.Background(), wait); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) roll() rollup.Progress {
	w.t.Helper()
	r := rollup.New(w.store, slog.New(slog.DiscardHandler), func() time.Time { return w.now })
	if err := r.Run(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	p, err := w.store.Progress(context.Background(), acme)
	if err != nil || p == nil {
		w.t.Fatalf("no progress: %v", err)
	}
	return *p
}

// rows are those kept in October, and, with want, those that a report of the
// ledger says.
func (w *world) rows(g usage.Granularity) (kept, want []usage.Row) {
	w.t.Helper()
	from, to := w.at(1, 0), w.at(32, 0)
	for row, err := range w.store.Rows(context.Background(), acme, w.zone.String(), g, from.UnixMilli(), to.UnixMilli()) {
		if err != nil {
			w.t.Fatal(err)
		}
		kept = append(kept, row)
	}
	periods, err := usage.Periods(from, to, g, w.zone)
	if err != nil {
		w.t.Fatal(err)
	}
	revisions, err := w.store.Revisions(context.Background(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	var stays []usage.Stay
	for s, err := range w.store.Stays(context.Background(), acme, 0, to.UnixMilli()) {
		if err != nil {
			w.t.Fatal(err)
		}
		stays = append(stays, s)
	}
	var refusals []usage.Refusal
	for r, err := range w.store.Refusals(context.Background(), acme, 0, to.UnixMilli()) {
		if err != nil {
			w.t.Fatal(err)
		}
		refusals = append(refusals, r)
	}
	var waits []usage.Wait
	for wait, err := range w.store.Waits(context.Background(), acme, 0, to.UnixMilli()) {
		if err != nil {
			w.t.Fatal(err)
		}
		waits = append(waits, wait)
	}
	records := usage.Records{Stays: stays, Refusals: refusals, Waits: waits}
	for _, row := range usage.Report(periods, usage.LimitsOf(revisions), records, to.AddDate(1, 0, 0).UnixMilli()) {
		if !row.Idle() {
			want = append(want, row)
		}
	}
	return kept, want
}

var granularities = []usage.Granularity{
	usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth,
}

// agree checks that what is kept is what the ledger says.
func (w *world) agree() {
	w.t.Helper()
	for _, g := range granularities {
		kept, want := w.rows(g)
		if diff := cmp.Diff(want, kept); diff != "" {
			w.t.Fatalf("%s (-ledger +kept):\n%s", g, diff)
		}
	}
}

func TestADayIsKeptOnlyWhenItCannotChangeAnyMore(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(w.at(1, 10), time.Hour, "bob")
	for _, test := range []struct {
		now  time.Time
		want time.Time
	}{
		{w.at(1, 23*60), w.at(1, 0)},
		{w.at(2, 0), w.at(1, 0)},
		{w.at(2, 4*60).Add(-time.Millisecond), w.at(1, 0)},
		{w.at(2, 4*60), w.at(2, 0)},
		{w.at(9, 0), w.at(8, 0)},
	} {
		w.now = test.now
		if p := w.roll(); p.ThroughMillis != test.want.UnixMilli() {
			t.Errorf("at %v rolled up through %v, want %v", test.now, time.UnixMilli(p.ThroughMillis).UTC(), test.want)
		}
	}
}

// The end of a wait that was found late counts as long as a connection can last.
func TestALateWaitHasItsDaysMadeAgain(t *testing.T) {
	w := newWorld(t, "America/New_York")
	w.stay(w.at(1, 10), time.Hour, "bob")
	w.now = w.at(34, 0)
	w.roll()
	w.wait(w.at(1, 23*60), w.now.Sub(w.at(1, 23*60)), usage.WaitGone)
	w.roll()
	w.agree()
	kept, _ := w.rows(usage.GranularityDay)
	if len(kept) != 2 || kept[1].Waited != 1 || kept[1].Abandoned != 1 || kept[1].WaitMillis != usage.MaxStayMillis {
		t.Errorf("kept %+v", kept)
	}
}

func TestALateRecordHasItsDaysAndMonthsMadeAgain(t *testing.T) {
	w := newWorld(t, "America/New_York")
	w.stay(w.at(5, 600), time.Hour, "bob")
	w.now = w.at(33, 0)
	w.roll()
	w.stay(w.at(4, 24*60-30), time.Hour, "eve") // across a midnight
	w.stay(w.at(2, 60), time.Hour, "mallory")   // before all that was known
	w.now = w.now.Add(15 * time.Minute)
	w.roll()
	w.agree()
}

func TestAnotherTimeZoneMeansAnotherCalendar(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(w.at(5, 600), time.Hour, "bob")
	w.stay(w.at(7, 23*60), 2*time.Hour, "eve")
	w.now = w.at(33, 0)
	w.roll()
	l, err := w.store.License(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	l.TimeZone, l.Revision = "Asia/Kathmandu", 2
	w.put(*l)
	w.zone = l.Location()
	w.now = w.now.Add(24 * time.Hour)
	w.roll()
	w.agree()
}

func TestARunThatBreaksOffIsGoneOnWith(t *testing.T) {
	w := newWorld(t, "UTC")
	for day := range 30 {
		w.stay(w.at(1+day, 600), time.Hour, "bob")
	}
	w.now = w.at(33, 0)
	failing := &breaking{Store: w.store, left: 20}
	r := rollup.New(failing, slog.New(slog.DiscardHandler), func() time.Time { return w.now })
	for runs := 0; ; runs++ {
		if err := r.Run(t.Context()); err == nil {
			if runs < 3 {
				t.Errorf("it never broke off, in %d runs", runs)
			}
			break
		}
		failing.left = 20
	}
	w.agree()
}

// breaking is a store whose writes fail after some.
type breaking struct {
	rollup.Store
	left int
}

func (b *breaking) PutDay(ctx context.Context, t tenant.ID, zone string, d rollup.Day) error {
	if b.left--; b.left < 0 {
		return fmt.Errorf("out of order")
	}
	return b.Store.PutDay(ctx, t, zone, d)
}

func (b *breaking) SaveProgress(ctx context.Context, t tenant.ID, p rollup.Progress) error {
	if b.left--; b.left < 0 {
		return fmt.Errorf("out of order")
	}
	return b.Store.SaveProgress(ctx, t, p)
}

func TestRunsAtTheSameTimeWriteWhatOneWould(t *testing.T) {
	w := newWorld(t, "Asia/Kathmandu")
	for day := range 20 {
		w.stay(w.at(1+day, 23*60+30), time.Hour, fmt.Sprintf("person-%d", day))
	}
	w.now = w.at(33, 0)
	var group sync.WaitGroup
	run := func() {
		r := rollup.New(w.store, slog.New(slog.DiscardHandler), func() time.Time { return w.at(33, 0) })
		if err := r.Run(context.Background()); err != nil {
			t.Error(err)
		}
	}
	for range 4 {
		group.Go(run)
	}
	group.Go(func() { // late, while they are at it
		w.stay(w.at(3, 600), time.Hour, "eve")
		run()
	})
	group.Wait()
	run() // what a run was making when the record came in, the next one makes again
	w.agree()
}
