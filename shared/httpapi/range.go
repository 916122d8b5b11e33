package httpapi

import (
	"context"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// RangeInput is the query's time range: from and to, or a month.
type RangeInput struct {
	From   string `query:"from" maxLength:"1024"`
	To     string `query:"to" maxLength:"1024"`
	Period string `query:"period" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$"`
}

// Resolve implements huma.Resolver. It reports faults of given parameters that a
// schema cannot express. parse reports missing ones, once the given ones are
// well-formed.
func (r *RangeInput) Resolve(huma.Context) []error {
	_, _, err := r.given(nil)
	return resolved(err)
}

// parse returns the range, to the millisecond; a month is the tenant's billing month,
// by its license's revisions. The error is problem.Invalid at #/from, #/to or both, or
// at #/period.
func (r *RangeInput) parse(revisions []license.License) (from, to time.Time, err error) {
	from, to, err = r.given(revisions)
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

// read returns the range for a tenant, as parse does.
func (r *RangeInput) read(ctx context.Context, licensing *licensing.Licensing, t tenant.ID) (from, to time.Time, err error) {
	var revisions []license.License
	if r.Period != "" {
		if revisions, err = licensing.Revisions(ctx, t); err != nil {
			return from, to, err
		}
	}
	return r.parse(revisions)
}

// given parses the parameters that are given.
func (r *RangeInput) given(revisions []license.License) (from, to time.Time, err error) {
	if r.Period != "" {
		return r.month(revisions)
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

// month returns the range of a month.
func (r *RangeInput) month(revisions []license.License) (from, to time.Time, err error) {
	if r.From != "" || r.To != "" {
		return from, to, problem.InvalidFields(problem.Field{Pointer: "#/period", Detail: "stands for from and to: leave it out, or those"})
	}
	p, err := usage.BillingMonthOf(r.Period, revisions)
	return time.UnixMilli(p.FromMillis), time.UnixMilli(p.ToMillis), err //nolint:wrapcheck // a problem
}

// shortOffset matches an offset without its colon, which clients generated for Python
// write in queries.
var shortOffset = regexp.MustCompile(`([+-][0-9]{2})([0-9]{2})$`)

func queryTime(text string) (time.Time, error) {
	return parseTime(shortOffset.ReplaceAllString(text, "$1:$2"))
}

// timeFault tells what is wrong with a malformed time.
func timeFault(text string) string {
	if _, err := queryTime(strings.Replace(text, " ", "+", 1)); err == nil {
		return "has a space where its offset has to begin with +: write that as %2B in a URL"
	}
	return "must be an RFC 3339 time, such as 2026-11-01T00:00:00Z"
}

// next returns the Link to the next page; empty if there is none.
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
