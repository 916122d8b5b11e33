package e2e

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"seatmeter/infra/client"
	"seatmeter/infra/smoke"
)

func (s *stack) target(t *testing.T) smoke.Target {
	t.Helper()
	return smoke.Target{HTTP: s.HTTP, WebSocket: s.WebSocket, Token: s.bearer(t, "vendor", "")}
}

// What it made is of no use to anybody afterwards.
func TestSmoke_PassesByURLAndRemovesWhatItMade(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := smoke.Run(t.Context(), running.target(t), &out); err != nil {
		t.Fatalf("%v after:\n%s", err, &out)
	}
	if steps := strings.Count(out.String(), "ok: "); steps != 7 {
		t.Errorf("%d steps, want 7:\n%s", steps, &out)
	}
	for tenant := range running.smoked(t) {
		if left, err := running.vendor.Tenant(t.Context(), tenant); err != nil || left.DeletingAt == nil {
			t.Errorf("%s is left as %+v (%v)", tenant, left, err)
		}
	}
}

// smoked are the tenants that smoke tests made.
func (s *stack) smoked(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for page := (client.Paging{Limit: 1000}); ; {
		list, err := s.vendor.Tenants(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list.Items {
			if strings.HasPrefix(one.Tenant, "smoke-") {
				found[one.Tenant] = true
			}
		}
		if page.Cursor = list.NextCursor; page.Cursor == "" {
			return found
		}
	}
}

// Not beside the test above, which would see its tenant before it is removed.
func TestSmoke_NamesTheStepThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*smoke.Target)
		says   string
	}{
		"no HTTP API there":     {func(s *smoke.Target) { s.HTTP = "http://127.0.0.1:1" }, "not so: the HTTP API answers, and asks for a bearer: GET /healthz: "},
		"another role's bearer": {func(s *smoke.Target) { s.Token = running.bearer(t, "finance", "") }, "not so: a license of two seats is given: "},
		"another WebSocket API": {func(s *smoke.Target) { s.WebSocket = "wss://join.example.com" }, "and the WebSocket API is said to be wss://join.example.com"},
	} {
		target := running.target(t)
		c.change(&target)
		if err := smoke.Run(t.Context(), target, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestSmoke_RemovesTheTenantWhenNothingCanBeScheduled(t *testing.T) {
	target := running.target(t)
	there, err := url.Parse(target.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	before := running.smoked(t)
	proxy := httputil.NewSingleHostReverseProxy(there)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/conferences") && r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	target.HTTP = server.URL
	if err := smoke.Run(t.Context(), target, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "schedule a conference") {
		t.Errorf("it is said %v", err)
	}
	made := 0
	for tenant := range running.smoked(t) {
		if before[tenant] {
			continue
		}
		made++
		if left, err := running.vendor.Tenant(t.Context(), tenant); err != nil || left.DeletingAt == nil {
			t.Errorf("%s is left as %+v (%v)", tenant, left, err)
		}
	}
	if made != 1 {
		t.Errorf("%d tenants were made, want 1", made)
	}
}
