package httpapi_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func TestAMonthListsEveryTenantsUsageAndLicense(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/globex/license",
		`{"model":"named","hosts":5,"participants_per_conference":25,"time_zone":"Asia/Kathmandu"}`).ok()
	w.call(finance, http.MethodGet, "/v1/usage?period=2026-09", "").want(200, `{"period":"2026-09","as_of":"2026-09-21T14:23:20.000Z","items":[
		{"tenant":"acme","from":"2026-09-01T00:00:00.000Z","to":"2026-10-01T00:00:00.000Z","group":"","opening":0,"closing":1,"peak":2,
		"peak_at":"2026-09-21T14:13:50.000Z","seat_ms":660000,"seat_minutes":"11.0000","overage_ms":0,"peak_hosts":1,"peak_participants":2,"joins":2,"refused":1,"conferences":1,
		"hosts":1,"identities":2,"estimated_ms":0,"refusals":{"seats_exhausted":1},"waited":0,"abandoned":0,"wait_ms":0,
		"p95":0,"p99":0,"at_limit_ms":60000,"refused_identities":1,"denied_identities":1,"provisional":true,
		"license":{"model":"concurrent","limit":2,"hosts":null,"revision":1,"time_zone":"UTC"}},
		{"tenant":"globex","from":"2026-08-31T18:15:00.000Z","to":"2026-09-30T18:15:00.000Z","group":"","opening":0,"closing":0,"peak":0,
		"peak_at":null,"seat_ms":0,"seat_minutes":"0.0000","overage_ms":0,"peak_hosts":0,"peak_participants":0,"joins":0,"refused":0,"conferences":0,"hosts":0,"identities":0,
		"estimated_ms":0,"refusals":{},"waited":0,"abandoned":0,"wait_ms":0,
		"p95":0,"p99":0,"at_limit_ms":0,"refused_identities":0,"denied_identities":0,"provisional":true,"license":{"model":"named","limit":25,"hosts":5,"revision":1,"time_zone":"Asia/Kathmandu"}}],
		"next_cursor":null}`)
}

func TestCSVOfEveryTenantHasTheModelAndTheLimit(t *testing.T) {
	w := meetingOfTwo(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/globex/license", `{"model":"named","hosts":5,"participants_per_conference":40}`).ok()
	for period, want := range map[string][]string{
		"2026-08": {",0,0,,,0,0,0,0,0", ",0,0,,,0,0,0,0,0"}, // before their first licenses
		"2026-09": {",1,2,concurrent,2,0,0,60000,1,1", ",0,0,named,40,0,0,0,0,0"},
	} {
		for _, page := range []string{"", "&limit=10"} {
			got := w.call(finance, http.MethodGet, "/v1/usage?period="+period+page, "", "accept", "text/csv").ok()
			lines := strings.Split(strings.TrimSuffix(got.body, "\r\n"), "\r\n")
			if len(lines) != 3 || !strings.HasSuffix(lines[0], ",estimated_ms,peak_hosts,peak_participants,model,limit,p95,p99,at_limit_ms,refused_identities,denied_identities") {
				t.Fatalf("%s: %s", period, got.body)
			}
			for n, line := range lines[1:] {
				if !strings.HasSuffix(line, want[n]) {
					t.Errorf("%s: %s, want it to end with %s", period, line, want[n])
				}
			}
		}
	}
}

func TestAMonthBeforeATenantsFirstLicenseHasARowWithoutOne(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	got := read[struct {
		Items []struct {
			Tenant  string
			License *struct{}
		}
	}](w.call(finance, http.MethodGet, "/v1/usage?period=2026-08", ""))
	if len(got.Items) != 1 || got.Items[0].Tenant != "acme" || got.Items[0].License != nil {
		t.Errorf("got %+v", got)
	}
}

func TestAMonthHasTheLicenseThatWasInForceAtItsEnd(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.now += int64(30 * 24 * time.Hour / time.Millisecond)
	w.concurrent("acme", 3)
	w.now += int64(24 * time.Hour / time.Millisecond)
	for period, want := range map[string]int{"2026-09": 2, "2026-10": 3} {
		got := read[struct {
			Items []struct{ License struct{ Limit int } }
		}](w.call(finance, http.MethodGet, "/v1/usage?period="+period, ""))
		if len(got.Items) != 1 || got.Items[0].License.Limit != want {
			t.Errorf("%s: %+v, want a limit of %d", period, got, want)
		}
	}
}

// Where a month has begun it is no future, whatever the clock says elsewhere.
func TestAMonthIsFutureUntilItBeginsInSomeZone(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	begins := time.Date(2026, 10, 1, 0, 0, 0, 0, time.FixedZone("", 14*3600)).UnixMilli()
	w.now = begins - 1
	w.call(finance, http.MethodGet, "/v1/usage?period=2026-10", "").refused(problem.Invalid, "#/period")
	w.now = begins
	w.call(finance, http.MethodGet, "/v1/usage?period=2026-10", "").ok()
}

func TestPagesOfEveryTenantsMonthShowEachOnce(t *testing.T) {
	w := newWorld(t)
	want := numbered("tenant-%02d", 0, 40)
	for _, name := range want {
		w.concurrent(name, 1)
	}
	for _, limit := range []int{1, 17, 40, 1000} {
		if got := w.pages("/v1/usage?period=2026-09", "tenant", limit, nothing); !slices.Equal(got, want) {
			t.Errorf("by %d: %v", limit, got)
		}
	}
}

func TestCSVOfEveryTenantLinksToTheNextPage(t *testing.T) {
	w := newWorld(t)
	for _, name := range numbered("tenant-%02d", 0, 5) {
		w.concurrent(name, 1)
	}
	var rows []string
	for target := "/v1/usage?period=2026-09&limit=2"; target != ""; {
		got := w.call(finance, http.MethodGet, target, "", "accept", "text/csv").ok()
		if got.headers["content-type"] != "text/csv; charset=utf-8" {
			t.Errorf("content type %q", got.headers["content-type"])
		}
		lines := strings.Split(strings.TrimSuffix(got.body, "\r\n"), "\r\n")
		if lines[0] != strings.Join(usage.LicensedColumns().Names(), ",") {
			t.Errorf("columns %s", lines[0])
		}
		for _, line := range lines[1:] {
			name, _, _ := strings.Cut(line, ",")
			rows = append(rows, name)
		}
		link, found := strings.CutSuffix(got.headers["link"], `>; rel="next"`)
		if target = strings.TrimPrefix(link, "<"); !found && target != "" {
			t.Fatalf("link %q", got.headers["link"])
		}
	}
	if want := numbered("tenant-%02d", 0, 5); !slices.Equal(rows, want) {
		t.Errorf("rows of %v, want %v", rows, want)
	}
}

// More tenants than a page has by default, and than are read at once.
func TestCSVOfAMonthHasEveryTenantInOneFile(t *testing.T) {
	w := newWorld(t)
	want := numbered("tenant-%03d", 0, 230)
	for _, name := range want {
		w.concurrent(name, 1)
	}
	got := w.call(finance, http.MethodGet, "/v1/usage?period=2026-09", "", "accept", "text/csv").ok()
	for name, value := range map[string]string{
		"content-type": "text/csv; charset=utf-8", "content-disposition": "attachment; filename=tenants-usage.csv", "link": "", "location": "",
	} {
		if got.headers[name] != value {
			t.Errorf("%s: %q, want %q", name, got.headers[name], value)
		}
	}
	records, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || len(records) != len(want)+1 || !slices.Equal(records[0], usage.LicensedColumns().Names()) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	for i, name := range want {
		if records[i+1][0] != name {
			t.Errorf("row %d is of %s, want %s", i, records[i+1][0], name)
		}
	}
}

func TestCSVOfAMonthComesInPagesOnRequest(t *testing.T) {
	w := newWorld(t)
	for _, name := range numbered("tenant-%03d", 0, 60) {
		w.concurrent(name, 1)
	}
	cursor := w.cursor("/v1/usage?period=2026-09&limit=2")
	for query, rows := range map[string]int{"&limit=3": 3, "&limit=50": 50, "&cursor=" + cursor: 50, "&limit=7&cursor=" + cursor: 7} {
		got := w.call(finance, http.MethodGet, "/v1/usage?period=2026-09"+query, "", "accept", "text/csv").ok()
		if n := strings.Count(got.body, "\r\n") - 1; n != rows || got.headers["link"] == "" {
			t.Errorf("%s: %d rows, link %q", query, n, got.headers["link"])
		}
	}
}

// enters makes very many tenants, whose first license was never written.
func (w *world) enters(tenants int) {
	w.t.Helper()
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put license and put license" {
			return faults.Before
		}
		return faults.None
	}
	store := w.failing()
	for n := range tenants {
		l := license.License{Tenant: tenant.ID(fmt.Sprintf("%064d", n)), Revision: 1}
		if _, err := store.PutLicense(w.t.Context(), l); !errors.Is(err, faults.ErrFault) {
			w.t.Fatal(err)
		}
	}
	w.faulty.Decide = nil
}

func TestAnInvalidMonthOrOneBefore2000IsRefused(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	for _, accept := range []string{"application/json", "text/csv"} {
		for _, period := range []string{"1999-12", "0001-02", "0000-01", "2026-13", "2026-9", "2026-09-01", "2026-11", "9999-12", "%22%0d%0a", ""} {
			w.call(finance, http.MethodGet, "/v1/usage?period="+period, "", "accept", accept).refused(problem.Invalid, "#/period")
		}
		w.call(finance, http.MethodGet, "/v1/usage?period=2000-01", "", "accept", accept).ok()
	}
}

func TestOnlyVendorAndFinanceReadAllTenantsUsage(t *testing.T) {
	for who, may := range map[caller]bool{vendor: true, finance: true, acmeAdmin: false, nobody: false} {
		t.Run(fmt.Sprint(who), func(t *testing.T) {
			got := newWorld(t).call(who, http.MethodGet, "/v1/usage?period=2026-09", "")
			if may {
				got.ok()
				return
			}
			got.refused(problem.Forbidden)
		})
	}
}
