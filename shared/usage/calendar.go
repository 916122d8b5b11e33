package usage

import "time"

// DayOf is the day of a zone's calendar that a moment is in.
func DayOf(at time.Time, zone *time.Location) Period {
	const longer = 50 * time.Hour // than two days on which the clocks change
	return around(at, at.Add(-longer), zone, dayAfter)
}

// MonthAt is the month of a zone's calendar that a moment is in.
func MonthAt(at time.Time, zone *time.Location) Period {
	const longer = 63 * 24 * time.Hour // than two months
	return around(at, at.Add(-longer), zone, monthAfter)
}

// around finds the edges on both sides of a moment, from one before it on.
func around(at, before time.Time, zone *time.Location, after func(time.Time, *time.Location) time.Time) Period {
	from := after(before, zone)
	to := after(from, zone)
	for !to.After(at) {
		from, to = to, after(to, zone)
	}
	return Period{from.UnixMilli(), to.UnixMilli()}
}
