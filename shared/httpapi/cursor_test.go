package httpapi_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/admission"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	ids "seatmeter/shared/tenant"
)

const september, august = "from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z", "from=2026-08-21T00:00:00Z&to=2026-09-22T00:00:00Z"

// everyList is each list that has pages, of two tenants, two conferences, two
// ranges and two months.
var everyList = []string{
	"/v1/tenants?",
	"/v1/tenants/acme/license/history?", "/v1/tenants/globex/license/history?",
	"/v1/tenants/acme/hosts?", "/v1/tenants/globex/hosts?",
	"/v1/tenants/acme/conferences?", "/v1/tenants/globex/conferences?",
	"/v1/tenants/acme/conferences/weekly/connections?", "/v1/tenants/acme/conferences/board/connections?",
	"/v1/tenants/globex/conferences/weekly/connections?",
	"/v1/tenants/acme/conferences/weekly/queue?", "/v1/tenants/globex/conferences/weekly/queue?",
	"/v1/tenants/acme/usage/peaks?" + september, "/v1/tenants/acme/usage/peaks?" + august, "/v1/tenants/globex/usage/peaks?" + september,
	"/v1/tenants/acme/usage/refusals?" + september, "/v1/tenants/acme/usage/refusals?" + august, "/v1/tenants/globex/usage/refusals?" + september,
	"/v1/tenants/acme/webhooks?", "/v1/tenants/globex/webhooks?",
	"/v1/tenants/acme/webhooks/wh_made_up/deliveries?",
	"/v1/tenants/acme/statements?", "/v1/tenants/globex/statements?",
	"/v1/usage?period=2026-09", "/v1/usage?period=2026-08",
}

// crowd is a world in which each of these has more than one item.
func crowd(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for n, tenant := range []string{"acme", "globex"} {
		w.sinceLongAgo(tenant, 5)
		w.concurrent(tenant, 4)
		w.host(tenant, "ann@example.org")
		w.host(tenant, "bob@example.org")
		w.schedule(tenant, "board", "ann@example.org")
		w.schedule(tenant, "weekly", "ann@example.org")
		w.webhook(ids.ID(tenant), "wh_made_up", "wh_other")
		for i := range 6 { // four seats: two are refused
			w.now++
			w.tryJoin(tenant, []string{"board", "weekly"}[i%2], 10*n+i)
		}
		for i := 6; i < 8; i++ { // two wait
			w.now++
			w.wait(tenant, "weekly", fmt.Sprintf("person-%02d@example.org", i), 10*n+i)
		}
		w.call(vendor, "POST", "/v1/tenants/"+tenant+"/statements", `{"period":"2026-07"}`).ok()
		w.call(vendor, "POST", "/v1/tenants/"+tenant+"/statements", `{"period":"2026-08"}`).ok()
	}
	w.now++
	return w
}

// tryJoin has a participant try to come in.
func (w *world) tryJoin(t, id string, n int) {
	w.t.Helper()
	identity := fmt.Sprintf("person-%02d@example.org", n)
	v := visitor(w, t, id, identity, n)
	if err := w.door.Connect(context.Background(), v); err != nil && !problem.Is(err, problem.SeatsExhausted) {
		w.t.Fatal(err)
	}
}

func visitor(w *world, t, id, identity string, n int) admission.Visitor {
	w.t.Helper()
	return admission.Visitor{Pass: w.token(t, id, identity, "participant"), Connection: connection(n), AtMillis: w.now}
}

func TestACursorIsValidOnlyForItsOwnList(t *testing.T) {
	w := crowd(t)
	cursors := make([]string, len(everyList))
	for i, list := range everyList {
		cursors[i] = w.cursor(list + "&limit=1")
	}
	for i, list := range everyList {
		for j, cursor := range cursors {
			got := w.call(vendor, http.MethodGet, list+"&cursor="+cursor, "")
			if i == j {
				got.ok()
				continue
			}
			got.refused(problem.Invalid, "#/cursor")
			if t.Failed() {
				t.Fatalf("%s takes a cursor of %s", list, everyList[j])
			}
		}
	}
	// A range is the same however it is written, and a page may have any size.
	w.call(vendor, http.MethodGet, "/v1/tenants/acme/usage/peaks?limit=2&from=2026-09-21T02:00:00%2B02:00&to=2026-09-22T00:00:00.000Z&cursor="+
		cursors[slices.Index(everyList, "/v1/tenants/acme/usage/peaks?"+september)], "").ok()
}

func TestAForgedCursorIsRefused(t *testing.T) {
	w := crowd(t)
	for _, list := range everyList {
		cursor := w.cursor(list + "&limit=1")
		sealed, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			t.Fatal(err)
		}
		edited := []string{
			cursor[1:], cursor[:len(cursor)-1], cursor + "A", cursor + "=", cursor + cursor, strings.ToLower(cursor), "A", "AA",
			base64.RawURLEncoding.EncodeToString([]byte("ann@example.org")), base64.StdEncoding.EncodeToString(sealed) + "%0A",
			base64.RawURLEncoding.EncodeToString(make([]byte, 28)),
		}
		for i := range sealed {
			flipped := slices.Clone(sealed)
			flipped[i] ^= 1
			edited = append(edited, base64.RawURLEncoding.EncodeToString(flipped))
		}
		for _, text := range edited {
			w.call(vendor, http.MethodGet, list+"&cursor="+text, "").refused(problem.Invalid, "#/cursor")
			if t.Failed() {
				t.Fatalf("%s takes %s for %s", list, text, cursor)
			}
		}
	}
}

func TestACursorIsOpaqueAndUnique(t *testing.T) {
	w := crowd(t)
	for _, list := range everyList {
		first, second := w.cursor(list+"&limit=1"), w.cursor(list+"&limit=1")
		if first == second {
			t.Errorf("%s: %s twice", list, first)
		}
		sealed, err := base64.RawURLEncoding.DecodeString(first)
		if err != nil || strings.Contains(string(sealed), "@") && strings.Contains(string(sealed), "example") || url.QueryEscape(first) != first {
			t.Errorf("%s: %s (%v) is %q", list, first, err, sealed)
		}
	}
}

func TestACursorOfAnotherSecretIsRefused(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 1)
	w.concurrent("globex", 1)
	cursor := w.cursor("/v1/tenants?limit=1")
	call := func(letter string) answer {
		config := w.config()
		config.Seal = seal(t, letter)
		api := httpapi.New(config)
		api.AddLicenses(w.door.Licensing, w.door.Reader, w.failing())
		return invoke(t.Context(), t, lambda.NewHandler(httpapi.Serve(api)), w.event(vendor, http.MethodGet, "/v1/tenants?cursor="+cursor, ""))
	}
	call("s").want(200, `{"items":[{"tenant":"globex","model":"concurrent","limit":1,"status":"active","in_use":0}],"next_cursor":null}`)
	call("t").refused(problem.Invalid, "#/cursor")
}

// The longest that a place in a list can be: what is refused for its length
// would end a list before its end.
func TestTheLongestCursorIsAccepted(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 5)
	w.call(vendor, "POST", "/v1/tenants/acme/hosts", `{"email":`+quoted(longestAddress)+`}`).ok()
	w.host("acme", "zoe@example.org")
	w.call(vendor, http.MethodGet, "/v1/tenants/acme/hosts?cursor="+w.cursor("/v1/tenants/acme/hosts?limit=1"), "").ok()
}
