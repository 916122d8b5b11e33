package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

const (
	today    = "?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00%2B00:00"
	peaks    = "/v1/tenants/acme/usage/peaks" + today
	refusals = "/v1/tenants/acme/usage/refusals" + today
)

func TestAPeakHasItsMomentLimitAndHolders(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(acmeAdmin, http.MethodGet, peaks, "").want(200, `{"tenant":"acme","from":"2026-09-21T00:00:00.000Z","to":"2026-09-22T00:00:00.000Z",
		"peak":2,"peak_at":"2026-09-21T14:13:50.000Z","limit":2,"items":[
		{"connection":"MadeUpConnec001=","conference":"weekly","host":"ann@example.org","identity":"ann@example.org","role":"host",
		"joined_at":"2026-09-21T14:13:20.000Z","left_at":"2026-09-21T14:14:50.000Z","estimated":false,"pool":"tenant","limit":2},
		{"connection":"MadeUpConnec002=","conference":"weekly","host":"ann@example.org","identity":"bob","role":"participant",
		"joined_at":"2026-09-21T14:13:50.000Z","left_at":null,"estimated":false,"pool":"tenant","limit":2}],"next_cursor":null}`)
}

func TestAPeakWithoutUsageIsZeroWithoutAMoment(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.call(finance, http.MethodGet, peaks, "").want(200, `{"tenant":"acme","from":"2026-09-21T00:00:00.000Z","to":"2026-09-22T00:00:00.000Z",
		"peak":0,"peak_at":null,"limit":null,"items":[],"next_cursor":null}`)
}

func TestUnderANamedLicenseEachHolderHasTheLimitOfItsConference(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 1, 25)
	w.host("acme", "ann@example.org")
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.now++
	w.join("acme", "weekly", "bob", "participant", 2)
	w.now++
	got := read[struct {
		Limit *int `json:"limit"`
		Items []struct {
			Pool  string `json:"pool"`
			Limit *int   `json:"limit"`
		} `json:"items"`
	}](w.call(vendor, http.MethodGet, peaks, ""))
	if got.Limit != nil || len(got.Items) != 2 || got.Items[0].Pool != "chair" || got.Items[0].Limit != nil ||
		got.Items[1].Pool != "conference" || got.Items[1].Limit == nil || *got.Items[1].Limit != 25 {
		t.Errorf("got %+v", got)
	}
}

// A higher peak that comes while somebody turns pages is another one.
func TestPagesOfAPeakAreAllOfTheSameMoment(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 50)
	w.schedule("acme", "weekly", "ann@example.org")
	var want []string
	for n := range 7 {
		want = append(want, string(w.join("acme", "weekly", fmt.Sprint("person-", n), "participant", n)))
		w.now += int64(n % 2)
	}
	w.now++
	got := w.pages(peaks, "connection", 2, func(page int) {
		w.join("acme", "weekly", fmt.Sprint("late-", page), "participant", 100+page)
		w.now++
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestARefusalListsTheHoldersOfTheSeats(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(acmeAdmin, http.MethodGet, refusals, "").want(200, `{"items":[{"at":"2026-09-21T14:13:50.000Z","code":"seats_exhausted","limit":2,
		"in_use":2,"conference":"weekly","host":"ann@example.org","identity":"eve","role":"participant","connection":"MadeUpConnec003=","holders":2,
		"held_by":[{"connection":"MadeUpConnec001=","conference":"weekly","host":"ann@example.org","identity":"ann@example.org","role":"host",
		"joined_at":"2026-09-21T14:13:20.000Z","left_at":"2026-09-21T14:14:50.000Z","estimated":false,"pool":"tenant","limit":2},
		{"connection":"MadeUpConnec002=","conference":"weekly","host":"ann@example.org","identity":"bob","role":"participant",
		"joined_at":"2026-09-21T14:13:50.000Z","left_at":null,"estimated":false,"pool":"tenant","limit":2}]}],"next_cursor":null}`)
}

func TestARefusalWithAnotherReasonListsNoHolders(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.schedule("acme", "weekly", "ann@example.org")
	pass := w.token("acme", "weekly", "eve", "participant")
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":2,"status":"suspended"}`).ok()
	w.now++
	err := w.door.Connect(t.Context(), admission.Visitor{Pass: pass, Connection: "MadeUpConnec003=", AtMillis: w.now})
	if !problem.Is(err, problem.LicenseSuspended) {
		t.Fatal(err)
	}
	w.now++
	w.call(finance, http.MethodGet, refusals, "").want(200, `{"items":[{"at":"2026-09-21T14:13:20.001Z","code":"license_suspended","limit":null,
		"in_use":null,"conference":"weekly","host":"ann@example.org","identity":"eve","role":"participant","connection":"MadeUpConnec003=",
		"holders":0,"held_by":[]}],"next_cursor":null}`)
}

func TestPagesShowEveryRefusalOnceInOrderOfTime(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1)
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "bob", "participant", 0)
	var want []string
	for n := range 7 {
		v := admission.Visitor{
			Pass: w.token("acme", "weekly", "eve", "participant"), AtMillis: w.now,
			Connection: seat.ConnectionID(fmt.Sprintf("MadeUpConnec10%d=", n)),
		}
		if err := w.door.Connect(t.Context(), v); !problem.Is(err, problem.SeatsExhausted) {
			t.Fatal(err)
		}
		want = append(want, string(v.Connection))
		w.now += int64(n % 2 * 1000)
	}
	w.now++
	for limit := 1; limit <= 8; limit++ {
		if got := w.pages(refusals, "connection", limit, nothing); !slices.Equal(got, want) {
			t.Errorf("by %d: got %v, want %v", limit, got, want)
		}
	}
}

func TestAReportHasARowForEachGroup(t *testing.T) {
	w := meetingOfTwo(t)
	w.schedule("acme", "daily", "zoe@example.org")
	w.join("acme", "daily", "zoe@example.org", "host", 7)
	w.now += int64(time.Minute / time.Millisecond)
	for by, want := range map[string][]string{"host": {"ann@example.org", "zoe@example.org"}, "conference": {"daily", "weekly"}} {
		got := read[struct{ Rows []struct{ Group string } }](w.call(finance, http.MethodGet, "/v1/tenants/acme/usage"+today+"&group_by="+by, ""))
		var groups []string
		for _, row := range got.Rows {
			groups = append(groups, row.Group)
		}
		if !slices.Equal(groups, want) {
			t.Errorf("by %s: %v, want %v", by, groups, want)
		}
	}
}

func TestAReportTooLongForJSONIsCSVOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes")
	}
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.now += int64(130 * 24 * time.Hour / time.Millisecond)
	const quarters = "/v1/tenants/acme/usage?from=2026-09-21T00:00:00Z&to=%s&granularity=quarter_hour"
	most, more := fmt.Sprintf(quarters, "2027-01-03T04:00:00Z"), fmt.Sprintf(quarters, "2027-01-03T04:15:00Z")
	if rows := read[struct{ Rows []any }](w.call(finance, http.MethodGet, most, "")).Rows; len(rows) != 10_000 {
		t.Errorf("%d rows", len(rows))
	}
	d := w.call(finance, http.MethodGet, more, "").refused(problem.Invalid, "#/granularity")
	if !strings.Contains(d.Errors[0].Detail, "text/csv") {
		t.Errorf("says %q", d.Errors[0].Detail)
	}
	if got := w.call(finance, http.MethodGet, more, "", "accept", "text/csv").ok(); strings.Count(got.body, "\r\n") != 10_002 {
		t.Errorf("%d lines", strings.Count(got.body, "\r\n"))
	}
}

func TestARangeOfMoreThan1100DaysIsRefusedByEveryReport(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	const first = "from=2023-09-22T00:00:00Z&to="
	for _, call := range []string{"usage?", "usage?granularity=month&", "usage?group_by=host&", "usage/peaks?", "usage/refusals?"} {
		target := "/v1/tenants/acme/" + call + first
		w.call(finance, http.MethodGet, target+"2026-09-26T00:00:00Z", "").ok()
		for _, to := range []string{"2026-09-26T00:00:00.001Z", "9999-12-31T23:59:59Z"} {
			for _, accept := range []string{"application/json", "text/csv"} {
				w.call(finance, http.MethodGet, target+to, "", "accept", accept).refused(problem.Invalid, "#/to")
			}
		}
	}
}

func TestAnOffsetWithASpaceForPlusIsExplained(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	d := w.call(finance, http.MethodGet, "/v1/tenants/acme/usage?from=2026-09-01T00:00:00+05:45&to=2026-09-02T00:00:00Z", "").refused(problem.Invalid, "#/from")
	if !strings.Contains(d.Errors[0].Detail, "%2B") {
		t.Errorf("says %q", d.Errors[0].Detail)
	}
}
