package report_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/report"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func TestAReportDoesNotDependOnTheRollUpsProgress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		r := report.New(w.store, w)
		for range 3 {
			q := w.drawQuery(t)
			got := collect(t, r.Usage(context.Background(), q))
			if diff := cmp.Diff(w.want(q), got); diff != "" {
				t.Fatalf("%+v (-everything +report):\n%s", q, diff)
			}
		}
	})
}

func TestAReportByGroupIsThatOfTheArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		q := w.drawQuery(t)
		q.GroupBy = rapid.SampledFrom([]usage.Grouping{usage.GroupingHost, usage.GroupingConference}).Draw(t, "by")
		got := collect(t, report.New(w.store, w).Usage(context.Background(), q))
		if diff := cmp.Diff(w.want(q), got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%+v (-everything +report):\n%s", q, diff)
		}
	})
}

// The reads of a report of a rolled-up month do not grow with its records.
func TestAReportOfRolledUpDaysDoesNotReadTheLedger(t *testing.T) {
	w := newWorld(t, "America/New_York")
	for day := 1; day <= 31; day++ {
		w.stay(day, 600, time.Hour, fmt.Sprint("person-", day%3))
	}
	w.now = w.at(33, 0)
	w.roll()
	for _, g := range []usage.Granularity{
		usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth, usage.GranularityTotal,
	} {
		store := &counting{Store: w.store}
		q := w.month(time.October, g)
		got := collect(t, report.New(store, w).Usage(t.Context(), q))
		if diff := cmp.Diff(w.want(q), got); diff != "" {
			t.Errorf("%s (-everything +report):\n%s", g, diff)
		}
		if store.records != 0 {
			t.Errorf("%s: %d records were read", g, store.records)
		}
	}
}

// groupedMonth is a month of ten conferences of five hosts, each of them with so many
// stays a day, rolled up.
func groupedMonth(t *testing.T, stays int) *world {
	w := newWorld(t, "UTC")
	for day := 1; day <= 31; day++ {
		for n := range 10 * stays {
			from := w.at(day, 600).UnixMilli() + int64(n)*1000
			s := w.part(from, from+3_600_000, fmt.Sprint("person-", n), nil)
			number := n % 10
			s.Number, s.Conference = conference.Number(number+1), conference.ID(fmt.Sprint("conference-", number))
			s.Host = host.Email(fmt.Sprintf("host-%d@example.org", number%5))
			w.now = time.UnixMilli(s.LeftAtMillis)
			w.record(s)
		}
	}
	w.now = w.at(33, 0)
	w.roll()
	return w
}

// units are the read units of a month's report, which reads no ledger.
func (w *world) units(by usage.Grouping, g usage.Granularity) float64 {
	w.t.Helper()
	units := 0.0
	metered := w.store.Metered(func(consumed *types.ConsumedCapacity, _ bool) { units += *consumed.CapacityUnits })
	store := &counting{Store: metered}
	q := w.month(time.October, g)
	q.GroupBy = by
	got := collect(w.t, report.New(store, w).Usage(context.Background(), q))
	if diff := cmp.Diff(w.want(q), got, cmpopts.EquateEmpty()); diff != "" {
		w.t.Errorf("by %s and %s (-everything +report):\n%s", by, g, diff)
	}
	if store.records != 0 {
		w.t.Errorf("by %s and %s: %d records were read", by, g, store.records)
	}
	return units
}

func TestATotalReadsTheLedgerOnlyOfDaysNotRolledUp(t *testing.T) {
	w := newWorld(t, "UTC")
	for day := 1; day <= 20; day++ {
		w.stay(day, 600, time.Hour, "bob")
	}
	w.now = w.at(19, 5*60) // the 18th is final
	w.roll()
	w.now = w.at(21, 0)
	store := &counting{Store: w.store}
	q := w.query(w.at(3, 630), w.at(21, 0), usage.GranularityTotal)
	got := collect(t, report.New(store, w).Usage(t.Context(), q))
	if diff := cmp.Diff(w.want(q), got); diff != "" {
		t.Errorf("(-everything +report):\n%s", diff)
	}
	if store.records != 3 { // of the 3rd, the 19th and the 20th
		t.Errorf("%d records were read, want 3", store.records)
	}
}

func TestALateRecordShowsBeforeItIsRolledUp(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(4, 600, time.Hour, "bob")
	w.now = w.at(33, 0)
	w.roll()
	from := w.at(5, 600).UnixMilli()
	w.now = w.at(33, 60)
	w.record(w.part(from, from+1000, "eve", nil))
	for _, g := range []usage.Granularity{usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth, usage.GranularityTotal} {
		q := w.month(time.October, g)
		got := collect(t, report.New(w.store, w).Usage(t.Context(), q))
		if diff := cmp.Diff(w.want(q), got); diff != "" {
			t.Errorf("%s (-everything +report):\n%s", g, diff)
		}
	}
}

// The stored day includes resumes after as_of of connections that were lost at its
// end.
func TestAReportAsOfEarlierIgnoresLaterResumes(t *testing.T) {
	w := newWorld(t, "UTC")
	lost := w.stay(3, 24*60-30, 28*time.Minute, "bob")
	back := w.at(4, 3).UnixMilli()
	w.record(w.part(back, back+1000, "", &lost))
	w.now = w.at(9, 0)
	w.roll()
	q := w.query(w.at(3, 0), w.at(4, 0), usage.GranularityDay)
	for _, asOf := range []int64{w.at(4, 1).UnixMilli(), w.at(5, 0).UnixMilli()} {
		q.AsOfMillis = asOf
		if diff := cmp.Diff(w.want(q), collect(t, report.New(w.store, w).Usage(t.Context(), q))); diff != "" {
			t.Errorf("as of %d (-everything +report):\n%s", asOf, diff)
		}
	}
}

// closer closes a stay after the read of open stays and before that of the ledger.
type closer struct {
	*world
	open usage.Stay
}

func (c closer) OpenStays(context.Context, tenant.ID, int64) ([]usage.Stay, error) {
	closed := c.open
	closed.LeftAtMillis = c.now.UnixMilli() - 1
	c.record(closed)
	return []usage.Stay{c.open}, nil
}

func TestAStayThatClosesDuringAReportIsCountedOnce(t *testing.T) {
	w := newWorld(t, "UTC")
	from := w.at(3, 600)
	w.now = from.Add(time.Hour)
	c := closer{w, w.part(from.UnixMilli(), 0, "bob", nil)}
	rows := collect(t, report.New(w.store, c).Usage(t.Context(), w.query(w.at(3, 0), w.at(4, 0), usage.GranularityTotal)))
	if rows[0].Joins != 1 || rows[0].Peak != 1 || rows[0].SeatMillis != time.Hour.Milliseconds()-1 {
		t.Errorf("counted %+v", rows[0])
	}
}

func TestOpenSessionsAreNotReadForOldRanges(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(3, 600, time.Hour, "bob")
	w.now = w.at(9, 0)
	for to, asked := range map[time.Time]bool{w.at(4, 0): false, w.at(9, 0): true} {
		sessions := &asking{}
		collect(t, report.New(w.store, sessions).Usage(t.Context(), w.query(w.at(3, 0), to, usage.GranularityDay)))
		if (sessions.times > 0) != asked {
			t.Errorf("until %v: asked %d times", to, sessions.times)
		}
	}
}

type asking struct{ times int }

func (a *asking) OpenStays(context.Context, tenant.ID, int64) ([]usage.Stay, error) {
	a.times++
	return nil, nil
}

// Each row is yielded before later records are read.
func TestRowsComeWhileTheLedgerIsRead(t *testing.T) {
	for _, by := range []usage.Grouping{usage.GroupingNone, usage.GroupingHost} {
		w := newWorld(t, "UTC")
		for day := 1; day <= 20; day++ {
			w.stay(day, 600, time.Hour, "bob")
		}
		w.now = w.at(21, 0)
		store := &counting{Store: w.store}
		q := w.query(w.at(1, 0), w.at(21, 0), usage.GranularityDay)
		q.GroupBy = by
		n := 0
		for _, err := range report.New(store, w).Usage(t.Context(), q) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; store.records > n+2 {
				t.Fatalf("%d records were read before row %d came", store.records, n)
			}
		}
		if n != 20 {
			t.Errorf("%d rows", n)
		}
	}
}

func TestInvalidQueriesAreRefusedByMember(t *testing.T) {
	w := newWorld(t, "UTC")
	w.now = w.at(9, 0)
	for pointer, change := range map[string]func(*report.Query){
		"#/from":        func(q *report.Query) { q.FromMillis = q.AsOfMillis; q.ToMillis = q.FromMillis + 1 },
		"#/to":          func(q *report.Query) { q.ToMillis = q.FromMillis },
		"#/granularity": func(q *report.Query) { q.Granularity = "week" },
		"#/group_by":    func(q *report.Query) { q.GroupBy = "identity" },
	} {
		q := w.query(w.at(1, 0), w.at(9, 0), usage.GranularityDay)
		change(&q)
		for _, err := range report.New(w.store, w).Usage(t.Context(), q) {
			wantFaults(t, err, pointer)
		}
	}
	q := w.query(w.at(1, 0), w.at(9, 0), usage.GranularityQuarterHour)
	q.ToMillis = q.FromMillis + usage.MaxRows*usage.QuarterHourMillis + 1
	for _, err := range report.New(w.store, w).Usage(t.Context(), q) {
		wantFaults(t, err, "#/to")
	}
}

func TestARangeOfMoreThan1100DaysIsRefused(t *testing.T) {
	const most = 1100 * dayMillis
	w := newWorld(t, "America/New_York")
	w.now = w.at(9, 0)
	q := w.query(w.at(1, 0), w.now, usage.GranularityTotal)
	r := report.New(w.store, w)
	for _, length := range []int64{most, most + 1, math.MaxInt64 / 2} {
		q.ToMillis = q.FromMillis + length
		_, peak := r.Peak(t.Context(), q)
		_, _, refusals := r.Refusals(t.Context(), q, report.RefusalName{}, 1)
		errs := []error{peak, refusals}
		for _, q.Granularity = range []usage.Granularity{usage.GranularityDay, usage.GranularityMonth, usage.GranularityTotal} {
			for _, err := range r.Usage(t.Context(), q) {
				errs = append(errs, err)
			}
		}
		for _, err := range errs {
			if length > most {
				wantFaults(t, err, "#/to")
			} else if err != nil {
				t.Errorf("%d ms: %v", length, err)
			}
		}
	}
}

// byMonth is a store that checks that days with sets are read month by month.
type byMonth struct {
	rollup.Store
	t     *testing.T
	zone  *time.Location
	reads int
}

func (b *byMonth) Days(ctx context.Context, t tenant.ID, zone string, from, to int64) iter.Seq2[rollup.Day, error] {
	b.reads++
	if month := usage.MonthAt(time.UnixMilli(from), b.zone); to > month.ToMillis {
		b.t.Errorf("days from %d until %d are read at once, beyond their month", from, to)
	}
	return b.Store.Days(ctx, t, zone, from, to)
}

func TestATotalReadsTheSetsMonthByMonth(t *testing.T) {
	w := newWorld(t, "America/New_York")
	for day := 1; day <= 100; day++ {
		w.stay(day, 600, time.Hour, fmt.Sprint("person-", day%40))
	}
	w.now = w.at(110, 0)
	w.roll()
	store := &byMonth{Store: w.store, t: t, zone: w.license.Location()}
	q := w.query(w.at(2, 0), w.at(101, 600), usage.GranularityTotal)
	if diff := cmp.Diff(w.want(q), collect(t, report.New(store, w).Usage(t.Context(), q))); diff != "" {
		t.Errorf("(-everything +report):\n%s", diff)
	}
	if store.reads != 4 {
		t.Errorf("days were read %d times, want one for each of 4 months", store.reads)
	}
}

func TestAPeakOfWhatIsRolledUpReadsNoSets(t *testing.T) {
	w := newWorld(t, "UTC")
	for day := 1; day <= 40; day++ {
		w.stay(day, 600, time.Hour, "bob")
	}
	w.stay(17, 630, time.Hour, "eve")
	w.now = w.at(45, 0)
	w.roll()
	store := &counting{Store: broken{w.store, "days"}}
	peak, err := report.New(store, w).Peak(t.Context(), w.query(w.at(3, 630), w.at(40, 0), usage.GranularityTotal))
	if err != nil {
		t.Fatal(err)
	}
	if peak.AtMillis != w.at(17, 630).UnixMilli() || len(peak.Holders) != 2 {
		t.Errorf("a peak of %d at %d", len(peak.Holders), peak.AtMillis)
	}
	if store.records > 4 { // of the first day's rest, and around the peak
		t.Errorf("%d records were read", store.records)
	}
}

// broken is a store with one failing read.
type broken struct {
	rollup.Store
	read string
}

var errBroken = errors.New("out of order")

func fails[T any]() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, errBroken)
	}
}

func (b broken) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	if b.read == "stays" {
		return fails[usage.Stay]()
	}
	return b.Store.Stays(ctx, t, from, to)
}

func (b broken) Refusals(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Refusal, error] {
	if b.read == "refusals" {
		return fails[usage.Refusal]()
	}
	return b.Store.Refusals(ctx, t, from, to)
}

func (b broken) Waits(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Wait, error] {
	if b.read == "waits" {
		return fails[usage.Wait]()
	}
	return b.Store.Waits(ctx, t, from, to)
}

func (b broken) Rows(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, from, to int64) iter.Seq2[usage.Row, error] {
	if b.read == "rows" {
		return fails[usage.Row]()
	}
	return b.Store.Rows(ctx, t, zone, g, from, to)
}

func (b broken) Days(ctx context.Context, t tenant.ID, zone string, from, to int64) iter.Seq2[rollup.Day, error] {
	if b.read == "days" {
		return fails[rollup.Day]()
	}
	return b.Store.Days(ctx, t, zone, from, to)
}

func (b broken) Late(ctx context.Context, t tenant.ID, since int64) iter.Seq2[usage.Period, error] {
	if b.read == "late" {
		return fails[usage.Period]()
	}
	return b.Store.Late(ctx, t, since)
}

func (b broken) Progress(ctx context.Context, t tenant.ID) (*rollup.Progress, error) {
	if b.read == "progress" {
		return nil, errBroken
	}
	return b.Store.Progress(ctx, t)
}

func (b broken) Revisions(ctx context.Context, t tenant.ID) ([]license.License, error) {
	if b.read == "revisions" {
		return nil, errBroken
	}
	return b.Store.Revisions(ctx, t)
}

func TestAReadThatFailsEndsTheReport(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(4, 600, time.Hour, "bob")
	w.now = w.at(9, 0)
	w.roll()
	for _, read := range []string{"stays", "refusals", "waits", "rows", "days", "late", "progress", "revisions"} {
		g := usage.GranularityTotal
		if read == "rows" {
			g = usage.GranularityDay
		}
		var errs []error
		for _, err := range report.New(broken{w.store, read}, w).Usage(t.Context(), w.query(w.at(1, 0), w.at(9, 0), g)) {
			errs = append(errs, err)
		}
		if len(errs) == 0 || !errors.Is(errs[len(errs)-1], errBroken) || slices.ContainsFunc(errs[:len(errs)-1], func(err error) bool { return err != nil }) {
			t.Errorf("%s: %v", read, errs)
		}
	}
}

func TestAPeaksHoldersAreTheStaysOfItsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		q := w.drawQuery(t)
		q.Granularity = usage.GranularityTotal
		row := w.want(q)[0]
		peak, err := report.New(w.store, w).Peak(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if peak.InUse() != row.Peak || peak.AtMillis != row.PeakAtMillis {
			t.Fatalf("a peak of %d at %d, want %d at %d", peak.InUse(), peak.AtMillis, row.Peak, row.PeakAtMillis)
		}
		if row.Peak == 0 {
			return
		}
		known := slices.DeleteFunc(slices.Clone(w.stays), func(s usage.Stay) bool { return s.JoinedAtMillis >= q.AsOfMillis })
		holders, unseen := usage.Holders(known, peak.AtMillis)
		if diff := cmp.Diff(connections(holders), holding(peak.Holders)); diff != "" || unseen != peak.Unseen {
			t.Fatalf("held by (-want +got), and %d more, want %d:\n%s", peak.Unseen, unseen, diff)
		}
		limit, bounded := w.limits().At(peak.AtMillis, seat.Pool{Tenant: acme})
		if peak.Limit != limit || peak.Bounded != bounded {
			t.Fatalf("a limit of %d, want %d", peak.Limit, limit)
		}
	})
}

func TestARefusalHasTheHoldersOfThePoolThen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		q := w.query(w.at(1, 0), w.now, usage.GranularityTotal)
		page := rapid.IntRange(1, 5).Draw(t, "page")
		var got []report.Refused
		for after := (report.RefusalName{}); ; after = got[len(got)-1].Name() {
			list, more, err := report.New(w.store, w).Refusals(context.Background(), q, after, page)
			if err != nil || more && len(list) != page {
				t.Fatalf("a page of %d, %v, %v", len(list), more, err)
			}
			got = append(got, list...)
			if !more {
				break
			}
		}
		if len(got) != len(w.refusals) {
			t.Fatalf("%d refusals, want %d", len(got), len(w.refusals))
		}
		for _, r := range got {
			var want []usage.Stay
			if pool, full := r.Pool(); full {
				for _, s := range present(w.stays, r.AtMillis) {
					if s.Block.Pool == pool {
						want = append(want, s)
					}
				}
			}
			if diff := cmp.Diff(connections(want), holding(r.HeldBy)); diff != "" || r.Holders != len(want) {
				t.Fatalf("%+v is told with %d (-want +got):\n%s", r.Refusal, r.Holders, diff)
			}
		}
	})
}

func TestARefusalListsItsFirstHoldersAndCountsAll(t *testing.T) {
	w := newWorld(t, "UTC")
	for i := range report.MaxHolders + 20 {
		w.stay(3, 600+i/2, time.Duration(100-i/2)*time.Minute, fmt.Sprint("person-", i))
	}
	at := w.at(3, 695).UnixMilli()
	w.refuse(usage.Refusal{AtMillis: at, Code: "seats_exhausted", Limit: 2, InUse: 120})
	list, more, err := report.New(w.store, w).Refusals(t.Context(), w.query(w.at(1, 0), w.now, usage.GranularityTotal), report.RefusalName{}, 10)
	if err != nil || len(list) != 1 || more {
		t.Fatalf("%d refusals, more: %v, %v", len(list), more, err)
	}
	if r := list[0]; r.Holders != report.MaxHolders+20 || len(r.HeldBy) != report.MaxHolders || r.HeldBy[0].Identity != "person-0" {
		t.Errorf("%d holders, of whom %d are told, the first %q", r.Holders, len(r.HeldBy), r.HeldBy[0].Identity)
	}
}

func TestAPageOfRefusalsBoundsItsHolders(t *testing.T) {
	w := newWorld(t, "UTC")
	for i := range report.MaxHolders + 20 {
		w.stay(3, 600, 100*time.Minute, fmt.Sprint("person-", i))
	}
	const refused = report.MaxPageHolders/report.MaxHolders*2 + 5
	for i := range refused {
		w.refuse(usage.Refusal{AtMillis: w.at(3, 650).UnixMilli() + int64(i/2), Code: "seats_exhausted", Limit: 2, InUse: 120})
	}
	r, q := report.New(w.store, w), w.query(w.at(1, 0), w.now, usage.GranularityTotal)
	var lengths []int
	var met []seat.ConnectionID
	for after, more := (report.RefusalName{}), true; more; {
		var list []report.Refused
		var err error
		if list, more, err = r.Refusals(t.Context(), q, after, 1000); err != nil || len(list) == 0 {
			t.Fatalf("%d refusals, %v", len(list), err)
		}
		lengths = append(lengths, len(list))
		for _, one := range list {
			if len(one.HeldBy) != report.MaxHolders {
				t.Errorf("%s is told with %d holders", one.Connection, len(one.HeldBy))
			}
			met = append(met, one.Connection)
		}
		after = list[len(list)-1].Name()
	}
	const full = report.MaxPageHolders / report.MaxHolders
	if want := []int{full, full, 5}; !slices.Equal(lengths, want) {
		t.Errorf("pages of %v, want %v", lengths, want)
	}
	if slices.Sort(met); len(slices.Compact(met)) != refused {
		t.Errorf("%d refusals, want %d", len(met), refused)
	}
}

// present are the stays that were in at a moment.
func present(stays []usage.Stay, atMillis int64) []usage.Stay {
	roster := usage.NewRoster()
	for _, s := range slices.SortedFunc(slices.Values(stays), func(a, b usage.Stay) int {
		return stdcmp.Or(stdcmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), stdcmp.Compare(a.Connection, b.Connection))
	}) {
		roster.Add(s)
	}
	return roster.At(atMillis)
}

func connections(stays []usage.Stay) []seat.ConnectionID {
	ids := make([]seat.ConnectionID, len(stays))
	for i, s := range stays {
		ids[i] = s.Connection
	}
	return ids
}

func holding(holders []report.Holder) []seat.ConnectionID {
	ids := make([]seat.ConnectionID, len(holders))
	for i, h := range holders {
		ids[i] = h.Connection
	}
	return ids
}
