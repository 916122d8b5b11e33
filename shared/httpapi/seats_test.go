package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

const weeklySeats = conferences + "/weekly/seats"

// serving is a concurrent license of two seats, and a conference.
func serving(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.schedule("acme", "weekly", "ann@example.org")
	return w
}

func (w *world) take(identity, more string) answer {
	w.t.Helper()
	return w.call(server, http.MethodPost, weeklySeats, fmt.Sprintf(`{"identity":%q,"role":"participant"%s}`, identity, more))
}

// taken is a seat that was taken for a minute.
func (w *world) taken(identity string) seat.ConnectionID {
	w.t.Helper()
	return read[httpapi.SeatView](w.take(identity, "")).Seat
}

func (w *world) renew(id seat.ConnectionID, body string) answer {
	w.t.Helper()
	return w.call(server, http.MethodPut, weeklySeats+"/"+string(id), body)
}

func TestAServerTakesRenewsAndReleasesASeat(t *testing.T) {
	w := serving(t)
	w.take("bob", `,"ttl_seconds":30`).want(201, `{"seat":"~MadeUp001","conference":"weekly","expires_at":"2026-09-21T14:13:50Z","limit":2,"in_use":1}`)
	w.call(acmeAdmin, http.MethodGet, conferences+"/weekly/connections", "").want(200, `{"items":[{"connection_id":"~MadeUp001","kind":"server",
		"conference":"weekly","identity":"bob","role":"participant","joined_at":"2026-09-21T14:13:20Z","connected_at":"2026-09-21T14:13:20Z"}],"next_cursor":null}`)
	w.now += 20_000
	w.renew("~MadeUp001", "").want(200, `{"seat":"~MadeUp001","expires_at":"2026-09-21T14:14:10Z"}`)
	w.renew("~MadeUp001", `{"ttl_seconds":10}`).want(200, `{"seat":"~MadeUp001","expires_at":"2026-09-21T14:13:50Z"}`)
	w.call(server, http.MethodDelete, weeklySeats+"/~MadeUp001", "").want(204, "")
	w.call(server, http.MethodDelete, weeklySeats+"/~MadeUp001", "").want(204, "")
	w.renew("~MadeUp001", `{}`).refused(problem.SeatLapsed)
	w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "").want(200, `{"tenant":"acme","model":"concurrent","limit":2,"in_use":0,"held":0,"waiting":0,"conferences":[]}`)
}

func TestASeatThatIsNotRenewedIsFreeAtItsEnd(t *testing.T) {
	w := serving(t)
	bob, carl := w.taken("bob"), w.taken("carl")
	w.take("dan", "").refused(problem.SeatsExhausted)
	w.now += 40_000
	w.renew(carl, "").ok()
	w.now += 19_999
	w.take("dan", "").refused(problem.SeatsExhausted)
	w.now++
	w.take("dan", "").ok()
	w.renew(bob, "").refused(problem.SeatLapsed)
	w.renew(carl, "").ok()
	if left := w.lines("left_at"); !slices.Equal(left, []string{"2026-09-21T14:13:20.000Z"}) {
		t.Errorf("stays left at %v, want one that ended at the last renewal", left)
	}
	if ends := w.lines("end"); !slices.Equal(ends, []string{"vanished"}) {
		t.Errorf("ended as %v", ends)
	}
}

// lines gives a member of each stay in the ledger.
func (w *world) lines(member string) []string {
	w.t.Helper()
	var list []string
	page := read[httpapi.Page[map[string]any]](w.call(finance, http.MethodGet, "/v1/tenants/acme/ledger?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z&format=json", ""))
	for _, record := range page.Items {
		if record["kind"] == "stay" {
			list = append(list, fmt.Sprint(record[member]))
		}
	}
	return list
}

func TestARenewalOfManySeatsTellsWhichHaveLapsed(t *testing.T) {
	w := serving(t)
	bob, carl := w.taken("bob"), w.taken("carl")
	websocket := "MadeUpConnec001="
	w.call(server, http.MethodDelete, weeklySeats+"/"+string(carl), "").want(204, "")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.concurrent("globex", 2)
	w.schedule("globex", "weekly", "ann@example.org")
	foreign := read[httpapi.SeatView](w.call(server, http.MethodPost, "/v1/tenants/globex/conferences/weekly/seats", `{"identity":"eve","role":"participant"}`)).Seat
	body := fmt.Sprintf(`{"seats":[%q,%q,%q,%q,%q,"nonsense","~"]}`, bob, carl, bob, foreign, websocket)
	for _, path := range []string{weeklySeats, "/v1/tenants/acme/seats"} {
		for range 2 {
			w.call(server, http.MethodPost, path+"/renew", body).want(200, fmt.Sprintf(
				`{"renewed":[%q],"lapsed":[%q,%q,%q,"nonsense","~"],"expires_at":"2026-09-21T14:14:20Z"}`, bob, carl, foreign, websocket))
		}
	}
	w.call(server, http.MethodPost, "/v1/tenants/acme/conferences/another/seats/renew", fmt.Sprintf(`{"seats":[%q]}`, bob)).want(200,
		fmt.Sprintf(`{"renewed":[],"lapsed":[%q]}`, bob))
	w.call(server, http.MethodPost, weeklySeats+"/renew", `{"seats":[]}`).want(200, `{"renewed":[],"lapsed":[]}`)
}

func TestATimeOutOfBoundsIsRefused(t *testing.T) {
	w := serving(t)
	bob := w.taken("bob")
	for _, ttl := range []string{"9", "3601", "0", "-60", "10.5"} {
		more := `"ttl_seconds":` + ttl
		w.take("carl", ","+more).refused(problem.Invalid, "#/ttl_seconds")
		w.renew(bob, "{"+more+"}").refused(problem.Invalid, "#/ttl_seconds")
		w.call(server, http.MethodPost, weeklySeats+"/renew", `{"seats":[],`+more+`}`).refused(problem.Invalid, "#/ttl_seconds")
	}
	for _, ttl := range []string{"10", "3600"} {
		w.renew(bob, `{"ttl_seconds":`+ttl+`}`).ok()
	}
	tooMany := strings.TrimSuffix(strings.Repeat(`"~MadeUp001",`, 101), ",")
	w.call(server, http.MethodPost, weeklySeats+"/renew", `{"seats":[`+tooMany+`]}`).refused(problem.Invalid, "#/seats")
}

func TestAServerIsRefusedWithTheCodesOfAJoin(t *testing.T) {
	w := serving(t)
	w.call(server, http.MethodPost, conferences+"/none/seats", `{"identity":"bob","role":"participant"}`).refused(problem.NotFound)
	w.call(server, http.MethodPost, weeklySeats, `{"identity":"bob"}`).refused(problem.Invalid, "#/role")
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":2,"status":"suspended"}`).ok()
	w.take("bob", "").refused(problem.LicenseSuspended)
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"named","hosts":1,"participants_per_conference":1}`).ok()
	w.host("acme", "ann@example.org")
	w.take("bob", "").refused(problem.ConferenceNotLive)
	w.call(server, http.MethodPost, weeklySeats, `{"identity":"bob","role":"host"}`).refused(problem.Invalid, "#/identity")
	w.call(server, http.MethodPost, weeklySeats, `{"identity":"ann@example.org","role":"host"}`).want(201, `{"seat":"~MadeUp004",
		"conference":"weekly","expires_at":"2026-09-21T14:14:20Z","limit":1,"in_use":0}`)
	w.take("bob", "").ok()
	w.take("carl", "").refused(problem.ParticipantsExhausted)
	w.call(acmeAdmin, http.MethodPost, conferences+"/weekly/end", "").ok()
	w.renew("~MadeUp004", "").refused(problem.SeatLapsed)
	w.take("dan", "").refused(problem.ConferenceEnded)
}

func TestARemovedPersonGetsNoSeatOfAServerAgain(t *testing.T) {
	w := serving(t)
	bob := w.taken("bob")
	w.call(acmeAdmin, http.MethodDelete, "/v1/tenants/acme/connections/"+string(bob), "").want(204, "")
	w.renew(bob, "").refused(problem.SeatLapsed)
	w.now += 1000
	w.take("bob", "").refused(problem.Forbidden)
	w.take("carl", "").ok()
	if ends := w.lines("end"); !slices.Equal(ends, []string{"removed"}) {
		t.Errorf("ended as %v", ends)
	}
}

func TestAServerOfOneTenantReachesNoOther(t *testing.T) {
	w := serving(t)
	bob := w.taken("bob")
	of := caller{role: "server", tenant: "globex"}
	w.call(of, http.MethodPost, weeklySeats, `{"identity":"eve","role":"participant"}`).refused(problem.NotFound)
	w.call(of, http.MethodPut, weeklySeats+"/"+string(bob), "{}").refused(problem.NotFound)
	w.concurrent("globex", 2)
	w.schedule("globex", "weekly", "ann@example.org")
	for _, path := range []string{"/v1/tenants/globex/seats/", "/v1/tenants/globex/conferences/weekly/seats/"} {
		w.call(of, http.MethodPut, path+string(bob), "{}").refused(problem.SeatLapsed)
		w.call(of, http.MethodDelete, path+string(bob), "").want(204, "")
	}
	w.renew(bob, "").ok()
}

func TestARepeatWithAKeyTakesNoOtherSeat(t *testing.T) {
	w := serving(t)
	body := `{"identity":"bob","role":"participant"}`
	first := w.call(server, http.MethodPost, weeklySeats, body, "idempotency-key", "once")
	w.call(server, http.MethodPost, weeklySeats, body, "idempotency-key", "once").want(201, first.body)
	if in := read[httpapi.SeatsView](w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "")).InUse; in != 1 {
		t.Errorf("%d seats are in use, want 1", in)
	}
}

// A stay of days has many parts, as reports need it, and is one stay in one seat.
func TestASeatIsRenewedForDays(t *testing.T) {
	w := serving(t)
	bob := w.taken("bob")
	for range 2 * 24 {
		w.renew(bob, `{"ttl_seconds":3600}`).ok()
		w.now += 3_599_000
	}
	w.call(server, http.MethodDelete, weeklySeats+"/"+string(bob), "").want(204, "")
	usage := read[httpapi.UsageView](w.call(finance, http.MethodGet, "/v1/tenants/acme/usage?from=2026-09-21T00:00:00Z&to=2026-09-25T00:00:00Z", "")).Rows[0]
	if usage.SeatMillis != 2*24*3_599_000 || usage.Joins != 1 || usage.Peak != 1 {
		t.Errorf("%d ms, %d joins, peak %d", usage.SeatMillis, usage.Joins, usage.Peak)
	}
}

// crowded is a concurrent license of one seat, which bob has.
func crowded(t *testing.T) *world {
	t.Helper()
	w := serving(t)
	w.concurrent("acme", 1)
	w.taken("bob")
	return w
}

// serve has the worker go over the queues once.
func (w *world) serve() {
	w.t.Helper()
	if err := w.door.Worker(nil, nil, w.clock, pool.Sleep).Round(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

func TestAServerWaitsForASeat(t *testing.T) {
	w := crowded(t)
	asked := w.take("carl", `,"wait":true,"ttl_seconds":30`)
	asked.want(202, `{"seat":"~MadeUp002","conference":"weekly","state":"queued","position":1,"since":"2026-09-21T14:13:20Z","expires_at":"2026-09-21T14:13:50Z"}`)
	carl := asked.headers["location"]
	if carl != weeklySeats+"/~MadeUp002" {
		t.Fatalf("Location is %q", carl)
	}
	w.now += 20_000
	w.renew("~MadeUp001", "").ok()
	w.call(server, http.MethodGet, carl, "").want(200,
		`{"seat":"~MadeUp002","conference":"weekly","state":"queued","position":1,"since":"2026-09-21T14:13:20Z","expires_at":"2026-09-21T14:14:10Z"}`)
	w.renew("~MadeUp002", `{"ttl_seconds":60}`).want(200, `{"seat":"~MadeUp002","expires_at":"2026-09-21T14:14:10Z","position":1}`)
	w.call(server, http.MethodPost, weeklySeats+"/renew", `{"seats":["~MadeUp001","~MadeUp002","~MadeUp009"]}`).want(200,
		`{"renewed":["~MadeUp001"],"queued":["~MadeUp002"],"lapsed":["~MadeUp009"],"expires_at":"2026-09-21T14:14:10Z"}`)
	w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "").want(200, `{"tenant":"acme","model":"concurrent","limit":1,"in_use":1,"held":0,"waiting":1,
		"conferences":[{"conference":"weekly","host":"ann@example.org","limit":1,"in_use":1}]}`)
	if got := w.queue("weekly"); got != "carl 1" {
		t.Errorf("queue %s", got)
	}
	w.call(server, http.MethodDelete, weeklySeats+"/~MadeUp001", "").want(204, "")
	w.serve()
	w.call(server, http.MethodGet, carl, "").want(200,
		`{"seat":"~MadeUp002","conference":"weekly","state":"admitted","expires_at":"2026-09-21T14:14:10Z","limit":1,"in_use":1}`)
	w.call(server, http.MethodGet, "/v1/tenants/acme/seats/~MadeUp002", "").ok()
	w.now += 30_000
	w.call(server, http.MethodGet, carl, "").refused(problem.SeatLapsed)
}

func TestAServersWaitEndsForAReason(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world, carl string)
		want problem.Code
	}{
		"released": {func(w *world, carl string) {
			w.call(server, http.MethodDelete, carl, "").want(204, "")
			w.call(server, http.MethodDelete, carl, "").want(204, "")
		}, problem.SeatLapsed},
		"silent": {func(w *world, _ string) { w.now += 60_000 }, problem.SeatLapsed},
		"removed": {func(w *world, _ string) {
			w.call(acmeAdmin, http.MethodDelete, "/v1/tenants/acme/connections/~MadeUp002", "").want(204, "")
		}, problem.Forbidden},
		"ended": {func(w *world, _ string) { w.call(acmeAdmin, http.MethodPost, conferences+"/weekly/end", "").ok() }, problem.ConferenceEnded},
	} {
		t.Run(name, func(t *testing.T) {
			w := crowded(t)
			carl := w.take("carl", `,"wait":true`).headers["location"]
			c.end(w, carl)
			w.call(server, http.MethodGet, carl, "").refused(c.want)
			w.renew("~MadeUp002", "").refused(problem.SeatLapsed)
			w.serve()
			w.call(server, http.MethodGet, carl, "").refused(c.want)
			if got := read[httpapi.SeatsView](w.call(finance, http.MethodGet, "/v1/tenants/acme/seats", "")); got.Waiting != 0 {
				t.Errorf("%d wait", got.Waiting)
			}
		})
	}
}

func TestAServerThatMayNotWaitIsRefusedAtOnce(t *testing.T) {
	w := crowded(t)
	const waits = `,"wait":true`
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":1,"queue_limit":1}`).ok()
	if got := w.take("carl", waits); got.status != http.StatusAccepted {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	w.take("dan", waits).refused(problem.SeatsExhausted)
	w.take("eve", "").refused(problem.SeatsExhausted)
	w.take("frank", `,"wait":"yes"`).refused(problem.Invalid, "#/wait")
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", `{"model":"concurrent","seats":1,"status":"suspended"}`).ok()
	w.take("dan", waits).refused(problem.LicenseSuspended)
}

func TestAServerIsPutFirstInTheQueue(t *testing.T) {
	w := crowded(t)
	w.take("carl", `,"wait":true`)
	w.now += 1000
	dan := w.take("dan", `,"wait":true`).headers["location"]
	w.putFirst("weekly", "~MadeUp003").ok()
	if got := w.queue("weekly"); got != "dan 1, carl 2" {
		t.Errorf("queue %s", got)
	}
	w.call(server, http.MethodDelete, weeklySeats+"/~MadeUp001", "").want(204, "")
	w.serve()
	if got := read[httpapi.SeatStateView](w.call(server, http.MethodGet, dan, "")); got.State != "admitted" {
		t.Errorf("dan is %s", got.State)
	}
}

// A server whose answer was lost repeats its call with the same key, and has the same place.
func TestARepeatWithAKeyWaitsInOnePlace(t *testing.T) {
	w := crowded(t)
	body := `{"identity":"carl","role":"participant","wait":true}`
	first := w.call(server, http.MethodPost, weeklySeats, body, "idempotency-key", "once")
	again := w.call(server, http.MethodPost, weeklySeats, body, "idempotency-key", "once")
	again.want(202, first.body)
	if first.headers["location"] == "" || again.headers["location"] != first.headers["location"] || w.queue("weekly") != "carl 1" {
		t.Errorf("Location %q, then %q; queue %s", first.headers["location"], again.headers["location"], w.queue("weekly"))
	}
}

// A place in the queue of another tenant's or another conference's is renewed, read and
// released by nobody else.
func TestAServersPlaceIsReachedThroughItsOwnConferenceAlone(t *testing.T) {
	w := crowded(t)
	w.take("carl", `,"wait":true`)
	w.schedule("acme", "board", "ann@example.org")
	w.concurrent("globex", 2)
	w.schedule("globex", "weekly", "ann@example.org")
	const carl = "~MadeUp002"
	for _, path := range []string{conferences + "/board/seats", "/v1/tenants/globex/seats", "/v1/tenants/globex/conferences/weekly/seats"} {
		w.call(server, http.MethodGet, path+"/"+carl, "").refused(problem.SeatLapsed)
		w.call(server, http.MethodPut, path+"/"+carl, "").refused(problem.SeatLapsed)
		w.call(server, http.MethodDelete, path+"/"+carl, "").want(204, "")
		w.call(server, http.MethodPost, path+"/renew", `{"seats":["`+carl+`","`+carl+`"]}`).want(200, `{"renewed":[],"lapsed":["`+carl+`"]}`)
	}
	of := caller{role: "server", tenant: "globex"}
	w.call(of, http.MethodGet, weeklySeats+"/"+carl, "").refused(problem.NotFound)
	if got := w.queue("weekly"); got != "carl 1" {
		t.Errorf("queue %s", got)
	}
}

// After a smaller license more are in than it has, also while somebody waits.
func TestARefusalWhileSomebodyWaitsSaysHowManyAreIn(t *testing.T) {
	w := serving(t)
	w.taken("bob")
	w.taken("carl")
	w.concurrent("acme", 1)
	full := w.take("dan", "").body
	w.take("eve", `,"wait":true`).ok()
	queued := w.take("dan", "").body
	for _, body := range []string{full, queued} {
		if !strings.Contains(body, `"seats_exhausted"`) || !strings.Contains(body, `"in_use":2`) {
			t.Errorf("refused with %s", body)
		}
	}
}
