package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

func TestTheFormatParameterOverridesAccept(t *testing.T) {
	w := meetingOfTwo(t)
	const usage = "/v1/tenants/acme/usage?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z"
	const all, peaks = "/v1/usage?period=2026-09", "/v1/tenants/acme/usage/peaks?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z"
	sizing := strings.Replace(peaks, "peaks", "sizing", 1)
	for _, test := range []struct{ target, format, want string }{
		{usage, "json", "application/json"},
		{usage, "csv", "text/csv; charset=utf-8"},
		{usage, "xlsx", spreadsheet},
		{all, "json", "application/json"},
		{all, "csv", "text/csv; charset=utf-8"},
		{all, "xlsx", spreadsheet},
		{ledger, "json", "application/json"},
		{ledger, "csv", "text/csv; charset=utf-8"},
		{ledger, "ndjson", "application/x-ndjson"},
		{ledger, "xlsx", spreadsheet},
		{ledger, "parquet", "application/vnd.apache.parquet"},
		{peaks, "json", "application/json"},
		{peaks, "csv", "text/csv; charset=utf-8"},
		{sizing, "json", "application/json"},
		{sizing, "csv", "text/csv; charset=utf-8"},
	} {
		for _, accept := range []string{"", "*/*", "text/csv", "application/json", "application/x-ndjson", "image/png"} {
			got := w.call(finance, http.MethodGet, test.target+"&format="+test.format, "", "accept", accept).ok()
			if got.headers["content-type"] != test.want {
				t.Errorf("%s as %s, accepting %q: %s", test.target, test.format, accept, got.headers["content-type"])
			}
		}
	}
}

func TestAnUnavailableFormatIsRefused(t *testing.T) {
	w := meetingOfTwo(t)
	for _, target := range []string{
		"/v1/tenants/acme/usage?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z&format=ndjson",
		"/v1/tenants/acme/usage?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z&format=parquet",
		"/v1/usage?period=2026-09&format=xml", ledger + "&format=CSV", ledger + "&format=text/csv",
	} {
		w.call(finance, http.MethodGet, target, "").refused(problem.Invalid, "#/format")
	}
	w.call(finance, http.MethodGet, "/v1/tenants/acme/seats?format=csv", "").refused(problem.Invalid, "#/format")
}

// A client that follows the link sends what it sends with every call.
func TestTheNextPageKeepsTheFormat(t *testing.T) {
	w := meetingOfTwo(t)
	w.sameMoment(2)
	w.concurrent("globex", 1)
	for _, target := range []string{ledger + "&limit=1&format=csv", ledger + "&limit=1&format=ndjson", "/v1/usage?period=2026-09&limit=1&format=csv", ledger + "&limit=1&format=parquet", "/v1/usage?period=2026-09&limit=1&format=xlsx"} {
		first := w.call(finance, http.MethodGet, target, "").ok()
		next, _, _ := strings.Cut(strings.TrimPrefix(first.headers["link"], "<"), ">")
		second := w.call(finance, http.MethodGet, next, "", "accept", "application/json").ok()
		if second.headers["content-type"] != first.headers["content-type"] || second.body == first.body {
			t.Errorf("%s: %s, then %s", target, first.headers["content-type"], second.headers["content-type"])
		}
	}
}
