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
	"seatmeter/shared/seat"
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

// What comes and goes before and after a page must not make anyone miss, or
// meet twice, what is there throughout.
func TestPagesShowEveryLastingItemOnce(t *testing.T) {
	host := func(w *world, n int) { w.host("acme", fmt.Sprintf("host-%02d@example.org", n)) }
	schedule := func(w *world, n int) { w.schedule("acme", fmt.Sprintf("conference-%02d", n), "ann@example.org") }
	tenant := func(w *world, n int) { w.concurrent(fmt.Sprintf("tenant-%02d", n), 1) }
	join := func(w *world, n int) { w.tryJoin("acme", "weekly", n) }
	refuse := func(w *world, n int) { w.tryJoin("full", "weekly", n) }
	revise := func(w *world, _ int) { w.concurrent("acme", 1000) }
	closed := func(w *world, n int) {
		w.call(vendor, http.MethodPost, "/v1/tenants/acme/statements", fmt.Sprintf(`{"period":"%d-%02d"}`, 2000+n/12, n%12+1)).ok()
	}
	leave := func(w *world, id string) { w.leave(seat.ConnectionID(id)) }
	fire := func(w *world, email string) {
		w.call(vendor, http.MethodDelete, "/v1/tenants/acme/hosts/"+email, "").ok()
	}
	for name, list := range map[string]struct {
		target, member string
		// add adds an item, which has its place by n or, where the list is by
		// time, at the end.
		add    func(w *world, n int)
		remove func(w *world, item string)
	}{
		"hosts":       {"/v1/tenants/acme/hosts", "email", host, fire},
		"conferences": {"/v1/tenants/acme/conferences", "conference", schedule, nil},
		"tenants":     {"/v1/tenants", "tenant", tenant, nil},
		"usage":       {"/v1/usage?period=2026-09", "tenant", tenant, nil},
		"connections": {"/v1/tenants/acme/conferences/weekly/connections", "connection_id", join, leave},
		"peak":        {"/v1/tenants/acme/usage/peaks?from=2026-09-21T14:13:00Z&to=2026-09-21T14:13:20.013Z", "connection", join, leave},
		"refusals":    {"/v1/tenants/full/usage/refusals?" + september, "connection", refuse, nil},
		"statements":  {"/v1/tenants/acme/statements", "period", closed, nil},
		"history":     {"/v1/tenants/acme/license/history", "changed_at", revise, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 5} {
				w := newWorld(t)
				w.sinceLongAgo("acme", 1000)
				w.concurrent("full", 1)
				for _, id := range []string{"acme", "full"} {
					w.schedule(id, "weekly", "ann@example.org")
				}
				w.tryJoin("full", "weekly", 90)
				add := func(n int) { w.now++; list.add(w, n) }
				for n := 10; n < 32; n += 2 {
					add(n)
				}
				w.now++
				there := w.pages(list.target, list.member, 1000, nothing)
				if len(there) < 11 {
					t.Fatalf("only %v are there", there)
				}
				var removed []string
				met := w.pages(list.target, list.member, limit, func(page int) {
					if page > 3 {
						return
					}
					for _, n := range []int{1 + page, 11 + 2*page, 25 - 2*page, 40 + page} {
						add(n)
					}
					if list.remove != nil { // by 2: where the cursor stands
						w.now++
						list.remove(w, there[2*page+1])
						removed = append(removed, there[2*page+1])
					}
				})
				for _, item := range there {
					times := 0
					for _, other := range met {
						if other == item {
							times++
						}
					}
					if times > 1 || times == 0 && !slices.Contains(removed, item) {
						t.Errorf("by %d: %s is met %d times in %v", limit, item, times, met)
					}
				}
			}
		})
	}
}
