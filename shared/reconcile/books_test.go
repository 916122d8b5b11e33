package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/usage"
)

// rounds runs reconciliation for a while and gives what it logged.
func (w *world) rounds(minutes int) string {
	w.t.Helper()
	var log bytes.Buffer
	r := w.door.Reconciler(w.failing(), w, slog.New(slog.NewJSONHandler(&log, nil)), w.clock)
	for range minutes {
		w.pass(time.Minute)
		if err := r.Round(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	return log.String()
}

func (w *world) audit() []reconcile.Balance {
	w.t.Helper()
	_, off, err := reconcile.Audit(w.t.Context(), w.store, acme, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	return off
}

// losing is a ledger that loses a record, as a bug would.
func (w *world) losing(run func()) {
	sound := w.faulty.API
	w.faulty.API = faults.Intercept(sound, func(ctx context.Context, in any, next faults.Next) (any, error) {
		if dynamo.Describe(in).Name == "put stay" {
			return &dynamodb.PutItemOutput{}, nil
		}
		return next(ctx, in)
	})
	run()
	w.faulty.API = sound
}

func TestBooksThatBalanceRaiseNoAlarm(t *testing.T) {
	w := newWorld(t, concurrent(25))
	dropped, ghost := w.in(jointoken.RoleParticipant), w.in(jointoken.RoleParticipant)
	for hour := range 4 {
		w.in(jointoken.RoleParticipant) // stays for two hours, and is dead then
		left := w.in(jointoken.RoleParticipant)
		w.pass(time.Second)
		if err := w.door.Leave(t.Context(), left.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
			t.Fatal(err)
		}
		switch hour {
		case 1:
			if err := w.door.Leave(t.Context(), dropped.Connection, w.clock().UnixMilli(), usage.EndDropped); err != nil {
				t.Fatal(err)
			}
		case 2:
			w.die(ghost)
		}
		if log := w.rounds(60); strings.Contains(log, "do not balance") {
			t.Fatalf("in hour %d:\n%s", hour, log)
		}
	}
	w.books(2)
	if off := w.audit(); len(off) != 0 {
		t.Errorf("off: %+v", off)
	}
}

// A stay that is not recorded is found within the hour while the block is in
// use, and at once when it comes to rest; and once only.
func TestALostRecordIsFoundAndTold(t *testing.T) {
	for name, stays := range map[string]bool{"in use": true, "at rest": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			if stays {
				w.in(jointoken.RoleParticipant)
			}
			lost := w.in(jointoken.RoleParticipant)
			w.pass(time.Second)
			w.losing(func() {
				if err := w.door.Leave(t.Context(), lost.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
					t.Fatal(err)
				}
			})
			off := w.audit()
			if len(off) != 1 || off[0].Imbalance() != 1 || !slices.Contains(off[0].Suspects(9), off[0].State.Taken) {
				t.Errorf("the books are off by %+v, want by one seat, the last that was taken", off)
			}
			log := w.rounds(61)
			if n := strings.Count(log, "do not balance"); n != 1 {
				t.Errorf("told %d times in an hour, want once:\n%s", n, log)
			}
			if log := w.rounds(60); strings.Contains(log, "do not balance") {
				t.Errorf("told again:\n%s", log)
			}
		})
	}
}

func TestARecordOfASeatThatWasNotTakenIsFound(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(time.Second)
	if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	forged := w.stays()[0]
	forged.Connection = "forged="
	if _, err := w.store.Record(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	if off := w.audit(); len(off) != 1 || off[0].Imbalance() != -1 {
		t.Errorf("the books are off by %+v, want by a record too many", off)
	}
}

func TestAStayBetweenRecordAndSeatIsNoImbalance(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(time.Second)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "give back" {
			return faults.CrashBefore
		}
		return faults.None
	}
	w.faulty.Crashes(func() { _ = w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndClosed) })
	w.faulty.Decide = nil
	if off := w.audit(); len(off) != 0 {
		t.Errorf("off: %+v", off)
	}
	w.die(v)
	if log := w.rounds(3); strings.Contains(log, "do not balance") {
		t.Errorf("told:\n%s", log)
	}
	w.books(0)
}

func TestWhatARoundFoundIsMetrics(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.die(w.in(jointoken.RoleParticipant))
	var line struct {
		Ghosts int `json:"ghosts"`
		AWS    struct {
			CloudWatchMetrics []struct {
				Namespace string
				Metrics   []struct{ Name string }
			}
		} `json:"_aws"`
	}
	log := w.rounds(1)
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("%v in %s", err, log)
	}
	metrics := line.AWS.CloudWatchMetrics
	if line.Ghosts != 1 || len(metrics) != 1 || metrics[0].Namespace != "Seatmeter" ||
		!slices.ContainsFunc(metrics[0].Metrics, func(m struct{ Name string }) bool { return m.Name == "ghosts" }) {
		t.Errorf("logged %s", log)
	}
}

func TestWhoLeftForTheLobbyAsTheProcessDiedGivesItsSeatBackWithinTheHour(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(time.Minute)
	calls := 0
	w.decide(func() faults.Fault { // dies when the ledger has the stay
		if calls++; calls > 3 {
			return faults.Before
		}
		return faults.None
	})
	if _, err := w.door.ToLobby(t.Context(), v.Connection, w.clock().UnixMilli()); err == nil || len(w.stays()) != 1 {
		t.Fatalf("left, %v, with %d records", err, len(w.stays()))
	}
	w.faulty.Decide = nil
	if log := w.rounds(61); strings.Contains(log, "do not balance") {
		t.Error(log)
	}
	w.books(0)
}
