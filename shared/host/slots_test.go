package host_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/host"
	"seatmeter/shared/timezone"
)

func TestAMonthIsOneOfTheTenantsCalendar(t *testing.T) {
	kathmandu, err := timezone.Load("Asia/Kathmandu")
	if err != nil {
		t.Fatal(err)
	}
	last := time.Date(2026, 11, 30, 18, 14, 59, 0, time.UTC) // 23:59:59 there
	if got := host.MonthOf(last, kathmandu); got != "2026-11" {
		t.Errorf("the last second of November is in %s", got)
	}
	if got := host.MonthOf(last.Add(time.Second), kathmandu); got != "2026-12" {
		t.Errorf("the first second of December is in %s", got)
	}
}

// In any order of additions and removals there are never more hosts than slots, and
// in a month never more additions than unused slots and changes.
func TestSlotsChangeHandsOnlyAsOftenAsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, changes := rapid.IntRange(1, 5).Draw(t, "limit"), rapid.IntRange(0, 4).Draw(t, "changes")
		var tally host.Tally
		fresh := limit
		for month := 1; month <= 4; month++ {
			slots := host.Slots{Limit: limit, Changes: changes, Month: host.Month(fmt.Sprintf("2026-%02d", month))}
			added := 0
			for _, add := range rapid.SliceOfN(rapid.Bool(), 0, 20).Draw(t, "adds") {
				if !add {
					tally.Hosts = max(tally.Hosts-1, 0)
					continue
				}
				next, outcome := tally.Add(slots)
				switch {
				case outcome == host.AddedNow:
					added++
				case next != tally:
					t.Fatalf("refused with %v, and %+v became %+v", outcome, tally, next)
				case (outcome == host.AddedNoMore) != (tally.Hosts == limit):
					t.Fatalf("refused with %v at %+v", outcome, tally)
				case outcome == host.AddedNoChange && added < fresh+changes:
					t.Fatalf("refused a change after %d additions, with %d new slots and %d changes", added, fresh, changes)
				}
				tally = next
			}
			if tally.Hosts > limit || added > fresh+changes {
				t.Fatalf("%d additions with %d new slots and %d changes: %+v", added, fresh, changes, tally)
			}
			fresh = max(fresh-added, 0)
		}
	})
}
