package usage_test

import (
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/timezone"
	"seatmeter/shared/usage"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := timezone.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// periods cuts a range, and checks that the cuts are adjacent and cover it.
func periods(t *testing.T, from, to time.Time, g usage.Granularity, name string) []usage.Period {
	t.Helper()
	list, err := usage.Periods(from, to, g, zone(t, name))
	if err != nil {
		t.Fatal(err)
	}
	at := from.UnixMilli()
	for i, p := range list {
		if p.FromMillis != at || p.ToMillis <= p.FromMillis {
			t.Fatalf("period %d is %d to %d, the one before ended at %d", i, p.FromMillis, p.ToMillis, at)
		}
		at = p.ToMillis
	}
	if at != to.UnixMilli() {
		t.Fatalf("the last period ends at %d, want %d", at, to.UnixMilli())
	}
	return list
}

func lengths(list []usage.Period) string {
	var text string
	for _, p := range list {
		text += time.Duration((p.ToMillis-p.FromMillis)*int64(time.Millisecond)).String() + " "
	}
	return text
}

func TestTimeIsCutWhereTheTenantsClockTurns(t *testing.T) {
	const quarter, hour, day = usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay
	const month, total = usage.GranularityMonth, usage.GranularityTotal
	for _, test := range []struct {
		zone, from, to string
		granularity    usage.Granularity
		want           string
	}{
		{"UTC", "2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z", day, "24h0m0s 24h0m0s "},
		{"UTC", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", total, "720h0m0s "},
		{"UTC", "2026-11-01T10:15:00Z", "2026-11-01T12:00:00.001Z", hour, "45m0s 1h0m0s 1ms "},
		{"UTC", "2026-11-01T10:15:00.250Z", "2026-11-01T10:15:00.750Z", hour, "500ms "},

		{"America/New_York", "2026-03-07T05:00:00Z", "2026-03-10T04:00:00Z", day, "24h0m0s 23h0m0s 24h0m0s "},
		{"America/New_York", "2026-10-31T04:00:00Z", "2026-11-03T05:00:00Z", day, "24h0m0s 25h0m0s 24h0m0s "},
		{"America/New_York", "2026-11-01T04:30:00Z", "2026-11-01T07:30:00Z", hour, "30m0s 1h0m0s 1h0m0s 30m0s "},
		{"America/New_York", "2026-03-08T06:00:00Z", "2026-03-08T08:00:00Z", hour, "1h0m0s 1h0m0s "},

		{"Asia/Kathmandu", "2026-11-01T00:00:00Z", "2026-11-02T18:15:00Z", day, "18h15m0s 24h0m0s "},
		{"Asia/Kathmandu", "2026-11-01T10:00:00Z", "2026-11-01T12:15:00Z", hour, "15m0s 1h0m0s 1h0m0s "},

		{"America/St_Johns", "2026-11-01T02:30:00Z", "2026-11-03T03:30:00Z", day, "25h0m0s 24h0m0s "},
		{"America/St_Johns", "2026-03-08T03:30:00Z", "2026-03-10T02:30:00Z", day, "23h0m0s 24h0m0s "},
		{"America/St_Johns", "2026-11-01T10:00:00Z", "2026-11-01T12:00:00Z", hour, "30m0s 1h0m0s 30m0s "},

		// Half an hour of daylight saving.
		{"Australia/Lord_Howe", "2026-10-02T13:30:00Z", "2026-10-04T13:00:00Z", day, "24h0m0s 23h30m0s "},
		// The clocks change at midnight: from 0:00 to 1:00, and from 1:00 back to 0:00.
		{"America/Santiago", "2026-09-05T04:00:00Z", "2026-09-08T03:00:00Z", day, "24h0m0s 23h0m0s 24h0m0s "},
		{"America/Havana", "2026-10-31T04:00:00Z", "2026-11-03T05:00:00Z", day, "24h0m0s 25h0m0s 24h0m0s "},
		{"Africa/Cairo", "2026-04-22T22:00:00Z", "2026-04-25T21:00:00Z", day, "24h0m0s 23h0m0s 24h0m0s "},
		// Midnight comes twice: a day begins at the first.
		{"Asia/Amman", "2021-10-27T21:00:00Z", "2021-10-30T22:00:00Z", day, "24h0m0s 25h0m0s 24h0m0s "},
		{"Asia/Amman", "2021-10-28T20:00:00Z", "2021-10-28T23:00:00Z", hour, "1h0m0s 1h0m0s 1h0m0s "},
		// A minute past midnight the clocks went back, and the day before had its last hour again.
		{"America/St_Johns", "2010-11-06T02:30:00Z", "2010-11-08T03:30:00Z", day, "24h0m0s 25h0m0s "},
		// Midnight never comes.
		{"America/Sao_Paulo", "2018-11-03T03:00:00Z", "2018-11-06T02:00:00Z", day, "24h0m0s 23h0m0s 24h0m0s "},
		{"Asia/Beirut", "2026-03-27T22:00:00Z", "2026-03-30T21:00:00Z", day, "24h0m0s 23h0m0s 24h0m0s "},
		// The clocks went forward by half an hour, to midnight and to a full hour.
		{"Asia/Pyongyang", "2018-05-03T15:30:00Z", "2018-05-05T15:00:00Z", day, "23h30m0s 24h0m0s "},
		{"Asia/Pyongyang", "2018-05-04T13:30:00Z", "2018-05-04T16:00:00Z", hour, "1h0m0s 30m0s 1h0m0s "},
		{"America/Caracas", "2016-05-01T06:30:00Z", "2016-05-01T08:00:00Z", hour, "30m0s 1h0m0s "},
		{"Australia/Lord_Howe", "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", hour, "1h0m0s 30m0s 1h0m0s "},

		{"UTC", "2026-11-01T10:10:00Z", "2026-11-01T10:50:00Z", quarter, "5m0s 15m0s 15m0s 5m0s "},
		{"Asia/Kathmandu", "2026-11-01T10:10:00Z", "2026-11-01T10:50:00Z", quarter, "5m0s 15m0s 15m0s 5m0s "},
		{"America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", quarter, "15m0s 15m0s 15m0s 15m0s "},
		{"Australia/Lord_Howe", "2026-10-03T15:15:00Z", "2026-10-03T15:45:00Z", quarter, "15m0s 15m0s "},

		{"UTC", "2026-01-15T00:00:00Z", "2026-04-01T00:00:00Z", month, "408h0m0s 672h0m0s 744h0m0s "},
		{"America/New_York", "2026-03-01T05:00:00Z", "2026-05-01T04:00:00Z", month, "743h0m0s 720h0m0s "},
		{"America/New_York", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z", month, "721h0m0s "},
		{"Asia/Kathmandu", "2026-10-31T18:15:00Z", "2026-11-30T18:15:00Z", month, "720h0m0s "},
		// The clocks go back as November begins: its first midnight comes twice.
		{"America/Havana", "2026-10-01T04:00:00Z", "2026-12-01T05:00:00Z", month, "744h0m0s 721h0m0s "},
		// A day that was left out.
		{"Pacific/Apia", "2011-12-29T10:00:00Z", "2011-12-31T10:00:00Z", day, "24h0m0s 24h0m0s "},
	} {
		t.Run(fmt.Sprintf("%s by %s from %s", test.zone, test.granularity, test.from), func(t *testing.T) {
			got := lengths(periods(t, moment(test.from), moment(test.to), test.granularity, test.zone))
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestEveryDayIsOneRowInEveryKindOfZone(t *testing.T) {
	for _, name := range []string{
		"UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Santiago", "America/Havana",
		"America/Sao_Paulo", "Asia/Kathmandu", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca",
		"Australia/Lord_Howe", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati",
	} {
		t.Run(name, func(t *testing.T) {
			location := zone(t, name)
			for year := 2015; year <= 2030; year++ {
				from := time.Date(year, 1, 1, 0, 0, 0, 0, location)
				to := time.Date(year+1, 1, 1, 0, 0, 0, 0, location)
				list := periods(t, from, to, usage.GranularityDay, name)
				if days := to.AddDate(0, 0, -1).YearDay(); len(list) != days {
					t.Errorf("%d has %d days and %d rows", year, days, len(list))
				}
				for i, p := range list {
					first, last := time.UnixMilli(p.FromMillis).In(location), time.UnixMilli(p.ToMillis-1).In(location)
					if first.YearDay() != i+1 || last.YearDay() != i+1 {
						t.Errorf("row %d is from %s to %s", i+1, first, last)
					}
				}
			}
		})
	}
}

func TestMonthsHaveTheirBoundsInEveryKindOfZone(t *testing.T) {
	for _, name := range []string{
		"UTC", "America/New_York", "America/St_Johns", "America/Havana", "America/Asuncion", "Asia/Kathmandu",
		"Asia/Amman", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati",
	} {
		t.Run(name, func(t *testing.T) {
			location := zone(t, name)
			at := time.Date(2000, 1, 1, 0, 0, 0, 0, location).UnixMilli()
			for year := 2000; year <= 2035; year++ {
				for month := time.January; month <= time.December; month++ {
					p, err := usage.MonthOf(fmt.Sprintf("%04d-%02d", year, month), location)
					if err != nil {
						t.Fatal(err)
					}
					if p.FromMillis != at {
						t.Errorf("%d-%d begins at %d, the month before ended at %d", year, month, p.FromMillis, at)
					}
					first, last := time.UnixMilli(p.FromMillis).In(location), time.UnixMilli(p.ToMillis-1).In(location)
					if first.Month() != month || last.Month() != month || first.Day() != 1 || last.AddDate(0, 0, 1).Month() == month {
						t.Errorf("%d-%d is from %s to %s", year, month, first, last)
					}
					at = p.ToMillis
				}
			}
		})
	}
}

func TestWhatIsNoMonthIsRefused(t *testing.T) {
	for _, text := range []string{"", "2026", "2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "november", "2026-11 ", "+2026-11", "1999-12", "0202-11"} {
		_, err := usage.MonthOf(text, time.UTC)
		wantFault(t, err, "#/period")
	}
}

func TestAReportHasAtMostAHundredThousandRows(t *testing.T) {
	from := moment("2026-01-01T00:00:00Z")
	at := from.Add(usage.MaxRows * 15 * time.Minute)
	list := periods(t, from, at, usage.GranularityQuarterHour, "UTC")
	if len(list) != usage.MaxRows {
		t.Errorf("%d rows, want %d", len(list), usage.MaxRows)
	}
	_, err := usage.Periods(from, at.Add(time.Millisecond), usage.GranularityQuarterHour, time.UTC)
	wantFault(t, err, "#/to")
}

func TestARangeThatIsNoneIsRefused(t *testing.T) {
	from := moment("2026-11-01T00:00:00Z")
	_, err := usage.Periods(from, from, usage.GranularityDay, time.UTC)
	wantFault(t, err, "#/to")
	_, err = usage.Periods(from, from.Add(-time.Hour), usage.GranularityDay, time.UTC)
	wantFault(t, err, "#/to")
	for _, unknown := range []usage.Granularity{"", "minute", "Day", "year", "quarter-hour"} {
		_, err = usage.Periods(from, from.Add(time.Hour), unknown, time.UTC)
		wantFault(t, err, "#/granularity")
	}
}

func wantFault(t *testing.T, err error, pointer string) {
	t.Helper()
	p := problem.As(err)
	if p.Code != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Pointer != pointer {
		t.Errorf("got %v with %+v, want invalid at %s", err, p.Fields, pointer)
	}
}
