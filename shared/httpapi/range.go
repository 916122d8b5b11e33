package httpapi

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// RangeInput is the time that is asked for: from one moment to another, or a
// month.
type RangeInput struct {
	From   string `query:"from" maxLength:"1024"`
	To     string `query:"to" maxLength:"1024"`
	Period string `query:"period" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$"`
}

// Resolve implements huma.Resolver: what no schema can tell of what is given is
// reported with what it can. What is missing is reported by parse, if all that is
// given is in form.
func (r *RangeInput) Resolve(huma.Context) []error {
	_, _, err := r.given(time.UTC)
	return resolved(err)
}

// parse reads the range, to the millisecond; a month is one of the zone's
// calendar. The error is problem.Invalid at #/from, #/to or both, or at #/period.
func (r *RangeInput) parse(zone *time.Location) (from, to time.Time, err error) {
	from, to, err = r.given(zone)
	if err != nil || r.Period != "" {
		return from, to, err
	}
	var missing []problem.Field
	for _, p := range []struct{ pointer, text string }{{"#/from", r.From}, {"#/to", r.To}} {
		if p.text == "" {
			missing = append(missing, problem.Field{Pointer: p.pointer, Detail: "is missing: give from and to, or a period"})
		}
	}
	if len(missing) > 0 {
		err = problem.InvalidFields(missing...)
	}
	return from, to, err
}

// given reads what is given of the range.
func (r *RangeInput) given(zone *time.Location) (from, to time.Time, err error) {
	if r.Period != "" {
		return r.month(zone)
	}
	var faults []problem.Field
	read := func(pointer, text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		at, err := queryTime(text)
		if err != nil {
			faults = append(faults, problem.Field{Pointer: pointer, Detail: timeFault(text)})
		} else if year := at.UTC().Year(); year < 0 || year > lastYear {
			faults = append(faults, problem.Field{Pointer: pointer, Detail: "must be in the years 0000 to 9999 of UTC"})
		}
		return at.Truncate(time.Millisecond)
	}
	from, to = read("#/from", r.From), read("#/to", r.To)
	if len(faults) > 0 {
		err = problem.InvalidFields(faults...)
	}
	return from, to, err
}

// month reads the range of a month.
func (r *RangeInput) month(zone *time.Location) (from, to time.Time, err error) {
	if r.From != "" || r.To != "" {
		return from, to, problem.InvalidFields(problem.Field{Pointer: "#/period", Detail: "stands for from and to: leave it out, or those"})
	}
	p, err := usage.MonthOf(r.Period, zone)
	return time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), err //nolint:wrapcheck // a problem
}

// shortOffset is an offset without its colon, as generated clients in Python write
// the times of a query.
var shortOffset = regexp.MustCompile(`([+-][0-9]{2})([0-9]{2})$`)

func queryTime(text string) (time.Time, error) {
	return parseTime(shortOffset.ReplaceAllString(text, "$1:$2"))
}

// timeFault says what is wrong with a text that is no time.
func timeFault(text string) string {
	if _, err := queryTime(strings.Replace(text, " ", "+", 1)); err == nil {
		return "has a space where its offset has to begin with +: write that as %2B in a URL"
	}
	return "must be an RFC 3339 time, such as 2026-11-01T00:00:00Z"
}

// next is the Link to the next page of what is at a path, if there is one.
func (r RangeInput) next(path string, page PageInput, cursor *string, as format) string {
	if cursor == nil {
		return ""
	}
	query := url.Values{"limit": {strconv.Itoa(page.Limit)}, "cursor": {*cursor}, "format": {as.name}}
	for name, value := range map[string]string{"from": r.From, "to": r.To, "period": r.Period} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "<" + path + "?" + query.Encode() + `>; rel="next"`
}
