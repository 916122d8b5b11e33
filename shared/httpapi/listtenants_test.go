package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

func TestTenantsAreListedWithTermsAndUsage(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":25,"status":"suspended","expires_at":"2027-01-01T00:00:00Z"}`).ok()
	w.named("globex", 5, 10)
	w.concurrent("zeta", 3)
	w.host("globex", "ann@example.org")
	w.schedule("globex", "weekly", "ann@example.org")
	w.join("globex", "weekly", "ann@example.org", "host", 1)
	w.join("globex", "weekly", "bob", "participant", 2)
	w.schedule("zeta", "daily", "ann@example.org")
	for n := range 2 {
		w.join("zeta", "daily", "bob", "participant", 3+n)
	}
	w.call(vendor, http.MethodGet, "/v1/tenants", "").want(200, `{"next_cursor":null,"items":[
		{"tenant":"acme","model":"concurrent","limit":25,"status":"suspended","expires_at":"2027-01-01T00:00:00Z","in_use":0},
		{"tenant":"globex","model":"named","limit":10,"hosts":5,"status":"active","in_use":1},
		{"tenant":"zeta","model":"concurrent","limit":3,"status":"active","in_use":2}]}`)
	for _, name := range []string{"acme", "globex", "zeta"} {
		listed := read[struct {
			Items []struct {
				Tenant string
				InUse  int `json:"in_use"`
			}
		}](w.call(vendor, http.MethodGet, "/v1/tenants", ""))
		seats := read[struct {
			InUse int `json:"in_use"`
		}](w.call(vendor, http.MethodGet, "/v1/tenants/"+name+"/seats", ""))
		for _, item := range listed.Items {
			if item.Tenant == name && item.InUse != seats.InUse {
				t.Errorf("%s: %d listed, %d seats", name, item.InUse, seats.InUse)
			}
		}
	}
}

// A process may have died between entering a tenant in the list and its license.
func TestATenantWithoutALicenseIsNotListed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"acme", "globex", "zeta"} {
		w.concurrent(name, 3)
	}
	w.without("beta")
	w.without("yak")
	for _, limit := range []int{1, 2, 10} {
		var met []string
		for cursor, pages := "", 0; pages == 0 || cursor != ""; pages++ {
			page := read[struct {
				Items      []struct{ Tenant string }
				NextCursor string `json:"next_cursor"`
			}](w.call(vendor, http.MethodGet, fmt.Sprintf("/v1/tenants?limit=%d&cursor=%s", limit, cursor), ""))
			for _, item := range page.Items {
				met = append(met, item.Tenant)
			}
			cursor = page.NextCursor
		}
		if fmt.Sprint(met) != "[acme globex zeta]" {
			t.Errorf("by %d: %v", limit, met)
		}
	}
}

// without enters a tenant whose license is not written.
func (w *world) without(name string) {
	w.t.Helper()
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Write && strings.Contains(call.Name, "license") {
			return faults.Before
		}
		return faults.None
	}
	defer func() { w.faulty.Decide = nil }()
	w.call(vendor, http.MethodPut, "/v1/tenants/"+name+"/license", `{"model":"concurrent","seats":3}`).refused(problem.Internal)
	if ids, err := w.store.Tenants(w.t.Context(), "", 100); err != nil || !slices.Contains(ids, tenant.ID(name)) {
		w.t.Fatalf("%s is not entered: %v, %v", name, ids, err)
	}
}

// What a page costs grows with its entries, and with nothing else.
func TestListingTenantsReadsOnlyTheListedOnes(t *testing.T) {
	w := newWorld(t)
	for n := range 20 {
		w.concurrent(fmt.Sprintf("tenant-%02d", n), 25)
	}
	of := func(limit int) int {
		return len(w.watched(vendor, http.MethodGet, fmt.Sprintf("/v1/tenants?limit=%d", limit), "").Calls)
	}
	one, two, ten := of(1), of(2), of(10)
	if each := two - one; each > 4 || ten != one+9*each {
		t.Errorf("%d calls for one, %d for two, %d for ten", one, two, ten)
	}
}

// Very large tenants end a page before its limit.
func TestAPageOfTenantsReadsABoundedNumberOfBlocks(t *testing.T) {
	w := newWorld(t)
	w.concurrent("a-large-one", 700_000)
	for n := range 20_000 {
		block := seat.Block{Pool: seat.Pool{Tenant: "a-large-one"}, Index: n}
		if _, err := w.store.Create(t.Context(), block, seat.Share{Capacity: 30, Revision: 1}); err != nil {
			t.Fatal(err)
		}
	}
	const small = 40
	for n := range small {
		w.concurrent(fmt.Sprintf("small-%02d", n), 1)
	}
	var met []string
	pages := 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		page := read[struct {
			Items      []struct{ Tenant string }
			NextCursor string `json:"next_cursor"`
		}](w.call(vendor, http.MethodGet, "/v1/tenants?limit=1000&cursor="+cursor, ""))
		for _, item := range page.Items {
			met = append(met, item.Tenant)
		}
		cursor = page.NextCursor
	}
	if pages != 2 || len(met) != small+1 {
		t.Errorf("%d tenants on %d pages", len(met), pages)
	}
}

func TestAnAdminAndFinanceReadALicense(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.concurrent("globex", 3)
	for _, path := range []string{"/license", "/license/history"} {
		of := func(name string) string {
			return w.call(vendor, http.MethodGet, "/v1/tenants/"+name+path, "").ok().body
		}
		w.call(acmeAdmin, http.MethodGet, "/v1/tenants/acme"+path, "").want(200, of("acme"))
		w.call(finance, http.MethodGet, "/v1/tenants/globex"+path, "").want(200, of("globex"))
		if got := w.call(acmeAdmin, http.MethodGet, "/v1/tenants/globex"+path, ""); got.status != http.StatusNotFound {
			t.Errorf("%s: answered %d", path, got.status)
		}
	}
}
