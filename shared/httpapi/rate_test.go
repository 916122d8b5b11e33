package httpapi_test

import (
	"fmt"
	"log/slog"
	"testing"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
	"seatmeter/shared/webhook"
)

// limit has the API refuse more than so many calls a second.
func (w *world) limit(perSecond int) {
	config := w.config()
	config.Limiter, config.CallsPerSecond = rate.NewLimiter(w.failing(), config.Log), perSecond
	api := httpapi.New(config)
	api.AddLicenses(w.door.Licensing, w.door.Reader, w.failing())
	api.AddHosts(w.door.Licensing, w.failing())
	w.api = environments{httpapi.Serve(api), slog.New(slog.DiscardHandler)}
}

func TestCallsBeyondTheRateGetRetryAfter(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.concurrent("globex", 25)
	w.limit(1)
	w.now += 2500
	const path = "/v1/tenants/acme/hosts"
	for range 10 {
		w.call(acmeAdmin, "GET", path, "").ok()
	}
	for _, method := range []string{"GET", "POST"} {
		got := w.call(acmeAdmin, method, path, `{"email":"ann@example.org"}`, "idempotency-key", "one")
		got.refused(problem.RateLimited)
		if after := got.headers["retry-after"]; after != "8" { // the window ends at start + 10 s
			t.Errorf("%s: to call again after %q s, want 8", method, after)
		}
	}
	w.call(caller{role: "tenant_admin", tenant: "globex"}, "GET", "/v1/tenants/globex/hosts", "").ok()
	w.call(vendor, "GET", path, "").ok()
	w.now += 7500
	w.call(acmeAdmin, "POST", path, `{"email":"ann@example.org"}`, "idempotency-key", "one").ok()
}

func TestEachRoleAndEachTenantHasItsOwnRateLimit(t *testing.T) {
	w := newWorld(t)
	w.concurrent("vendor", 25)
	w.limit(1)
	for n := range 10 {
		w.call(caller{role: "vendor", subject: fmt.Sprint(n)}, "GET", "/v1/tenants", "").ok()
	}
	w.call(vendor, "GET", "/v1/tenants", "").refused(problem.RateLimited)
	w.call(caller{role: "tenant_admin", tenant: "vendor"}, "GET", "/v1/tenants/vendor/hosts", "").ok()
}

// Calls that a role is not allowed cost nothing, and are not counted.
func TestForbiddenCallsDoNotCountAgainstTheRate(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.limit(1)
	for range 20 {
		w.call(acmeAdmin, "GET", "/v1/tenants", "").refused(problem.Forbidden)
	}
	w.call(acmeAdmin, "GET", "/v1/tenants/acme/hosts", "").ok()
}

func TestOriginsAreReturnedInCanonicalForm(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/tenants/acme/license"
	const license = `"model":"concurrent","seats":25,"status":"active","time_zone":"UTC","overage":"deny",
		"reconnect_grace_seconds":30,"queue_limit":1000,"alert_percents":[80,90,100],"estimated_end_within_minutes":5,"host_absent_minutes":15,"host_changes_per_month":0,"host_changes_follow_hosts":true`
	kept := `"tenant":"acme","allowed_origins":["https://meet.example.com","http://localhost:3000"],` + license
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":25,
		"allowed_origins":["https://Meet.Example.com:443","http://localhost:3000","https://meet.example.com"]}`).want(201, "{"+kept+"}")
	w.call(vendor, "GET", path, "").want(200, "{"+kept+"}")
	history := `{"items":[{"tenant":"acme",` + license + `,"revision":2,"changed_at":"2026-09-21T14:13:20.000Z","changed_by":"somebody","changes":[
		{"member":"allowed_origins","from":["https://meet.example.com","http://localhost:3000"],"to":null}]}],"next_cursor":null}`
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":25}`).want(200, `{"tenant":"acme",`+license+"}")
	first := read[struct {
		NextCursor string `json:"next_cursor"`
	}](w.call(vendor, "GET", path+"/history?limit=1", ""))
	w.call(vendor, "GET", path+"/history?cursor="+first.NextCursor, "").want(200, history)
}

func TestInvalidOriginsAreReportedWithAllOtherFaults(t *testing.T) {
	w := newWorld(t)
	const path = "/v1/tenants/acme/license"
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":0,"allowed_origins":["null","https://ok.example","https://ok.example/path"]}`).
		refused(problem.Invalid, "#/allowed_origins/0", "#/allowed_origins/2", "#/seats")
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":1,"allowed_origins":[7]}`).refused(problem.Invalid, "#/allowed_origins/0")
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":1,"allowed_origins":"https://ok.example"}`).refused(problem.Invalid, "#/allowed_origins")
	many := `"https://a.example"`
	for range 20 {
		many += `,"https://a.example"`
	}
	w.call(vendor, "PUT", path, `{"model":"concurrent","seats":1,"allowed_origins":[`+many+`]}`).refused(problem.Invalid, "#/allowed_origins")
	w.call(vendor, "GET", path, "").refused(problem.NotFound)
}

// A test, and the look-up of a new address, wait for hosts of the tenant's own, which may
// answer as late as they like: calls of that kind would use up what all tenants share.
func TestCallsThatWaitForATenantsHostsAreFew(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.concurrent("globex", 25)
	w.webhook("acme", "wh_made_up")
	w.webhook("globex", "wh_made_up")
	config := w.config()
	config.Limiter, config.CallsPerSecond = rate.NewLimiter(w.failing(), config.Log), rate.DefaultPerSecond
	api := httpapi.New(config)
	api.AddWebhooks(httpapi.WebhookConfig{Licensing: w.door.Licensing, Store: w.failing(), Sender: w, Guard: webhook.Guard{Resolve: resolve}})
	w.api = environments{httpapi.Serve(api), slog.New(slog.DiscardHandler)}
	w.now += 2500
	const one = webhooks + "/wh_made_up"
	for range rate.Outward - 1 {
		w.call(acmeAdmin, "POST", one+"/test", "").ok()
	}
	w.call(acmeAdmin, "PATCH", one, `{"url":"https://hooks.example.com/other"}`).ok()
	for _, call := range [][3]string{{"POST", one + "/test", ""}, {"POST", webhooks, newWebhook}, {"PATCH", one, `{"url":"https://hooks.example.com/third"}`}} {
		got := w.call(acmeAdmin, call[0], call[1], call[2])
		got.refused(problem.RateLimited)
		if after := got.headers["retry-after"]; after != "8" { // the window ends at start + 10 s
			t.Errorf("%s: to call again after %q s, want 8", call, after)
		}
	}
	w.call(vendor, "POST", one+"/test", "").refused(problem.RateLimited)
	w.call(acmeAdmin, "PATCH", one, `{"description":"Billing"}`).ok()
	for range 2 * rate.Outward { // which need no look-up
		w.call(acmeAdmin, "PATCH", one, `{"url":"https://169.254.169.254/latest"}`).refused(problem.Invalid, "#/url")
	}
	w.call(vendor, "POST", "/v1/tenants/globex/webhooks/wh_made_up/test", "").ok()
	w.now += 7500
	w.call(acmeAdmin, "POST", one+"/test", "").ok()
}
