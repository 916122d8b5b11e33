package storetest

import (
	"fmt"
	"testing"

	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// groupsOf makes the groups of a day: many small ones, and a large one whose sets fill
// several parts.
func groupsOf(by usage.Grouping, p usage.Period, records int64) rollup.Groups {
	g := rollup.Groups{By: by, Period: p, Records: records}
	var quarters, hours []usage.Row
	for n := range int(records) {
		name := fmt.Sprintf("conference-%05d", n)
		for _, row := range rowsOf(p.FromMillis, p.FromMillis+hourMillis, usage.QuarterHourMillis)[1:2] {
			row.Group = name
			quarters = append(quarters, row)
		}
		hour := rowsOf(p.FromMillis, p.FromMillis+2*hourMillis, hourMillis)[1]
		hour.Group = name
		hours = append(hours, hour)
		day := dayOf(p.FromMillis, p.ToMillis-p.FromMillis, int64(1+n%3)).Summary
		if n == 1 {
			day = dayOf(p.FromMillis, p.ToMillis-p.FromMillis, 9000).Summary
		}
		day.Row.Group = name
		g.Days = append(g.Days, day)
	}
	g.Quarters, g.Hours = every(quarters), every(hours)
	return g
}

func every(rows []usage.Row) func(func(usage.Row, error) bool) {
	return func(yield func(usage.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func groupRows(t *testing.T, store Store, id tenant.ID) {
	ctx, from := t.Context(), beginning()
	first := usage.Period{FromMillis: from, ToMillis: from + longDayMillis}
	second := usage.Period{FromMillis: first.ToMillis, ToMillis: first.ToMillis + 24*hourMillis}
	put := func(g rollup.Groups) {
		t.Helper()
		if err := store.PutGroups(ctx, id, newYork, g); err != nil {
			t.Fatal(err)
		}
	}
	kept := func(what string, p usage.Period, want rollup.Groups) {
		t.Helper()
		for g, rows := range map[usage.Granularity][]usage.Row{
			usage.GranularityQuarterHour: all(t, want.Quarters), usage.GranularityHour: all(t, want.Hours), usage.GranularityDay: rowsOfAll(want.Days),
		} {
			equal(t, what+" by "+string(g), all(t, store.GroupRows(ctx, id, newYork, want.By, g, p.FromMillis, p.ToMillis)), rows)
		}
		days, err := store.GroupDays(ctx, id, newYork, want.By, p.FromMillis, p.ToMillis)
		if err != nil || len(days) != 1 || days[0].Period != want.Period || days[0].PassedMillis != want.ToMillis-want.FromMillis {
			t.Fatalf("%s: %d days, %v", what, len(days), err)
		}
		equal(t, what+" with its sets", all(t, days[0].Summaries), want.Days)
	}
	for _, records := range []int64{1500, 1200, 1600, 3} {
		put(groupsOf(usage.GroupingConference, first, records))
	}
	put(groupsOf(usage.GroupingConference, second, 2))
	put(groupsOf(usage.GroupingHost, first, 4))
	kept("of the most records", first, groupsOf(usage.GroupingConference, first, 1600))
	kept("the next day", second, groupsOf(usage.GroupingConference, second, 2))
	kept("by host", first, groupsOf(usage.GroupingHost, first, 4))

	rows := rowsOfAll(groupsOf(usage.GroupingConference, first, 1500).Days)
	for _, n := range []int{1500, 700} {
		put(rollup.Groups{By: usage.GroupingConference, Period: first, Records: int64(n), Months: every(rows[:n])})
	}
	equal(t, "a month", all(t, store.GroupRows(ctx, id, newYork, usage.GroupingConference, usage.GranularityMonth, from, from+1)), rows)
	if other := all(t, store.GroupRows(ctx, id, kathmandu, usage.GroupingConference, usage.GranularityDay, from, second.ToMillis)); len(other) != 0 {
		t.Errorf("of another calendar: %d rows", len(other))
	}
}

func rowsOfAll(days []usage.Summary) []usage.Row {
	rows := make([]usage.Row, len(days))
	for i, day := range days {
		rows[i] = day.Row
	}
	return rows
}
