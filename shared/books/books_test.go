package books_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const alarm = "do not balance"

// losing has the ledger lose records, as a bug would, while something runs.
func losing(w *worldtest.World, run func()) {
	sound := w.Faults.API
	w.Faults.API = faults.On(sound, "put stay", func(context.Context, any, faults.Next) (any, error) {
		return &dynamodb.PutItemOutput{}, nil
	})
	run()
	w.Faults.API = sound
}

// begin has somebody in the weekly conference who keeps it live.
func begin(w *worldtest.World, l license.License) admission.Visitor {
	if l.Model == license.ModelNamed {
		return w.HostIn()
	}
	return w.GuestIn()
}

var licenses = []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)}

func TestBooksThatBalanceRaiseNoAlarm(t *testing.T) {
	for _, l := range licenses {
		t.Run(string(l.Model), func(t *testing.T) {
			w := worldtest.NewWorld(t, l)
			for n := range 4 {
				begin(w, l)
				dropped, ghost, left := w.GuestIn(), w.GuestIn(), w.GuestIn()
				w.Pass(time.Second)
				w.Leaves(left, usage.EndClosed)
				w.Leaves(dropped, usage.EndDropped)
				w.Gateway.Kill(ghost.Connection)
				if log := w.Audit(); strings.Contains(log, alarm) {
					t.Fatalf("in conference %d:\n%s", n, log)
				}
				w.Rounds(300) // until all connections are dead by their age, and the conference has ended
				if log := w.Audit(); strings.Contains(log, alarm) {
					t.Fatalf("after conference %d:\n%s", n, log)
				}
				w.Pass(time.Hour)
				w.Schedule(worldtest.Weekly, worldtest.Ann)
			}
			w.Books(0)
			if off := w.Unbalanced(); len(off) != 0 {
				t.Errorf("off: %+v", off)
			}
		})
	}
}

// A stay that is not recorded is found by the next audit, and told once.
func TestALostRecordIsFoundAndTold(t *testing.T) {
	for _, l := range licenses {
		for _, test := range []struct {
			name           string
			inUse, audited bool
		}{{"of a block in use", true, false}, {"of a block at rest", false, false}, {"of a block that an audit saw in use", true, true}, {"of a block that an audit saw, now at rest", false, true}} {
			t.Run(fmt.Sprint(l.Model, " ", test.name), func(t *testing.T) {
				w := worldtest.NewWorld(t, l)
				first := begin(w, l)
				stays, lost := w.GuestIn(), w.GuestIn()
				if test.audited {
					w.Pass(time.Second)
					w.Audit()
				}
				w.Pass(time.Minute)
				losing(w, func() { w.Leaves(lost, usage.EndClosed) })
				if !test.inUse {
					w.Leaves(stays, usage.EndClosed)
					w.Leaves(first, usage.EndClosed)
					w.Rounds(30) // until the conference has ended
				}
				off := w.Unbalanced()
				if len(off) != 1 || off[0].Imbalance() != 1 || !slices.Contains(off[0].Suspects(9), off[0].State.Taken) {
					t.Errorf("the books are off by %+v, want by one seat, the last that was taken", off)
				}
				if log := w.Audit(); strings.Count(log, alarm) != 1 {
					t.Errorf("told, want once:\n%s", log)
				}
				w.Pass(time.Hour)
				if log := w.Audit(); strings.Contains(log, alarm) {
					t.Errorf("told again:\n%s", log)
				}
			})
		}
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
	if off := w.Unbalanced(); len(off) != 1 || off[0].Imbalance() != -1 {
		t.Errorf("the books are off by %+v, want by a record too many", off)
	}
	if log := w.Audit(); strings.Count(log, alarm) != 1 {
		t.Errorf("told, want once:\n%s", log)
	}
}

func TestAStayBetweenRecordAndSeatIsNoImbalance(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Second)
	w.FailFirst("give back", faults.CrashBefore)
	w.Faults.Crashes(func() { _ = w.Process.Leave(t.Context(), v.Connection, w.Millis(), usage.EndClosed) })
	w.Calm()
	if off := w.Unbalanced(); len(off) != 0 {
		t.Errorf("off: %+v", off)
	}
	for range 2 {
		if log := w.Audit(); strings.Contains(log, alarm) {
			t.Errorf("told:\n%s", log)
		}
		w.Gateway.Kill(v.Connection)
		w.Rounds(3)
	}
	w.Books(0)
}

// A seat changes hands between an audit's read of the pools and that of the ledger.
func TestASeatThatChangesHandsDuringAnAuditIsNoImbalance(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Second)
	w.Before("query stay", func() {
		w.Calm()
		w.Leaves(v, usage.EndClosed)
		w.GuestIn()
	})
	if log := w.Audit(); strings.Contains(log, alarm) {
		t.Errorf("told:\n%s", log)
	}
}
