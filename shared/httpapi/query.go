package httpapi

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// queryFaults looks for what would be left out or guessed at if a query were
// read: parameters that the call does not have or that come twice, and what
// cannot be decoded. An empty value is none, but for that of a cursor: clients
// send it for the first page.
func queryFaults(op *huma.Operation, query string) []problem.Field {
	var faults []problem.Field
	given := make(map[string]bool)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, fault := parameterFault(op, pair, given)
		if fault != "" {
			faults = addFaults(faults, problem.Field{Pointer: pointer(name), Detail: fault})
		}
		given[name] = true
	}
	return faults
}

func parameterFault(op *huma.Operation, pair string, given map[string]bool) (name, fault string) {
	sentName, sentValue, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(sentName)
	if err != nil {
		return sentName, "cannot be decoded"
	}
	value, err := url.QueryUnescape(sentValue)
	switch {
	case err != nil, strings.Contains(pair, ";"): // which some take for an &
		return name, "cannot be decoded"
	case !plain(name), !plain(value):
		return name, "must be UTF-8 without control characters"
	}
	schema := taken(op, name)
	switch {
	case schema == nil:
		return name, "is not a parameter of this call"
	case given[name]:
		return name, "is given more than once"
	case value == "" && name != "cursor":
		return name, "has no value: leave it out"
	}
	return name, ""
}

// taken is the schema of a parameter that a call takes; nil: it takes none such.
func taken(op *huma.Operation, name string) *huma.Schema {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Name == name {
			return p.Schema
		}
	}
	return nil
}

// plain tells whether a text is one, and has no control characters.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
