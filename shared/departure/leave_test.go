package departure_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// The process of a leave for the lobby dies at any of its calls: the session has
// moved or not, and the next leave completes the first.
func TestTheNextLeaveCompletesAnInterruptedOne(t *testing.T) {
	worldtest.EachCall(t, "the process dies", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(25))
		v := w.GuestIn()
		calls := w.Fail(call, faults.CrashBefore)
		w.Pass(time.Second)
		left := w.Millis()
		w.Faults.Crashes(func() { _, _ = w.NewProcess().ToLobby(t.Context(), v.Connection, left) })
		w.Calm()
		w.Pass(time.Second)
		s, err := w.NewProcess().ToLobby(t.Context(), v.Connection, w.Millis())
		if err != nil || s.State != session.StateLobby {
			t.Fatalf("%s, %v", s.State, err)
		}
		w.Books(0)
		if stays := w.Stays(); len(stays) != 1 || stays[0].End != usage.EndLeft || call > 2 && stays[0].LeftAtMillis != left {
			t.Errorf("recorded %+v", stays)
		}
		return calls.Reached()
	})
}

// behind has reads that are not consistent show items as they were so many
// writes ago.
func behind(ctx context.Context, writes int) context.Context {
	return memtable.Behind(ctx, func(_, _, _ string) int { return writes })
}

// A leave may read the session as it was before: not there, in the lobby, or in
// the seat of an earlier stay.
func TestALeaveByAStaleReadEndsTheCurrentStay(t *testing.T) {
	type moves []func(*worldtest.World, admission.Visitor)
	for _, test := range []struct {
		where string
		moves moves // a minute apart
		stays int   // of a minute each
	}{
		{"in a seat", nil, 1},
		{"in the lobby", moves{(*worldtest.World).ToLobby}, 1},
		{"in a seat again", moves{(*worldtest.World).ToLobby, (*worldtest.World).Joins}, 2},
	} {
		for writes := range 3 {
			t.Run(fmt.Sprintf("%s, %d writes behind", test.where, writes), func(t *testing.T) {
				w := worldtest.NewWorld(t, worldtest.Concurrent(25))
				v := w.GuestIn()
				const apart = time.Minute - time.Millisecond
				for _, move := range test.moves {
					w.Pass(apart)
					move(w, v)
				}
				w.Pass(apart)
				left := w.Tick()
				for _, ctx := range []context.Context{behind(t.Context(), writes), t.Context()} { // delivered twice
					if err := w.Process.Leave(ctx, v.Connection, left, usage.EndClosed); err != nil {
						t.Fatal(err)
					}
				}
				w.Books(0)
				stays := w.Stays()
				for _, stay := range stays {
					if stay.LeftAtMillis-stay.JoinedAtMillis != time.Minute.Milliseconds() {
						t.Errorf("recorded %+v, want a minute", stay)
					}
				}
				if len(stays) != test.stays {
					t.Errorf("recorded %d stays, want %d", len(stays), test.stays)
				}
				lobby, err := w.Store.Lobby(t.Context(), worldtest.Acme, v.Number)
				if err != nil || len(lobby) != 0 {
					t.Errorf("in the lobby are %v (%v)", lobby, err)
				}
			})
		}
	}
}

// A leave for the lobby is slow: meanwhile the client has joined again, and was
// lost. The new seat stays held.
func TestASlowLeaveKeepsTheNextStaysHold(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	v := w.GuestIn()
	var s session.Session
	w.Before("give back", func() {
		w.Pass(time.Second)
		var err error
		if s, _, err = w.NewProcess().Join(t.Context(), v.Connection, w.Millis()); err != nil {
			t.Error(err)
		}
		w.Pass(5 * time.Second)
		w.Leaves(v, usage.EndDropped)
	})
	w.ToLobby(v)
	w.Calm()
	if err := w.NewProcess().Resume(t.Context(), w.Heir(v), s.Claim()); err != nil {
		t.Errorf("within the grace: %v; members %v", err, w.Members(worldtest.Shared()))
	}
}

// A leave's write is reported failed, the client asks to join and is told that it
// has its seat; then the write lands.
func TestALeaveWrittenAfterTheNextJoinChangesNothing(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	s, err := w.Store.Session(t.Context(), v.Connection, true)
	if err != nil {
		t.Fatal(err)
	}
	left := w.Tick()
	w.FailFirst("change session", faults.Before)
	if _, err := w.NewProcess().ToLobby(t.Context(), v.Connection, left); err == nil {
		t.Fatal("the leave did not fail")
	}
	w.Calm()
	if in, _, err := w.NewProcess().Join(t.Context(), v.Connection, w.Tick()); err != nil || in.State != session.StateSeated {
		t.Fatal(in.State, err)
	}
	if _, err := w.Store.Change(t.Context(), s.Leave(left)); err != nil { // the write lands
		t.Fatal(err)
	}
	if !w.Seated(v.Connection) {
		t.Error("not seated")
	}
}
