package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/usage"
)

const statements = "/v1/tenants/acme/statements"

// used records an hour's stay at a moment.
func (w *world) used(at time.Time) {
	w.t.Helper()
	id := seat.ConnectionID(fmt.Sprintf("c%d=", at.UnixMilli()))
	s := usage.Stay{
		ID: usage.NewStayID(id, at.UnixMilli()), Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "bob",
		Connection: id, Block: seat.Block{Pool: seat.Pool{Tenant: "acme"}}, Seat: 1,
		JoinedAtMillis: at.UnixMilli(), LeftAtMillis: at.Add(time.Hour).UnixMilli(), End: usage.EndClosed,
	}
	if _, err := w.store.Record(context.Background(), s); err != nil {
		w.t.Fatal(err)
	}
}

func TestAPeriodIsClosedListedAndRead(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	august := time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC)
	w.used(august)
	first := w.call(finance, "POST", statements, `{"period":"2026-08"}`)
	if first.status != 201 || first.headers["location"] != statements+"/2026-08?revision=1" {
		t.Fatalf("closed: %d %v %s", first.status, first.headers, first.body)
	}
	s := read[statement.Statement](first)
	if s.Totals.SeatMillis != 3_600_000 || s.Totals.Joins != 1 || s.Revision != 1 || len(s.SHA256) != 64 {
		t.Errorf("closed as %+v", s)
	}
	w.call(vendor, "POST", statements, `{"period":"2026-08"}`).want(200, first.body)
	w.call(finance, "GET", statements+"/2026-08", "").want(200, first.body)

	w.used(august.Add(time.Hour))
	w.now += 1000
	second := w.call(finance, "POST", statements, `{"period":"2026-08"}`)
	if second.status != 201 || read[statement.Statement](second).Adjustment.Joins != 1 {
		t.Fatalf("closed again: %d %s", second.status, second.body)
	}
	w.call(finance, "GET", statements+"/2026-08", "").want(200, second.body)
	w.call(finance, "GET", statements+"/2026-08?revision=1", "").want(200, first.body)
	w.call(finance, "POST", statements, `{"period":"2026-07"}`)

	var names []string
	for target := statements + "?limit=2"; ; {
		page := read[httpapi.Page[httpapi.StatementView]](w.call(finance, "GET", target, "").ok())
		for _, item := range page.Items {
			names = append(names, fmt.Sprintf("%s/%d", item.Period, item.Revision))
		}
		if page.NextCursor == nil {
			break
		}
		target = statements + "?limit=2&cursor=" + *page.NextCursor
	}
	if got := strings.Join(names, " "); got != "2026-07/1 2026-08/1 2026-08/2" {
		t.Errorf("listed %s", got)
	}
}

func TestAPeriodThatCannotBeClosedIsRefused(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	for name, test := range map[string]struct {
		method, target, body string
		code                 problem.Code
		pointers             []string
	}{
		"a period that is not over":    {"POST", statements, `{"period":"2026-09"}`, problem.Invalid, []string{"#/period"}},
		"a period to come":             {"POST", statements, `{"period":"2030-01"}`, problem.Invalid, []string{"#/period"}},
		"a month before the license":   {"POST", statements, `{"period":"2026-08"}`, problem.Invalid, []string{"#/period"}},
		"no period":                    {"POST", statements, `{"period":"soon"}`, problem.Invalid, []string{"#/period"}},
		"nothing":                      {"POST", statements, `{}`, problem.Invalid, []string{"#/period"}},
		"another tenant's":             {"POST", "/v1/tenants/nowhere/statements", `{"period":"2026-08"}`, problem.NotFound, nil},
		"a period never closed":        {"GET", statements + "/2026-08", "", problem.NotFound, nil},
		"a revision that is not there": {"GET", statements + "/2026-08?revision=7", "", problem.NotFound, nil},
		"a revision that is none":      {"GET", statements + "/2026-08?revision=0", "", problem.Invalid, []string{"#/revision"}},
		"a cursor that is none":        {"GET", statements + "?cursor=eA", "", problem.Invalid, []string{"#/cursor"}},
		"the list of no tenant":        {"GET", "/v1/tenants/nowhere/statements", "", problem.NotFound, nil},
	} {
		t.Run(name, func(*testing.T) {
			w.call(finance, test.method, test.target, test.body).refused(test.code, test.pointers...)
		})
	}
	w.call(acmeAdmin, "POST", statements, `{"period":"2026-08"}`).refused(problem.Forbidden)
}

// A connection that died while nobody looked after it ends, in the ledger, at
// its last proof of life, whenever its conference is ended: here, when it joined.
func TestAGhostDoesNotPreventClosingAPeriod(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 5)
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.now += 11 * time.Hour.Milliseconds()
	w.call(acmeAdmin, "POST", "/v1/tenants/acme/conferences/weekly/end", "").ok()
	w.now += 20 * 24 * time.Hour.Milliseconds()
	s := read[statement.Statement](w.call(finance, "POST", statements, `{"period":"2026-09"}`).ok())
	if s.Totals.SeatMillis != 0 || s.Totals.Joins != 1 {
		t.Errorf("closed as %+v, want one join of no length", s.Totals)
	}
}

func TestFinanceOfATenantSeesItsOwnAlone(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	w.sinceLongAgo("globex", 25)
	august := `{"period":"2026-08"}`
	own, other := caller{role: "finance", tenant: "acme"}, caller{role: "finance", tenant: "globex"}
	w.call(own, "POST", statements, august).ok()
	for _, who := range []caller{own, acmeAdmin} {
		w.call(who, "GET", statements, "").ok()
		w.call(who, "GET", statements+"/2026-08", "").ok()
		w.call(who, "GET", "/v1/tenants/acme/license/history", "").ok()
	}
	w.call(other, "POST", statements, august).refused(problem.NotFound)
	w.call(other, "GET", statements+"/2026-08", "").refused(problem.NotFound)
	w.call(own, "GET", "/v1/usage?period=2026-08", "").refused(problem.Forbidden)
}

// A claim that is there and says nothing is no claim to all tenants.
func TestFinanceWithAnEmptyTenantSeesNone(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	for _, claim := range []string{"", "[]", "[acme globex]", "ACME"} {
		event := w.event(caller{role: "finance", tenant: "x"}, "GET", statements, "")
		claims := event["requestContext"].(map[string]any)["authorizer"].(map[string]any)["jwt"].(map[string]any)["claims"].(map[string]any)
		claims["tenant"] = claim
		if got := invoke(t.Context(), t, w.api, event); got.status != 404 {
			t.Errorf("claim %q: answered %d", claim, got.status)
		}
	}
}

func TestAClosingIsReadByItsPeriod(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	closing := func(period string) httpapi.ClosingView {
		return read[httpapi.ClosingView](w.call(acmeAdmin, "GET", statements+"/"+period+"/closing", "").ok())
	}
	if v := closing("2026-08"); v.State != statement.StateNone || v.Tenant != "acme" || v.Period != "2026-08" {
		t.Errorf("before: %+v", v)
	}
	w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	if v := closing("2026-08"); v.State != statement.StateDone || v.Days != 31 || v.DaysDone != 31 || v.Revision != 1 {
		t.Errorf("after: %+v", v)
	}
	w.call(finance, "GET", statements+"/august/closing", "").refused(problem.NotFound)
	w.call(finance, "GET", "/v1/tenants/nowhere/statements/2026-08/closing", "").refused(problem.NotFound)
}

func TestAPeriodOfAllTenantsIsClosedAndPaged(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"acme", "globex", "initech"} {
		w.sinceLongAgo(id, 25)
	}
	w.concurrent("later", 25)
	const all, closing = "/v1/statements", "/v1/statements/2026-08/closing"
	if v := read[httpapi.ClosingsView](w.call(finance, "GET", closing, "").ok()); v.State != statement.StateNone || v.AskedAt != nil {
		t.Errorf("before: %+v", v)
	}
	got := w.call(caller{role: "finance", subject: "ann"}, "POST", all, `{"period":"2026-08"}`)
	v := read[httpapi.ClosingsView](got)
	if got.status != 200 || got.headers["location"] != closing || v.State != statement.StateDone || v.Tenants != 4 || v.TenantsDone != 3 || v.TenantsNotDue != 1 || v.AskedBy != "ann" {
		t.Errorf("closed: %d %v %+v", got.status, got.headers, v)
	}
	var states []string
	for target := closing + "?limit=2"; ; {
		page := read[httpapi.ClosingsPageView](w.call(finance, "GET", target, "").ok())
		for _, item := range page.Items {
			states = append(states, fmt.Sprintf("%s %s", item.Tenant, item.State))
		}
		if page.NextCursor == nil {
			break
		}
		target = closing + "?limit=2&cursor=" + *page.NextCursor
	}
	if got := strings.Join(states, ", "); got != "acme done, globex done, initech done, later not_due" {
		t.Errorf("listed %s", got)
	}
	w.call(finance, "GET", statements+"/2026-08", "").ok()
	w.call(finance, "POST", all, `{"period":"2026-09"}`).refused(problem.Invalid, "#/period")
	w.call(acmeAdmin, "POST", all, `{"period":"2026-08"}`).refused(problem.Forbidden)
}

// slowLedger has each read of stays take longer than a call begins days of a closing:
// else the world's clock stands still, and a call does all of them.
func (w *world) slowLedger() {
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "query stay" {
			w.now += 6000
		}
		return faults.None
	}
}

func TestAClosingThatTakesLongerIsAcceptedAndGoesOn(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	w.slowLedger()
	var got answer
	asked := 0
	for got = w.call(finance, "POST", statements, `{"period":"2026-08"}`); got.status == 202; asked++ {
		if v := read[httpapi.ClosingView](got); got.headers["location"] != statements+"/2026-08/closing" || v.State != statement.StateRunning || asked > 40 {
			t.Fatalf("accepted: %v %+v", got.headers, v)
		}
		got = w.call(finance, "POST", statements, `{"period":"2026-08"}`)
	}
	if got.status != 201 || asked == 0 {
		t.Errorf("answered %d after %d times: %s", got.status, asked, got.body)
	}
}

func TestAStatementWithLateRecordsSaysSo(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	august := time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC)
	w.used(august)
	first := w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	stale := func(want string) {
		t.Helper()
		var got []string
		for _, item := range read[httpapi.Page[httpapi.StatementView]](w.call(finance, "GET", statements, "").ok()).Items {
			got = append(got, fmt.Sprint(item.Revision, item.Stale))
		}
		one := read[httpapi.Statement](w.call(finance, "GET", statements+"/2026-08", "").ok())
		if strings.Join(got, " ") != want || one.Stale != strings.HasSuffix(want, "true") {
			t.Errorf("listed %v, and the statement says %v; want %s", got, one.Stale, want)
		}
	}
	stale("1 false")
	w.now += 1000
	w.used(august.Add(2 * time.Hour))
	stale("1 true")
	w.call(finance, "GET", statements+"/2026-08?revision=1", "").ok()
	w.now += 3_600_000
	if _, err := rollup.New(w.store, slog.New(slog.DiscardHandler), w.clock).Tenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	stale("1 true")
	listed := read[httpapi.Page[httpapi.StatementView]](w.call(finance, "GET", statements, "").ok()).Items[0].Difference
	one := read[httpapi.Statement](w.call(finance, "GET", statements+"/2026-08", "").ok()).Difference
	if listed == nil || one == nil || listed.SeatMillis == 0 || *listed != *one {
		t.Errorf("the difference is %+v in the list, %+v in the statement", listed, one)
	}
	w.now += 1000
	w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	stale("1 false 2 false")
	w.call(finance, "GET", statements+"/2026-08?revision=1", "").want(200, first.body)
}

// The month in which the time zone changed has one beginning and one end.
func TestAUsagePeriodIsThatOfItsStatement(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"time_zone":"Asia/Kathmandu"}`).ok()
	w.used(time.Date(2026, time.September, 30, 18, 0, 0, 0, time.UTC))
	w.now = time.Date(2026, time.November, 15, 0, 0, 0, 0, time.UTC).UnixMilli()
	w.call(vendor, "PUT", "/v1/tenants/acme/license", `{"model":"concurrent","seats":25,"time_zone":"America/St_Johns"}`).ok()
	for _, period := range []string{"2026-08", "2026-09", "2026-10"} {
		s := read[statement.Statement](w.call(finance, "POST", statements, `{"period":"`+period+`"}`).ok())
		type row struct {
			From, To   string
			SeatMillis int64 `json:"seat_ms"`
		}
		want := row{s.From, s.To, s.Totals.SeatMillis}
		one := read[struct{ Rows []row }](w.call(finance, "GET", "/v1/tenants/acme/usage?period="+period, "").ok()).Rows
		all := read[struct{ Items []row }](w.call(finance, "GET", "/v1/usage?period="+period, "").ok()).Items
		if len(one) != 1 || one[0] != want || len(all) != 1 || all[0] != want {
			t.Errorf("%s: reports say %+v and %+v, the statement %+v", period, one, all, want)
		}
	}
}
