package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/streams"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/jobs"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// runs are what a handler had done, and how it is to end.
type runs struct {
	rounds  int
	parts   []reconcile.Work
	refused [][]seat.Pool
	// refusals are all that were handed on.
	refusals []crossing.Refusal
	err      error
}

func (r *runs) Round(context.Context) error {
	r.rounds++
	return r.err
}

func (r *runs) Continue(_ context.Context, w reconcile.Work) error {
	r.parts = append(r.parts, w)
	return r.err
}

func (r *runs) Refused(_ context.Context, refusals []crossing.Refusal) error {
	r.refusals = append(r.refusals, refusals...)
	var pools []seat.Pool
	for _, one := range refusals {
		pools = append(pools, one.Pool)
	}
	r.refused = append(r.refused, pools)
	return r.err
}

func handle(t *testing.T, event string) *runs {
	t.Helper()
	var done runs
	if err := jobs.NewReconciler(&done, slog.New(slog.DiscardHandler)).Handle(t.Context(), json.RawMessage(event)); err != nil {
		t.Error(err)
	}
	return &done
}

func refusal(id tenant.ID, n int, code problem.Code) usage.Refusal {
	return usage.Refusal{
		Tenant: id, Conference: "weekly", Number: 7, Host: "ann@example.com", Identity: "bob@example.com", Role: "participant",
		Connection: seat.ConnectionID(fmt.Sprintf("MadeUpByUs%02d=", n)), AtMillis: 1_790_000_000_000, Code: code, Limit: 25, InUse: 25,
	}
}

// stream is the event of some refusals, with other records before each.
func stream(t *testing.T, refusals []usage.Refusal, others ...string) string {
	t.Helper()
	var records []string
	store, made := memtable.NewStore()
	system, err := template.Read("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ledger, _ := system.Table(tables.Ledger)
	made.Watch(func(w memtable.Write) {
		change, _ := streams.Change(ledger, w.Old, w.New)
		record, err := json.Marshal(change)
		if err != nil {
			t.Error(err)
		}
		records = append(append(records, others...), string(record))
	})
	for _, r := range refusals {
		if err := store.Refuse(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func TestAScheduledEventIsARound(t *testing.T) {
	for _, event := range []string{"{}", `{"time":"2026-11-24T12:00:00Z"}`, "null", "[]"} {
		if done := handle(t, event); done.rounds != 1 || done.refused != nil {
			t.Errorf("%s: %+v, want a round", event, done)
		}
	}
}

// A message that comes again is of a process that died: the next round has its part.
func TestAPartOfARoundIsDoneOnce(t *testing.T) {
	message := func(tries int) string {
		return fmt.Sprintf(`{"Records":[{"messageId":"1","body":"{\"shard\":3,\"shards\":2,\"after\":\"acme\",\"began_at\":5}","eventSource":"aws:sqs",`+
			`"attributes":{"ApproximateReceiveCount":"%d"}}]}`, tries)
	}
	want := reconcile.Work{Shard: 3, Shards: 2, After: "acme", BeganMillis: 5}
	if done := handle(t, message(1)); done.rounds != 0 || len(done.parts) != 1 || done.parts[0] != want {
		t.Errorf("%+v, want the part", done)
	}
	for _, event := range []string{message(2), `{"Records":[{"messageId":"1","body":"part","eventSource":"aws:sqs"}]}`} {
		if done := handle(t, event); done.rounds != 0 || done.parts != nil {
			t.Errorf("%s: %+v, want nothing", event, done)
		}
	}
}

func TestEachPoolThatRefusedIsNamedOnce(t *testing.T) {
	other := refusal("globex", 5, problem.ParticipantsExhausted)
	other.Number = 8
	done := handle(t, stream(t, []usage.Refusal{
		refusal("acme", 1, problem.SeatsExhausted),
		refusal("globex", 2, problem.ParticipantsExhausted),
		refusal("acme", 3, problem.SeatsExhausted),
		refusal("globex", 4, problem.ParticipantsExhausted),
		other,
	}))
	want := [][]seat.Pool{{{Tenant: "acme"}, {Tenant: "globex", Number: 7}, {Tenant: "globex", Number: 8}}}
	if diff := cmp.Diff(want, done.refused); diff != "" || done.rounds != 0 {
		t.Errorf("%d rounds, refused (-want +got):\n%s", done.rounds, diff)
	}
}

func TestTheLatestRefusalOfAPoolIsHandedOn(t *testing.T) {
	first, second := refusal("globex", 1, problem.ParticipantsExhausted), refusal("globex", 2, problem.ParticipantsExhausted)
	first.AtMillis += 5
	want := []crossing.Refusal{{Pool: seat.Pool{Tenant: "globex", Number: 7}, Conference: "weekly", AtMillis: first.AtMillis}}
	for _, order := range [][]usage.Refusal{{first, second}, {second, first}} {
		if diff := cmp.Diff(want, handle(t, stream(t, order)).refusals); diff != "" {
			t.Errorf("handed on (-want +got):\n%s", diff)
		}
	}
}

// The form in which Lambda delivers them, from AWS's documentation of the event.
func TestARecordIsReadAsLambdaDeliversIt(t *testing.T) {
	event, err := os.ReadFile("testdata/refused.json")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]seat.Pool{{{Tenant: "globex", Number: 3}}}
	if diff := cmp.Diff(want, handle(t, string(event)).refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func TestARefusalForWhatIsNoPoolStartsNothing(t *testing.T) {
	for _, code := range []problem.Code{problem.HostBusy, problem.LicenseExpired, problem.ConferenceEnded, problem.HostsExhausted} {
		if done := handle(t, stream(t, []usage.Refusal{refusal("acme", 1, code)})); done.rounds != 0 || done.refused != nil {
			t.Errorf("%s: %+v, want nothing", code, done)
		}
	}
	if done := handle(t, `{"Records":[]}`); done.rounds != 0 || done.refused != nil {
		t.Errorf("no records: %+v, want nothing", done)
	}
}

func TestAMalformedRecordIsSkippedAndTheOthersCount(t *testing.T) {
	huge := refusal("acme", 9, problem.SeatsExhausted)
	huge.Identity = strings.Repeat("x", 20_000)
	one := []usage.Refusal{refusal("acme", 1, problem.SeatsExhausted)}
	wrongTenant, noCode := refusal("acme", 2, problem.SeatsExhausted), refusal("acme", 3, "")
	wrongTenant.Tenant = "Not An Id"
	for name, record := range map[string]string{
		"no object":          `7`,
		"nothing":            `null`,
		"no keys":            `{"eventName":"INSERT"}`,
		"keys of other type": `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"BS":[7]}}}}`,
		"text is no text":    `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"S":7}}}}`,
		"no image":           `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"S":"refusal#1#c"}}}}`,
		"number is no number": `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"S":"refusal#1#c"}},
			"NewImage":{"code":{"S":"participants_exhausted"},"number":{"N":"many"}}}}`,
		"no number": `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"S":"refusal#1#c"}},
			"NewImage":{"code":{"S":"participants_exhausted"}}}}`,
		"another kind of record": `{"dynamodb":{"Keys":{"pk":{"S":"acme"},"sk":{"S":"stay#1#c"}}}}`,
	} {
		done := handle(t, stream(t, one, record))
		if diff := cmp.Diff([][]seat.Pool{{{Tenant: "acme"}}}, done.refused); diff != "" {
			t.Errorf("%s: refused (-want +got):\n%s", name, diff)
		}
		if done := handle(t, `{"Records":[`+record+`]}`); done.refused != nil || done.rounds != 0 {
			t.Errorf("%s alone: %+v, want nothing", name, done)
		}
	}
	for name, r := range map[string]usage.Refusal{"huge": huge, "wrong tenant": wrongTenant, "no code": noCode} {
		if done := handle(t, stream(t, []usage.Refusal{r})); done.refused != nil {
			t.Errorf("%s: %+v, want nothing", name, done)
		}
	}
}

func TestAFailureIsToldSoThatTheEventIsDeliveredAgain(t *testing.T) {
	failing := &runs{err: errors.New("oops")}
	handler := jobs.NewReconciler(failing, slog.New(slog.DiscardHandler))
	for _, event := range []string{"{}", stream(t, []usage.Refusal{refusal("acme", 1, problem.SeatsExhausted)})} {
		if err := handler.Handle(t.Context(), json.RawMessage(event)); !errors.Is(err, failing.err) {
			t.Errorf("error %v, want %v", err, failing.err)
		}
	}
}

// Nothing that is delivered makes it panic, and whatever it finds is a pool
// that can be.
func FuzzReconciler_ReadsAnyEventWithoutPanic(f *testing.F) {
	f.Fuzz(func(t *testing.T, event []byte) {
		if !json.Valid(event) {
			t.Skip("Lambda delivers JSON")
		}
		done := handle(t, string(event))
		if done.rounds+len(done.refused) > 1 {
			t.Errorf("more than one event's runs: %+v", done)
		}
		seen := map[seat.Pool]bool{}
		for _, pools := range done.refused {
			for _, pool := range pools {
				if seen[pool] || !tenant.IsID(string(pool.Tenant)) || pool.Number < 0 || pool.Chair {
					t.Errorf("pool %+v", pool)
				}
				seen[pool] = true
			}
		}
	})
}
