package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/admission"
	"seatmeter/shared/deletion"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
)

// removes runs what a schedule runs.
func (w *world) removes() error {
	return deletion.NewRemover(w.failing(), slog.New(slog.DiscardHandler), w.clock).Run(context.Background())
}

// removed runs it often enough for a deletion that is due.
func (w *world) removed() {
	w.t.Helper()
	for range 3 {
		w.now += (20 * time.Minute).Milliseconds()
		if err := w.removes(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ended runs it once more, after the last event that may bring something back.
func (w *world) ended() {
	w.t.Helper()
	w.now += (7 * 24 * time.Hour).Milliseconds()
	if err := w.removes(); err != nil {
		w.t.Fatal(err)
	}
}

// kept are the keys of all items of a tenant that do not expire.
func (w *world) kept(t string) []string {
	var keys []string
	for _, table := range []string{memtable.Names.Live, memtable.Names.Ledger, memtable.Names.Usage} {
		w.tables.Each(table, func(i memtable.Item) {
			text := func(name string) string {
				s, _ := i[name].(*types.AttributeValueMemberS)
				if s == nil {
					return ""
				}
				return s.Value
			}
			name := text(dynamo.PartitionKey) + " " + text(dynamo.SortKey)
			_, expires := i[dynamo.ExpiresAttribute]
			if !expires && (strings.Contains(name, t) || text("tenant") == t) {
				keys = append(keys, name)
			}
		})
	}
	slices.Sort(keys)
	return keys
}

// toDelete is a tenant with something of every kind: see withPeople. Its August is closed.
func toDelete(t *testing.T) *world {
	w := withPeople(t)
	w.webhook("acme", "wh_1")
	w.call(finance, "POST", statements, `{"period":"2026-08"}`).ok()
	w.call(vendor, "POST", ofAcme+"/webhooks", newWebhook).ok()
	w.schedule("acme", "yearly", "ann@example.org")
	w.concurrent("globex", 3)
	return w
}

func TestADeletedTenantLeavesStatementsAndActionsAlone(t *testing.T) {
	w := toDelete(t)
	others := w.kept("globex")
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	w.removed()
	w.ended()
	for _, name := range w.kept("acme") {
		of, kind, _ := strings.Cut(name, " ")
		switch {
		case of == "acme" && (strings.HasPrefix(kind, "audit#") || strings.HasPrefix(kind, "statement#")):
		case name == "deleted acme", strings.HasPrefix(of, "signals#"): // which are told within seconds
		default:
			t.Errorf("left: %s", name)
		}
	}
	if got := w.kept("globex"); !slices.Equal(got, others) {
		t.Errorf("another tenant has %v, and had %v", got, others)
	}
	actions := w.actions("acme")
	if actions[0].Action != deletion.ActionEnd || actions[0].Role != "seatmeter" || actions[1].Action != "delete-tenant" || actions[1].Outcome != "done" {
		t.Errorf("the last actions are %+v", actions[:2])
	}
	for _, name := range []string{"ann@", "Ann Lee", "bob@"} {
		if all := w.call(vendor, http.MethodGet, ofAcme+"/audit", "").ok().body; strings.Contains(all, name) {
			t.Errorf("%s is named: %s", name, all)
		}
	}
}

func TestFreeTextOfADeletedTenantIsNotInTheAuditLog(t *testing.T) {
	w := toDelete(t)
	w.call(acmeAdmin, http.MethodPatch, conferences+"/yearly", `{"title":"Interview with Bob Miller"}`).ok()
	w.call(acmeAdmin, http.MethodPatch, conferences+"/yearly", `{"title":"Talk"}`).ok()
	w.call(acmeAdmin, http.MethodPost, ofAcme+"/webhooks", `{"url":"https://hooks.example.com/?key=hunter2","types":["seatmeter.license.changed"],"description":"ask Eve Stone"}`).ok()
	texts := []string{"Bob Miller", "hunter2", "Eve Stone"}
	log := func() string { return w.call(vendor, http.MethodGet, ofAcme+"/audit", "").ok().body }
	for _, text := range texts {
		if !strings.Contains(log(), text) {
			t.Fatalf("%s is not there before", text)
		}
	}
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	w.removed()
	for _, text := range texts {
		if all := log(); strings.Contains(all, text) {
			t.Errorf("%s is left: %s", text, all)
		}
	}
}

func TestACallForADeletedTenantFindsNone(t *testing.T) {
	w := toDelete(t)
	pass := w.token("acme", "yearly", "bob@example.org", "participant")
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	w.removed()
	for _, path := range []string{"/license", "/hosts", "/conferences", "/seats", "/audit", "/statements", "/statements/2026-08", "/ledger?from=2026-08-01T00:00:00Z&to=2026-08-02T00:00:00Z"} {
		w.call(acmeAdmin, http.MethodGet, ofAcme+path, "").refused(problem.NotFound)
	}
	w.call(vendor, http.MethodGet, ofAcme, "").refused(problem.NotFound)
	w.call(vendor, http.MethodPost, ofAcme+"/restore", "").refused(problem.NotFound)
	w.call(vendor, http.MethodDelete, ofAcme, "").refused(problem.NotFound)
	w.call(finance, http.MethodGet, ofAcme+"/statements/2026-08", "").ok()
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":2}`).refused(problem.AlreadyExists)
	err := w.door.Connect(t.Context(), admission.Visitor{Pass: pass, Connection: connection(7), AtMillis: w.now})
	if problem.As(err).Code != problem.NotFound {
		t.Errorf("a join is answered by %v", err)
	}
	if strings.Contains(w.call(vendor, http.MethodGet, "/v1/tenants", "").ok().body, "acme") {
		t.Error("is listed")
	}
}

func TestADeletionWaitsAndIsTakenBack(t *testing.T) {
	w := toDelete(t)
	before := w.kept("acme")
	was := read[httpapi.LicenseView](w.call(vendor, http.MethodGet, acmeLicense, ""))
	pass := w.token("acme", "yearly", "bob@example.org", "participant")
	deleting := func(a answer) time.Time {
		t.Helper()
		return *read[httpapi.TenantView](a).DeletingAt
	}
	at := w.clock().Add(30 * 24 * time.Hour)
	asked := w.call(vendor, http.MethodDelete, ofAcme, "")
	if got := deleting(asked); asked.status != http.StatusAccepted || !got.Equal(at) {
		t.Errorf("answered %d, deleting at %s", asked.status, got)
	}
	w.now += time.Hour.Milliseconds()
	for _, again := range []answer{w.call(vendor, http.MethodDelete, ofAcme, ""), w.call(vendor, http.MethodGet, ofAcme, "")} {
		if got := deleting(again); !got.Equal(at) {
			t.Errorf("deleting at %s", got)
		}
	}
	err := w.door.Connect(t.Context(), admission.Visitor{Pass: pass, Connection: connection(7), AtMillis: w.now})
	if problem.As(err).Code != problem.LicenseSuspended {
		t.Errorf("a join is answered by %v", err)
	}
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":2}`).refused(problem.LicenseSuspended)
	w.now = at.UnixMilli() - 3*20*time.Minute.Milliseconds() - 1
	w.removed()
	for range 2 {
		if back := read[httpapi.TenantView](w.call(vendor, http.MethodPost, ofAcme+"/restore", "")); back.DeletingAt != nil || back.Status != "active" {
			t.Errorf("restored as %+v", back)
		}
	}
	if is := read[httpapi.LicenseView](w.call(vendor, http.MethodGet, acmeLicense, "")); is.Status != was.Status || is.Seats != was.Seats || !is.StartsAt.Equal(was.StartsAt.Time) {
		t.Errorf("the license is %+v, and was %+v", is, was)
	}
	w.removed()
	w.removed()
	got := w.kept("acme")
	for _, name := range before {
		if !slices.Contains(got, name) && !strings.HasPrefix(name, "signals#") {
			t.Errorf("%s is removed", name)
		}
	}
	if slices.Contains(got, "deletions acme") {
		t.Error("the deletion is still noted")
	}
	if err := w.door.Connect(t.Context(), admission.Visitor{Pass: pass, Connection: connection(8), AtMillis: w.now}); err != nil {
		t.Error(err)
	}
}

func TestATenantWithSomebodyInIsNotRemoved(t *testing.T) {
	w := toDelete(t)
	in := w.join("acme", "yearly", "bob@example.org", "participant", 7)
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	w.removed()
	w.call(vendor, http.MethodGet, ofAcme, "").ok()
	w.call(vendor, http.MethodPost, ofAcme+"/conferences/yearly/end", "").ok()
	w.leave(in)
	w.removed()
	w.call(vendor, http.MethodGet, ofAcme, "").refused(problem.NotFound)
}

// A run that has no time left is followed by one that has.
func TestADeletionOutOfTimeIsGoneOnWith(t *testing.T) {
	w := toDelete(t)
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	remover := deletion.NewRemover(w.failing(), slog.New(slog.DiscardHandler), w.clock)
	for range 3 {
		w.now += (20 * time.Minute).Milliseconds()
		ctx, cancel := context.WithDeadline(t.Context(), w.clock().Add(time.Second))
		if err := remover.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
	}
	if w.actions("acme")[0].Action == deletion.ActionEnd {
		t.Fatal("no time, and all is removed")
	}
	w.removed()
	if w.actions("acme")[0].Action != deletion.ActionEnd {
		t.Error("not all is removed")
	}
	w.ended()
	if slices.Contains(w.kept("acme"), "deletions acme") {
		t.Error("the deletion has not ended")
	}
}

// A session is kept for days, and what it had is recorded when its end is told.
func TestAStayToldAfterADeletionIsRemoved(t *testing.T) {
	for name, later := range map[string]func(w *world) (told func()){
		"a server's release": func(w *world) func() {
			id := w.taken("bob")
			w.now += 10 * time.Minute.Milliseconds() // its lease is over, and carl takes its place
			w.concurrent("acme", 1)
			w.call(server, http.MethodDelete, weeklySeats+"/"+string(w.taken("carl")), "").want(204, "")
			return func() { w.call(server, http.MethodDelete, weeklySeats+"/"+string(id), "").want(204, "") }
		},
		"a disconnect": func(w *world) func() {
			in := w.join("acme", "weekly", "bob@example.org", "participant", 7)
			return func() { w.leave(in) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := serving(t)
			stays := func() (list []string) {
				for _, name := range w.kept("acme") {
					if strings.HasPrefix(name, "acme stay#") || strings.HasPrefix(name, "acme late#") {
						list = append(list, name)
					}
				}
				return list
			}
			tell := later(w)
			w.call(vendor, http.MethodPost, conferences+"/weekly/end", "").ok()
			w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
			w.removed()
			w.call(vendor, http.MethodGet, ofAcme, "").refused(problem.NotFound)
			w.now += 3 * 24 * time.Hour.Milliseconds()
			tell()
			if len(stays()) == 0 {
				t.Fatal("nothing is told late")
			}
			w.removed()
			if !slices.Contains(w.kept("acme"), "deletions acme") {
				t.Error("the deletion has ended while sessions are kept")
			}
			w.ended()
			if left := stays(); len(left) > 0 || slices.Contains(w.kept("acme"), "deletions acme") {
				t.Errorf("left: %v, and %v", left, w.kept("acme"))
			}
		})
	}
}

// Whatever is removed, a statement is as it was sealed.
func TestASealVerifiesAfterErasureAndDeletion(t *testing.T) {
	w := toDelete(t)
	closed := w.call(finance, http.MethodGet, statements+"/2026-08", "").ok().body
	verify := func(when string) {
		t.Helper()
		sealed, err := w.store.Statement(t.Context(), "acme", "2026-08", 0)
		if err != nil || sealed == nil {
			t.Fatalf("%s: %v, %v", when, sealed, err)
		}
		if _, err := sealed.Open(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		w.call(finance, http.MethodGet, statements+"/2026-08", "").want(200, closed)
	}
	w.call(vendor, http.MethodDelete, ofAcme+"/people/bob@example.org", "").ok()
	w.goOn()
	verify("after an erasure")
	w.call(vendor, http.MethodDelete, ofAcme+"?after_days=0", "").ok()
	verify("before a deletion")
	w.removed()
	verify("after a deletion")
	if list, err := w.store.Statements(t.Context(), "acme", statement.Name{}, 10); err != nil || len(list) != 1 {
		t.Errorf("listed %v, %v", list, err)
	}
}
