package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

const auditLog = "/v1/tenants/acme/audit"

func (w *world) actions(t tenant.ID) []httpapi.ActionView {
	w.t.Helper()
	type page struct{ Items []httpapi.ActionView }
	return read[page](w.call(vendor, "GET", "/v1/tenants/"+string(t)+"/audit?limit=1000", "")).Items
}

// changed gives the changes of a record as text.
func changed(v httpapi.ActionView) string {
	var all []string
	for _, c := range v.Changes {
		all = append(all, fmt.Sprintf("%s: %v → %v", c.Member, c.From, c.To))
	}
	return strings.Join(all, ", ")
}

func TestTheAuditLogHasEveryActionWithItsChanges(t *testing.T) {
	w := newWorld(t)
	ann := caller{role: "vendor", subject: "ann"}
	w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
	w.call(ann, "PUT", "/v1/tenants/acme/license", `{"model":"named","hosts":2,"participants_per_conference":25}`).ok()
	w.call(ann, "PUT", "/v1/tenants/acme/license", `{"model":"named","hosts":3,"participants_per_conference":25}`).ok()
	w.webhook("acme", "wh_made_up")
	for i, call := range []struct {
		who                  caller
		method, path, body   string
		action, about, after string
	}{
		{acmeAdmin, "POST", hosts, `{"email":"bob@example.org","name":"Bob"}`, "create-host", "bob@example.org", "active: <nil> → true, created_at: <nil> → " + startText + ", email: <nil> → bob@example.org, name: <nil> → Bob"},
		{acmeAdmin, "PATCH", hosts + "/bob@example.org", `{"name":"Rob"}`, "change-host", "bob@example.org", "name: Bob → Rob"},
		{acmeAdmin, "PATCH", hosts + "/bob@example.org", `{"email":"eve@example.org"}`, "change-host", "bob@example.org", "email: bob@example.org → eve@example.org, name: Rob → eve@example.org"},
		{acmeAdmin, "POST", conferences, `{"conference":"weekly","host":"eve@example.org"}`, "schedule-conference", "eve@example.org weekly", "conference: <nil> → weekly, created_at: <nil> → " + startText + ", host: <nil> → eve@example.org, state: <nil> → scheduled"},
		{acmeAdmin, "PATCH", conferences + "/weekly", `{"title":"Weekly","starts_at":"2026-09-22T08:00:00+02:00"}`, "change-conference", "weekly", "starts_at: <nil> → 2026-09-22T06:00:00Z, title: <nil> → Weekly"},
		{acmeAdmin, "DELETE", "/v1/tenants/acme/connections/", "", "remove-connection", "MadeUpConnec001= too loud", "conference: weekly → <nil>, identity: eve@example.org → <nil>, role: host → <nil>"},
		{acmeAdmin, "DELETE", conferences + "/weekly/participants/EVE@example.org?reason=again", "", "remove-participant", "weekly again", "conference: weekly → <nil>, identity: eve@example.org → <nil>"},
		{acmeAdmin, "POST", conferences + "/weekly/end", "", "end-conference", "weekly", "ended_at: <nil> → " + startText + ", state: live → ended"},
		{acmeAdmin, "PATCH", webhooks + "/wh_made_up", `{"description":"Billing","status":"disabled"}`, "change-webhook", "wh_made_up", "description: <nil> → Billing, status: active → disabled"},
		{acmeAdmin, "POST", webhooks + "/wh_made_up/rotate", "", "rotate-webhook-secret", "wh_made_up", ""},
		{acmeAdmin, "POST", webhooks + "/wh_made_up/test", "", "test-webhook", "wh_made_up", ""},
		{acmeAdmin, "DELETE", webhooks + "/wh_made_up", "", "delete-webhook", "wh_made_up", "created_at: " + startText[:19] + ".000Z → <nil>, description: Billing → <nil>, status: disabled → <nil>, types: [seatmeter.license.changed] → <nil>, url: https://hooks.example.com/ → <nil>, webhook: wh_made_up → <nil>"},
		{acmeAdmin, "POST", webhooks, newWebhook, "create-webhook", "", ""},
		{acmeAdmin, "DELETE", hosts + "/eve@example.org", "", "delete-host", "eve@example.org", "active: true → <nil>, created_at: " + startText + " → <nil>, email: eve@example.org → <nil>, name: eve@example.org → <nil>"},
	} {
		if call.action == "remove-connection" {
			connection := string(w.join("acme", "weekly", "eve@example.org", "host", 1))
			call.path += url.PathEscape(connection) + "?reason=too%20loud"
		}
		w.call(call.who, call.method, call.path, call.body).ok()
		got := w.actions("acme")[0]
		about := strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{got.Host, string(got.Conference), string(got.Connection), string(got.Webhook), got.Reason}, func(s string) bool { return s == "" }), " "))
		if got.Action != call.action || about != call.about || changed(got) != call.after && call.action != "create-webhook" || got.Outcome != audit.ResultDone || got.Role != "tenant_admin" || got.By == "" || got.At != "2026-09-21T14:13:20.000Z" || !strings.HasPrefix(got.RequestID, requestID) {
			t.Errorf("%d: recorded %+v about %q: %s", i, got, about, changed(got))
		}
	}
	if text := w.log.String() + fmt.Sprint(w.actions("acme")); strings.Contains(text, "whsec_") {
		t.Errorf("a secret is told: %s", text)
	}
	w.call(vendor, "DELETE", conferences+"/weekly/connections/Nothing=", "").refused(problem.NotFound)
	w.call(vendor, "POST", conferences+"/weekly/queue/Nothing=/first", "").refused(problem.NotFound)
	w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	if got := w.actions("acme")[0]; got.Action != "close-period" || got.Period != "2026-08" || !strings.Contains(changed(got), "revision: <nil> → 1") {
		t.Errorf("recorded %+v", got)
	}
	w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/people/carl@example.org", "").ok()
	if got := w.actions("acme")[0]; got.Action != "erase-person" || !people.IsPseudonym(got.Identity) {
		t.Errorf("recorded %+v", got)
	}
	for _, call := range [][4]string{
		{"DELETE", "", "delete-tenant", "deleting_at: <nil> → 2026-10-21T14:13:20Z, revision: 2 → 3, status: active → suspended"},
		{"POST", "/restore", "restore-tenant", "deleting_at: 2026-10-21T14:13:20Z → <nil>, revision: 3 → 4, status: suspended → active"},
	} {
		w.call(vendor, call[0], "/v1/tenants/acme"+call[1], "").ok()
		if got := w.actions("acme")[0]; got.Action != call[2] || changed(got) != call[3] {
			t.Errorf("recorded %+v: %s", got, changed(got))
		}
	}
	all := w.actions("acme")
	// The first is no action, the second is of no tenant, and the ledger has servers' stays.
	recorded := map[string]bool{"create-join-token": true, "close-periods": true}
	for _, id := range []string{"take-seat", "renew-seat", "renew-seat-of-conference", "renew-seats", "renew-seats-of-conference", "release-seat", "release-seat-of-conference"} {
		recorded[id] = true
	}
	for _, v := range all {
		recorded[v.Action] = true
	}
	for _, id := range changing(t) {
		if !recorded[id] {
			t.Errorf("%s leaves no entry, or is not called here", id)
		}
	}
	put := all[slices.IndexFunc(all, func(v httpapi.ActionView) bool { return v.Action == "put-license" })]
	if put.By != "ann" || !strings.Contains(changed(put), "hosts: 2 → 3") || !strings.Contains(changed(put), "revision: ") {
		t.Errorf("recorded %+v", put)
	}
}

// changing are the ids of the described operations that are not to read.
func changing(t *testing.T) []string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal([]byte(console(t, "/v1/openapi.json", "GET").body), &document); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, operations := range document.Paths {
		for method, operation := range operations {
			if method != "get" && method != "head" {
				ids = append(ids, operation.OperationID)
			}
		}
	}
	if len(ids) < 10 {
		t.Fatalf("%v change something, want ten and more", ids)
	}
	return ids
}

func TestTheAuditLogHasRefusalsButNoReads(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 1, 25)
	w.call(acmeAdmin, "POST", hosts, `{"email":"ann@example.org"}`, key, "k1").ok()
	w.call(acmeAdmin, "POST", hosts, `{"email":"bob@example.org"}`).refused(problem.HostsExhausted)
	if got := w.actions("acme")[0]; got.Outcome != audit.ResultRefused || got.Code != problem.HostsExhausted {
		t.Errorf("recorded %+v", got)
	}
	before := len(w.actions("acme"))
	w.call(acmeAdmin, "POST", hosts, `{"email":"ann@example.org"}`, key, "k1").ok() // answered again
	w.call(acmeAdmin, "POST", hosts, `{"mail":"ann@example.org"}`).refused(problem.Invalid, "#/email", "#/mail")
	w.call(finance, "POST", hosts, `{"email":"eve@example.org"}`).refused(problem.Forbidden)
	w.schedule("acme", "weekly", "ann@example.org") // one action
	w.token("acme", "weekly", "bob", "participant")
	if got := len(w.actions("acme")); got != before+1 {
		t.Errorf("%d records, want %d", got, before+1)
	}
}

func TestAMissingTenantHasOnlyEntriesOfItsCreation(t *testing.T) {
	w := newWorld(t)
	w.call(vendor, "DELETE", "/v1/tenants/acme/connections/Nothing=", "").refused(problem.NotFound)
	w.call(vendor, "POST", conferences, byAnn).refused(problem.NotFound)
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25}`, "If-Match", `"3"`).refused(problem.PreconditionFailed)
	w.call(vendor, "GET", auditLog, "").refused(problem.NotFound)
	w.concurrent("acme", 25)
	if got := w.actions("acme"); len(got) != 2 || got[1].Outcome != audit.ResultRefused || got[0].Outcome != audit.ResultDone {
		t.Errorf("recorded %+v", got)
	}
}

func TestTheAuditLogIsPagedNewestFirst(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for n := range 5 {
		w.now = start + int64(n+1)*1000
		w.host("acme", fmt.Sprintf("host-%d@example.org", n))
	}
	want := []string{"host-4@example.org", "host-3@example.org", "host-2@example.org", "host-1@example.org", "host-0@example.org"}
	for _, limit := range []int{1, 2, 5} {
		if met := w.pages(auditLog+"?from=2026-09-21T14:13:21Z", "host", limit, func(int) {}); !slices.Equal(met, want) {
			t.Errorf("pages of %d give %v", limit, met)
		}
	}
	if met := w.pages(auditLog+"?from=2026-09-21T14:13:22Z&to=2026-09-21T14:13:24Z", "host", 9, func(int) {}); !slices.Equal(met, want[2:4]) {
		t.Errorf("a range gives %v", met)
	}
	w.call(acmeAdmin, "GET", auditLog, "").ok()
	w.call(finance, "GET", auditLog, "").refused(problem.Forbidden)
	w.call(caller{role: "tenant_admin", tenant: "globex"}, "GET", auditLog, "").refused(problem.NotFound)
}

// What an action changed before it failed is in the log.
func TestAnInterruptedActionIsRecordedWithItsChanges(t *testing.T) {
	for _, test := range []struct{ method, path, body, fails, want string }{
		{"PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":40}`, "note rolled out", "revision: 1 → 2, seats: 25 → 40"},
		{"POST", conferences + "/weekly/end", "", "close", "ended_at: <nil> → " + startText + ", state: live → ended"},
	} {
		w := newWorld(t)
		w.concurrent("acme", 25)
		w.schedule("acme", "weekly", "ann@example.org")
		w.join("acme", "weekly", "bob", "participant", 1)
		w.faulty.Decide = func(_ context.Context, made dynamo.Call) faults.Fault {
			if made.Name == test.fails {
				return faults.Before
			}
			return faults.None
		}
		w.call(vendor, test.method, test.path, test.body).refused(problem.Internal)
		w.faulty.Decide = nil
		if got := w.actions("acme")[0]; got.Outcome != audit.ResultFailed || changed(got) != test.want {
			t.Errorf("%s %s: recorded %s, %s; want %s", test.method, test.path, got.Outcome, changed(got), test.want)
		}
	}
}

func TestAnActionNeedsAnEntryBeforeItHappens(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	failing := "put audit"
	w.faulty.Decide = func(_ context.Context, made dynamo.Call) faults.Fault {
		if made.Name == failing {
			return faults.Before
		}
		return faults.None
	}
	w.call(vendor, "POST", conferences, byAnn).refused(problem.Unavailable)
	if got := w.scheduled(); got != 0 {
		t.Errorf("%d conferences, want none", got)
	}
	failing = "put outcome"
	w.call(vendor, "POST", conferences, byAnn).ok()
	if got := w.actions("acme"); got[0].Outcome != audit.ResultUnknown || w.scheduled() != 1 {
		t.Errorf("recorded %+v", got)
	}
	if log := w.log.String(); strings.Count(log, "audit log") != 2 || strings.Contains(log, "ann@") {
		t.Errorf("the log sees %s", log)
	}
}

func TestARemovedPersonIsToldTheReason(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	for n, path := range []string{"/v1/tenants/acme/connections/", conferences + "/weekly/connections/"} {
		w.now += 1000 // a token of the first moment would be refused, once its bearer was removed
		id := w.join("acme", "weekly", "bob", "participant", n)
		w.call(acmeAdmin, "DELETE", path+url.PathEscape(string(id))+"?reason=too+loud", "").want(204, "")
		if told := w.gateway.pushed[id]; len(told) != 1 || told[0] != `{"type":"removed","detail":"too loud"}` {
			t.Errorf("told %v", told)
		}
	}
}

func TestANewAddressMovesTheSlot(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 1, 25)
	w.host("acme", "ann@example.org")
	w.call(acmeAdmin, "PATCH", hosts+"/ann@example.org", `{"email":"ANN@example.org","name":"Ann"}`).ok()
	moved := w.call(acmeAdmin, "PATCH", hosts+"/ann@example.org", `{"email":"Bob@example.org","name":"Bob"}`).
		want(200, `{"email":"bob@example.org","name":"Bob","active":true,"created_at":"`+startText+`"}`)
	if got := moved.headers["location"]; got != hosts+"/bob@example.org" || moved.headers["content-location"] != got {
		t.Errorf("it is at %q", got)
	}
	w.call(acmeAdmin, "GET", moved.headers["location"], "").ok()
	w.call(acmeAdmin, "GET", hosts+"/ann@example.org", "").refused(problem.NotFound)
	w.call(acmeAdmin, "PATCH", hosts+"/ann@example.org", `{"email":"bob@example.org"}`).refused(problem.NotFound)
	w.call(acmeAdmin, "PATCH", hosts+"/bob@example.org", `{"email":"eve@example.org"}`).refused(problem.HostChangesExhausted)
	w.named("acme", 2, 25)
	w.host("acme", "eve@example.org")
	w.call(acmeAdmin, "PATCH", hosts+"/bob@example.org", `{"email":"eve@example.org"}`).refused(problem.AlreadyExists)
}

func TestTheAuditLogHasWhatSeatmeterDidItself(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	e := audit.Entry{
		Tenant: "acme", Name: audit.Name{AtMillis: start, RequestID: "disabled_wh_made_up_1"}, By: "seatmeter", Role: "seatmeter",
		Action: "disable-webhook", Target: audit.Target{Webhook: "wh_made_up"},
	}
	if err := w.store.BeginAction(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := w.store.EndAction(t.Context(), e.Tenant, e.Name, audit.OutcomeOf(nil, nil)); err != nil {
		t.Fatal(err)
	}
	got := w.actions("acme")
	if at := slices.IndexFunc(got, func(v httpapi.ActionView) bool { return v.Role == "seatmeter" && v.Webhook == "wh_made_up" }); at < 0 {
		t.Errorf("listed %+v", got)
	}
}
