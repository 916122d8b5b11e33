package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const (
	hourMillis    = 4 * usage.QuarterHourMillis
	newYork       = "America/New_York"
	kathmandu     = "Asia/Kathmandu"
	longDayMillis = 25 * hourMillis
)

// digests makes a set of n names.
func digests(kind string, n int) usage.Set {
	list := make([]usage.Digest, n)
	for i := range list {
		list[i] = usage.NewDigest(fmt.Sprintf("%s %d", kind, i))
	}
	return usage.NewSet(list)
}

// rowsOf makes rows of a length that fill a span. Every second row has joins, and
// every fourth has refusals.
func rowsOf(fromMillis, toMillis, length int64) []usage.Row {
	var rows []usage.Row
	for at, n := fromMillis, 1; at < toMillis; at, n = at+length, n+1 {
		row := usage.Row{FromMillis: at, ToMillis: min(at+length, toMillis)}
		if n%2 == 0 {
			row.Opening, row.Closing, row.Peak, row.PeakAtMillis = n-1, n, n+1, at+length/2
			row.PeakHosts, row.PeakParticipants, row.P95, row.P99, row.AtLimitMillis = n%3, n, n-1, n, int64(n)
			row.SeatMillis, row.OverageMillis, row.EstimatedMillis = int64(n)*length, int64(n-2), int64(n%3)
			row.Joins, row.Conferences, row.Hosts, row.Identities = n, 2, 1, n
			row.Waited, row.Abandoned, row.WaitMillis = n, n/2, int64(n)*1000
		}
		if n%4 == 0 {
			row.Refusals = map[problem.Code]int{problem.SeatsExhausted: n, problem.LicenseSuspended: 1}
			row.RefusedIdentities, row.DeniedIdentities = n, n/2
		}
		rows = append(rows, row)
	}
	return rows
}

func happened(rows ...usage.Row) []usage.Row {
	return slices.DeleteFunc(slices.Clone(rows), usage.Row.Idle)
}

// dayOf makes a day of a length, with a number of identities and as many records.
func dayOf(fromMillis, length, records int64) rollup.Day {
	identities := digests("identity", int(records))
	return rollup.Day{
		Records: records,
		Summary: usage.Summary{
			Row: usage.Row{
				FromMillis: fromMillis, ToMillis: fromMillis + length, Closing: 1, Peak: 7, PeakAtMillis: fromMillis, PeakHosts: 1, PeakParticipants: 6,
				SeatMillis: records * 1000, Joins: int(records), Conferences: 3, Hosts: 1, Identities: len(identities),
				Refusals: map[problem.Code]int{problem.SeatsExhausted: 5, problem.LicenseExpired: 6},
			},
			Conferences: digests("conference", 3), Hosts: digests("host", 1), Identities: identities,
			Refused: digests("refused", 2), Denied: digests("refused", 1), Levels: levelsOf(int(records)),
		},
		Hours:    rowsOf(fromMillis, fromMillis+length, hourMillis),
		Quarters: rowsOf(fromMillis, fromMillis+length, usage.QuarterHourMillis),
	}
}

// levelsOf makes as many levels, with gaps between them.
func levelsOf(n int) usage.Levels {
	levels := make(usage.Levels, n)
	for i := range levels {
		levels[i] = usage.Level{InUse: 2 * i, Millis: int64(i)*1000 + 1}
	}
	return levels
}

func monthOf(fromMillis, toMillis, records int64) rollup.Month {
	return rollup.Month{Records: records, Row: usage.Row{
		FromMillis: fromMillis, ToMillis: toMillis, Peak: 9, PeakAtMillis: toMillis - 1, Joins: int(records), Identities: 1 << 20,
	}}
}

// withoutRows is a day as Days returns it.
func withoutRows(d rollup.Day) rollup.Day {
	d.Hours, d.Quarters = nil, nil
	return d
}

// beginning is the start of a day in New York and of another one in Kathmandu.
func beginning() int64 { return time.Date(2026, time.November, 1, 4, 0, 0, 0, time.UTC).UnixMilli() }

func putDays(t *testing.T, store Store, id tenant.ID, zone string, days ...rollup.Day) {
	t.Helper()
	for _, d := range days {
		if err := store.PutDay(t.Context(), id, zone, d); err != nil {
			t.Fatal(err)
		}
	}
}

func dayRoundTrip(t *testing.T, store Store, id tenant.ID) {
	ctx, from := t.Context(), beginning()
	day := dayOf(from, longDayMillis, 70_000) // over a megabyte of identities
	putDays(t, store, id, newYork, day, day)
	to := from + longDayMillis
	for g, want := range map[usage.Granularity][]usage.Row{
		usage.GranularityDay: {day.Summary.Row}, usage.GranularityHour: happened(day.Hours...),
		usage.GranularityQuarterHour: happened(day.Quarters...), usage.GranularityMonth: nil, usage.GranularityTotal: nil,
	} {
		equal(t, string(g), all(t, store.Rows(ctx, id, newYork, g, from, to)), want)
	}
	equal(t, "with its sets", all(t, store.Days(ctx, id, newYork, from, to)), []rollup.Day{withoutRows(day)})

	refusalsOnly := rollup.Day{Records: 1, Summary: usage.Summary{Row: usage.Row{
		FromMillis: to, ToMillis: to + hourMillis, Refusals: map[problem.Code]int{problem.SeatsExhausted: 1},
	}}}
	still := rollup.Day{Records: 1, Summary: usage.Summary{Row: usage.Row{FromMillis: to + hourMillis, ToMillis: to + 2*hourMillis}}}
	putDays(t, store, id, newYork, refusalsOnly, still)
	equal(t, "a day in which everybody was refused, and one in which nobody came",
		all(t, store.Days(ctx, id, newYork, to, to+longDayMillis)), []rollup.Day{refusalsOnly})
}

func laterDays(t *testing.T, store Store, id tenant.ID) {
	ctx, from := t.Context(), beginning()
	to := from + longDayMillis
	kept := func(what string, want rollup.Day) {
		t.Helper()
		days := all(t, store.Days(ctx, id, newYork, from, to))
		if len(days) != 1 || days[0].Records != want.Records { // cmp takes minutes for long sets
			t.Fatalf("%s: not one day of %d records", what, want.Records)
		}
		equal(t, what, days, []rollup.Day{withoutRows(want)})
		for g, rows := range map[usage.Granularity][]usage.Row{
			usage.GranularityDay: {want.Summary.Row}, usage.GranularityHour: happened(want.Hours...), usage.GranularityQuarterHour: happened(want.Quarters...),
		} {
			equal(t, what+" by "+string(g), all(t, store.Rows(ctx, id, newYork, g, from, to)), rows)
		}
	}
	small, large := dayOf(from, longDayMillis, 10), dayOf(from, longDayMillis, 40_000)
	for i := range large.Hours {
		large.Hours[i].Joins += 2
	}
	for i := range large.Quarters {
		large.Quarters[i].Joins += 3
	}
	putDays(t, store, id, newYork, dayOf(from, longDayMillis, 9))
	putDays(t, store, id, newYork, small)
	kept("one that has as many parts", small)
	putDays(t, store, id, newYork, large)
	kept("one of more records", large)
	putDays(t, store, id, newYork, small)
	kept("one of fewer does not replace it", large)
	again := large
	again.Summary.Row.OverageMillis = 1
	putDays(t, store, id, newYork, again)
	kept("one of as many does", again)

	month := monthOf(from, to, 10)
	for _, m := range []rollup.Month{month, monthOf(from, to, 12), monthOf(from, to, 11), {Records: 1, Row: usage.Row{FromMillis: to, ToMillis: to + 1}}} {
		if err := store.PutMonth(ctx, id, newYork, m); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "months", all(t, store.Rows(ctx, id, newYork, usage.GranularityMonth, from, to+1)), []usage.Row{monthOf(from, to, 12).Row})
}

func rowRanges(t *testing.T, store Store, id tenant.ID) {
	ctx, from := t.Context(), beginning()
	first, second, third := dayOf(from, longDayMillis, 1), dayOf(from+longDayMillis, 24*hourMillis, 2), dayOf(from+49*hourMillis, 24*hourMillis, 3)
	putDays(t, store, id, newYork, third, first, second)
	for n := range int64(3) {
		m := monthOf(from+n*longDayMillis, from+(n+1)*longDayMillis, 1)
		if err := store.PutMonth(ctx, id, newYork, m); err != nil {
			t.Fatal(err)
		}
	}
	every := map[usage.Granularity][]usage.Row{
		usage.GranularityDay:         {first.Summary.Row, second.Summary.Row, third.Summary.Row},
		usage.GranularityHour:        happened(slices.Concat(first.Hours, second.Hours, third.Hours)...),
		usage.GranularityQuarterHour: happened(slices.Concat(first.Quarters, second.Quarters, third.Quarters)...),
		usage.GranularityMonth:       {monthOf(from, from+longDayMillis, 1).Row, monthOf(from+longDayMillis, from+2*longDayMillis, 1).Row, monthOf(from+2*longDayMillis, from+3*longDayMillis, 1).Row},
	}
	for _, r := range []usage.Period{
		{FromMillis: from, ToMillis: from + 100*hourMillis},
		{FromMillis: from - 1, ToMillis: from + 1},
		{FromMillis: from + 1, ToMillis: from + longDayMillis},
		{FromMillis: from + 1, ToMillis: from + longDayMillis + 1},
		{FromMillis: from + 24*hourMillis + 1, ToMillis: from + longDayMillis}, // within the longest day's last hour
		{FromMillis: from + 30*hourMillis, ToMillis: from + 55*hourMillis},
		{FromMillis: from + 49*hourMillis, ToMillis: from + 49*hourMillis},
		{FromMillis: from + 50*hourMillis, ToMillis: from},
		{FromMillis: from - 100*hourMillis, ToMillis: from},
	} {
		for g, rows := range every {
			want := slices.DeleteFunc(slices.Clone(rows), func(row usage.Row) bool {
				return row.FromMillis < r.FromMillis || row.FromMillis >= r.ToMillis
			})
			what := fmt.Sprintf("by %s from %d to %d", g, r.FromMillis-from, r.ToMillis-from)
			equal(t, what, append([]usage.Row{}, all(t, store.Rows(ctx, id, newYork, g, r.FromMillis, r.ToMillis))...), append([]usage.Row{}, want...))
		}
	}
	equal(t, "days in a range", all(t, store.Days(ctx, id, newYork, from+1, from+49*hourMillis)), []rollup.Day{withoutRows(second)})
}

func calendarsApart(t *testing.T, store Store, id tenant.ID) {
	ctx, from := t.Context(), beginning()
	to := from + longDayMillis
	other := tenant.ID(string(id) + "-other")
	for n, c := range []struct {
		tenant tenant.ID
		zone   string
	}{{id, newYork}, {id, kathmandu}, {id, "Etc/GMT"}, {id, "Etc/GMT+1"}, {other, newYork}} {
		day := dayOf(from, longDayMillis, int64(n+1))
		putDays(t, store, c.tenant, c.zone, day)
		if err := store.PutMonth(ctx, c.tenant, c.zone, monthOf(from, to, int64(n+1))); err != nil {
			t.Fatal(err)
		}
		defer func() { // after all have been written
			equal(t, fmt.Sprintf("%s of %s", c.zone, c.tenant), all(t, store.Days(ctx, c.tenant, c.zone, from, to)), []rollup.Day{withoutRows(day)})
			months := all(t, store.Rows(ctx, c.tenant, c.zone, usage.GranularityMonth, from, to))
			equal(t, "its months", months, []usage.Row{monthOf(from, to, int64(n+1)).Row})
		}()
	}
	equal(t, "a zone without any", len(all(t, store.Days(ctx, id, "UTC", from, to))), 0)
}

func progress(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	if p := must(store.Progress(ctx, id))(t); p != nil {
		t.Fatalf("a tenant begins with progress: %+v", p)
	}
	p := rollup.Progress{Zone: newYork, ThroughMillis: beginning() + longDayMillis, MarksReadMillis: beginning() + 2*longDayMillis}
	for _, p := range []rollup.Progress{p, {Zone: kathmandu, ThroughMillis: 1}} {
		if err := store.SaveProgress(ctx, id, p); err != nil {
			t.Fatal(err)
		}
		equal(t, "progress", must(store.Progress(ctx, id))(t), &p)
	}
	if p := must(store.Progress(ctx, id+"-other"))(t); p != nil {
		t.Errorf("another tenant has progress: %+v", p)
	}
	for _, after := range []tenant.ID{id, ""} {
		if err := store.SaveCursor(ctx, after); err != nil {
			t.Fatal(err)
		}
		equal(t, "cursor", must(store.Cursor(ctx))(t), after)
	}
}

// RunLate tests which stays count as late, on a store with a given clock.
func RunLate(t *testing.T, withClock func(now func() time.Time) Store) {
	t.Helper()
	var now int64
	store, id, ctx := withClock(func() time.Time { return time.UnixMilli(now) }), freshTenant(), t.Context()
	stay := sessionOf(id, connectionOf(id, 1)).Stay(1_790_000_060_000, usage.EndVanished)
	record := func(s usage.Stay, after int64) {
		t.Helper()
		now = s.JoinedAtMillis + after
		if _, err := store.Record(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	another := func(n int, later int64) usage.Stay {
		s := stay
		s.Connection, s.JoinedAtMillis, s.LeftAtMillis = connectionOf(id, n), s.JoinedAtMillis+later, s.LeftAtMillis+later
		return s
	}
	record(stay, usage.LateMillis-1)
	equal(t, "just in time", len(all(t, store.Late(ctx, id, 0))), 0)
	late, later := another(2, 0), another(3, 60_000)
	record(late, usage.LateMillis)
	first := now
	record(later, usage.LateMillis)
	second := now
	periods := []usage.Period{
		{FromMillis: late.JoinedAtMillis, ToMillis: late.LeftAtMillis}, {FromMillis: later.JoinedAtMillis, ToMillis: later.LeftAtMillis},
	}
	again := later
	again.LeftAtMillis++
	record(again, usage.LateMillis)
	equal(t, "since ever", all(t, store.Late(ctx, id, 0)), periods)
	equal(t, "since the first", all(t, store.Late(ctx, id, first)), periods)
	equal(t, "since just after it", all(t, store.Late(ctx, id, first+1)), periods[1:])
	equal(t, "since after the second", len(all(t, store.Late(ctx, id, second+1))), 0)
	equal(t, "of another tenant", len(all(t, store.Late(ctx, id+"-other", 0))), 0)
	equal(t, "all three are recorded", len(all(t, store.Stays(ctx, id, 0, second))), 3)
}
