package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// routed has an event say which route the gateway matched, under which stage.
func routed(event map[string]any, route, stage string) map[string]any {
	event["routeKey"] = route
	event["requestContext"].(map[string]any)["routeKey"] = route
	event["requestContext"].(map[string]any)["stage"] = stage
	return event
}

func TestTheBasePathIsRemoved(t *testing.T) {
	const seats, all = "GET /v1/tenants/{tenant}/seats", "GET /v1/tenants"
	for name, test := range map[string]struct {
		route, stage, target string
		status               int
	}{
		"nothing":                       {seats, "$default", "/v1/tenants/acme/seats", 200},
		"nothing, under a named stage":  {seats, "v1", "/v1/tenants/acme/seats", 200},
		"a stage":                       {seats, "prod", "/prod/v1/tenants/acme/seats", 200},
		"a stage that is called v1":     {all, "v1", "/v1/v1/tenants", 200},
		"a mapping":                     {seats, "$default", "/meter/v1/tenants/acme/seats", 200},
		"a mapping of several parts":    {all, "$default", "/api/v1/meter/v1/tenants", 200},
		"a mapping like a path of ours": {seats, "$default", "/v1/tenants/v1/tenants/acme/seats", 200},
		"a path of another route":       {all, "prod", "/prod/v1/tenants/", 404},
		"a stage, of no route":          {"$default", "prod", "/prod/v1/tenants/acme/seats", 200},
		"part of a stage, of no route":  {"$default", "prod", "/production/v1/tenants", 404},
		"a parameter with a slash":      {seats, "prod", "/prod/v1/tenants/a/b/seats", 404},
		"a mapping, of no route":        {"$default", "prod", "/meter/v1/tenants", 404},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.concurrent("acme", 25)
			got := invoke(t.Context(), t, w.api, routed(w.event(vendor, http.MethodGet, test.target, ""), test.route, test.stage))
			if got.status != test.status {
				t.Errorf("answered %d: %s, want %d", got.status, got.body, test.status)
			}
		})
	}
}

func TestPathsInAnswersHaveTheBasePath(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.concurrent("globex", 25)
	w.host("acme", "ann@example.org")
	ask := func(route, target, body string, headers ...string) map[string]string {
		method, _, _ := strings.Cut(route, " ")
		return invoke(t.Context(), t, w.api, routed(w.event(vendor, method, target, body, headers...), route, "prod")).ok().headers
	}
	moved := ask("PATCH /v1/tenants/{tenant}/hosts/{email}", "/prod/v1/tenants/acme/hosts/ann@example.org", `{"email":"eve@example.org"}`)
	for _, name := range []string{"location", "content-location"} {
		if moved[name] != "/prod/v1/tenants/acme/hosts/eve@example.org" {
			t.Errorf("%s: %s", name, moved[name])
		}
	}
	paged := ask("GET /v1/usage", "/prod/v1/usage?period=2026-09&limit=1", "", "accept", "text/csv")
	if !strings.HasPrefix(paged["link"], "</prod/v1/usage?") {
		t.Errorf("link: %s", paged["link"])
	}
}

// OPTIONS of any path is one greedy route.
func TestTheBasePathOfAGreedyRouteIsRemoved(t *testing.T) {
	w := newWorld(t)
	event := routed(w.event(nobody, http.MethodOptions, "/meter/v1/tenants", ""), "OPTIONS /{proxy+}", "$default")
	event["pathParameters"] = map[string]string{"proxy": "v1/tenants"}
	got := invoke(t.Context(), t, w.api, event)
	if got.status != http.StatusNoContent || got.headers["allow"] != "GET, HEAD, OPTIONS" {
		t.Errorf("answered %d, %v", got.status, got.headers)
	}
}

// The gateway writes a claim that is a list as [a b].
func TestAClaimWithAListOfOneIsAText(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for who, status := range map[caller]int{
		{role: "[vendor]"}:                         200,
		{role: "[tenant_admin]", tenant: "acme"}:   200,
		{role: "[tenant_admin]", tenant: "[acme]"}: 200,
		{role: "tenant_admin", tenant: "[acme]"}:   200,
		{role: "tenant_admin", tenant: "[globex]"}: 404,
		{role: "[vendor finance]"}:                 403,
		{role: "[]"}:                               403,
		{role: "[[vendor]]"}:                       403,
		{role: "[vendor"}:                          403,
	} {
		if got := w.call(who, http.MethodGet, "/v1/tenants/acme/seats", ""); got.status != status {
			t.Errorf("%+v: answered %d, want %d", who, got.status, status)
		}
	}
}
