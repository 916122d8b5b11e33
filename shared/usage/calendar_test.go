package usage_test

import (
	"sort"
	"testing"
	"time"

	"seatmeter/shared/usage"
)

// Since 1973 all clocks are whole minutes off UTC, and are set at whole minutes.
const firstYear, lastYear = 1973, 2040

// offset is by how many seconds a zone's clock is off UTC.
func offset(at time.Time, zone *time.Location) int {
	_, seconds := at.In(zone).Zone()
	return seconds
}

// changes are the moments at which the clocks of a zone are set.
func changes(zone *time.Location) []time.Time {
	const step = 24 * time.Hour
	var list []time.Time
	last := time.Date(lastYear, 12, 31, 0, 0, 0, 0, time.UTC)
	for at := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC); at.Before(last); at = at.Add(step) {
		if offset(at, zone) == offset(at.Add(step), zone) {
			continue
		}
		seconds := sort.Search(int(step/time.Second), func(n int) bool {
			return offset(at.Add(time.Duration(n)*time.Second), zone) != offset(at, zone)
		})
		list = append(list, at.Add(time.Duration(seconds)*time.Second))
	}
	return list
}

// edges are where a zone's days, hours and quarters begin after a moment and
// until another, found by looking at the clock each minute.
type edges struct{ days, hours, quarters []int64 }

func look(from, to time.Time, zone *time.Location) edges {
	const minutesOfDay = 24 * 60
	var found edges
	// clock is how many minutes a zone's clock is past 1970: it shows a date and a time.
	clock := func(at time.Time) int { return int(at.Unix()+int64(offset(at, zone))) / 60 }
	before := clock(from)
	latest := before / minutesOfDay
	for at := from.Add(time.Minute); !at.After(to); at = at.Add(time.Minute) {
		now := clock(at)
		if date := now / minutesOfDay; date > latest { // never seen before
			latest, found.days = date, append(found.days, at.UnixMilli())
		}
		jump := now - before - 1 // 0: the clock goes on
		if now%60 == 0 || jump%60 != 0 {
			found.hours = append(found.hours, at.UnixMilli())
		}
		if now%15 == 0 || jump%15 != 0 {
			found.quarters = append(found.quarters, at.UnixMilli())
		}
		before = now
	}
	return found
}

// inside are the edges that a range is cut at.
func inside(t *testing.T, from, to time.Time, g usage.Granularity, zone *time.Location) []int64 {
	t.Helper()
	list, err := usage.Periods(from, to, g, zone)
	if err != nil {
		t.Fatal(err)
	}
	cuts := make([]int64, 0, len(list))
	for _, p := range list[1:] {
		cuts = append(cuts, p.FromMillis)
	}
	return cuts
}
