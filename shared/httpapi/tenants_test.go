package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

func TestAMonthOfEveryTenantHasTheirUsageAndTheirLicense(t *testing.T) {
	w := meeting(t)
	w.call(vendor, http.MethodPut, "/v1/tenants/globex/license",
		`{"model":"named","hosts":5,"participants_per_conference":25,"time_zone":"Asia/Kathmandu"}`).ok()
	w.call(finance, http.MethodGet, "/v1/usage?period=2026-09", "").want(200, `{"period":"2026-09","as_of":"2026-09-21T14:23:20.000Z","items":[
		{"tenant":"acme","from":"2026-09-01T00:00:00.000Z","to":"2026-10-01T00:00:00.000Z","group":"","opening":0,"closing":1,"peak":2,
		"peak_at":"2026-09-21T14:13:50.000Z","seat_ms":660000,"seat_minutes":"11.000","overage_ms":0,"joins":2,"refused":1,"conferences":1,
		"hosts":1,"identities":2,"estimated_ms":0,"refusals":{"seats_exhausted":1},
		"license":{"model":"concurrent","limit":2,"hosts":null,"revision":1,"time_zone":"UTC"}},
		{"tenant":"globex","from":"2026-08-31T18:15:00.000Z","to":"2026-09-30T18:15:00.000Z","group":"","opening":0,"closing":0,"peak":0,
		"peak_at":null,"seat_ms":0,"seat_minutes":"0.000","overage_ms":0,"joins":0,"refused":0,"conferences":0,"hosts":0,"identities":0,
		"estimated_ms":0,"refusals":{},"license":{"model":"named","limit":25,"hosts":5,"revision":1,"time_zone":"Asia/Kathmandu"}}],
		"next_cursor":null}`)
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
func TestAMonthIsInTheFutureUntilItBeginsSomewhere(t *testing.T) {
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

func TestCSVOfEveryTenantSaysWhereTheNextPageIs(t *testing.T) {
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
		if lines[0] != strings.Join(usage.Columns, ",") {
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

func TestOnlyVendorAndFinanceSeeEveryTenantsMonth(t *testing.T) {
	w := newWorld(t)
	for who, may := range map[caller]bool{vendor: true, finance: true, acmeAdmin: false, nobody: false} {
		t.Run(fmt.Sprint(who), func(*testing.T) {
			got := w.call(who, http.MethodGet, "/v1/usage?period=2026-09", "")
			if may {
				got.ok()
				return
			}
			got.refused(problem.Forbidden)
		})
	}
}
