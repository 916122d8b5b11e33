//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package usage_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

func TestRowsBeginWhereTheClockSaysSoInEveryZone(t *testing.T) {
	t.Parallel()
	names, err := timezone.Names()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, name := range names {
		zone := zone(t, name)
		for _, change := range changes(zone) {
			alike := fmt.Sprint(change.Unix(), offset(change.Add(-1), zone), offset(change, zone))
			if seen[alike] {
				continue
			}
			seen[alike] = true
			// The edges of two days are near by, and there is none at the ends.
			from, to := change.Add(-13*time.Hour-7*time.Minute), change.Add(13*time.Hour+7*time.Minute)
			want := look(from, to, zone)
			for _, g := range []struct {
				granularity usage.Granularity
				want        []int64
			}{
				{usage.GranularityDay, want.days}, {usage.GranularityHour, want.hours}, {usage.GranularityQuarterHour, want.quarters},
			} {
				if got := inside(t, from, to, g.granularity, zone); !slices.Equal(got, g.want) {
					t.Fatalf("%s at %s by %s: cut at %v, want %v", name, change, g.granularity, got, g.want)
				}
			}
			for _, day := range want.days {
				if !slices.Contains(want.hours, day) {
					t.Errorf("%s at %s: a day begins within an hour", name, change)
				}
				if got := usage.DayOf(time.UnixMilli(day), zone); got.FromMillis != day {
					t.Errorf("%s: the day of its first moment %d is %v", name, day, got)
				}
				if got := usage.DayOf(time.UnixMilli(day-1), zone); got.ToMillis != day {
					t.Errorf("%s: the day before %d is %v", name, day, got)
				}
			}
		}
	}
	if len(seen) < 1000 {
		t.Errorf("only %d changes of clocks were seen", len(seen))
	}
}

func TestAMonthBeginsWithItsFirstDayInEveryZone(t *testing.T) {
	names, err := timezone.Names()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		zone := zone(t, name)
		next := int64(0)
		for month := time.Date(2000, 1, 15, 12, 0, 0, 0, time.UTC); month.Year() <= lastYear; month = month.AddDate(0, 1, 0) {
			p, err := usage.MonthOf(month.Format("2006-01"), zone)
			if err != nil {
				t.Fatal(err)
			}
			if next != 0 && p.FromMillis != next || usage.MonthAt(month, zone) != p || usage.DayOf(time.UnixMilli(p.FromMillis), zone).FromMillis != p.FromMillis {
				t.Errorf("%s in %s is %v, after %d", month.Format("2006-01"), name, p, next)
			}
			next = p.ToMillis
		}
	}
}
