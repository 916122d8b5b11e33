package usage

import (
	"fmt"
	"time"

	"seatmeter/shared/problem"
)

// Granularity is the length of a report's rows.
type Granularity string

// The granularities. Hours, days and months are the tenant's calendar's.
const (
	GranularityHour  Granularity = "hour"
	GranularityDay   Granularity = "day"
	GranularityTotal Granularity = "total"
)

// MaxRows bounds a report.
const MaxRows = 10_000

// Period is a half-open span of time, in Unix milliseconds.
type Period struct{ FromMillis, ToMillis int64 }

// Periods cuts [from, to) at the calendar's edges. The first and the last may
// be shorter; a day on which the clocks change has 23 or 25 hours.
func Periods(from, to time.Time, g Granularity, zone *time.Location) ([]Period, error) {
	if !from.Before(to) {
		return nil, problem.InvalidFields(problem.Field{Pointer: "#/to", Detail: "must be after from"})
	}
	var periods []Period
	for at := from; at.Before(to); {
		next, err := edgeAfter(at, g, zone)
		if err != nil {
			return nil, err
		}
		if next.After(to) || g == GranularityTotal {
			next = to
		}
		if len(periods) == MaxRows {
			return nil, problem.InvalidFields(problem.Field{
				Pointer: "#/to", Detail: fmt.Sprintf("more than %d rows: choose a shorter range or a coarser granularity", MaxRows),
			})
		}
		periods = append(periods, Period{at.UnixMilli(), next.UnixMilli()})
		at = next
	}
	return periods, nil
}

// edgeAfter is the first edge of the calendar after a moment.
func edgeAfter(at time.Time, g Granularity, zone *time.Location) (time.Time, error) {
	local := at.In(zone)
	switch g {
	case GranularityHour:
		// In clock minutes of the zone, whose offset need not be whole hours,
		// but in absolute time, so that a repeated hour is two rows.
		into := time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
		return at.Add(time.Hour - into), nil
	case GranularityDay:
		next := time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, zone)
		if next.Day() == local.Day() { // midnight is skipped: the day begins as the clocks change
			_, next = next.ZoneBounds()
		}
		if !next.After(at) { // midnight comes twice, and this was the first
			next = next.Add(time.Hour)
		}
		return next, nil
	case GranularityTotal:
		return at, nil
	}
	return at, problem.InvalidFields(problem.Field{Pointer: "#/granularity", Detail: "must be hour, day or total"})
}
