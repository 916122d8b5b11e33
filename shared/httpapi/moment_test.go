package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

func TestEveryRFC3339SpellingIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for written, want := range map[string]string{
		"2030-01-02T03:04:05Z":                                     "2030-01-02T03:04:05Z",
		"2030-01-02t03:04:05z":                                     "2030-01-02T03:04:05Z",
		"2030-01-02t03:04:05+01:00":                                "2030-01-02T02:04:05Z",
		"2030-01-02T03:04:05-00:00":                                "2030-01-02T03:04:05Z",
		"2030-01-02T03:04:05.1Z":                                   "2030-01-02T03:04:05.1Z",
		"2030-01-02T03:04:05.123" + strings.Repeat("9", 400) + "z": "2030-01-02T03:04:05.123Z",
		"2030-06-30T23:59:60Z":                                     "2030-07-01T00:00:00Z",
		"2030-12-31t23:59:60z":                                     "2031-01-01T00:00:00Z",
		"2030-12-31T15:59:60-08:00":                                "2031-01-01T00:00:00Z",
		"2031-01-01T05:44:60.25+05:45":                             "2031-01-01T00:00:00.25Z",
		"2030-12-31T23:59:59.999999Z":                              "2030-12-31T23:59:59.999Z",
		"2030-01-02T23:59:59.1234+23:59":                           "2030-01-02T00:00:59.123Z",
	} {
		body := `{"model":"concurrent","seats":25,"expires_at":"` + written + `"}`
		if got := read[map[string]any](w.call(vendor, http.MethodPut, acmeLicense, body))["expires_at"]; got != want {
			t.Errorf("%s: %v, want %s", written, got, want)
		}
	}
	for _, from := range []string{"2026-09-21t14:00:00z", "2026-09-21T14:00:00." + strings.Repeat("0", 500) + "Z", "2026-08-31T23:59:60Z"} {
		w.call(vendor, http.MethodGet, "/v1/tenants/acme/usage?from="+from+"&to=2026-09-22T00:00:00z", "").ok()
	}
	for _, written := range []string{
		"2030-01-02T12:00:60Z", "2030-12-30T23:59:60Z", "2030-12-31T23:59:61Z", "2030-12-31T23:59:60+01:00", "2030-12-31T23:58:60Z",
		"2030-01-02T24:00:00Z", "2030-02-30T00:00:00Z", "2030-01-02 03:04:05Z", "2030-01-02T03:04:05", "2030-01-02T03:04Z", "2030-01-02T03:04:05.Z",
		"2030-01-02T03:04:05,5Z", "2030-01-02T3:04:05Z", "2030-01-02T03:04:05+0100", "2030-01-02T03:04:05+24:00", "2030-01-02", "",
	} {
		body := `{"model":"concurrent","seats":25,"expires_at":"` + written + `"}`
		w.call(vendor, http.MethodPut, acmeLicense, body).refused(problem.Invalid, "#/expires_at")
	}
}
