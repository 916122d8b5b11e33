package usage

import (
	"fmt"
	"time"

	"seatmeter/shared/problem"
)

// Granularity is the length of a report's rows.
type Granularity string

// The granularities. All but the total are cut by the tenant's clock and
// calendar.
const (
	GranularityQuarterHour Granularity = "quarter_hour"
	GranularityHour        Granularity = "hour"
	GranularityDay         Granularity = "day"
	GranularityMonth       Granularity = "month"
	GranularityTotal       Granularity = "total"
)

// QuarterHourMillis is the length of a quarter-hour. Every zone in use is off
// UTC by a multiple of it, so that the quarters of one are those of all.
const QuarterHourMillis = 15 * 60 * 1000

// MaxRows bounds a report.
const MaxRows = 100_000

// firstYear is the earliest year of a period, to refuse typing errors.
const firstYear = 2000

// Period is a half-open span of time, in Unix milliseconds.
type Period struct{ FromMillis, ToMillis int64 }

// MonthOf is a calendar month of a zone, written as 2026-11. The error is
// problem.Invalid at #/period.
func MonthOf(text string, zone *time.Location) (Period, error) {
	month, err := time.Parse(MonthLayout, text)
	year, number, _ := month.Date()
	if err != nil || year < firstYear {
		return Period{}, problem.InvalidFields(problem.Field{Pointer: "#/period", Detail: "must be a month from 2000 on, such as 2026-11"})
	}
	return Period{dayOn(year, number, 1, zone).UnixMilli(), dayOn(year, number+1, 1, zone).UnixMilli()}, nil
}

// Periods cuts [from, to) at the clock's and the calendar's edges. The first
// and the last may be shorter; a day on which the clocks change has 23 or 25
// hours; an hour that comes twice is two hours. The error is problem.Invalid,
// at #/to if the range is none or has more than MaxRows, else at #/granularity.
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

// edgeAfter is the first edge of the clock or the calendar after a moment.
func edgeAfter(at time.Time, g Granularity, zone *time.Location) (time.Time, error) {
	switch g {
	case GranularityQuarterHour:
		return clockAfter(at, 15, zone), nil
	case GranularityHour:
		return clockAfter(at, 60, zone), nil
	case GranularityDay:
		return dayAfter(at, zone), nil
	case GranularityMonth:
		return monthAfter(at, zone), nil
	case GranularityTotal:
		return at, nil
	}
	return at, problem.InvalidFields(problem.Field{Pointer: "#/granularity", Detail: "must be quarter_hour, hour, day, month or total"})
}
