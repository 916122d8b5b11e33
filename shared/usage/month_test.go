package usage_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/license"
	"seatmeter/shared/usage"
)

// zones lie as far apart as any.
var zones = []string{"UTC", "America/St_Johns", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Honolulu", "Etc/GMT+12", "Europe/Berlin"}

// drawRevisions draws a license's revisions, many of them near a month's edge.
func drawRevisions(t *rapid.T) []license.License {
	at := time.Date(2026, time.June, 20, 0, 0, 0, 0, time.UTC)
	var list []license.License
	for n := range rapid.IntRange(1, 8).Draw(t, "revisions") {
		list = append(list, license.License{
			TimeZone: rapid.SampledFrom(zones).Draw(t, "zone"), Revision: int64(n + 1), ChangedAtMillis: at.UnixMilli(),
		})
		if rapid.Bool().Draw(t, "near an edge") {
			edge := time.Date(at.Year(), at.Month()+1, 1, 0, 0, 0, 0, time.UTC)
			if near := edge.Add(time.Duration(rapid.IntRange(-15*60, 15*60).Draw(t, "minutes")) * time.Minute); near.After(at) {
				at = near
				continue
			}
		}
		at = at.Add(time.Duration(rapid.IntRange(0, 40*24*60).Draw(t, "minutes later")) * time.Minute)
	}
	return list
}

func billingMonth(t rapid.TB, at time.Time, revisions []license.License) usage.BillingMonth {
	t.Helper()
	m, err := usage.BillingMonthOf(at.Format(usage.MonthLayout), revisions)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBillingMonthsPartitionTimeWhateverTheZones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		revisions := drawRevisions(t)
		month := time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC)
		before := billingMonth(t, month, revisions)
		for range 16 {
			month = month.AddDate(0, 1, 0)
			next := billingMonth(t, month, revisions)
			if next.FromMillis != before.ToMillis || next.ToMillis <= next.FromMillis {
				t.Fatalf("%s is %v, after %v", month.Format(usage.MonthLayout), next.Period, before.Period)
			}
			before = next
		}
	})
}

func TestNoRevisionChangesABillingMonthThatHasEnded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		revisions := drawRevisions(t)
		known := rapid.IntRange(1, len(revisions)).Draw(t, "known")
		for n := range 16 {
			month := time.Date(2026, time.May+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
			then := billingMonth(t, month, revisions[:known])
			if known < len(revisions) && then.ToMillis > revisions[known].ChangedAtMillis {
				return
			}
			if now := billingMonth(t, month, revisions); now.Period != then.Period || now.Zone.String() != then.Zone.String() {
				t.Fatalf("%s was %v, and is %v", month.Format(usage.MonthLayout), then, now)
			}
		}
	})
}

func TestABillingMonthEndsByTheZoneInForceThen(t *testing.T) {
	at := func(text string) int64 {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment.UnixMilli()
	}
	first := license.License{TimeZone: "Asia/Kathmandu", ChangedAtMillis: at("2026-08-20T00:00:00Z")}
	for _, test := range []struct {
		name, zone, changed  string
		august, end, october string
		whole                []bool // August, September, October
	}{
		{"within a month", "America/St_Johns", "2026-09-15T00:00:00Z", "2026-08-31T18:15:00Z", "2026-10-01T02:30:00Z", "2026-11-01T02:30:00Z", []bool{true, false, true}},
		{"after the month's end", "America/St_Johns", "2026-09-30T20:00:00Z", "2026-08-31T18:15:00Z", "2026-09-30T18:15:00Z", "2026-11-01T02:30:00Z", []bool{true, true, false}},
		{"where the month is over in the new zone", "Pacific/Kiritimati", "2026-09-30T12:00:00Z", "2026-08-31T18:15:00Z", "2026-09-30T18:15:00Z", "2026-10-31T10:00:00Z", []bool{true, true, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			revisions := []license.License{first, {TimeZone: test.zone, ChangedAtMillis: at(test.changed)}}
			var ends []int64
			var whole []bool
			for _, month := range []string{"2026-08", "2026-09", "2026-10"} {
				m, err := usage.BillingMonthOf(month, revisions)
				if err != nil {
					t.Fatal(err)
				}
				ends, whole = append(ends, m.ToMillis), append(whole, m.Whole())
			}
			if want := []int64{at(test.august), at(test.end), at(test.october)}; !slices.Equal(ends, want) || !slices.Equal(whole, test.whole) {
				t.Errorf("ends %v, whole %v; want %v, %v", ends, whole, want, test.whole)
			}
		})
	}
}

func TestATextThatIsNoMonthIsNoBillingMonth(t *testing.T) {
	for _, text := range []string{"", "2026", "2026-13", "1999-12", "2026-1"} {
		if _, err := usage.BillingMonthOf(text, nil); err == nil {
			t.Errorf("%q is one", text)
		}
	}
}
