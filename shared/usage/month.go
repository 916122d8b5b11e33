package usage

import (
	"fmt"
	"time"

	"seatmeter/shared/license"
)

// BillingMonth is a month that a tenant is billed for. Its days are those of the
// zone's calendar; the first and the last may be shorter.
type BillingMonth struct {
	Period
	Zone *time.Location
}

// BillingMonthOf is a month, such as 2026-11, of a tenant whose license has these
// revisions, in order; without any, a month of UTC. It ends when the time zone that
// is then in force says so, and begins where the month before it ends. So the
// months follow from the revisions alone, partition time, and a revision changes
// none that has ended. The error is that of MonthOf.
func BillingMonthOf(text string, revisions []license.License) (BillingMonth, error) {
	if _, err := MonthOf(text, time.UTC); err != nil {
		return BillingMonth{}, err
	}
	first, err := time.Parse(MonthLayout, text)
	if err != nil {
		return BillingMonth{}, fmt.Errorf("read a month: %w", err)
	}
	from, _ := monthEnd(first.AddDate(0, -1, 0), revisions)
	to, zone := monthEnd(first, revisions)
	return BillingMonth{Period{from, to}, zone}, nil
}

// monthEnd is when the month that begins on a date ends, and by which zone. A
// change of zone before that moves the end, unless the month is over in the new
// zone already.
func monthEnd(first time.Time, revisions []license.License) (int64, *time.Location) {
	year, month, _ := first.Date()
	end := func(zone *time.Location) int64 { return dayOn(year, month+1, 1, zone).UnixMilli() }
	if len(revisions) == 0 {
		return end(time.UTC), time.UTC
	}
	zone := revisions[0].Location()
	to := end(zone)
	for _, l := range revisions[1:] {
		if l.ChangedAtMillis >= to {
			break
		}
		if at := end(l.Location()); at > l.ChangedAtMillis {
			to, zone = at, l.Location()
		}
	}
	return to, zone
}

// Whole tells whether it is a month of the zone's calendar, from its first day to
// its last.
func (m BillingMonth) Whole() bool {
	return m.Period == MonthAt(time.UnixMilli(m.FromMillis), m.Zone)
}
