//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package report_test

import (
	"testing"

	"seatmeter/shared/usage"
)

// A month by host or by conference is read from as many rows as there are groups and
// days, however many stays there were.
func TestGroupsOfAMonthCostTheSameForManyStays(t *testing.T) {
	for _, by := range []usage.Grouping{usage.GroupingHost, usage.GroupingConference} {
		few, many := groupedMonth(t, 1), groupedMonth(t, 40)
		for g, most := range map[usage.Granularity]float64{usage.GranularityMonth: 1, usage.GranularityTotal: 1, usage.GranularityDay: 1.3} {
			a, b := few.units(by, g), many.units(by, g)
			t.Logf("by %s and %s: %v read units for few, %v for many", by, g, a, b)
			if b > most*a {
				t.Errorf("by %s and %s: %v read units, and %v for forty times as many", by, g, a, b)
			}
		}
	}
}
