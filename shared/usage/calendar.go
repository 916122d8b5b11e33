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

// around finds the edges before and after a moment, beginning the search at
// before.
func around(at, before time.Time, zone *time.Location, after func(time.Time, *time.Location) time.Time) Period {
	from := after(before, zone)
	to := after(from, zone)
	for !to.After(at) {
		from, to = to, after(to, zone)
	}
	return Period{from.UnixMilli(), to.UnixMilli()}
}

// dayAfter is the first beginning of a day after a moment.
func dayAfter(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	for {
		day++ // more than once where the clocks went back past a midnight
		if next := dayOn(year, month, day, zone); next.After(at) {
			return next
		}
	}
}

// monthAfter is the first beginning of a month after a moment.
func monthAfter(at time.Time, zone *time.Location) time.Time {
	year, month, _ := at.In(zone).Date()
	for {
		month++
		if next := dayOn(year, month, 1, zone); next.After(at) {
			return next
		}
	}
}

// dayOn is when a day of the calendar begins: the first moment that has its
// date. Of a day that a zone left out, it is when the next begins. Where the
// clocks go back past a midnight, the day before does not come back.
func dayOn(year int, month time.Month, day int, zone *time.Location) time.Time {
	const further = 48 * time.Hour // than any zone's clock is from UTC
	midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	at := midnight.Add(-further).In(zone)
	for {
		_, offset := at.Zone()
		begins := midnight.Add(-time.Duration(offset) * time.Second)
		if begins.Before(at) { // the clocks went forward past the midnight
			begins = at
		}
		until := constantUntil(at)
		if begins.Before(until) {
			return begins
		}
		at = until
	}
}

// clockAfter is when the zone's clock next shows a multiple of so many minutes,
// or is set by anything else. It counts in clock minutes of the zone, whose
// offset need not be whole hours, but in absolute time, so that what comes twice
// is two rows.
func clockAfter(at time.Time, minutes int, zone *time.Location) time.Time {
	step := time.Duration(minutes) * time.Minute
	for {
		local := at.In(zone)
		into := time.Duration(local.Minute()%minutes)*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
		next := at.Add(step - into)
		until := constantUntil(local)
		if !next.After(until) {
			return next
		}
		if shift(until)%step != 0 {
			return until
		}
		at = until // the clock goes on to show the same minutes
	}
}

// constantUntil is a moment until which the clocks of a zone are not set. Often
// it is the next at which they are.
func constantUntil(at time.Time) time.Time {
	const day = 24 * time.Hour
	_, end := at.ZoneBounds()
	if !end.After(at) { // there is none; or, on the last day of a leap year, Go 1.26 gives the moment when that began
		return at.Truncate(day).Add(day)
	}
	return end
}

// shift is by how much the clocks of a zone are set at a moment.
func shift(at time.Time) time.Duration {
	_, before := at.Add(-1).Zone()
	_, after := at.Zone()
	return time.Duration(after-before) * time.Second
}
