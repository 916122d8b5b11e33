package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

const day = "/v1/tenants/acme/usage?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z"

// meetingOfTwo is two people's: one for a minute and a half, one still in after
// ten minutes; a third was refused.
func meetingOfTwo(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.schedule("acme", "weekly", "ann@example.org")
	first := w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.now += 30_000
	w.join("acme", "weekly", "bob", "participant", 2)
	v := admission.Visitor{Pass: w.token("acme", "weekly", "eve", "participant"), Connection: "MadeUpConnec003=", AtMillis: w.now}
	if err := w.door.Connect(t.Context(), v); !problem.Is(err, problem.SeatsExhausted) {
		t.Fatal(err)
	}
	w.now += 60_000
	w.leave(first)
	w.now += 510_000
	return w
}

func TestAReportCountsTheLedgerAndOpenStays(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(finance, http.MethodGet, day, "").want(200, `{"tenant":"acme","granularity":"total","time_zone":"UTC",
		"as_of":"2026-09-21T14:23:20.000Z","rounding":"half_up","rows":[{"tenant":"acme","from":"2026-09-21T14:00:00.000Z",
		"to":"2026-09-21T16:00:00.000Z","group":"","opening":0,"closing":1,"peak":2,"peak_at":"2026-09-21T14:13:50.000Z",
		"seat_ms":660000,"seat_minutes":"11.0000","overage_ms":0,"peak_hosts":1,"peak_participants":2,"joins":2,"refused":1,"conferences":1,"hosts":1,"identities":2,
		"estimated_ms":0,"refusals":{"seats_exhausted":1},"waited":0,"abandoned":0,"wait_ms":0,
		"p95":1,"p99":2,"at_limit_ms":60000,"refused_identities":1,"denied_identities":1,"provisional":true}]}`)
}

func TestAReportWithoutUsageIsARowOfZeros(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.call(finance, http.MethodGet, day, "").want(200, `{"tenant":"acme","granularity":"total","time_zone":"UTC",
		"as_of":"2026-09-21T14:13:20.000Z","rounding":"half_up","rows":[{"tenant":"acme","from":"2026-09-21T14:00:00.000Z",
		"to":"2026-09-21T16:00:00.000Z","group":"","opening":0,"closing":0,"peak":0,"peak_at":null,
		"seat_ms":0,"seat_minutes":"0.0000","overage_ms":0,"peak_hosts":0,"peak_participants":0,"joins":0,"refused":0,"conferences":0,"hosts":0,"identities":0,
		"estimated_ms":0,"refusals":{},"waited":0,"abandoned":0,"wait_ms":0,
		"p95":0,"p99":0,"at_limit_ms":0,"refused_identities":0,"denied_identities":0,"provisional":true}]}`)
}

func TestAReportIsCSVIfAccepted(t *testing.T) {
	w := meetingOfTwo(t)
	want := strings.Join(usage.ReportColumns(usage.GroupingNone).Names(), ",") + "\r\n" +
		"acme,2026-09-21T14:00:00.000Z,2026-09-21T15:00:00.000Z,,0,1,2,2026-09-21T14:13:50.000Z,660000,11.0000,0,2,1,1,1,2,0,1,2,1,2,60000,1,1\r\n" +
		"acme,2026-09-21T15:00:00.000Z,2026-09-21T16:00:00.000Z,,1,1,0,,0,0.0000,0,0,0,0,0,0,0,0,0,0,0,0,0,0\r\n"
	for _, accept := range []string{"text/csv", "text/csv; q=0.9", "text/html, text/csv"} {
		got := w.call(finance, http.MethodGet, day+"&granularity=hour", "", "accept", accept)
		if got.status != 200 || got.headers["content-type"] != "text/csv; charset=utf-8" || got.headers["content-disposition"] != "attachment; filename=acme-usage.csv" {
			t.Errorf("%s: answered %d, %v", accept, got.status, got.headers)
		}
		if got.body != want {
			t.Errorf("%s:\ngot\n%s\nwant\n%s", accept, got.body, want)
		}
	}
	for _, accept := range []string{"*/*", "application/json", "text/csv;q=0.5, application/*", ""} {
		got := w.call(finance, http.MethodGet, day, "", "accept", accept)
		if got.status != 200 || got.headers["content-type"] != "application/json" {
			t.Errorf("%s: answered %d, %v", accept, got.status, got.headers)
		}
	}
}

func TestAReportByDayMayHaveItsTotal(t *testing.T) {
	w := meetingOfTwo(t)
	const two = "/v1/tenants/acme/usage?from=2026-09-20T00:00:00Z&to=2026-09-22T00:00:00Z"
	type row struct {
		Peak       int
		SeatMillis int64 `json:"seat_ms"`
		Identities int
	}
	got := read[struct {
		Rows  []row
		Total *row
	}](w.call(finance, http.MethodGet, two+"&granularity=day&total=true", "").ok())
	want := row{2, 660_000, 2}
	if len(got.Rows) != 2 || got.Rows[1] != want || got.Total == nil || *got.Total != want {
		t.Errorf("got %+v", got)
	}
	if answer := w.call(finance, http.MethodGet, two+"&granularity=day", "").ok(); strings.Contains(answer.body, `"total":`) {
		t.Errorf("nobody asked for a total: %s", answer.body)
	}
	for _, query := range []string{"&granularity=hour", "", "&granularity=day&group_by=host", "&granularity=day&format=csv"} {
		w.call(finance, http.MethodGet, two+query+"&total=true", "").refused(problem.Invalid, "#/total")
	}
}

func TestAPeriodIsTheRangeOfItsMonth(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":2,"time_zone":"Asia/Kathmandu"}`).ok()
	// The month began in UTC, and ends in Kathmandu.
	const month, period = "from=2026-09-01T00:00:00Z&to=2026-10-01T00:00:00%2B05:45", "period=2026-09"
	for _, call := range []string{
		"usage?", "usage?granularity=day&", "usage?granularity=day&total=true&", "usage?group_by=host&", "usage?format=csv&",
		"usage/peaks?", "usage/peaks?limit=1&", "usage/refusals?", "ledger?", "ledger?format=json&", "ledger?format=csv&",
	} {
		target := "/v1/tenants/acme/" + call
		want, got := w.call(finance, http.MethodGet, target+month, "").ok(), w.call(finance, http.MethodGet, target+period, "").ok()
		if strings.Contains(call, "limit=1") { // what a cursor says is sealed anew each time
			want.body, _, _ = strings.Cut(want.body, "next_cursor")
			got.body, _, _ = strings.Cut(got.body, "next_cursor")
		}
		if want.body != got.body || want.body == "" {
			t.Errorf("%s:\ngot  %s\nwant %s", call, got.body, want.body)
		}
		for query, pointers := range map[string][]string{
			period + "&from=2026-09-01T00:00:00Z":                         {"#/period"},
			period + "&to=2026-09-01T00:00:00Z":                           {"#/period"},
			period + "&from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z": {"#/period"},
			"period=2026-13":            {"#/period"},
			"period=2026-9":             {"#/period"},
			"period=2026-W36":           {"#/period"},
			"period=september":          {"#/period"},
			"period=1999-12":            {"#/period"},
			"period=2026-09-01":         {"#/period"},
			"period=":                   {"#/period"},
			"":                          {"#/from", "#/to"},
			"from=2026-09-01T00:00:00Z": {"#/to"},
			"to=2026-09-01T00:00:00Z":   {"#/from"},
		} {
			w.call(finance, http.MethodGet, target+query, "").refused(problem.Invalid, pointers...)
			if t.Failed() {
				t.Fatalf("%s of %s", call, query)
			}
		}
		if !strings.HasPrefix(call, "ledger") {
			w.call(finance, http.MethodGet, target+"period=2026-10", "").refused(problem.Invalid, "#/period")
		}
	}
}

// Clients that are generated in Python write them so.
func TestAnOffsetInAQueryNeedsNoColon(t *testing.T) {
	w := meetingOfTwo(t)
	const path = "/v1/tenants/acme/usage?from=2026-09-21T%s&to=2026-09-22T%s"
	for _, offset := range []string{"%2B05:30", "-03:00"} {
		whole := fmt.Sprintf(path, "00:00:00.123"+offset, "00:00:00"+offset)
		short := strings.ReplaceAll(strings.ReplaceAll(whole, "5:30", "530"), "3:00", "300")
		if got, want := w.call(finance, http.MethodGet, short, "").ok().body, w.call(finance, http.MethodGet, whole, "").ok().body; got != want {
			t.Errorf("%s: %s, want %s", short, got, want)
		}
	}
	w.call(finance, http.MethodGet, fmt.Sprintf(path, "00:00:00%2B2400", "00:00:00-123"), "").refused(problem.Invalid, "#/from", "#/to")
}

func TestAGroupHasNoTenantOverage(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":1,"overage":"allow","burst":1}`).ok()
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.join("acme", "weekly", "bob", "participant", 2)
	w.now += 10_000
	overage := func(query string) (rows []map[string]any, csv string) {
		got := read[struct{ Rows []map[string]any }](w.call(finance, http.MethodGet, day+query, "").ok())
		lines := strings.Split(w.call(finance, http.MethodGet, day+query, "", "accept", "text/csv").ok().body, "\r\n")
		return got.Rows, strings.Split(lines[1], ",")[10]
	}
	if rows, csv := overage(""); rows[0]["overage_ms"] != 10_000.0 || csv != "10000" {
		t.Errorf("of all: %v, %q", rows[0]["overage_ms"], csv)
	}
	for _, by := range []string{"host", "conference"} {
		rows, csv := overage("&group_by=" + by)
		if value, there := rows[0]["overage_ms"]; len(rows) != 1 || !there || value != nil || csv != "" {
			t.Errorf("by %s: %v, %q; want null, and nothing", by, rows, csv)
		}
	}
}

func TestDaysOfAReportAreThoseOfTheLicensesZone(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":2,"time_zone":"Asia/Kathmandu"}`).ok()
	w.now += int64(60 * 24 * time.Hour / time.Millisecond)
	got := read[struct {
		TimeZone string `json:"time_zone"`
		Rows     []struct{ From, To string }
	}](w.call(finance, http.MethodGet, "/v1/tenants/acme/usage?from=2026-11-01T00:00:00%2B05:45&to=2026-11-02T12:00:00%2B05:45&granularity=day", ""))
	if got.TimeZone != "Asia/Kathmandu" || len(got.Rows) != 2 || got.Rows[0].From != "2026-10-31T18:15:00.000Z" ||
		got.Rows[0].To != "2026-11-01T18:15:00.000Z" || got.Rows[1].To != "2026-11-02T06:15:00.000Z" {
		t.Errorf("got %+v", got)
	}
}

// A session is read before the ledger is: one that ends in between is found
// in both, and one that began long before the range reaches into it.
func TestAStayFromBeforeTheRangeCountsOnce(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.schedule("acme", "weekly", "ann@example.org")
	began := w.now
	id := w.join("acme", "weekly", "bob", "participant", 1)
	w.now += int64(2 * time.Hour / time.Millisecond)
	hours := func() string {
		from, to := time.UnixMilli(began).Add(time.Hour).UTC(), time.UnixMilli(began).Add(3*time.Hour).UTC()
		target := "/v1/tenants/acme/usage?from=" + from.Format(time.RFC3339) + "&to=" + to.Format(time.RFC3339)
		return read[struct {
			Rows []struct {
				SeatMinutes string `json:"seat_minutes"`
			}
		}](w.call(finance, http.MethodGet, target, "")).Rows[0].SeatMinutes
	}
	if got := hours(); got != "60.0000" {
		t.Errorf("open: %s minutes", got)
	}
	w.leave(id)
	if got := hours(); got != "60.0000" {
		t.Errorf("closed: %s minutes", got)
	}
}

// A bill is made of records that begin before its month, or end after it.
func TestTheLedgerOfAPeriodHasTheStaysThatReachIn(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	august := time.Date(2026, time.August, 1, 0, 0, 0, 0, time.UTC)
	w.used(august.Add(-30 * time.Minute))
	w.used(august.AddDate(0, 1, 0).Add(5 * time.Minute)) // which may continue a stay of August
	w.used(august.Add(-4 * time.Hour))
	w.used(august.AddDate(0, 1, 0).Add(time.Hour))
	for query, want := range map[string]int{
		"period=2026-08": 2, "from=2026-08-01T00:00:00Z&to=2026-09-01T00:00:00Z": 0,
	} {
		if got := strings.Count(w.call(acmeAdmin, http.MethodGet, "/v1/tenants/acme/ledger?"+query, "").ok().body, "joined_at"); got != want {
			t.Errorf("%s: %d stays, want %d", query, got, want)
		}
	}
}
