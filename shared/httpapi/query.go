package httpapi

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// queryFaults returns parameters that would be ignored or guessed at: unknown ones,
// repeated ones, and text that cannot be decoded. An empty value is a fault, except
// that of cursor, which clients send for the first page.
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
	case err != nil, strings.Contains(pair, ";"): // some parsers take ";" for "&"
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

// taken returns the schema of a call's parameter; nil if the call does not have it.
func taken(op *huma.Operation, name string) *huma.Schema {
	for _, p := range op.Parameters {
		if p.In == "query" && p.Name == name {
			return p.Schema
		}
	}
	return nil
}

// plain reports whether a text is UTF-8 without control characters.
func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
