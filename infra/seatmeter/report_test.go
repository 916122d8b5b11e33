package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
)

// Two readings would be of two moments, and the total not that of the days.
func TestAReportIsReadByOneCallWithItsTotal(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		var answer any = client.Concurrent(25)
		if strings.Contains(r.URL.Path, "/usage") {
			row := client.UsageRow{Peak: 3, SeatMinutes: "1.0000"}
			answer = client.Usage{Tenant: "acme", TimeZone: "UTC", Rows: []client.UsageRow{row}, Total: &row}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	defer api.Close()
	t.Setenv(bearerVariable, "made-up")
	if err := (reportCommand{Tenant: "acme", Period: "2026-11", apiFlags: apiFlags{URL: api.URL}}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/v1/tenants/acme/license", "/v1/tenants/acme/usage?granularity=day&period=2026-11&total=true"}; strings.Join(asked, " ") != strings.Join(want, " ") {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

func TestAReportNamesTheFigureOfItsLicense(t *testing.T) {
	at := time.Date(2026, time.November, 3, 9, 30, 0, 0, time.UTC)
	day := client.UsageRow{From: at.Truncate(24 * time.Hour), Peak: 31, PeakAt: &at, PeakHosts: 4, PeakParticipants: 18, P95: 12, AtLimitMillis: 66_000, SeatMinutes: "90.5000", Joins: 40}
	days := client.Usage{Tenant: "globex", TimeZone: "UTC", AsOf: at, Rows: []client.UsageRow{day}, Total: &day}
	for _, test := range []struct {
		license client.License
		want    string
	}{
		{client.Named(5, 25), "named, 5 x 25: sold by peak hosts x peak participants"},
		{client.Concurrent(25), "concurrent, 25: sold by the peak"},
	} {
		var out bytes.Buffer
		if err := printUsage(&out, test.license, "2026-11", days); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{test.want, "peak hosts  peak participants", "4                 18   12           1.1       90.5000"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("lacks %q:\n%s", want, out.String())
			}
		}
	}
}
