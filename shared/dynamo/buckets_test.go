package dynamo_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

const zone = "America/New_York"

func identities(n int) usage.Set {
	list := make([]usage.Digest, n)
	for i := range list {
		list[i] = usage.NewDigest(fmt.Sprint(i))
	}
	return usage.NewSet(list)
}

func collect[T any](t *testing.T, items iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for item, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, item)
	}
	return list
}

// busy is a row in which so many were in, and met some refusals.
func busy(p usage.Period, people int) usage.Row {
	length := p.ToMillis - p.FromMillis
	return usage.Row{
		FromMillis: p.FromMillis, ToMillis: p.ToMillis, Opening: people, Closing: people + 1, Peak: people + 2, PeakAtMillis: p.FromMillis + length/3,
		PeakHosts: people, PeakParticipants: people,
		SeatMillis: int64(people) * length, OverageMillis: int64(people) * 1000, Joins: people, Conferences: people, Hosts: people, Identities: people + 2,
		EstimatedMillis: int64(people) * 100, Refusals: map[problem.Code]int{problem.SeatsExhausted: people},
	}
}

// rollUp keeps a month of which every quarter-hour had so many people.
func rollUp(t *testing.T, store *dynamo.Store, id tenant.ID, month usage.Period, people int) {
	t.Helper()
	location, err := timezone.Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	rows := func(p usage.Period, g usage.Granularity) []usage.Row {
		periods, err := usage.Periods(time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), g, location)
		if err != nil {
			t.Fatal(err)
		}
		list := make([]usage.Row, len(periods))
		for i, p := range periods {
			list[i] = busy(p, people)
		}
		return list
	}
	for _, row := range rows(month, usage.GranularityDay) {
		p := usage.Period{FromMillis: row.FromMillis, ToMillis: row.ToMillis}
		day := rollup.Day{
			Records: int64(people), Summary: usage.Summary{Row: row, Identities: identities(people)},
			Hours: rows(p, usage.GranularityHour), Quarters: rows(p, usage.GranularityQuarterHour),
		}
		if err := store.PutDay(t.Context(), id, zone, day); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.PutMonth(t.Context(), id, zone, rollup.Month{Records: int64(people), Row: busy(month, people)}); err != nil {
		t.Fatal(err)
	}
}

func TestRowsOfAnEarlierVersionAreNotRead(t *testing.T) {
	api := memtable.New()
	store := dynamo.New(api, memtable.Names)
	number := func(n int64) types.AttributeValue { return &types.AttributeValueMemberN{Value: fmt.Sprint(n)} }
	const from, to = int64(1_790_000_000_000), int64(1_790_086_400_000)
	progress, rows := itemAt("t#acme", "progress"), itemAt("t#acme", fmt.Sprintf("rows#day#%s#%014d", zone, from))
	progress["time_zone"], progress["through"], progress["late_before"] = text(zone), number(to), number(to)
	rows["records"], rows["rows"] = number(1), &types.AttributeValueMemberB{Value: []byte{1}}
	put(t, api, memtable.Names.Usage, progress)
	put(t, api, memtable.Names.Usage, rows)
	if p, err := store.Progress(t.Context(), "acme"); err != nil || p != nil {
		t.Errorf("rolled up as far as %+v (%v), want to begin anew", p, err)
	}
	if kept := collect(t, store.Rows(t.Context(), "acme", zone, usage.GranularityDay, from, to)); len(kept) != 0 {
		t.Errorf("read %+v", kept)
	}
}

// A month's report costs the same for a hundred times the use, and little, even
// if in every quarter-hour somebody was refused and limits were exceeded.
func TestAMonthsRowsCostTheSameAtAHundredfoldUse(t *testing.T) {
	b := &bill{}
	store := open(t).Metered(b.add)
	location, err := timezone.Load(zone)
	if err != nil {
		t.Fatal(err)
	}
	month, err := usage.MonthOf("2026-12", location)
	if err != nil {
		t.Fatal(err)
	}
	few, many := tenant.ID("few"), tenant.ID("lot")
	rollUp(t, store, few, month, 5)
	rollUp(t, store, many, month, 500)
	units := func(id tenant.ID, g usage.Granularity, rows int) float64 {
		t.Helper()
		*b = bill{}
		if got := collect(t, store.Rows(t.Context(), id, zone, g, month.FromMillis, month.ToMillis)); len(got) != rows {
			t.Errorf("%d rows by %s, want %d", len(got), g, rows)
		}
		return b.reads
	}
	for _, c := range []struct {
		granularity usage.Granularity
		rows        int
		most        float64
	}{
		{usage.GranularityMonth, 1, 1}, {usage.GranularityDay, 31, 3}, {usage.GranularityHour, 31 * 24, 12}, {usage.GranularityQuarterHour, 31 * 96, 40},
	} {
		a, b := units(few, c.granularity, c.rows), units(many, c.granularity, c.rows)
		t.Logf("by %s: %v read units for few, %v for many", c.granularity, a, b)
		if b > 1.3*a {
			t.Errorf("by %s: %v read units for few, %v for a hundred times as many", c.granularity, a, b)
		}
		if b > c.most {
			t.Errorf("by %s: %v read units, want at most %v", c.granularity, b, c.most)
		}
	}
}

// Wherever a process dies while it replaces a day, the day can be read, with
// everybody in it who was; and a repeat completes it.
func TestABrokenOffReplacementOfADayCanBeCompleted(t *testing.T) {
	if testing.Short() {
		t.Skip("large days")
	}
	store := open(t)
	from := time.Date(2026, time.December, 1, 5, 0, 0, 0, time.UTC).UnixMilli()
	day := func(people int) rollup.Day {
		return rollup.Day{Records: int64(people), Summary: usage.Summary{
			Row:        usage.Row{FromMillis: from, ToMillis: from + 86_400_000, Peak: 1, Joins: people, Identities: people},
			Identities: identities(people),
		}}
	}
	first := day(20_000)
	for _, then := range []rollup.Day{day(30_000), day(40_000)} { // in as many parts, and in more
		for puts, complete := 1, false; !complete; puts++ {
			id := tenant.ID(fmt.Sprintf("broken-%d-%d", then.Records, puts))
			if err := store.PutDay(t.Context(), id, zone, first); err != nil {
				t.Fatal(err)
			}
			complete = putUntil(t, store, puts, func(ctx context.Context, store *dynamo.Store) error {
				return store.PutDay(ctx, id, zone, then)
			})
			seen := collect(t, store.Days(t.Context(), id, zone, from, from+1))
			if len(seen) != 1 || len(seen[0].Summary.Identities.Union(first.Summary.Identities)) != len(seen[0].Summary.Identities) {
				t.Errorf("after %d puts of %d people: %d days, which lack some of the first", puts, then.Records, len(seen))
			}
			if err := store.PutDay(t.Context(), id, zone, then); err != nil {
				t.Fatal(err)
			}
			if whole := collect(t, store.Days(t.Context(), id, zone, from, from+1)); !reflect.DeepEqual(whole, []rollup.Day{then}) {
				t.Errorf("completed after %d puts, %d days are not the one of %d people", puts, len(whole), then.Records)
			}
		}
	}
}

// putUntil breaks a call off after so many puts, and tells whether it was done
// by then.
func putUntil(t *testing.T, store *dynamo.Store, puts int, call func(context.Context, *dynamo.Store) error) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return call(ctx, store.Metered(func(_ *types.ConsumedCapacity, write bool) {
		if write {
			puts--
		}
		if puts == 0 {
			cancel()
		}
	})) == nil
}
