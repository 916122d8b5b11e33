//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/deletion"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/export"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// For every call of the store that an action makes, and every fault: it never
// happened without an entry, and when it is repeated it is done.
func TestAnySingleFaultLeavesNoActionWithoutAnEntry(t *testing.T) {
	if testing.Short() {
		t.Skip("each call of each action fails")
	}
	runs := 0
	for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
		for _, action := range []struct{ method, path, body string }{
			{"PATCH", hosts + "/ann@example.org", `{"active":false}`},
			{"PATCH", hosts + "/ann@example.org", `{"email":"bob@example.org"}`},
			{"DELETE", hosts + "/ann@example.org", ""},
			{"POST", hosts, `{"email":"eve@example.org"}`},
			{"POST", conferences, `{"conference":"weekly","host":"ann@example.org"}`},
			{"PUT", "/v1/tenants/acme/license", `{"model":"named","hosts":4,"participants_per_conference":25}`},
		} {
			for call := 1; ; call++ {
				w := newWorld(t)
				w.named("acme", 3, 25)
				w.host("acme", "ann@example.org")
				state := func() string {
					return w.call(vendor, "GET", hosts, "").body + w.call(vendor, "GET", conferences, "").body + w.call(vendor, "GET", "/v1/tenants/acme/license/history", "").body
				}
				before, entries := state(), len(w.actions("acme"))
				calls, failed := 0, ""
				w.faulty.Decide = func(_ context.Context, made dynamo.Call) faults.Fault {
					if calls++; calls == call {
						failed = made.Name
						return fault
					}
					return faults.None
				}
				w.faulty.Crashes(func() { w.call(vendor, action.method, action.path, action.body) })
				w.faulty.Decide = nil
				if failed == "" {
					break
				}
				runs++
				happened, entered := state() != before, len(w.actions("acme")) > entries
				if happened && !entered {
					t.Errorf("%s %s: fault %d at %s: it happened without an entry", action.method, action.path, fault, failed)
				}
				if failed == "put outcome" && !happened {
					t.Errorf("%s %s: fault %d at %s: it did not happen", action.method, action.path, fault, failed)
				}
				again := w.call(vendor, action.method, action.path, action.body)
				if again.status >= 300 && (!happened || again.status != 404 && again.status != 409) {
					t.Errorf("%s %s: fault %d at %s: the repeat is answered %d: %s", action.method, action.path, fault, failed, again.status, again.body)
				}
				if state() == before {
					t.Errorf("%s %s: fault %d at %s: it has not happened after a repeat", action.method, action.path, fault, failed)
				}
			}
		}
	}
	t.Logf("%d faults", runs)
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

func TestALargeFileThatIsNoTextIsALink(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	stays := w.noise()
	for name, media := range map[string]string{"xlsx": spreadsheet, "parquet": "application/vnd.apache.parquet"} {
		got := w.call(finance, http.MethodGet, ledger+"&format="+name, "")
		key, linked := strings.CutPrefix(got.headers["location"], "https://objects.example.org/")
		if got.status != http.StatusSeeOther || !linked {
			t.Fatalf("%s: answered %d with %d bytes, %v", name, got.status, len(got.body), got.headers)
		}
		if about := w.shelf.about[key]; about.ContentType != media || about.Disposition != "attachment; filename=acme-ledger."+name {
			t.Errorf("%s: stored as %+v", name, about)
		}
		if body := w.shelf.objects[key]; len(body) <= export.LargeBytes || rowsIn(t, name, body) != stays {
			t.Errorf("%s: %d rows in %d bytes, want %d", name, rowsIn(t, name, body), len(body), stays)
		}
	}
}

// Every call that may change something, of the whole API.
func TestNoPreconditionIsIgnored(t *testing.T) {
	asked := 0
	for path, operations := range describe(t).Paths {
		for method, operation := range operations {
			if method == "get" || operation.ID == "put-license" {
				continue
			}
			asked++
			body := ""
			if tried, ok := bodies[operation.ID]; ok {
				body = written(tried[0], "", "")
			}
			method := strings.ToUpper(method)
			for _, headers := range [][]string{
				{"if-match", `"1"`},
				{"if-match", `W/"1"`},
				{"if-none-match", "*"},
				{"if-unmodified-since", "Mon, 01 Jan 0001 00:00:00 GMT"},
				{"if-none-match", `"7"`, "if-unmodified-since", atStart},
				{"if-unmodified-since", "Fri, 31 Dec 2100 23:59:59 GMT"},
				{"if-match", "*", "if-none-match", "*"},
			} {
				w, who := queuedFor(t, target(path))
				w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
				unchanged := w.unchanged()
				w.call(who, method, target(path)+required(operation, ""), body, headers...).refused(problem.PreconditionFailed)
				unchanged()
			}
			for name, malformed := range map[string]string{"If-Match": `"1`, "If-None-Match": "", "If-Unmodified-Since": "yesterday"} {
				w, who := queuedFor(t, target(path))
				unchanged := w.unchanged()
				w.call(who, method, target(path)+required(operation, ""), body, strings.ToLower(name), malformed).refused(problem.Invalid, "#/"+name)
				unchanged()
			}
			for _, headers := range [][]string{{"if-match", "*"}, {"if-none-match", `"1"`}, {"if-match", "*", "if-unmodified-since", before}} {
				w, who := queuedFor(t, target(path))
				w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
				w.call(who, method, target(path)+required(operation, ""), body, headers...).ok()
			}
		}
	}
	if asked < 9 {
		t.Errorf("asked %d calls", asked)
	}
}

func TestALargeCSVOfTenantsIsRedirectedToItsFile(t *testing.T) {
	if testing.Short() {
		t.Skip("megabytes")
	}
	w := newWorld(t)
	api := httpapi.New(w.config())
	const tenants = 40_000
	w.enters(tenants)
	api.AddUsage(w.door.Licensing, w.door.Reader, w.store, httpapi.Files{Exports: export.New(w.shelf)})
	got := invoke(t.Context(), t, lambda.NewHandler(httpapi.Serve(api)),
		w.event(finance, http.MethodGet, "/v1/usage?period=2026-09", "", "accept", "text/csv"))
	if got.status != http.StatusSeeOther || got.body != "" || got.headers["content-type"] != "" || got.headers["content-disposition"] != "" {
		t.Fatalf("answered %d with %d bytes, %v; want 303 and nothing", got.status, len(got.body), got.headers)
	}
	key := strings.TrimPrefix(got.headers["location"], "https://objects.example.org/")
	if lines := bytes.Count(w.shelf.objects[key], []byte("\r\n")); lines != tenants+1 || !strings.HasPrefix(key, "all/") {
		t.Errorf("%s has %d lines", key, lines)
	}
}

// A process may die after any call of a deletion, and any answer be lost: the next runs
// complete it.
func TestADeletionThatDiesAnywhereIsCompleted(t *testing.T) {
	for calls := 1; ; calls++ {
		w := toDelete(t)
		left := calls
		w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault {
			left--
			switch {
			case left == 0:
				return faults.After
			case left < 0:
				return faults.Before
			}
			return faults.None
		}
		_ = w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "")
		for range 3 {
			w.now += (20 * time.Minute).Milliseconds()
			_ = w.removes()
		}
		w.faulty.Decide = nil
		if asked := w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", ""); asked.status != http.StatusAccepted {
			asked.refused(problem.NotFound)
		}
		w.removed()
		w.ended()
		for _, name := range w.kept("acme") {
			if of, kind, _ := strings.Cut(name, " "); of != "acme" && name != "deleted acme" && !strings.HasPrefix(of, "signals#") || strings.HasPrefix(kind, "stay#") {
				t.Errorf("died after %d calls, left: %s", calls, name)
			}
		}
		if actions := w.actions("acme"); actions[0].Action != deletion.ActionEnd || actions[0].Outcome != "done" {
			t.Errorf("died after %d calls, and the last action is %+v", calls, actions[0])
		}
		if left > 0 {
			return
		}
	}
}
