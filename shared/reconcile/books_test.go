package reconcile_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func audit(w *worldtest.World) []reconcile.Balance {
	w.T.Helper()
	_, off, err := reconcile.Audit(w.T.Context(), w.Store, worldtest.Acme, w.Now())
	if err != nil {
		w.T.Fatal(err)
	}
	return off
}

// losing has the ledger lose records, as a bug would, while something runs.
func losing(w *worldtest.World, run func()) {
	sound := w.Faults.API
	w.Faults.API = faults.On(sound, "put stay", func(context.Context, any, faults.Next) (any, error) {
		return &dynamodb.PutItemOutput{}, nil
	})
	run()
	w.Faults.API = sound
}

func TestBooksThatBalanceRaiseNoAlarm(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	dropped, ghost := w.GuestIn(), w.GuestIn()
	for hour := range 4 {
		w.GuestIn() // stays for two hours, and is dead then
		left := w.GuestIn()
		w.Pass(time.Second)
		w.Leaves(left, usage.EndClosed)
		switch hour {
		case 1:
			w.Leaves(dropped, usage.EndDropped)
		case 2:
			w.Gateway.Kill(ghost.Connection)
		}
		if log := w.Rounds(60); strings.Contains(log, "do not balance") {
			t.Fatalf("in hour %d:\n%s", hour, log)
		}
	}
	w.Books(2)
	if off := audit(w); len(off) != 0 {
		t.Errorf("off: %+v", off)
	}
}

// A stay that is not recorded is found within the hour while the block is in
// use, and at once when it comes to rest; and once only.
func TestALostRecordIsFoundAndTold(t *testing.T) {
	for name, stays := range map[string]bool{"in use": true, "at rest": false} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(25))
			if stays {
				w.GuestIn()
			}
			lost := w.GuestIn()
			w.Pass(time.Second)
			losing(w, func() {
				w.Leaves(lost, usage.EndClosed)
			})
			off := audit(w)
			if len(off) != 1 || off[0].Imbalance() != 1 || !slices.Contains(off[0].Suspects(9), off[0].State.Taken) {
				t.Errorf("the books are off by %+v, want by one seat, the last that was taken", off)
			}
			log := w.Rounds(61)
			if n := strings.Count(log, "do not balance"); n != 1 {
				t.Errorf("told %d times in an hour, want once:\n%s", n, log)
			}
			if log := w.Rounds(60); strings.Contains(log, "do not balance") {
				t.Errorf("told again:\n%s", log)
			}
		})
	}
}

func TestARecordOfASeatThatWasNotTakenIsFound(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Second)
	w.Leaves(v, usage.EndClosed)
	forged := w.Stays()[0]
	forged.Connection = "forged="
	if _, err := w.Store.Record(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	if off := audit(w); len(off) != 1 || off[0].Imbalance() != -1 {
		t.Errorf("the books are off by %+v, want by a record too many", off)
	}
}

func TestAStayBetweenRecordAndSeatIsNoImbalance(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Second)
	w.FailFirst("give back", faults.CrashBefore)
	w.Faults.Crashes(func() { _ = w.Process.Leave(t.Context(), v.Connection, w.Millis(), usage.EndClosed) })
	w.Calm()
	if off := audit(w); len(off) != 0 {
		t.Errorf("off: %+v", off)
	}
	w.Gateway.Kill(v.Connection)
	if log := w.Rounds(3); strings.Contains(log, "do not balance") {
		t.Errorf("told:\n%s", log)
	}
	w.Books(0)
}

func TestARoundsFindingsAreMetrics(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Gateway.Kill(w.GuestIn().Connection)
	var line struct {
		Ghosts int `json:"ghosts"`
		AWS    struct {
			CloudWatchMetrics []struct {
				Namespace string
				Metrics   []struct{ Name string }
			}
		} `json:"_aws"`
	}
	log := w.Rounds(1)
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("%v in %s", err, log)
	}
	metrics := line.AWS.CloudWatchMetrics
	if line.Ghosts != 1 || len(metrics) != 1 || metrics[0].Namespace != "Seatmeter" ||
		!slices.ContainsFunc(metrics[0].Metrics, func(m struct{ Name string }) bool { return m.Name == "ghosts" }) {
		t.Errorf("logged %s", log)
	}
}

// The process of a leave for the lobby dies when the ledger has the stay.
func TestAnInterruptedLeaveGivesItsSeatBackWithinTheHour(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Minute)
	w.Fail(4, faults.CrashBefore)
	if !w.Faults.Crashes(func() { _, _ = w.Process.ToLobby(t.Context(), v.Connection, w.Millis()) }) || len(w.Stays()) != 1 {
		t.Fatalf("%d records", len(w.Stays()))
	}
	w.Calm()
	if log := w.Rounds(61); strings.Contains(log, "do not balance") {
		t.Error(log)
	}
	w.Books(0)
}
