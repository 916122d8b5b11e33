package occupancy_test

import (
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// The open stays and then the ledger, read in this order, have every stay, at
// whatever call the process of a hand-over dies.
func TestAStayIsOpenUntilTheLedgerHasIt(t *testing.T) {
	worldtest.EachCall(t, "the process dies", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(5))
		v := w.GuestIn()
		w.Pass(5 * time.Second)
		heir := w.Heir(v)
		w.Fail(call, faults.CrashBefore)
		var resumed error
		died := w.Faults.Crashes(func() { resumed = w.NewProcess().Resume(t.Context(), heir, worldtest.ClaimOf(v)) })
		if !died && resumed != nil {
			t.Error(resumed)
		}
		w.Calm()
		found := make(map[seat.ConnectionID]usage.Stay)
		open, err := w.NewProcess().OpenStays(t.Context(), worldtest.Acme, w.Millis())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range append(open, w.Stays()...) {
			found[s.Connection] = s
		}
		if s, there := found[v.Connection]; !there || s.JoinedAtMillis != v.AtMillis || s.LeftAtMillis != 0 && s.LeftAtMillis != heir.AtMillis {
			t.Errorf("found %+v", found)
		}
		if s, there := found[heir.Connection]; !died && (!there || s.LeftAtMillis != 0 || !s.Resumed) {
			t.Errorf("found %+v, want the heir's, open", found)
		}
		return died
	})
}

func TestOpenStaysAreTheTenantsInOrderOfJoining(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(2, 5))
	in := []admission.Visitor{w.Host(), w.Guest(), w.Guest()}
	in[0].Identity = string(worldtest.Ann)
	for n := range in { // in the other order by their ids
		in[n].Connection = seat.ConnectionID(fmt.Sprintf("connection-%d=", 9-n))
		w.Connects(w.Process, in[n], "")
	}
	w.Leaves(in[1], usage.EndClosed)
	open, err := w.NewProcess().OpenStays(t.Context(), worldtest.Acme, w.Millis())
	if err != nil {
		t.Fatal(err)
	}
	if len(open) != 2 || open[0].Connection != in[0].Connection || open[1].Connection != in[2].Connection || open[0].LeftAtMillis != 0 {
		t.Errorf("open are %+v", open)
	}
}

func TestALapsedSeatsStayIsOverBeforeTheLedgerHasIt(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	v := w.Guest()
	v.Connection, v.LeaseSeconds = seat.NewServerID(), 10
	if _, _, err := w.NewProcess().TakeSeat(t.Context(), v, w.Conference()); err != nil {
		t.Fatal(err)
	}
	for seconds, want := range map[int]usage.Stay{9: {}, 10: {LeftAtMillis: v.AtMillis, Estimated: true}} {
		open, err := w.NewProcess().OpenStays(t.Context(), worldtest.Acme, v.AtMillis+int64(seconds)*1000)
		if err != nil || len(open) != 1 || open[0].LeftAtMillis != want.LeftAtMillis || open[0].Estimated != want.Estimated {
			t.Errorf("after %d s open are %+v (%v), want %+v", seconds, open, err, want)
		}
	}
}

func TestAStayThatWasRemovedEndsAtItsRemovalHoweverItsLeaseEnds(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	v := w.Guest()
	v.Connection, v.LeaseSeconds = seat.NewServerID(), 10
	if _, _, err := w.NewProcess().TakeSeat(t.Context(), v, w.Conference()); err != nil {
		t.Fatal(err)
	}
	w.Pass(5 * time.Second)
	at := w.Tick()
	w.FailAll("put stay", faults.Before) // so that the ledger has nothing, and the seat stays
	if err := w.NewProcess().Leave(t.Context(), v.Connection, at, usage.EndRemoved); err == nil {
		t.Fatal("the leave did not fail")
	}
	w.Calm()
	open, err := w.NewProcess().OpenStays(t.Context(), worldtest.Acme, v.AtMillis+60_000)
	if err != nil || len(open) != 1 || open[0].LeftAtMillis != at || open[0].Estimated {
		t.Errorf("open are %+v (%v), want one up to %d", open, err, at)
	}
}
