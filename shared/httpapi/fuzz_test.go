package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

var fuzzedTenants = []tenant.ID{"acme", "globex"}

// fuzzed is a world with a tenant of each model, who is in a conference, and
// who has left it; always the same, so that requests can name them.
func fuzzed(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.concurrent("acme", 3)
	w.named("globex", 2, 2)
	for _, tenant := range fuzzedTenants {
		t := string(tenant)
		for _, name := range []string{"ann", "bob"} {
			w.host(t, name+"@example.org")
		}
		w.schedule(t, "weekly", "ann@example.org")
		w.schedule(t, "board", "bob@example.org")
	}
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.join("acme", "weekly", "eve", "participant", 2)
	w.leave(w.join("acme", "weekly", "mallory", "participant", 3))
	w.join("globex", "weekly", "ann@example.org", "host", 4)
	w.join("globex", "weekly", "eve", "participant", 5)
	return w
}

// roles are all that can ask.
var roles = []caller{nobody, vendor, finance, acmeAdmin}

// deliver calls the function with an event, which it must not fail at.
func (w *world) deliver(who caller, raw []byte) {
	w.t.Helper()
	var event httpapi.Event
	err := json.NewDecoder(bytes.NewReader(raw)).Decode(&event)
	if err == nil && event.IsBase64Encoded {
		_, err = base64.StdEncoding.DecodeString(event.Body)
	}
	if err != nil {
		if _, err := w.api.Invoke(context.Background(), raw); err == nil {
			w.t.Error("it took what is no event")
		}
		return
	}
	out, err := w.api.Invoke(context.Background(), raw)
	if err != nil {
		w.t.Fatalf("the function failed: %v", err)
	}
	var got httpapi.Response
	if err := json.Unmarshal(out, &got); err != nil {
		w.t.Fatal(err)
	}
	w.checkAnswer(who, event, got)
	w.checkBooks()
}

// checkAnswer looks for faults of ours, for errors out of form, and for answers
// to who must have none.
func (w *world) checkAnswer(who caller, event httpapi.Event, got httpapi.Response) {
	w.t.Helper()
	method, path := event.RequestContext.HTTP.Method, event.RawPath
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	if got.StatusCode >= 400 {
		var d problem.Document
		err := json.Unmarshal([]byte(got.Body), &d)
		if got.StatusCode >= 500 || err != nil && method != http.MethodHead || err == nil && (d.Code.Status() != got.StatusCode || d.Detail == "") {
			w.t.Errorf("%v, %s %s: answered %d: %s", who, method, path, got.StatusCode, got.Body)
		}
		return
	}
	if got.StatusCode >= 300 { // to the path as it should be written
		return
	}
	reads := method == http.MethodGet || method == http.MethodHead || method == ""
	switch {
	case who == nobody, who == finance && !reads, who == acmeAdmin && !strings.Contains(path, "/acme/"):
		w.t.Errorf("%v may %s %s: answered %d: %s", who, method, path, got.StatusCode, got.Body)
	}
}

// checkBooks looks for seats that are unaccounted for.
func (w *world) checkBooks() {
	w.t.Helper()
	recorded := make(map[seat.Block]int64)
	for _, t := range fuzzedTenants {
		for stay, err := range w.store.Stays(context.Background(), t, 0, math.MaxInt64) {
			if err != nil {
				w.t.Fatal(err)
			}
			recorded[stay.Block]++
		}
		for _, pool := range []seat.Pool{{Tenant: t}, {Tenant: t, Number: 1}, {Tenant: t, Number: 1, Chair: true}} {
			blocks, err := w.store.Read(context.Background(), pool)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, b := range blocks {
				if b.InUse != len(b.Members) || b.Taken != recorded[b.Block]+int64(b.InUse)+b.Voids {
					w.t.Errorf("the books do not balance: %+v, recorded %d", b, recorded[b.Block])
				}
			}
		}
	}
}

// FuzzEvent: whatever the event and whoever asks, the answer is of the
// contract. Only the gateway's clock is as it is, its ids, and who asks.
func FuzzEvent(f *testing.F) {
	w := fuzzed(f)
	for _, r := range requests {
		raw, err := json.Marshal(w.event(vendor, r.method, r.target, r.body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(request)
	f.Fuzz(func(t *testing.T, raw []byte) {
		w := fuzzed(t)
		var event httpapi.Event
		if json.NewDecoder(bytes.NewReader(raw)).Decode(&event) != nil {
			w.deliver(nobody, raw)
			return
		}
		event.RequestContext.TimeEpoch = w.now
		for _, who := range roles {
			event.RequestContext.Authorizer = who.authorizer()
			event.RequestContext.RequestID = fmt.Sprintf("%s%03d=", requestID, w.calls.Add(1))
			raw, err := json.Marshal(event)
			if err != nil {
				t.Fatal(err)
			}
			w.deliver(who, raw)
		}
	})
}

func (c caller) authorizer() *events.APIGatewayV2HTTPRequestContextAuthorizerDescription {
	if c == nobody {
		return nil
	}
	claims := map[string]string{"role": c.role, "tenant": c.tenant}
	return &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
		JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: claims},
	}
}

// FuzzRequest: the same of requests that API Gateway would hand on.
func FuzzRequest(f *testing.F) {
	for _, r := range requests {
		f.Add(r.method, r.target, r.body, r.accept)
	}
	f.Fuzz(func(t *testing.T, method, target, body, accept string) {
		w := fuzzed(t)
		for _, who := range roles {
			raw, err := json.Marshal(w.event(who, method, target, body, "accept", accept))
			if err != nil {
				t.Fatal(err)
			}
			w.deliver(who, raw)
		}
	})
}

// FuzzCursor: a cursor that no list gave out is refused, or leads to some place
// in the list: what follows there is shown in order, and to the end.
func FuzzCursor(f *testing.F) {
	for _, cursor := range []string{"", "YW5uQGV4YW1wbGUub3Jn", "d2Vla2x5", "YWNtZQ", "YWNtZQ==", "_w", "AA", "=", "\xff", "%00"} {
		f.Add(cursor)
	}
	w := fuzzed(f)
	for _, list := range lists {
		page := read[struct {
			NextCursor string `json:"next_cursor"`
		}](w.call(vendor, http.MethodGet, list.target+"?limit=1", ""))
		f.Add(page.NextCursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		w := fuzzed(t)
		for _, list := range lists {
			shown := w.call(vendor, http.MethodGet, list.target+"?cursor="+url.QueryEscape(cursor), "")
			if shown.status == http.StatusUnprocessableEntity {
				continue
			}
			all, got := members(w.call(vendor, http.MethodGet, list.target, ""), list.member), members(shown, list.member)
			if len(got) > len(all) || !slices.Equal(got, all[len(all)-len(got):]) {
				t.Errorf("%s after %q: %v of %v", list.target, cursor, got, all)
			}
		}
	})
}

// members gives one member of every item of a page.
func members(a answer, name string) []string {
	a.t.Helper()
	var list []string
	for _, item := range read[struct{ Items []map[string]any }](a).Items {
		list = append(list, fmt.Sprint(item[name]))
	}
	return list
}

var lists = []struct{ target, member string }{
	{"/v1/tenants", "tenant"},
	{"/v1/tenants/acme/hosts", "email"},
	{"/v1/tenants/acme/conferences", "conference"},
	{"/v1/tenants/acme/conferences/weekly/connections", "connection_id"},
}

// requests are one of each kind, and some that are odd.
var requests = []struct{ method, target, body, accept string }{
	{"GET", "/v1/tenants?limit=2", "", ""},
	{"PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"overage":"allow","burst":2}`, ""},
	{"PUT", "/v1/tenants/globex/license", `{"model":"named","hosts":5,"participants_per_conference":25,"expires_at":"2027-01-01T00:00:00Z","time_zone":"Asia/Kathmandu"}`, ""},
	{"PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"starts_at":"0000-01-01T00:00:00+23:59","expires_at":"9999-12-31T23:59:59-23:59"}`, ""},
	{"GET", "/v1/tenants/acme/license", "", ""},
	{"GET", "/v1/tenants/acme/license/history?limit=1&cursor=MQ", "", ""},
	{"POST", "/v1/tenants/acme/hosts", `{"email":"zoe@example.org","name":"Zoë"}`, ""},
	{"GET", "/v1/tenants/acme/hosts?cursor=YW5u", "", ""},
	{"GET", "/v1/tenants/acme/hosts/ann%40example.org", "", ""},
	{"PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"active":false}`, ""},
	{"DELETE", "/v1/tenants/acme/hosts/bob@example.org", "", ""},
	{"POST", "/v1/tenants/acme/conferences", `{"conference":"new","host":"ann@example.org","title":"x","starts_at":"9999-12-31T23:59:59-23:59"}`, ""},
	{"GET", "/v1/tenants/acme/conferences", "", ""},
	{"GET", "/v1/tenants/acme/conferences/weekly", "", ""},
	{"POST", "/v1/tenants/acme/conferences/weekly/end", "", ""},
	{"GET", "/v1/tenants/acme/conferences/weekly/connections", "", ""},
	{"GET", "/v1/tenants/acme/conferences/weekly/queue?limit=1", "", ""},
	{"POST", "/v1/tenants/acme/conferences/weekly/queue/MadeUpConnec001=/first", "", ""},
	{"POST", "/v1/tenants/acme/conferences/weekly/join-tokens", `{"identity":"eve","role":"participant","expires_in_seconds":60}`, ""},
	{"POST", "/v1/tenants/acme/webhooks", newWebhook, ""},
	{"GET", "/v1/tenants/acme/webhooks?limit=1", "", ""},
	{"GET", "/v1/tenants/acme/webhooks/wh_made_up", "", ""},
	{"PATCH", "/v1/tenants/acme/webhooks/wh_made_up", `{"url":"https://other.example.com/","description":"x","status":"active"}`, ""},
	{"POST", "/v1/tenants/acme/webhooks/wh_made_up/rotate", "", ""},
	{"POST", "/v1/tenants/acme/webhooks/wh_made_up/test", "", ""},
	{"GET", "/v1/tenants/acme/webhooks/wh_made_up/deliveries?limit=1&cursor=MQ", "", ""},
	{"DELETE", "/v1/tenants/acme/webhooks/wh_made_up", "", ""},
	{"DELETE", "/v1/tenants/acme/connections/MadeUpConnec001=", "", ""},
	{"DELETE", "/v1/tenants/acme/conferences/weekly/connections/MadeUpConnec002=", "", ""},
	{"GET", "/v1/tenants/globex/seats", "", ""},
	{"GET", "/v1/tenants/acme/usage?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z&granularity=hour", "", "text/csv"},
	{"GET", "/v1/tenants/acme/usage?from=0000-01-01T00:00:00%2B23:59&to=9999-12-31T23:59:59-23:59&granularity=month", "", "application/json"},
	{"GET", "/v1/tenants/acme/usage?from=0000-01-01T00:00:00%2B23:59&to=9999-12-31T23:59:59-23:59&group_by=host", "", "text/csv"},
	{"GET", "/v1/tenants/acme/usage/peaks?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z&limit=1&cursor=MTc5MDAwMDAwMDAwMCAwIGE", "", ""},
	{"GET", "/v1/tenants/acme/usage/refusals?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z&cursor=MTc5MDAwMDAwMDAwMCBh", "", ""},
	{"GET", "/v1/tenants/acme/usage/sizing?period=2026-09&seats=1,2,1000000", "", ""},
	{"GET", "/v1/usage?period=2026-09&limit=1&cursor=YWNtZQ", "", "text/csv"},
	{"GET", "/v1/tenants/acme/ledger?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "", "text/csv"},
	{"GET", "//[/%zz?%", "", ""},
	{"BREW", "/v1/tenants/../acme/%2e%2e/seats", "{", "*/*;q=x"},
}
