package statement_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

const (
	acme     = tenant.ID("acme")
	november = "2026-11"
)

// world is a tenant of New York with a ledger, and a clock.
type world struct {
	t      *testing.T
	tables *memtable.Tables
	store  *dynamo.Store
	now    time.Time
	zone   *time.Location
	next   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, 1)
}

// newWorldAt is one whose tenant has its license from a day of November on.
func newWorldAt(t *testing.T, day int) *world {
	t.Helper()
	zone, err := timezone.Load("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, zone: zone, tables: memtable.New()}
	w.store = dynamo.New(w.tables, memtable.Names).WithClock(func() time.Time { return w.now })
	w.now = w.at(day, 0)
	w.license(3)
	return w
}

// starts makes the license one that is valid from a moment on.
func (w *world) starts(at time.Time) {
	w.t.Helper()
	l, err := w.store.License(w.t.Context(), acme)
	if err != nil || l == nil {
		w.t.Fatal(err)
	}
	l.StartsAt, l.RolledOut = at, false
	l.Revision++
	if written, err := w.store.PutLicense(w.t.Context(), *l); err != nil || !written {
		w.t.Fatalf("write a license: %v, %v", written, err)
	}
}

// at is an hour of a day of November 2026, whose first day has 25 hours.
func (w *world) at(day, hour int) time.Time {
	return time.Date(2026, time.November, day, hour, 0, 0, 0, w.zone)
}

func (w *world) license(seats int) {
	w.t.Helper()
	l := license.License{Tenant: acme, Model: license.ModelConcurrent, Seats: seats, TimeZone: w.zone.String(), ChangedAtMillis: w.now.UnixMilli()}.WithDefaults()
	if was, err := w.store.License(w.t.Context(), acme); err != nil {
		w.t.Fatal(err)
	} else if was != nil {
		l.Revision = was.Revision
	}
	l.Revision++
	if written, err := w.store.PutLicense(w.t.Context(), l); err != nil || !written {
		w.t.Fatalf("write a license: %v, %v", written, err)
	}
}

// stays records as many at once.
func (w *world) stays(n int, from time.Time, length time.Duration) {
	w.t.Helper()
	for range n {
		w.next++
		id := seat.ConnectionID(fmt.Sprintf("c%06d=", w.next))
		s := usage.Stay{
			ID: usage.NewStayID(id, from.UnixMilli()), Tenant: acme, Conference: "weekly", Number: 1, Host: "ann@example.org",
			Identity: fmt.Sprintf("person-%d", w.next), Connection: id, Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: int64(w.next),
			JoinedAtMillis: from.UnixMilli(), LeftAtMillis: from.Add(length).UnixMilli(), End: usage.EndClosed,
		}
		if _, err := w.store.Record(context.Background(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) closer(store statement.Store) *statement.Closer {
	return w.pausing(store, pool.Sleep)
}

func (w *world) pausing(store statement.Store, pause pool.Pause) *statement.Closer {
	log, now := slog.New(slog.DiscardHandler), func() time.Time { return w.now }
	return statement.NewCloser(statement.Config{Store: store, Roller: rollup.New(store, log, now), Log: log, Now: now, Pause: pause})
}

// rollUp rolls up all tenants.
func (w *world) rollUp() {
	w.t.Helper()
	if err := rollup.New(w.store, slog.New(slog.DiscardHandler), func() time.Time { return w.now }).Run(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// close closes a period of acme's at once.
func (w *world) close(store statement.Store, period string) (statement.Sealed, bool, error) {
	result, err := w.closer(store).Close(context.Background(), acme, period)
	if err != nil || result.Sealed == nil {
		return statement.Sealed{}, false, err
	}
	return *result.Sealed, result.Added, nil
}

// closes closes November and opens what comes of it.
func (w *world) closes(wantNew bool) statement.Statement {
	w.t.Helper()
	sealed, added, err := w.close(w.store, november)
	if err != nil || added != wantNew {
		w.t.Fatalf("closed: new %v, want %v; %v", added, wantNew, err)
	}
	s, err := sealed.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// refused closes November, which must not be.
func (w *world) refused(store statement.Store, want problem.Code) *problem.Error {
	w.t.Helper()
	_, _, err := w.close(store, november)
	if !problem.Is(err, want) {
		w.t.Fatalf("closed: %v, want %s", err, want)
	}
	p, _ := errors.AsType[*problem.Error](err)
	return p
}

const hour = int64(time.Hour / time.Millisecond)

func TestAStatementSaysWhatTheLedgerSaysByTheTenantsCalendar(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(1, 0).Add(-30*time.Minute), time.Hour) // half of it in October
	w.now = w.at(10, 0)
	w.license(1)
	w.stays(3, w.at(10, 9), time.Hour)
	w.now = w.at(32, 0)
	s := w.closes(true)
	peakAt := "2026-11-10T14:00:00.000Z"
	want := statement.Figures{
		From: "2026-11-01T04:00:00.000Z", To: "2026-12-01T05:00:00.000Z", Peak: 3, PeakAt: &peakAt,
		PeakHosts: new(1), PeakParticipants: new(3), SeatMillis: 4 * hour, SeatMinutes: "240.0000", OverageMillis: 2 * hour, Joins: 3, Refusals: map[problem.Code]int{}, Conferences: 1, Hosts: 1, Identities: 5,
	}
	if diff := cmp.Diff(want, s.Totals); diff != "" {
		t.Errorf("totals (-want +got):\n%s", diff)
	}
	if s.Revision != 1 || s.Corrects != 0 || len(s.Corrections) != 0 || s.Adjustment != nil || s.Records != 5 {
		t.Errorf("the first revision is %+v", s)
	}
	if len(s.Days) != 30 || s.Days[0].SeatMillis != hour || s.Days[9].SeatMillis != 3*hour || s.Days[0].To != "2026-11-02T05:00:00.000Z" {
		t.Errorf("days: %+v", s.Days)
	}
	if len(s.Licenses) != 2 || s.Licenses[0].Seats != 3 || s.Licenses[1].Seats != 1 || s.Licenses[1].From != usage.FormatTime(w.at(10, 0).UnixMilli()) {
		t.Errorf("licenses: %+v", s.Licenses)
	}
}

func TestAStatementsHashCanBeChecked(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	sealed, _, err := w.close(w.store, november)
	if err != nil {
		t.Fatal(err)
	}
	member := []byte(`,"sha256":"` + sealed.SHA256 + `"`)
	if bytes.Count(sealed.Document, member) != 1 {
		t.Fatalf("the document has no such member: %s", sealed.Document)
	}
	sum := sha256.Sum256(bytes.Replace(sealed.Document, member, nil, 1))
	if hex.EncodeToString(sum[:]) != sealed.SHA256 {
		t.Errorf("the document hashes to %x, and says %s", sum, sealed.SHA256)
	}
	for _, change := range []func([]byte) []byte{
		func(d []byte) []byte { return bytes.Replace(d, []byte(`"joins":2`), []byte(`"joins":1`), 1) },
		func(d []byte) []byte { return bytes.Replace(d, []byte(`"revision":1`), []byte(`"revision":2`), 1) },
		func(d []byte) []byte { return bytes.Replace(d, member, nil, 1) },
		func(d []byte) []byte {
			return bytes.Replace(d, []byte(`"joins":2`), []byte(`"joins":2,"note":"waived"`), 1)
		},
		func(d []byte) []byte { return append([]byte(" "), d...) },
		func([]byte) []byte { return []byte("{}") },
	} {
		changed := sealed
		changed.Document = change(bytes.Clone(sealed.Document))
		if bytes.Equal(changed.Document, sealed.Document) {
			t.Fatal("nothing was changed")
		}
		if _, err := changed.Open(); err == nil {
			t.Errorf("nobody notices that it was changed: %s", changed.Document)
		}
	}
}

func TestClosingAgainChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	first := w.closes(true)
	w.now = w.at(40, 0)
	w.license(100) // not of this period
	if diff := cmp.Diff(first, w.closes(false)); diff != "" {
		t.Error(diff)
	}
}

// As closed by the rules before: it stays as it is, and is corrected.
func TestAStatementOfEarlierRulesHoldsUntilCorrected(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	sealed, _, err := w.close(w.store, november)
	if err != nil {
		t.Fatal(err)
	}
	earlier := &rewritten{Store: w.store, sealed: statement.AsOfRules1(t, sealed)}
	same, added, err := w.close(earlier, november)
	if err != nil || added || same.SHA256 != earlier.sealed.SHA256 {
		t.Fatalf("closed again: new %v, %v", added, err)
	}
	w.stays(1, w.at(6, 9), time.Hour)
	next, added, err := w.close(earlier, november)
	if err != nil || !added {
		t.Fatalf("corrected: new %v, %v", added, err)
	}
	s, err := next.Open()
	if err != nil {
		t.Fatal(err)
	}
	if s.Revision != 2 || s.Rules != statement.RuleVersion || len(s.Corrections) != 1 || s.Corrections[0].SeatMillis != hour {
		t.Errorf("corrected as %+v", s)
	}
}

// rewritten is a store whose latest statement is another.
type rewritten struct {
	statement.Store
	sealed statement.Sealed
}

func (s *rewritten) Statement(_ context.Context, _ tenant.ID, period string, _ int) (*statement.Sealed, error) {
	if period != s.sealed.Period {
		return nil, nil //nolint:nilnil // as the store
	}
	return &s.sealed, nil
}

func TestALateRecordMakesARevisionWithExactCorrections(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	first := w.closes(true)
	w.stays(1, w.at(5, 9).Add(30*time.Minute), time.Hour)
	w.stays(2, w.at(20, 23), 2*time.Hour)
	w.now = w.at(32, 1)
	next := w.closes(true)
	if next.Revision != 2 || next.Corrects != 1 {
		t.Fatalf("revision %d corrects %d", next.Revision, next.Corrects)
	}
	var seat int64
	var joins int
	for _, c := range next.Corrections {
		seat, joins = seat+c.SeatMillis, joins+c.Joins
	}
	if len(next.Corrections) != 3 || seat != 5*hour || joins != 3 {
		t.Errorf("corrections: %+v", next.Corrections)
	}
	a := next.Adjustment
	if a == nil || a.SeatMillis != seat || a.Joins != joins || a.Peak != 1 || a.Identities != 3 {
		t.Errorf("adjustment: %+v", a)
	}
	if got := first.Totals.SeatMillis + seat; got != next.Totals.SeatMillis {
		t.Errorf("before and corrections are %d ms, the totals %d", got, next.Totals.SeatMillis)
	}
	kept, err := w.store.Statement(t.Context(), acme, november, 1)
	if err != nil || kept == nil {
		t.Fatal(err)
	}
	if again, err := kept.Open(); err != nil || cmp.Diff(first, again) != "" {
		t.Errorf("the first revision has changed: %v", err)
	}
}

func TestClosingTwiceAtOnceMakesOneRevision(t *testing.T) {
	w := newWorld(t)
	w.stays(2, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	var group sync.WaitGroup
	var mu sync.Mutex
	added, hashes := 0, map[string]bool{}
	for range 8 {
		group.Go(func() {
			sealed, isNew, err := w.close(w.store, november)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if isNew {
				added++
			}
			hashes[sealed.SHA256] = true
		})
	}
	group.Wait()
	if added != 1 || len(hashes) != 1 {
		t.Errorf("%d revisions were made, with %d hashes", added, len(hashes))
	}
}

func TestAPeriodThatIsNotOverIsNotClosed(t *testing.T) {
	w := newWorld(t)
	w.now = w.at(30, 23)
	if p := w.refused(w.store, problem.Invalid); !strings.Contains(p.Fields[0].Detail, "2026-12-01T05:00:00.000Z") {
		t.Errorf("told %+v, want when it ends", p.Fields)
	}
}

func TestAPeriodWithUnfinalDaysIsNotClosed(t *testing.T) {
	w := newWorld(t)
	w.stays(1, w.at(5, 9), time.Hour)
	w.now = w.at(31, 1)
	p := w.refused(w.store, problem.Invalid)
	if len(p.Fields) != 1 || !strings.Contains(p.Fields[0].Detail, "2026-11-30") || !strings.Contains(p.Fields[0].Detail, "2026-12-01T09:00:00.000Z") {
		t.Errorf("told %+v", p.Fields)
	}
	w.now = w.at(31, 4)
	w.closes(true)
}

func TestClosingBeforeTheLicenseNamesTheFirstMonth(t *testing.T) {
	for _, test := range []struct {
		name  string
		given func(*world)
		first string
	}{
		{"the month of the first license", func(*world) {}, "2026-12"},
		{"the month it is valid from", func(w *world) { w.starts(w.at(-40, 0)) }, "2026-09"},
		{"not one to come", func(w *world) { w.starts(w.at(70, 0)) }, "2026-12"},
		{"the month of the first record", func(w *world) { w.stays(1, w.at(-1, 0), time.Hour) }, "2026-10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldAt(t, 40)
			test.given(w)
			w.now = w.at(70, 0)
			closed := ""
			for month := 12; month > 5; month-- {
				period := fmt.Sprintf("2026-%02d", month)
				sealed, _, err := w.close(w.store, period)
				if period >= test.first {
					if closed = period; err != nil {
						t.Fatalf("%s: %v", period, err)
					}
					if s, err := sealed.Open(); err != nil || len(s.Licenses) == 0 {
						t.Errorf("%s is by no license: %+v, %v", period, s.Licenses, err)
					}
					continue
				}
				p, _ := errors.AsType[*problem.Error](err)
				if !problem.Is(err, problem.Invalid) || len(p.Fields) != 1 || p.Fields[0].Pointer != "#/period" || !strings.HasSuffix(p.Fields[0].Detail, " "+test.first) {
					t.Errorf("%s: %v, want %s named", period, err, test.first)
				}
			}
			if closed != test.first {
				t.Errorf("the first that was closed is %s, want %s", closed, test.first)
			}
		})
	}
}

func TestATextThatIsNoMonthIsNoPeriod(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"", "2026", "2026-13", "2026-1", "november", "2026-11-01"} {
		_, _, err := w.close(w.store, text)
		if !problem.Is(err, problem.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// tampered is a store in which somebody has edited a stay. No edit: it is as it was.
type tampered struct {
	statement.Store
	connection seat.ConnectionID
	edit       func(*usage.Stay)
}

func (s *tampered) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	return func(yield func(usage.Stay, error) bool) {
		for stay, err := range s.Store.Stays(ctx, t, from, to) {
			if s.edit != nil && stay.Connection == s.connection {
				s.edit(&stay)
			}
			if !yield(stay, err) {
				return
			}
		}
	}
}

func shortened(s *usage.Stay) { s.LeftAtMillis -= 60_000 }

func TestAnEditedRecordIsNoticedWithItsDayAndFigures(t *testing.T) {
	w := newWorld(t)
	w.stays(3, w.at(5, 9), time.Hour)
	w.stays(1, w.at(6, 9), time.Hour)
	w.now = w.at(32, 0)
	store := &tampered{Store: w.store, connection: "c000002="}
	w.rollUp()
	store.edit = shortened
	p := w.refused(store, problem.PreconditionFailed)
	want := "the day of 2026-11-05: seat_ms is 10800000 in the roll-up and 10740000 in the ledger; at_limit_ms is 3600000 in the roll-up and 3540000 in the ledger"
	if len(p.Fields) != 1 || p.Fields[0].Detail != want {
		t.Errorf("told %+v, want %s", p.Fields, want)
	}
	store.edit = nil
	if _, added, err := w.close(store, november); err != nil || !added {
		t.Errorf("closed once the record is as it was: %v, %v", added, err)
	}
}

// No count differs: it is the only stay of its day.
func TestAnotherNameInARecordIsNoticed(t *testing.T) {
	for name, edit := range map[string]func(*usage.Stay){
		"conferences": func(s *usage.Stay) { s.Conference = "daily" },
		"hosts":       func(s *usage.Stay) { s.Host = "bob@example.org" },
		"identities":  func(s *usage.Stay) { s.Identity = "somebody-else" },
	} {
		w := newWorld(t)
		w.stays(1, w.at(5, 9), time.Hour)
		w.now = w.at(32, 0)
		w.rollUp()
		p := w.refused(&tampered{w.store, "c000001=", edit}, problem.PreconditionFailed)
		want := "the day of 2026-11-05: the 1 of " + name + " in the roll-up are not the 1 in the ledger"
		if len(p.Fields) != 1 || p.Fields[0].Detail != want {
			t.Errorf("told %+v, want %s", p.Fields, want)
		}
	}
}

func TestADocumentIsCanonicalJSON(t *testing.T) {
	w := newWorld(t)
	w.now = w.at(32, 0)
	sealed, _, err := w.close(w.store, november)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(sealed.Document, &members); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(members) // of ASCII and small numbers: sorted and without spaces
	if err != nil || !bytes.Equal(sorted, sealed.Document) {
		t.Errorf("%v\n%s\n%s", err, sorted, sealed.Document)
	}
}

// zoned changes the tenant's time zone.
func (w *world) zoned(name string) {
	w.t.Helper()
	zone, err := timezone.Load(name)
	if err != nil {
		w.t.Fatal(err)
	}
	w.zone = zone
	w.license(3)
}

func TestAChangeOfTimeZoneBillsNoHourTwiceAndChangesNothingThatWasClosed(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Kathmandu", "Pacific/Honolulu"} {
		t.Run(zone, func(t *testing.T) {
			w := newWorld(t)
			w.stays(1, w.at(30, 21), time.Hour) // November in New York, December in UTC
			w.stays(1, w.at(31, 1), time.Hour)  // December in New York, November in Honolulu
			w.now = w.at(32, 0)
			november := w.closes(true)
			w.zoned(zone)
			w.now = w.at(70, 0)
			if again := w.closes(false); cmp.Diff(november, again) != "" {
				t.Error("closing again by another calendar changed what was closed")
			}
			sealed, _, err := w.close(w.store, "2026-12")
			if err != nil {
				t.Fatal(err)
			}
			december, err := sealed.Open()
			if err != nil {
				t.Fatal(err)
			}
			if december.From != november.To || december.TimeZone != zone {
				t.Errorf("December is from %s by %s, November ended at %s", december.From, december.TimeZone, november.To)
			}
			if got := november.Totals.SeatMillis + december.Totals.SeatMillis; got != 2*hour {
				t.Errorf("two hours were used, and %d ms billed", got)
			}
		})
	}
}

func TestALateRecordOfAPeriodClosedByAnEarlierCalendarIsCorrectedByIt(t *testing.T) {
	w := newWorld(t)
	w.stays(1, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	first := w.closes(true)
	w.zoned("Asia/Kathmandu")
	w.stays(1, time.Date(2026, time.November, 30, 23, 0, 0, 0, time.UTC), time.Hour)
	next := w.closes(true)
	if next.From != first.From || next.To != first.To || next.TimeZone != first.TimeZone || next.Adjustment.SeatMillis != hour || len(next.Corrections) != 1 {
		t.Errorf("corrected as %+v", next)
	}
}

func TestAPeriodIsByTheTimeZoneThatWasInForceAtItsEnd(t *testing.T) {
	w := newWorld(t)
	w.stays(1, w.at(5, 9), time.Hour)
	w.now = w.at(40, 0)
	w.zoned("Asia/Kathmandu")
	w.now = w.at(41, 0)
	if s := w.closes(true); s.TimeZone != "America/New_York" || s.Totals.SeatMillis != hour || s.Licenses[0].TimeZone != "America/New_York" {
		t.Errorf("closed by %s: %+v", s.TimeZone, s.Totals)
	}
}

// slow is a store whose clock moves with each read of stays. It counts them.
type slow struct {
	statement.Store
	world *world
	by    time.Duration
	// first is when the ledger was read first.
	first time.Time
	reads int
}

func (s *slow) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	if s.reads++; s.reads == 1 {
		s.first = s.world.now
	}
	s.world.now = s.world.now.Add(s.by)
	return s.Store.Stays(ctx, t, from, to)
}

func TestTheCutoffIsBeforeAnyRecordWasReadAndTheSameEverywhere(t *testing.T) {
	w := newWorld(t)
	w.stays(1, w.at(5, 9), time.Hour)
	w.now = w.at(32, 0)
	sealed, _, err := w.close(&slow{Store: w.store, world: w, by: time.Millisecond}, november)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealed.Open()
	if err != nil {
		t.Fatal(err)
	}
	if want := usage.FormatTime(w.at(32, 0).UnixMilli()); s.ClosedAt != want || usage.FormatTime(sealed.ClosedAt.UnixMilli()) != want {
		t.Errorf("closed at %s, listed as at %v, want %s", s.ClosedAt, sealed.ClosedAt, want)
	}
}

func TestARecordLongerThanAnyConnectionDoesNotKeepAPeriodOpen(t *testing.T) {
	w := newWorld(t)
	w.stays(1, w.at(5, 20), 11*time.Hour)
	w.now = w.at(32, 0)
	s := w.closes(true)
	var sum int64
	for _, day := range s.Days {
		sum += day.SeatMillis
	}
	if sum != s.Totals.SeatMillis || sum != usage.MaxStayMillis {
		t.Errorf("the days are %d ms, the totals %d", sum, s.Totals.SeatMillis)
	}
}
