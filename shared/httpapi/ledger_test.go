package httpapi_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/export"
	"seatmeter/shared/problem"
	"seatmeter/shared/retention"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

const ledger = "/v1/tenants/acme/ledger?from=2026-09-21T14:00:00Z&to=2026-09-21T16:00:00Z"

// shelf is a store of objects in memory.
type shelf struct {
	objects map[string][]byte
	about   map[string]export.Object
	// err is what putting a part fails with.
	err error
	// waits: a part arrives only when the context ends.
	waits   bool
	aborted int
}

func newShelf() *shelf {
	return &shelf{objects: make(map[string][]byte), about: make(map[string]export.Object)}
}

func (s *shelf) Begin(_ context.Context, o export.Object) (export.Upload, error) {
	return &parcel{shelf: s, object: o}, nil
}

func (s *shelf) Link(_ context.Context, key string, _ time.Duration) (string, error) {
	return "https://objects.example.org/" + key, nil
}

type parcel struct {
	shelf  *shelf
	object export.Object
	body   bytes.Buffer
}

func (p *parcel) Put(ctx context.Context, _ int, part []byte) error {
	if p.shelf.waits {
		<-ctx.Done()
		return ctx.Err()
	}
	p.body.Write(part)
	return p.shelf.err
}

func (p *parcel) Complete(context.Context) error {
	p.shelf.objects[p.object.Key], p.shelf.about[p.object.Key] = p.body.Bytes(), p.object
	return nil
}

func (p *parcel) Abort(context.Context) error {
	p.shelf.aborted++
	return nil
}

// crowd has as many stays in acme's ledger as make an answer of over 5 MB.
func (w *world) crowd() (stays int) {
	w.t.Helper()
	stays = 2_600
	for i := range stays {
		_, err := w.store.Record(w.t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", ID: usage.StayID(fmt.Sprintf("MadeUpStay%05d.abcdefgh", i)),
			Identity: fmt.Sprintf("person-%d@%s.example.org", i, strings.Repeat("long-", 400)), Role: "participant",
			Connection: seat.ConnectionID(fmt.Sprintf("MadeUpC%05d=", i)), JoinedAtMillis: start + int64(i), LeftAtMillis: start + int64(i) + 1,
			End: usage.EndClosed, Limit: 25, InUse: 1,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return stays
}

func TestTheLedgerHasClosedStaysAndRefusals(t *testing.T) {
	w := meetingOfTwo(t) // one has left, one is still in, one was refused
	for _, accept := range []string{"", "*/*", "application/x-ndjson", "text/csv;q=0.1, application/x-ndjson"} {
		got := w.call(finance, http.MethodGet, ledger, "", "accept", accept)
		if got.status != 200 || got.headers["content-type"] != "application/x-ndjson" ||
			got.headers["content-disposition"] != "attachment; filename=acme-ledger.ndjson" || got.headers["location"] != "" {
			t.Errorf("%s: answered %d, %v", accept, got.status, got.headers)
		}
		lines := strings.Split(got.body, "\n")
		if len(lines) != 3 || lines[2] != "" {
			t.Fatalf("%s: answered\n%s\nwant two lines", accept, got.body)
		}
		var stay usage.StayRecord
		var refusal usage.RefusalRecord
		if err := errors.Join(json.Unmarshal([]byte(lines[0]), &stay), json.Unmarshal([]byte(lines[1]), &refusal)); err != nil {
			t.Fatal(err)
		}
		if stay.Kind != "stay" || stay.Identity != "ann@example.org" || stay.JoinedAt != "2026-09-21T14:13:20.000Z" ||
			stay.LeftAt != "2026-09-21T14:14:50.000Z" || stay.Pool != usage.PoolKindTenant || stay.Limit != 2 || stay.InUse != 1 {
			t.Errorf("%s: stay %+v", accept, stay)
		}
		if refusal.Kind != "refusal" || refusal.Identity != "eve" || refusal.At != "2026-09-21T14:13:50.000Z" ||
			refusal.Code != problem.SeatsExhausted || *refusal.Limit != 2 || *refusal.InUse != 2 {
			t.Errorf("%s: refusal %+v", accept, refusal)
		}
	}
	got := w.call(finance, http.MethodGet, ledger, "", "accept", "text/csv")
	if got.status != 200 || got.headers["content-type"] != "text/csv; charset=utf-8" || got.headers["content-disposition"] != "attachment; filename=acme-ledger.csv" {
		t.Errorf("answered %d, %v", got.status, got.headers)
	}
	records, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	if err != nil || len(records) != 3 || records[1][0] != "stay" || records[2][0] != "refusal" {
		t.Errorf("answered %v (%v)", records, err)
	}
}

// sameMoment has stays in acme's ledger that began at one moment.
func (w *world) sameMoment(stays int) {
	w.t.Helper()
	for i := range stays {
		_, err := w.store.Record(w.t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", ID: usage.StayID(fmt.Sprintf("MadeUpStay%d.a", i)),
			Identity: "ann@example.org", Role: "host", Connection: seat.ConnectionID(fmt.Sprintf("MadeUpC%d=", i)),
			JoinedAtMillis: start, LeftAtMillis: start + 1000, End: usage.EndClosed, Limit: 25, InUse: i + 1,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestPagesOfTheLedgerHaveEachRecordOnce(t *testing.T) {
	w := meetingOfTwo(t)
	w.sameMoment(3)
	for _, outcome := range []usage.WaitOutcome{usage.WaitAdmitted, usage.WaitGone} {
		if err := w.store.RecordWait(t.Context(), usage.Wait{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "eve", Role: "participant",
			Connection: seat.ConnectionID("MadeUp" + outcome + "="), SinceMillis: start, UntilMillis: start + 1000, Outcome: outcome,
		}); err != nil {
			t.Fatal(err)
		}
	}
	whole := w.call(finance, http.MethodGet, ledger, "").ok().body
	lines := strings.Split(strings.TrimSpace(whole), "\n")
	if len(lines) != 7 || strings.Count(whole, `"kind":"wait"`) != 2 {
		t.Fatalf("the ledger has\n%s", whole)
	}
	for _, limit := range []int{1, 2, 4, 5, 1000} {
		path := fmt.Sprintf("%s&limit=%d", ledger, limit)
		var items []json.RawMessage
		for cursor := ""; ; {
			page := read[struct {
				Items      []json.RawMessage
				NextCursor *string `json:"next_cursor"`
			}](w.call(finance, http.MethodGet, path+"&cursor="+cursor, "", "accept", "application/json").ok())
			items = append(items, page.Items...)
			if page.NextCursor == nil {
				break
			}
			if len(page.Items) != limit {
				t.Fatalf("limit %d: a page of %d", limit, len(page.Items))
			}
			cursor = *page.NextCursor
		}
		if got := fmt.Sprintf("%s", items); got != "["+strings.Join(lines, " ")+"]" {
			t.Errorf("limit %d: as JSON\n%s\nwant\n%s", limit, got, whole)
		}
		for accept, header := range map[string]int{"application/x-ndjson": 0, "text/csv": 1} {
			var rows []string
			for next := path; next != ""; {
				got := w.call(finance, http.MethodGet, next, "", "accept", accept).ok()
				rows = append(rows, strings.Split(strings.TrimSpace(got.body), "\n")[header:]...)
				next, _, _ = strings.Cut(strings.TrimPrefix(got.headers["link"], "<"), ">")
			}
			if len(rows) != len(lines) || accept != "text/csv" && strings.Join(rows, "\n") != strings.TrimSpace(whole) {
				t.Errorf("limit %d: as %s\n%s", limit, accept, strings.Join(rows, "\n"))
			}
		}
	}
}

func TestTheLedgerOfNoRecordsIsAnEmptyPage(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	w.call(finance, http.MethodGet, ledger, "", "accept", "application/json").want(200, `{"items":[],"next_cursor":null}`)
	w.call(finance, http.MethodGet, ledger+"&cursor=abc", "", "accept", "application/json").refused(problem.Invalid, "#/cursor")
}

func TestTheRangeOfTheLedgerIsHalfOpen(t *testing.T) {
	w := meetingOfTwo(t)
	const path = "/v1/tenants/acme/ledger?from=2026-09-21T14:13:20Z&to=2026-09-21T14:13:50Z"
	got := w.call(vendor, http.MethodGet, path, "")
	if got.status != 200 || strings.Count(got.body, "\n") != 1 || !strings.Contains(got.body, `"kind":"stay"`) {
		t.Errorf("answered %d: %s; want the stay that begins it, not the refusal that ends it", got.status, got.body)
	}
	got = w.call(vendor, http.MethodGet, "/v1/tenants/acme/ledger?from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z", "")
	if got.status != 200 || got.body != "" || got.headers["content-type"] != "application/x-ndjson" {
		t.Errorf("of no records: answered %d: %s, %v", got.status, got.body, got.headers)
	}
}

func TestALargeLedgerIsRedirectedToItsFile(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	stays := w.crowd()
	for accept, want := range map[string]struct {
		name, contentType string
		lines             int
	}{
		"application/x-ndjson": {"acme-ledger.ndjson", "application/x-ndjson", stays},
		"text/csv":             {"acme-ledger.csv", "text/csv; charset=utf-8", stays + 1},
	} {
		got := w.call(acmeAdmin, http.MethodGet, ledger, "", "accept", accept)
		if got.status != http.StatusSeeOther || got.body != "" || got.headers["content-type"] != "" || got.headers["content-disposition"] != "" {
			t.Errorf("%s: answered %d with %d bytes, %v; want 303 and nothing", accept, got.status, len(got.body), got.headers)
		}
		key, ok := strings.CutPrefix(got.headers["location"], "https://objects.example.org/")
		body, there := w.shelf.objects[key]
		if !ok || !there || !strings.HasPrefix(key, "tenants/acme/") || !strings.HasSuffix(key, "/"+want.name) {
			t.Fatalf("%s: location %s", accept, got.headers["location"])
		}
		if lines := bytes.Count(body, []byte("\n")); lines != want.lines || len(body) <= export.LargeBytes {
			t.Errorf("%s: %d lines in %d bytes, want %d", accept, lines, len(body), want.lines)
		}
		if got := w.shelf.about[key].ContentType; got != want.contentType {
			t.Errorf("%s: stored as %s", accept, got)
		}
	}
}

func TestAllRolesReadTheLedgerOfOneTenant(t *testing.T) {
	w := meetingOfTwo(t)
	w.concurrent("globex", 1)
	for _, who := range []caller{vendor, finance, acmeAdmin} {
		if got := w.call(who, http.MethodGet, ledger, ""); got.status != 200 {
			t.Errorf("%s: answered %d", who.role, got.status)
		}
	}
	w.call(nobody, http.MethodGet, ledger, "").refused(problem.Forbidden)
	w.call(acmeAdmin, http.MethodGet, strings.Replace(ledger, "acme", "globex", 1), "").refused(problem.NotFound)
	w.call(vendor, http.MethodGet, strings.Replace(ledger, "acme", "initech", 1), "").refused(problem.NotFound)
	if got := w.call(vendor, http.MethodGet, strings.Replace(ledger, "acme", "globex", 1), ""); got.status != 200 || got.body != "" {
		t.Errorf("globex: answered %d: %s", got.status, got.body)
	}
}

func TestAnInvalidRangeOfTheLedgerIsNamed(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	for query, pointers := range map[string][]string{
		"":                          {"#/from", "#/to"},
		"from=2026-09-21T14:00:00Z": {"#/to"},
		"from=yesterday&to=today":   {"#/from", "#/to"},
		"from=2026-09-21&to=2026-09-22T00:00:00Z":                     {"#/from"},
		"from=2026-09-21T14:00:00Z&to=2026-09-21T14:00:00Z":           {"#/to"},
		"from=2026-09-21T14:00:00Z&to=2026-09-21T13:00:00Z":           {"#/to"},
		"from=2026-09-21T14:00:00%2B02:00&to=2026-09-21T12:00:00Z":    {"#/to"},
		"from=2025-01-01T00:00:00Z&to=2026-02-05T00:00:00.001Z":       {"#/to"},
		"from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z":           {"#/to"},
		"from=2026-09-21T14:00:00Z&to=2026-09-21T14:00:00Z%3Bdrop%27": {"#/to"},
	} {
		t.Run(query, func(t *testing.T) {
			w.t = t
			w.call(finance, http.MethodGet, "/v1/tenants/acme/ledger?"+query, "").refused(problem.Invalid, pointers...)
		})
	}
	if got := w.call(finance, http.MethodGet, "/v1/tenants/acme/ledger?from=2025-01-01T00:00:00Z&to=2026-02-05T00:00:00Z", ""); got.status != 200 {
		t.Errorf("400 days: answered %d: %s", got.status, got.body)
	}
}

func TestOfRemovedRecordsNoRangeIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 2)
	boundary := time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)
	if err := w.store.SaveRemoval(t.Context(), "acme", retention.Removal{BeforeMillis: boundary.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"ledger", "usage", "usage/peaks", "usage/sizing", "usage/refusals"} {
		path = "/v1/tenants/acme/" + path
		w.call(finance, http.MethodGet, path+"?from=2026-08-31T23:59:59Z&to=2026-09-02T00:00:00Z", "").refused(problem.Invalid, "#/from")
		w.call(finance, http.MethodGet, path+"?period=2026-08", "").refused(problem.Invalid, "#/from")
		w.call(finance, http.MethodGet, path+"?from=2026-09-01T00:00:00Z&to=2026-09-02T00:00:00Z", "").ok()
	}
	w.call(finance, http.MethodGet, "/v1/usage?period=2026-08", "").refused(problem.Invalid, "#/period")
	w.call(finance, http.MethodPost, "/v1/tenants/acme/statements", `{"period":"2026-08"}`).refused(problem.Invalid, "#/period")
}

func TestAFailedExportIsReportedAndAborted(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.crowd()
	w.shelf.err = errors.New("the bucket is on fire")
	if d := w.call(finance, http.MethodGet, ledger, "").refused(problem.Internal); strings.Contains(d.Detail, "fire") {
		t.Errorf("the caller is told %q", d.Detail)
	}
	if w.shelf.aborted != 1 || len(w.shelf.objects) != 0 {
		t.Errorf("aborted %d times, %d objects", w.shelf.aborted, len(w.shelf.objects))
	}
	if !strings.Contains(w.log.String(), "on fire") {
		t.Errorf("the log does not have the cause: %s", w.log)
	}
}

// Lambda ends a function at its deadline: what is not aborted by then stays.
func TestASlowExportEndsBeforeItsFunctionDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.concurrent("acme", 25)
		w.crowd()
		w.shelf.waits = true
		ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
		defer cancel()
		invoke(ctx, t, w.api, w.event(finance, http.MethodGet, ledger, "")).refused(problem.Unavailable)
		if ctx.Err() != nil {
			t.Error("it took all the time that the function has")
		}
		if w.shelf.aborted != 1 || len(w.shelf.objects) != 0 {
			t.Errorf("aborted %d times, %d objects", w.shelf.aborted, len(w.shelf.objects))
		}
	})
}
