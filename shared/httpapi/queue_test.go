package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// waiting is a concurrent license whose only seat is taken. Bob, carl and dan wait for
// it, a second apart: carl in another conference than the others.
func waiting(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.concurrent("acme", 1)
	w.schedule("acme", "weekly", "ann@example.org")
	w.schedule("acme", "board", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	for n, id := range []string{"weekly", "board", "weekly"} {
		w.now += 1000
		w.wait("acme", id, []string{"bob", "carl", "dan"}[n], n+2)
	}
	return w
}

// queue gives each waiting connection of a conference with its position.
func (w *world) queue(id string) string {
	w.t.Helper()
	var all []string
	for _, v := range read[httpapi.Page[httpapi.WaiterView]](w.call(acmeAdmin, http.MethodGet, conferences+"/"+id+"/queue", "")).Items {
		all = append(all, fmt.Sprintf("%s %d", v.Identity, v.Position))
	}
	return strings.Join(all, ", ")
}

func (w *world) putFirst(id string, connection seat.ConnectionID) answer {
	w.t.Helper()
	return w.call(acmeAdmin, http.MethodPost, conferences+"/"+id+"/queue/"+url.PathEscape(string(connection))+"/first", "")
}

func TestAQueueIsListedInOrderWithItsPoolsPositions(t *testing.T) {
	w := waiting(t)
	w.call(acmeAdmin, http.MethodGet, conferences+"/weekly/queue", "").want(200, `{"items":[
		{"connection":"MadeUpConnec002=","identity":"bob","position":1,"since":"2026-09-21T14:13:21Z"},
		{"connection":"MadeUpConnec004=","identity":"dan","position":3,"since":"2026-09-21T14:13:23Z"}],"next_cursor":null}`)
	w.call(vendor, http.MethodGet, conferences+"/board/queue", "").want(200, `{"items":[
		{"connection":"MadeUpConnec003=","identity":"carl","position":2,"since":"2026-09-21T14:13:22Z"}],"next_cursor":null}`)
	if got := w.pages(conferences+"/weekly/queue", "identity", 1, func(int) {}); !slices.Equal(got, []string{"bob", "dan"}) {
		t.Errorf("by pages: %v", got)
	}
	w.leave(connection(2))
	if weekly, board := w.queue("weekly"), w.queue("board"); weekly != "dan 2" || board != "carl 1" {
		t.Errorf("after bob left: %s; %s", weekly, board)
	}
	w.call(acmeAdmin, http.MethodGet, conferences+"/nothing/queue", "").refused(problem.NotFound)
}

func TestSeatsSayHowManyWait(t *testing.T) {
	w := waiting(t)
	w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "").want(200, `{"tenant":"acme","model":"concurrent","limit":1,"in_use":1,"held":0,"waiting":3,
		"conferences":[{"conference":"weekly","host":"ann@example.org","limit":1,"in_use":1}]}`)
	w.leave(connection(4))
	if got := read[httpapi.SeatsView](w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "")); got.Waiting != 2 {
		t.Errorf("after one left: %+v", got)
	}
}

// Under a named license each conference has its own queue.
func TestQueuesOfANamedLicenseAreEachConferences(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 2, 1)
	for n, id := range []string{"weekly", "board"} {
		email := fmt.Sprintf("host%d@example.org", n)
		w.host("acme", email)
		w.schedule("acme", id, email)
		w.join("acme", id, email, "host", 10*n)
		w.join("acme", id, "guest", "participant", 10*n+1)
	}
	w.wait("acme", "weekly", "bob", 2)
	w.now += 1000
	w.wait("acme", "weekly", "carl", 3)
	w.wait("acme", "board", "dan", 12)
	w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "").want(200, `{"tenant":"acme","model":"named","in_use":2,"held":0,"waiting":3,
		"conferences":[{"conference":"board","host":"host1@example.org","limit":1,"in_use":1,"waiting":1},
		{"conference":"weekly","host":"host0@example.org","limit":1,"in_use":1,"waiting":2}],"hosts":{"used":2,"allowed":2},
		"host_changes":{"month":"2026-09","made":0,"allowed":2,"unused_slots":0}}`)
	w.putFirst("weekly", connection(3)).ok()
	if weekly, board := w.queue("weekly"), w.queue("board"); weekly != "carl 1, bob 2" || board != "dan 1" {
		t.Errorf("queues %s; %s", weekly, board)
	}
}

// Waiters of before a change of the license's model are listed where they wait.
func TestAQueueOfTheModelBeforeIsListed(t *testing.T) {
	w := waiting(t)
	w.named("acme", 2, 1)
	if got := w.queue("weekly"); got != "bob 1, dan 3" {
		t.Errorf("queue %s", got)
	}
	w.putFirst("weekly", connection(4)).ok()
	if got := w.queue("weekly"); got != "dan 1, bob 2" {
		t.Errorf("queue %s", got)
	}
}

func TestAWaiterIsPutFirstHoweverOften(t *testing.T) {
	w := waiting(t)
	const dan = `{"connection":"MadeUpConnec004=","identity":"dan","position":1,"since":"2026-09-21T14:13:23Z"}`
	w.putFirst("weekly", connection(4)).want(200, dan)
	if got := w.actions("acme")[0]; got.Action != "put-waiter-first" || got.Connection != "MadeUpConnec004=" || got.Conference != "weekly" || changed(got) != "position: 3 → 1" {
		t.Errorf("recorded %+v: %s", got, changed(got))
	}
	w.now += 1000
	w.putFirst("weekly", connection(4)).want(200, dan)
	if weekly, board := w.queue("weekly"), w.queue("board"); weekly != "dan 1, bob 2" || board != "carl 3" {
		t.Errorf("queues %s; %s", weekly, board)
	}
	if got := read[httpapi.SeatsView](w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "")); got.Waiting != 3 {
		t.Errorf("%d wait, want 3", got.Waiting)
	}
	w.now += 1000
	w.putFirst("board", connection(3)).ok()
	if weekly, board := w.queue("weekly"), w.queue("board"); weekly != "dan 2, bob 3" || board != "carl 1" {
		t.Errorf("queues %s; %s", weekly, board)
	}
}

func TestOnlyAWaiterOfTheConferenceIsPutFirst(t *testing.T) {
	w := waiting(t)
	w.concurrent("globex", 1)
	w.schedule("globex", "weekly", "ann@example.org")
	w.join("globex", "weekly", "ann@example.org", "host", 20)
	w.wait("globex", "weekly", "eve", 21)
	w.leave(connection(2))
	for name, id := range map[string]seat.ConnectionID{
		"seated": connection(1), "left": connection(2), "of another conference": connection(3), "of another tenant": connection(21),
		"none": "Nothing=", "too long": seat.ConnectionID(strings.Repeat("c", 129)),
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			w.putFirst("weekly", id).refused(problem.NotFound)
		})
	}
	w.t = t
	w.putFirst("nothing", connection(4)).refused(problem.NotFound)
	if got := w.queue("weekly"); got != "dan 2" {
		t.Errorf("queue %s", got)
	}
}

func TestARemovedWaiterLeavesTheQueue(t *testing.T) {
	w := waiting(t)
	w.call(acmeAdmin, http.MethodDelete, conferences+"/weekly/connections/"+url.PathEscape(string(connection(2))), "").want(204, "")
	if weekly, board := w.queue("weekly"), w.queue("board"); weekly != "dan 2" || board != "carl 1" {
		t.Errorf("queues %s; %s", weekly, board)
	}
	if got := w.call(finance, http.MethodGet, ledger, "").ok().body; !strings.Contains(got, `"kind":"wait"`) || !strings.Contains(got, `"outcome":"gone"`) {
		t.Errorf("the ledger has\n%s", got)
	}
}
