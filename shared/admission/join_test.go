package admission_test

import (
	"context"
	"testing"
	"time"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// Two `join` messages of a connection, as of a double click: the second is
// handled as a whole just before any of the first one's calls.
func TestTwoJoinsAtOnceAreBothAdmitted(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)} {
		worldtest.EachCall(t, string(l.Model), func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, l)
			w.HostIn()
			id, at := w.Waits().Connection, w.Tick()
			var second error
			calls := w.During(call, func() { _, _, second = w.NewProcess().Join(t.Context(), id, at+1) })
			_, _, first := w.NewProcess().Join(t.Context(), id, at)
			w.Calm()
			if first != nil || second != nil {
				t.Errorf("answered %v and %v", first, second)
			}
			if !w.Seated(id) {
				t.Error("not seated")
			}
			w.Books(2)
			return calls.Reached()
		})
	}
}

// The first of two joins fails, or its process dies, at any of its calls, and the
// client asks again.
func TestTheNextJoinCompletesAnInterruptedOne(t *testing.T) {
	for _, fault := range worldtest.Faulty {
		worldtest.EachCall(t, fault.String(), func(t *testing.T, call int) bool {
			w := worldtest.NewWorld(t, worldtest.Concurrent(25))
			v := w.Waits()
			calls := w.Fail(call, fault)
			w.Faults.Crashes(func() { _, _, _ = w.NewProcess().Join(t.Context(), v.Connection, w.Tick()) })
			w.Calm()
			w.Joins(v)
			w.Books(1)
			return calls.Reached()
		})
	}
}

// Reconciliation frees an orphan's seat while the connection joins anew: the join
// never continues with the freed seat.
func TestAJoinNeverAdoptsASeatBeingFreed(t *testing.T) {
	worldtest.EachCall(t, "during the freeing", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(25))
		id := w.Waits().Connection
		w.FailFirst("take", faults.CrashAfter)
		w.Faults.Crashes(func() { _, _, _ = w.NewProcess().Join(t.Context(), id, w.Tick()) })
		orphan := seat.Place{Connection: id, Member: w.Members(worldtest.Shared())[id]}
		var err error
		calls := w.During(call, func() { _, _, err = w.NewProcess().Join(t.Context(), id, w.Tick()) })
		if _, freeing := w.NewProcess().FreeOrphan(t.Context(), seat.Block{Pool: worldtest.Shared()}, orphan); freeing != nil {
			t.Fatal(freeing)
		}
		w.Calm()
		joined := calls.Reached()
		if joined && err != nil {
			t.Errorf("the join: %v", err)
		}
		if seated := w.Seated(id); seated != joined {
			t.Errorf("seated %t", seated)
		}
		w.Books(map[bool]int{true: 1}[joined])
		return joined
	})
}

// The process of a leave for the lobby dies before the stay is recorded, or before
// the seat is given back, and the client joins again in another block. The stay is
// billed, and reconciliation finds nothing of it to free.
func TestAJoinCompletesTheLeaveBeforeIt(t *testing.T) {
	for _, die := range []string{"put stay", "give back"} {
		t.Run(die, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Named(5, 25))
			first, second := w.HostIn(), w.HostIn()
			w.Leaves(first, usage.EndClosed)
			w.Pass(time.Hour)
			w.FailFirst(die, faults.CrashBefore)
			if !w.Faults.Crashes(func() { _, _ = w.NewProcess().ToLobby(t.Context(), second.Connection, w.Millis()) }) {
				t.Fatal("the process did not die")
			}
			w.Calm()
			if _, began, err := w.NewProcess().Join(t.Context(), second.Connection, w.Tick()); err != nil || !began {
				t.Fatal(began, err)
			}
			place := seat.Place{Connection: second.Connection, Member: w.Members(w.Own())[second.Connection]}
			if _, err := w.NewProcess().FreeOrphan(t.Context(), seat.Block{Pool: w.Own()}, place); err != nil {
				t.Fatal(err)
			}
			w.Books(1)
			total := int64(0)
			for _, r := range w.Stays() {
				if r.Connection == second.Connection {
					total += r.LeftAtMillis - r.JoinedAtMillis
				}
			}
			if total < time.Hour.Milliseconds() {
				t.Errorf("billed %d ms of an hour", total)
			}
		})
	}
}

func TestAMessageOlderThanTheLastMoveChangesNothing(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	d, v, ctx := w.NewProcess(), w.Guest(), context.Background()
	if err := d.EnterLobby(ctx, v); err != nil {
		t.Fatal(err)
	}
	began := w.Millis()
	w.Pass(4 * time.Second)
	if _, _, err := d.Join(ctx, v.Connection, began+1000); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ToLobby(ctx, v.Connection, began+2000); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Join(ctx, v.Connection, began+1000); err != nil {
		t.Fatal(err)
	}
	w.Books(0)
	if _, _, err := d.Join(ctx, v.Connection, began+3000); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ToLobby(ctx, v.Connection, began+2000); err != nil {
		t.Fatal(err)
	}
	w.Books(1)
}
