package httpapi_test

import (
	"context"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/seat"
)

// reply is all that a caller can tell two answers apart by, but for time: and
// there, what work was done stands for how long it took.
type reply struct {
	Status  int
	Headers map[string]string
	Body    string
	Calls   []string
}

// watched makes a call and notes each call of the store.
func (w *world) watched(who caller, method, target, body string) reply {
	w.t.Helper()
	var mu sync.Mutex
	var calls []string
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, call.Name)
		return faults.None
	}
	a := w.call(who, method, target, body)
	return reply{a.status, a.headers, madeUp.ReplaceAllString(a.body, requestID), calls}
}

// madeUp is what each answer to a fault has of its own.
var madeUp = regexp.MustCompile(requestID + `\d+=`)

// theirs is a world in which acme asks, and globex has a conference with a
// connection, and a host.
func theirs(t *testing.T) (w *world, connection seat.ConnectionID) {
	w = newWorld(t)
	w.named("acme", 5, 25)
	w.named("globex", 5, 25)
	w.host("globex", "ann@example.org")
	w.schedule("globex", "weekly", "ann@example.org")
	return w, w.join("globex", "weekly", "ann@example.org", "host", 1)
}

// operations are all calls about a tenant, as the document lists them.
func operations(t *testing.T) map[string][]string {
	t.Helper()
	console, err := httpapi.Console(slog.New(slog.DiscardHandler), nil, site)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, now: start, api: environments{httpapi.Serve(console), slog.New(slog.DiscardHandler)}}
	document := read[struct {
		Paths map[string]map[string]any `json:"paths"`
	}](w.call(nobody, "GET", "/v1/openapi.json", ""))
	found := map[string][]string{}
	for path, methods := range document.Paths {
		if strings.Contains(path, "{tenant}") {
			found[path] = slices.Sorted(maps.Keys(methods))
		}
	}
	if len(found) < 10 {
		t.Fatalf("the document has %d paths of tenants", len(found))
	}
	return found
}

// Neither what is answered nor what is done tells whether there is such a
// tenant: nothing at all is read.
func TestAForeignTenantLooksLikeAMissingOne(t *testing.T) {
	w, connection := theirs(t)
	fill := strings.NewReplacer("{conference}", "weekly", "{email}", "ann@example.org", "{connection}", string(connection), "{period}", "2026-08")
	for path, methods := range operations(t) {
		for _, method := range methods {
			method = strings.ToUpper(method)
			for _, who := range []caller{acmeAdmin, finance, {role: "finance", tenant: "acme"}, {role: "tenant_admin"}, {role: "root"}, {role: "Vendor"}} {
				of := func(tenant string) reply {
					return w.watched(who, method, strings.Replace(fill.Replace(path), "{tenant}", tenant, 1), "{}")
				}
				existing, missing := of("globex"), of("nowhere")
				if who == finance && existing.Status != 403 {
					continue // whom it is no secret to
				}
				if existing.Status != 403 && existing.Status != 404 {
					t.Errorf("%s %s, asked by %v, answered %d", method, path, who, existing.Status)
				}
				if diff := cmp.Diff(missing, existing); diff != "" {
					t.Errorf("%s %s, asked by %v, differs (-missing +existing):\n%s", method, path, who, diff)
				}
				if len(existing.Calls) > 0 {
					t.Errorf("%s %s, asked by %v, has the store asked %v", method, path, who, existing.Calls)
				}
			}
		}
	}
}

// What another tenant has is not found through one's own, by the same work as
// what nobody has.
func TestForeignObjectsLookLikeMissingOnes(t *testing.T) {
	w, connection := theirs(t)
	bodies := map[string]string{
		"PATCH /v1/tenants/{tenant}/hosts/{email}":                       `{"name":"Eve"}`,
		"PATCH /v1/tenants/{tenant}/conferences/{conference}":            `{"title":"Theirs"}`,
		"POST /v1/tenants/{tenant}/conferences/{conference}/join-tokens": `{"identity":"eve","role":"participant"}`,
		"POST /v1/tenants/{tenant}/conferences/{conference}/seats":       `{"identity":"eve","role":"participant"}`,
		"POST /v1/tenants/{tenant}/conferences/{conference}/seats/renew": `{"seats":["` + string(connection) + `"]}`,
	}
	// What a server does not hold has lapsed, and is released already.
	statuses := map[string]int{
		"POST /v1/tenants/{tenant}/conferences/{conference}/seats/renew":    200,
		"GET /v1/tenants/{tenant}/conferences/{conference}/seats/{seat}":    410,
		"PUT /v1/tenants/{tenant}/conferences/{conference}/seats/{seat}":    410,
		"DELETE /v1/tenants/{tenant}/conferences/{conference}/seats/{seat}": 204,
	}
	theirs := strings.NewReplacer("{tenant}", "acme", "{conference}", "weekly", "{email}", "ann@example.org", "{connection}", string(connection), "{seat}", string(connection))
	nobodys := strings.NewReplacer("{tenant}", "acme", "{conference}", "daily_", "{email}", "eve@example.org", "{connection}", "MadeUpConnec999=", "{seat}", "MadeUpConnec999=")
	asked := 0
	for path, methods := range operations(t) {
		if !strings.Contains(path, "{conference}") && !strings.Contains(path, "{email}") && !strings.Contains(path, "{connection}") {
			continue
		}
		for _, method := range methods {
			method = strings.ToUpper(method)
			body := bodies[method+" "+path]
			who := acmeAdmin
			if whoMay(method, path) == server {
				who = caller{role: "server", tenant: "acme"}
			}
			existing := w.watched(who, method, theirs.Replace(path), body)
			missing := w.watched(who, method, nobodys.Replace(path), body)
			asked++
			want, listed := statuses[method+" "+path]
			if !listed {
				want = 404
			}
			if existing.Status != want {
				t.Errorf("%s %s answered %d: %s", method, path, existing.Status, existing.Body)
			}
			if len(existing.Calls) == 0 {
				t.Errorf("%s %s has the store asked nothing, so nothing was looked for", method, path)
			}
			if diff := cmp.Diff(missing, existing); diff != "" {
				t.Errorf("%s %s differs (-missing +theirs):\n%s", method, path, diff)
			}
		}
	}
	if asked < 8 {
		t.Errorf("%d calls name a thing of a tenant", asked)
	}
	// All of it is still there.
	w.call(vendor, "GET", "/v1/tenants/globex/hosts/ann@example.org", "").ok()
	if got := w.inUse("globex", 1); got > 1 {
		t.Errorf("%d seats in use", got)
	}
	if session, err := w.store.Session(context.Background(), connection, true); err != nil || session == nil {
		t.Errorf("the session is %v (%v)", session, err)
	}
}
