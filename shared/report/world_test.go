package report_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const acme = "acme"

// world is a tenant with a ledger, open sessions and a clock.
type world struct {
	t        rapid.TB
	store    *dynamo.Store
	now      time.Time
	license  license.License
	stays    []usage.Stay // all stays, open ones without an end
	refusals []usage.Refusal
	waits    []usage.Wait
	open     []usage.Stay
	drawn    []int64 // when stays began
	next     int
}

func newWorld(t rapid.TB, zone string) *world {
	t.Helper()
	w := &world{t: t}
	w.store = dynamo.New(memtable.New(), memtable.Names).WithClock(func() time.Time { return w.now })
	w.license = license.License{Tenant: acme, Model: license.ModelConcurrent, Seats: 2, TimeZone: zone, ChangedAtMillis: october.UnixMilli()}
	w.now = w.at(1, 0)
	w.change(func(*license.License) {})
	return w
}

// october is the start of the tests' time. The clocks of the tests' zones change in
// October or November.
var october = time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)

// at is a moment from October on; days and minutes are the zone's.
func (w *world) at(day, minute int) time.Time {
	return time.Date(2026, time.October, day, 0, minute, 0, 0, w.license.Location())
}

// change writes the license's next revision.
func (w *world) change(how func(*license.License)) {
	w.t.Helper()
	how(&w.license)
	w.license.Revision++
	if w.license.Revision > 1 {
		w.license.ChangedAtMillis = w.now.UnixMilli()
	}
	if written, err := w.store.PutLicense(context.Background(), w.license); err != nil || !written {
		w.t.Fatalf("put a license: %v, %v", written, err)
	}
}

// part is a connection of an earlier one's stay or, without one, of a new stay.
func (w *world) part(from, to int64, who string, before *usage.Stay) usage.Stay {
	w.next++
	id := seat.ConnectionID(fmt.Sprintf("c%06d=", w.next))
	s := usage.Stay{
		ID: usage.NewStayID(id, from), Tenant: acme, Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: who, Connection: id,
		Block: seat.Block{Pool: seat.Pool{Tenant: acme}}, Seat: int64(w.next), JoinedAtMillis: from, LeftAtMillis: to, End: usage.EndClosed, Limit: 2,
	}
	if before != nil {
		s.ID, s.Resumed, s.Identity = before.ID, true, before.Identity
		s.Conference, s.Number, s.Host, s.Block = before.Conference, before.Number, before.Host, before.Block
	}
	return s
}

func (w *world) record(s usage.Stay) {
	w.t.Helper()
	if _, err := w.store.Record(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
	w.stays = append(w.stays, s)
}

// stay records a stay in the zone's October, at its end.
func (w *world) stay(day, minute int, length time.Duration, who string) usage.Stay {
	w.t.Helper()
	from := w.at(day, minute)
	s := w.part(from.UnixMilli(), from.Add(length).UnixMilli(), who, nil)
	w.now = from.Add(length)
	w.record(s)
	return s
}

func (w *world) refuse(r usage.Refusal) {
	w.t.Helper()
	w.next++
	r.Tenant, r.Connection = acme, seat.ConnectionID(fmt.Sprintf("r%06d=", w.next))
	if err := w.store.Refuse(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
	w.refusals = append(w.refusals, r)
}

func (w *world) wait(one usage.Wait) {
	w.t.Helper()
	w.next++
	one.Tenant, one.Connection = acme, seat.ConnectionID(fmt.Sprintf("w%06d=", w.next))
	if err := w.store.RecordWait(context.Background(), one); err != nil {
		w.t.Fatal(err)
	}
	w.waits = append(w.waits, one)
}

func (w *world) roll() {
	w.t.Helper()
	r := rollup.New(w.store, slog.New(slog.DiscardHandler), func() time.Time { return w.now })
	if err := r.Run(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// OpenStays implements report.Sessions.
func (w *world) OpenStays(context.Context, tenant.ID, int64) ([]usage.Stay, error) {
	return slices.SortedFunc(slices.Values(w.open), func(a, b usage.Stay) int { return cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis) }), nil
}

func (w *world) query(from, to time.Time, g usage.Granularity) report.Query {
	return report.Query{
		Tenant: acme, License: w.license, FromMillis: from.UnixMilli(), ToMillis: to.UnixMilli(), Granularity: g, AsOfMillis: w.now.UnixMilli(),
	}
}

// month is a query of a month of the zone's calendar, October being the 10th.
func (w *world) month(number time.Month, g usage.Granularity) report.Query {
	zone := w.license.Location()
	return w.query(time.Date(2026, number, 1, 0, 0, 0, 0, zone), time.Date(2026, number+1, 1, 0, 0, 0, 0, zone), g)
}

// want computes the report from all records.
func (w *world) want(q report.Query) []usage.Row {
	w.t.Helper()
	periods, err := q.Periods()
	if err != nil {
		w.t.Fatal(err)
	}
	return usage.Grouped(periods, q.GroupBy, w.limits(), usage.Records{Stays: w.stays, Refusals: w.refusals, Waits: w.waits}, q.AsOfMillis)
}

func (w *world) limits() usage.Limits {
	w.t.Helper()
	revisions, err := w.store.Revisions(context.Background(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	return usage.LimitsOf(revisions)
}

func collect[T any](t rapid.TB, items iter.Seq2[T, error]) []T {
	t.Helper()
	list := make([]T, 0)
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, item)
	}
	return list
}

// counting is a store that counts the ledger's records that are read.
type counting struct {
	rollup.Store
	records int
	told    func(usage.Stay)
}

func (c *counting) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	return func(yield func(usage.Stay, error) bool) {
		for s, err := range c.Store.Stays(ctx, t, from, to) {
			c.records++
			if c.told != nil {
				c.told(s)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

func (c *counting) Refusals(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Refusal, error] {
	return func(yield func(usage.Refusal, error) bool) {
		for r, err := range c.Store.Refusals(ctx, t, from, to) {
			c.records++
			if !yield(r, err) {
				return
			}
		}
	}
}

func (c *counting) Waits(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Wait, error] {
	return func(yield func(usage.Wait, error) bool) {
		for wait, err := range c.Store.Waits(ctx, t, from, to) {
			c.records++
			if !yield(wait, err) {
				return
			}
		}
	}
}

// wantFaults checks that an error is a problem with these members.
func wantFaults(t *testing.T, err error, pointers ...string) {
	t.Helper()
	var got []string
	for _, f := range problem.FieldsOf(err) {
		got = append(got, f.Pointer)
	}
	if !slices.Equal(got, pointers) {
		t.Errorf("names %v (%v), want %v", got, err, pointers)
	}
}

// Drawing what happened.

const dayMillis = 24 * 60 * 60 * 1000

// lived is a world with a random history until a time in October or November, with
// runs of the roll-up at random times.
func lived(t *rapid.T) *world {
	zones := []string{"UTC", "Asia/Kathmandu", "America/St_Johns", "America/New_York", "Australia/Lord_Howe"}
	w := newWorld(t, rapid.SampledFrom(zones).Draw(t, "zone"))
	first := w.at(2, 0).UnixMilli()
	asOf := first + rapid.Int64Range(1, 45*dayMillis).Draw(t, "as of")
	type event struct {
		at int64
		do func()
	}
	var events []event
	for range rapid.IntRange(0, 25).Draw(t, "stays") {
		from := first + rapid.Int64Range(0, asOf-first).Draw(t, "joined")
		if rapid.IntRange(0, 3).Draw(t, "of late") == 0 {
			from = asOf - rapid.Int64Range(0, 10*60*60*1000).Draw(t, "joined before as of")
		}
		w.drawn = append(w.drawn, from)
		for _, e := range w.drawStay(t, from, asOf) {
			events = append(events, event{e.at, func() { w.record(e.stay) }})
		}
	}
	for range rapid.IntRange(0, 8).Draw(t, "refusals") {
		at := first + rapid.Int64Range(0, asOf-first-1).Draw(t, "refused")
		if len(w.drawn) > 0 && rapid.Bool().Draw(t, "before a stay") {
			at = min(asOf-1, max(first, rapid.SampledFrom(w.drawn).Draw(t, "which")-rapid.Int64Range(0, usage.DeniedMillis+1).Draw(t, "how long before")))
		}
		events = append(events, event{at, func() {
			code := rapid.SampledFrom([]problem.Code{problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostBusy}).Draw(t, "code")
			number := rapid.IntRange(1, 3).Draw(t, "refused by")
			w.refuse(usage.Refusal{
				Conference: conference.ID(fmt.Sprintf("conference-%d", number)), Number: conference.Number(number), Host: "ann@example.org",
				Identity: fmt.Sprintf("person-%d", rapid.IntRange(1, 4).Draw(t, "refused")), AtMillis: at, Code: code, Limit: 2, InUse: 2,
			})
		}})
	}
	for range rapid.IntRange(0, 8).Draw(t, "waits") {
		since := first + rapid.Int64Range(0, asOf-first-1).Draw(t, "waits since")
		until := since + rapid.Int64Range(0, min(asOf-since, 5*60*60*1000)).Draw(t, "waited")
		host := host.Email(fmt.Sprintf("host-%d@example.org", rapid.IntRange(1, 2).Draw(t, "host")))
		events = append(events, event{until, func() {
			outcome := rapid.SampledFrom([]usage.WaitOutcome{usage.WaitAdmitted, usage.WaitLeft, usage.WaitGone}).Draw(t, "outcome")
			w.wait(usage.Wait{Conference: "weekly", Number: 1, Host: host, SinceMillis: since, UntilMillis: until, Outcome: outcome})
		}})
	}
	for _, at := range rapid.SliceOfN(rapid.Int64Range(first, asOf), 0, 2).Draw(t, "changes") {
		events = append(events, event{at, func() {
			w.change(func(l *license.License) { l.Seats = 3 - l.Seats })
		}})
	}
	for _, at := range rapid.SliceOfN(rapid.Int64Range(first, asOf), 0, 4).Draw(t, "runs") {
		events = append(events, event{at, w.roll})
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	for _, e := range events {
		w.now = time.UnixMilli(e.at)
		e.do()
	}
	w.now = time.UnixMilli(asOf)
	return w
}

type recorded struct {
	at   int64
	stay usage.Stay
}

// drawStay draws a stay of up to three connections. Those that end after as_of are
// open then. Later records are left out.
func (w *world) drawStay(t *rapid.T, from, asOf int64) []recorded {
	var list []recorded
	var before *usage.Stay
	for range rapid.IntRange(1, 3).Draw(t, "connections") {
		s := w.part(from, from+rapid.Int64Range(0, 2*60*60*1000).Draw(t, "length"), fmt.Sprintf("person-%d", rapid.IntRange(1, 4).Draw(t, "who")), before)
		if before == nil {
			s.Number = conference.Number(rapid.IntRange(1, 3).Draw(t, "conference"))
			s.Conference = conference.ID(fmt.Sprintf("conference-%d", s.Number))
			s.Host = host.Email(fmt.Sprintf("host-%d@example.org", 1+s.Number%2)) // a conference has one host
			if rapid.Bool().Draw(t, "pool of its own") {
				s.Block.Pool.Number = s.Number
			}
		}
		if s.JoinedAtMillis >= asOf {
			return list
		}
		if s.LeftAtMillis > asOf {
			s.LeftAtMillis, s.End = 0, ""
			w.stays, w.open = append(w.stays, s), append(w.open, s)
			return list
		}
		at := s.LeftAtMillis
		if rapid.IntRange(0, 4).Draw(t, "estimated") == 0 {
			s.Estimated, s.End, s.InUse = true, usage.EndVanished, rapid.IntRange(0, 4).Draw(t, "in use")
			if rapid.Bool().Draw(t, "nobody asked after it") {
				s.LeftAtMillis = s.JoinedAtMillis
			}
			at += rapid.Int64Range(0, min(20*dayMillis, asOf-at)).Draw(t, "found")
		}
		if rapid.Bool().Draw(t, "closing as it is read") && asOf-s.JoinedAtMillis < usage.MaxStayMillis {
			still := s
			still.LeftAtMillis, still.End, still.Estimated = 0, "", false
			w.open = append(w.open, still)
		}
		list = append(list, recorded{at, s})
		before, from = &s, s.LeftAtMillis+rapid.Int64Range(0, usage.MaxGapMillis+1).Draw(t, "gap")
	}
	return list
}

// drawQuery draws a range, often one that begins or ends at an edge.
func (w *world) drawQuery(t *rapid.T) report.Query {
	zone := w.license.Location()
	moment := func(name string) int64 {
		at := time.UnixMilli(w.at(1, 0).UnixMilli() + rapid.Int64Range(0, 60*dayMillis).Draw(t, name))
		switch rapid.IntRange(0, 3).Draw(t, "edge") {
		case 0:
			return usage.MonthAt(at, zone).FromMillis
		case 1:
			return usage.DayOf(at, zone).FromMillis
		case 2:
			return at.UnixMilli() - at.UnixMilli()%usage.QuarterHourMillis
		}
		return at.UnixMilli()
	}
	a, b := moment("one end"), moment("other end")
	from := min(a, b, w.now.UnixMilli()-1)
	q := w.query(time.UnixMilli(from), time.UnixMilli(max(a, b, from+1)), rapid.SampledFrom([]usage.Granularity{
		usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth, usage.GranularityTotal,
	}).Draw(t, "granularity"))
	if rapid.IntRange(0, 3).Draw(t, "as of earlier") == 0 {
		q.AsOfMillis = min(q.AsOfMillis, from+1+rapid.Int64Range(0, 30*dayMillis).Draw(t, "how much"))
	}
	return q
}
