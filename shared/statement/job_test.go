package statement_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// busy is a world whose November has stays on some days, and a change of license in
// the middle of one.
func busy(t *testing.T) *world {
	w := newWorld(t)
	w.stays(2, w.at(1, 0).Add(-30*time.Minute), time.Hour)
	w.stays(2, w.at(10, 9), 2*time.Hour)
	w.stays(1, w.at(30, 22), time.Hour)
	w.now = w.at(10, 10)
	w.license(1)
	w.now = w.at(32, 0)
	return w
}

// faulty is a store over the same data whose calls can fail.
func (w *world) faulty() (*dynamo.Store, *faults.API) {
	calls := faults.New(w.tables)
	return dynamo.New(calls, memtable.Names).WithClock(func() time.Time { return w.now }), calls
}

// content is a statement without the time at which it was made.
func content(s statement.Statement) statement.Statement {
	s.ClosedAt, s.SHA256 = "", ""
	return s
}

// goesOn runs the job until it is over, and returns its state.
func (w *world) goesOn() statement.Job {
	w.t.Helper()
	for range 100 {
		if err := w.closer(w.store).Run(context.Background()); err != nil {
			w.t.Fatal(err)
		}
		j, err := w.closer(w.store).Job(context.Background(), acme, november)
		if err != nil {
			w.t.Fatal(err)
		}
		if j.State != statement.StateRunning {
			return j
		}
		w.now = w.now.Add(time.Minute)
	}
	w.t.Fatal("the closing never ends")
	return statement.Job{}
}

func TestAMonthIsClosedDayByDayOverManyCalls(t *testing.T) {
	w := busy(t)
	w.rollUp()
	store := &slow{Store: w.store, world: w, by: 6 * time.Second} // longer than a call begins days
	asked := 0
	for ; ; asked++ {
		result, err := w.closer(store).Close(t.Context(), acme, november)
		if err != nil {
			t.Fatal(err)
		}
		if result.Sealed != nil {
			break
		}
		if result.Job.State != statement.StateRunning || result.Job.Length != 30 || result.Job.DaysDone() != asked+1 {
			t.Fatalf("call %d: %+v", asked, result.Job)
		}
	}
	// The last day is checked by a call that finds no time to begin another.
	if asked < 29 || store.reads > 31 {
		t.Errorf("%d calls read the stays of %d days, want each day once, and the one that a license changed twice", asked, store.reads)
	}
}

func TestAskingForAClosedPeriodAgainTakesThreeReads(t *testing.T) {
	w := busy(t)
	first := w.closes(true)
	w.now = w.at(40, 0)
	store, calls := w.faulty()
	var asked []string
	calls.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		asked = append(asked, call.Name)
		return faults.None
	}
	sealed, added, err := w.close(store, november)
	if err != nil || added || sealed.SHA256 != first.SHA256 {
		t.Fatalf("asked again: new %v, %v", added, err)
	}
	if len(asked) != 3 {
		t.Errorf("it asked the store for %v", asked)
	}
}

func TestASecondRunLeavesAClosingThatIsHeldAlone(t *testing.T) {
	w := busy(t)
	w.rollUp()
	var second statement.Result
	store := &interrupted{Store: w.store}
	store.once = func() {
		var err error
		store := &slow{Store: w.store, world: w}
		c := w.pausing(store, func(context.Context, time.Duration) error { return nil })
		if second, err = c.Close(t.Context(), acme, november); err != nil {
			t.Error(err)
		}
		if store.reads > 0 {
			t.Errorf("the second run read %d days", store.reads)
		}
		if err := c.Run(t.Context()); err != nil || store.reads > 0 {
			t.Errorf("a run of the roll-up read %d days: %v", store.reads, err)
		}
	}
	if _, added, err := w.close(store, november); err != nil || !added {
		t.Fatalf("closed: %v, %v", added, err)
	}
	if second.Sealed != nil || second.Job.State != statement.StateRunning {
		t.Errorf("the second run has %+v", second)
	}
}

// interrupted is a store that lets something happen during the first read of stays.
type interrupted struct {
	statement.Store
	once func()
}

func (s *interrupted) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	if do := s.once; do != nil {
		s.once = nil
		do()
	}
	return s.Store.Stays(ctx, t, from, to)
}

func TestTheEndOfAnOverdueRunIsNotTakenForTheNextOnes(t *testing.T) {
	w := busy(t)
	w.rollUp()
	store := &interrupted{Store: w.store}
	store.once = func() { // the lease ends, and another run takes over
		w.now = w.now.Add(20 * time.Minute)
		if _, added, err := w.close(w.store, november); err != nil || !added {
			t.Errorf("taken over: %v, %v", added, err)
		}
	}
	result, err := w.closer(store).Close(t.Context(), acme, november)
	if err != nil || result.Added {
		t.Errorf("the overdue run: %+v, %v", result, err)
	}
	w.closes(false)
}

func TestARecordDuringAClosingIsInItOrMakesItStale(t *testing.T) {
	w := busy(t)
	store := &interrupted{Store: w.store}
	store.once = func() { w.stays(1, w.at(3, 9), time.Hour) }
	if _, _, err := w.close(store, november); err != nil {
		t.Fatal(err)
	}
	sealed, err := w.store.Statement(t.Context(), acme, november, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealed.Open()
	if err != nil {
		t.Fatal(err)
	}
	if s.Totals.SeatMillis != s.Days[2].SeatMillis+6*hour {
		t.Errorf("the total is %d ms, the third day %d", s.Totals.SeatMillis, s.Days[2].SeatMillis)
	}
	if stale, _, err := w.closer(w.store).Stale(t.Context(), *sealed); err != nil || !stale && s.Days[2].SeatMillis == 0 {
		t.Errorf("stale: %v, %v", stale, err)
	}
}

// license of another tenant of the world.
func (w *world) tenant(id tenant.ID, since time.Time) {
	w.t.Helper()
	l := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: 3, TimeZone: w.zone.String(), ChangedAtMillis: since.UnixMilli(), Revision: 1}.WithDefaults()
	if written, err := w.store.PutLicense(w.t.Context(), l); err != nil || !written {
		w.t.Fatalf("write a license: %v, %v", written, err)
	}
}

func (w *world) states(period string) map[tenant.ID]statement.State {
	w.t.Helper()
	list, err := w.closer(w.store).Jobs(w.t.Context(), period, "", 1000)
	if err != nil {
		w.t.Fatal(err)
	}
	states := make(map[tenant.ID]statement.State)
	for _, j := range list {
		states[j.Tenant] = j.State
	}
	return states
}

func TestAllTenantsAreClosedWithAResultForEach(t *testing.T) {
	w := busy(t)
	w.tenant("globex", w.at(2, 0))
	w.tenant("later", w.at(31, 12))
	w.rollUp()
	store := &tampered{w.store, "c000002=", shortened}
	s, err := w.closer(store).CloseAll(t.Context(), november, "ann")
	if err != nil || s.State() != statement.StateDone || s.By != "ann" || s.Tenants() != 3 {
		t.Fatalf("%s: %+v, %v", s.State(), s, err)
	}
	want := map[tenant.ID]statement.State{acme: statement.StateFailed, "globex": statement.StateDone, "later": statement.StateNotDue}
	if diff := cmp.Diff(want, w.states(november)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for id, code := range map[tenant.ID]problem.Code{acme: problem.PreconditionFailed, "later": problem.Invalid} {
		if j, err := w.closer(store).Job(t.Context(), id, november); err != nil || j.Problem == nil || j.Problem.Code != code {
			t.Errorf("%s: %+v, %v", id, j.Problem, err)
		}
	}
	store.edit = nil
	w.now = w.now.Add(time.Second)
	if s, err = w.closer(store).CloseAll(t.Context(), november, "bob"); err != nil || s.By != "bob" || s.States[statement.StateDone] != 2 {
		t.Errorf("asked again: %+v, %v", s, err)
	}
}

// automatic closes each month by itself so many days after its end.
func (w *world) automatic(days int) *statement.Closer {
	log, now := slog.New(slog.DiscardHandler), func() time.Time { return w.now }
	return statement.NewCloser(statement.Config{
		Store: w.store, Roller: rollup.New(w.store, log, now), Log: log, Now: now, Pause: pool.Sleep, CloseAfterDays: days,
	})
}

func TestAMonthClosesByItselfSoManyDaysAfterItsEnd(t *testing.T) {
	w := busy(t)
	run := func(days int) map[tenant.ID]statement.State {
		t.Helper()
		if err := w.automatic(days).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.states(november)
	}
	w.now = time.Date(2026, time.December, 3, 23, 59, 0, 0, time.UTC)
	if got := run(0); len(got) != 0 {
		t.Errorf("told never to, it closes %v", got)
	}
	if got := run(3); len(got) != 0 {
		t.Errorf("a minute before, it closes %v", got)
	}
	w.now = w.now.Add(time.Minute)
	if got := run(3); got[acme] != statement.StateDone {
		t.Errorf("then it closes %v", got)
	}
	before, err := w.store.Job(t.Context(), november, acme)
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(24 * time.Hour)
	run(3)
	if after, err := w.store.Job(t.Context(), november, acme); err != nil || after.Version != before.Version {
		t.Errorf("a day later it does so again: %+v, %v", after, err)
	}
}

func TestAMonthAskedForTooEarlyStillClosesByItself(t *testing.T) {
	w := busy(t)
	w.now = time.Date(2026, time.December, 1, 0, 30, 0, 0, time.UTC)
	c := w.automatic(3)
	if s, err := c.CloseAll(t.Context(), november, "ann"); err != nil || s.States[statement.StateNotDue] != 1 {
		t.Fatalf("asked before its days are final: %+v, %v", s, err)
	}
	w.now = time.Date(2026, time.December, 4, 0, 0, 0, 0, time.UTC)
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.states(november); got[acme] != statement.StateDone {
		t.Errorf("three days after the month it is %v", got)
	}
}

func TestABatchWithoutJobsLeftIsClosed(t *testing.T) {
	w := busy(t)
	w.closes(true)
	open := func() bool {
		b, err := w.store.Batch(t.Context(), november)
		if err != nil || b == nil {
			t.Fatalf("%+v, %v", b, err)
		}
		if err := w.closer(w.store).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, err = w.store.Batch(t.Context(), november)
		if err != nil {
			t.Fatal(err)
		}
		return b.Open
	}
	if !open() {
		t.Error("it is closed at once, and may lack a job that is being written")
	}
	w.now = w.now.Add(time.Hour)
	if open() {
		t.Error("it stays open")
	}
	w.stays(1, w.at(3, 9), time.Hour)
	if s := w.closes(true); s.Revision != 2 || !open() {
		t.Errorf("revision %d does not open it again", s.Revision)
	}
}

func TestALateRecordMakesAStatementStaleUntilClosedAgain(t *testing.T) {
	w := busy(t)
	w.closes(true)
	stale := func(want bool, seatMillis int64) {
		t.Helper()
		sealed, err := w.store.Statement(t.Context(), acme, november, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, d, err := w.closer(w.store).Stale(t.Context(), *sealed)
		if err != nil || got != want || (d != nil) != (seatMillis != 0) || d != nil && d.SeatMillis != seatMillis {
			t.Errorf("stale %v, by %+v, %v; want %v, by %d ms", got, d, err, want, seatMillis)
		}
	}
	stale(false, 0)
	w.now = w.now.Add(time.Hour)
	w.stays(1, w.at(31, 1), time.Hour) // of December
	stale(false, 0)
	w.stays(2, w.at(5, 9), time.Hour)
	stale(true, 0) // the roll-up does not have it yet
	w.rollUp()
	stale(true, 2*hour)
	w.now = w.now.Add(time.Hour)
	w.closes(true)
	stale(false, 0)
	w.zoned("Asia/Kathmandu")
	stale(false, 0)
	w.now = w.now.Add(time.Hour)
	w.stays(1, time.Date(2026, time.November, 5, 9, 0, 0, 0, time.UTC), time.Hour)
	stale(true, 0) // by a calendar that is not rolled up
	w.now = w.now.Add(time.Hour)
	w.closes(true)
	stale(false, 0)
}

func TestSegmentsAreTheLicensesTimeInTheMonth(t *testing.T) {
	w := newWorld(t)
	w.stays(3, w.at(10, 9), 2*time.Hour)
	w.stays(1, w.at(20, 9), time.Hour)
	w.now = w.at(10, 10)
	w.license(2)
	w.now = w.at(11, 10)
	w.license(2) // changes no limit
	w.now = w.at(10, 10).Add(24 * time.Hour)
	w.now = w.at(15, 0)
	w.license(1)
	w.now = w.at(32, 0)
	s := w.closes(true)
	at := func(day, hour int) string { return usage.FormatTime(w.at(day, hour).UnixMilli()) }
	want := []statement.Segment{
		{From: at(1, 0), To: at(10, 10), Model: license.ModelConcurrent, Limit: 3, Peak: 3, SeatMillis: 3 * hour, Hosts: 1},
		{From: at(10, 10), To: at(15, 0), Model: license.ModelConcurrent, Limit: 2, Peak: 3, SeatMillis: 3 * hour, OverageMillis: hour, Hosts: 1},
		{From: at(15, 0), To: at(31, 0), Model: license.ModelConcurrent, Limit: 1, Peak: 1, SeatMillis: hour, Hosts: 1},
	}
	if diff := cmp.Diff(want, s.Segments); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.Totals.SeatMillis != 7*hour || s.Totals.OverageMillis != hour || s.Totals.Joins != 4 || s.Days[9].Peak != 3 || s.Days[9].SeatMillis != 6*hour {
		t.Errorf("totals %+v, the day %+v", s.Totals, s.Days[9])
	}
}
