package httpapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/audit"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/usage"
)

const ofAcme = "/v1/tenants/acme"

// stayByToken has somebody join by a token of the API, and leave after an hour.
func (w *world) stayByToken(identity string, n int) {
	w.t.Helper()
	made := read[httpapi.TokenView](w.call(acmeAdmin, "POST", ofAcme+"/conferences/weekly/join-tokens", `{"identity":"`+identity+`","role":"participant"}`))
	pass, err := w.signer.Verify(context.Background(), made.Token, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	v := admission.Visitor{Pass: pass, Connection: connection(n), AtMillis: w.now}
	if err := w.door.Connect(context.Background(), v); err != nil {
		w.t.Fatal(err)
	}
	w.now += time.Hour.Milliseconds()
	if err := w.door.Leave(context.Background(), v.Connection, w.now, usage.EndClosed); err != nil {
		w.t.Fatal(err)
	}
}

// everything is all that the API tells of what was: reports, the ledger, the audit log.
func (w *world) everything() string {
	w.t.Helper()
	const days = "?from=2026-08-01T00:00:00Z&to=2026-10-01T00:00:00Z"
	var all strings.Builder
	for _, target := range []string{
		"/usage" + days + "&group_by=host", "/usage/peaks" + days, "/usage/refusals" + days, "/ledger" + days + "&format=json", "/audit",
		"/conferences", "/hosts",
	} {
		all.WriteString(w.call(acmeAdmin, "GET", ofAcme+target, "").ok().body + "\n")
	}
	all.WriteString(w.call(acmeAdmin, "GET", ofAcme+"/ledger"+days+"&format=csv", "").ok().body)
	all.WriteString(w.call(acmeAdmin, "GET", ofAcme+"/usage"+days+"&group_by=host&format=csv", "").ok().body)
	return all.String()
}

// goOn runs what a schedule runs.
func (w *world) goOn() {
	w.t.Helper()
	if err := people.NewEraser(w.failing(), slog.New(slog.DiscardHandler), w.clock).Run(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// withPeople is a tenant of whom bob visited twice: in August, recorded by a release that
// had no pseudonyms, and in September. Ann hosted, and is a host.
func withPeople(t *testing.T) *world {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	august := time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC).UnixMilli()
	old := usage.Stay{
		ID: usage.NewStayID("old=", august), Tenant: "acme", Conference: "daily", Number: 9, Host: "ann@example.org", Identity: "bob@example.org", Role: jointoken.RoleParticipant,
		Connection: "old=", Block: seat.Block{Pool: seat.Pool{Tenant: "acme"}}, Seat: 1,
		JoinedAtMillis: august, LeftAtMillis: august + time.Hour.Milliseconds(), End: usage.EndClosed,
	}
	if _, err := w.store.Record(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	w.call(acmeAdmin, "POST", ofAcme+"/hosts", `{"email":"ann@example.org","name":"Ann Lee"}`).ok()
	w.schedule("acme", "weekly", "ann@example.org")
	w.stayByToken("bob@example.org", 1)
	w.call(acmeAdmin, "DELETE", ofAcme+"/conferences/weekly/participants/bob@example.org", "").ok()
	w.call(acmeAdmin, "POST", ofAcme+"/conferences/weekly/end", "").ok()
	return w
}

func TestAnErasedPersonIsNamedNowhere(t *testing.T) {
	w := withPeople(t)
	before := w.everything()
	for _, name := range []string{"ann@example.org", "Ann Lee", "bob@example.org"} {
		if !strings.Contains(before, name) {
			t.Errorf("%s is not named before", name)
		}
	}
	if strings.Contains(before, "person-") {
		t.Errorf("pseudonyms are shown of people who are not erased: %s", before)
	}
	for range 2 {
		w.call(acmeAdmin, "DELETE", ofAcme+"/people/BOB@example.org", "").want(204, "")
		w.call(acmeAdmin, "DELETE", ofAcme+"/people/ann@example.org", "").want(204, "")
		w.goOn()
	}
	for _, name := range []string{"ann@", "Ann Lee", "bob@", "BOB@"} {
		for line := range strings.Lines(w.everything()) {
			if strings.Contains(line, name) {
				t.Errorf("%s is named: %s", name, line)
			}
		}
	}
}

// Erasures change no figure: a closed month stays sealed, and is not stale.
func TestAStatementStaysAsItWasSealedAfterAnErasure(t *testing.T) {
	w := withPeople(t)
	august := w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	w.now = time.Date(2026, time.October, 3, 0, 0, 0, 0, time.UTC).UnixMilli()
	september := w.call(finance, "POST", statements, `{"period":"2026-09"}`).ok()
	if s := read[statement.Statement](september); s.Totals.Identities != 1 || s.Totals.Joins != 1 {
		t.Errorf("closed as %+v", s.Totals)
	}
	w.call(vendor, "DELETE", ofAcme+"/people/bob@example.org", "").ok()
	w.goOn()
	for period, closed := range map[string]answer{"2026-08": august, "2026-09": september} {
		w.call(finance, "GET", statements+"/"+period, "").want(200, closed.body)
		w.call(finance, "POST", statements, `{"period":"`+period+`"}`).want(200, closed.body)
		sealed, err := w.store.Statement(t.Context(), "acme", period, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sealed.Open(); err != nil {
			t.Error(err)
		}
	}
}

// Records of both kinds are one person's, before an erasure, while it goes on, and after it.
func TestAPersonOfOldAndNewRecordsCountsOnce(t *testing.T) {
	w := withPeople(t)
	count := func(when string) {
		t.Helper()
		view := read[httpapi.UsageView](w.call(finance, "GET", ofAcme+"/usage?from=2026-08-01T00:00:00Z&to=2026-10-01T00:00:00Z", "", "accept", "application/json"))
		if row := view.Rows[0]; row.Identities != 1 || row.Hosts != 1 || row.Joins != 2 {
			t.Errorf("%s: %d identities, %d hosts, %d joins", when, row.Identities, row.Hosts, row.Joins)
		}
	}
	count("before")
	w.call(acmeAdmin, "DELETE", ofAcme+"/people/bob@example.org", "").ok()
	count("under way")
	w.goOn()
	count("after")
}

// Who comes back is another person, whom nothing links to the one who was erased.
func TestWhoComesBackGetsAnotherPseudonym(t *testing.T) {
	w := withPeople(t)
	w.call(acmeAdmin, "DELETE", ofAcme+"/people/bob@example.org", "").ok()
	w.goOn()
	w.schedule("acme", "weekly", "ann@example.org")
	w.stayByToken("bob@example.org", 2)
	ledger := w.call(finance, "GET", ofAcme+"/ledger?from=2026-08-01T00:00:00Z&to=2026-10-01T00:00:00Z&format=json", "").ok().body
	if strings.Count(ledger, `"identity":"bob@example.org"`) != 1 || strings.Count(ledger, `"identity":"person-`) != 2 {
		t.Errorf("the ledger has %s", ledger)
	}
}

// After a restore of an older state an erasure is repeated by what the audit log has.
func TestAPersonIsErasedByPseudonymToo(t *testing.T) {
	w := withPeople(t)
	pseudonym, err := w.store.Pseudonym(t.Context(), "acme", "bob@example.org", true)
	if err != nil {
		t.Fatal(err)
	}
	w.call(acmeAdmin, "DELETE", ofAcme+"/people/"+pseudonym, "").want(204, "")
	w.goOn()
	if all := w.everything(); strings.Contains(all, "bob@") || !strings.Contains(all, `"action":"erase-person","identity":"`+pseudonym) {
		t.Errorf("told %s", all)
	}
	w.call(acmeAdmin, "DELETE", ofAcme+"/people/"+pseudonym, "").want(204, "")
	w.call(acmeAdmin, "DELETE", ofAcme+"/people/%07", "").refused(problem.Invalid, "#/identity")
}

// A process may die after any call of an erasure, and any answer be lost: a repeat, and
// the next run, complete it.
func TestAnErasureThatDiesAnywhereIsCompleted(t *testing.T) {
	for calls := 1; ; calls++ {
		w := withPeople(t)
		left, died := calls, false
		w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault {
			left--
			if left == 0 {
				died = true
				return faults.After
			}
			if left < 0 {
				return faults.Before
			}
			return faults.None
		}
		_ = w.call(acmeAdmin, "DELETE", ofAcme+"/people/ann@example.org", "")
		_ = people.NewEraser(w.failing(), slog.New(slog.DiscardHandler), w.clock).Run(t.Context())
		w.faulty.Decide = nil
		w.call(acmeAdmin, "DELETE", ofAcme+"/people/ann@example.org", "").ok()
		w.goOn()
		if all := w.everything(); strings.Contains(all, "ann@") || strings.Contains(all, "Ann Lee") {
			t.Errorf("died after %d calls, and is named: %s", calls, all)
		}
		if !died {
			return
		}
	}
}

// The ledger itself names nobody who came by a token of this release.
func TestTheLedgerHasPseudonymsAlone(t *testing.T) {
	w := withPeople(t)
	for stay, err := range w.store.Stays(t.Context(), "acme", start, w.now) {
		if err != nil || !people.IsPseudonym(stay.Identity) || !people.IsPseudonym(string(stay.Host)) {
			t.Errorf("recorded %+v (%v)", stay, err)
		}
	}
	actions, err := w.store.Actions(t.Context(), "acme", 0, w.now+1, audit.Name{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(actions)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann@", "Ann Lee", "bob@"} {
		if strings.Contains(string(text), name) {
			t.Errorf("%s is in the audit log: %s", name, text)
		}
	}
}
