package admission_test

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// during has something happen just before one call of those that are made until
// then.
func (w *world) during(call int, happen func()) *faults.Nth {
	nth := faults.At(call, func() faults.Fault {
		happen()
		return faults.None
	})
	w.faulty.Decide = nth.Decide
	return nth
}

// at has one call of those that are made from now on go wrong.
func (w *world) at(call int, fault faults.Fault) *faults.Nth {
	nth := faults.At(call, func() faults.Fault { return fault })
	w.faulty.Decide = nth.Decide
	return nth
}

// inLobby is a connection that waits in the lobby.
func (w *world) inLobby(n int) seat.ConnectionID {
	w.t.Helper()
	v := w.visitor(n, weekly, jointoken.RoleParticipant)
	if err := w.door().EnterLobby(context.Background(), v); err != nil {
		w.t.Fatal(err)
	}
	return v.Connection
}

// Two `join` messages of a connection, as of a double click: the second is
// handled as a whole just before any of the first one's calls.
func TestTwoJoinsAtOnceAdmitAndNeverSayThatTheConferenceEnded(t *testing.T) {
	for _, model := range []license.License{concurrent(25), named(5, 25)} {
		for call, more := 1, true; more; call++ {
			t.Run(fmt.Sprint(model.Model, call), func(t *testing.T) {
				w := newWorld(t, model)
				w.host(ann)
				w.schedule(weekly, ann)
				w.connects(w.door(), w.visitor(0, weekly, jointoken.RoleHost), "")
				id := w.inLobby(1)
				w.now += 1000
				var second error
				calls := w.during(call, func() { _, _, second = w.door().Join(context.Background(), id, w.now+1) })
				_, _, first := w.door().Join(context.Background(), id, w.now)
				w.faulty.Decide, more = nil, calls.Reached()
				if first != nil || second != nil {
					t.Errorf("answered %v and %v", first, second)
				}
				if _, seated, err := w.door().SessionState(context.Background(), id); !seated || err != nil {
					t.Errorf("seated %t, %v", seated, err)
				}
				w.books(2)
			})
		}
	}
}

// The first of two joins fails or dies at any of its calls, and the client asks
// again.
func TestAJoinThatBrokeOffIsCompletedByTheNext(t *testing.T) {
	for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
		for call, more := 1, true; more; call++ {
			t.Run(fmt.Sprint(fault, call), func(t *testing.T) {
				w := newWorld(t, concurrent(25))
				w.schedule(weekly, ann)
				id, calls := w.inLobby(1), w.at(call, fault)
				w.now += 1000
				w.faulty.Crashes(func() { _, _, _ = w.door().Join(context.Background(), id, w.now) })
				w.faulty.Decide, more = nil, calls.Reached()
				w.now += 1000
				if _, _, err := w.door().Join(context.Background(), id, w.now); err != nil {
					t.Errorf("asked again: %v", err)
				}
				w.books(1)
			})
		}
	}
}

// Reconciliation frees an orphan's seat while the connection joins anew: the
// freed seat is never the one that the join goes on with.
func TestASeatThatIsBeingFreedIsNotAdopted(t *testing.T) {
	for call, more := 1, true; more; call++ {
		t.Run(fmt.Sprint(call), func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			w.schedule(weekly, ann)
			id := w.inLobby(1)
			w.now += 1000
			w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
				if c.Name == "take" {
					return faults.CrashAfter
				}
				return faults.None
			}
			w.faulty.Crashes(func() { _, _, _ = w.door().Join(context.Background(), id, w.now) })
			orphan := w.member(id)
			block := seat.Block{Pool: seat.Pool{Tenant: acme}}
			w.now += 1000
			var err error
			calls := w.during(call, func() { _, _, err = w.door().Join(context.Background(), id, w.now) })
			if _, freeing := w.door().FreeOrphan(context.Background(), block, seat.Place{Connection: id, Member: orphan}); freeing != nil {
				t.Fatal(freeing)
			}
			w.faulty.Decide, more = nil, calls.Reached()
			if more && err != nil {
				t.Errorf("the join: %v", err)
			}
			_, seated, stateErr := w.door().SessionState(context.Background(), id)
			if stateErr != nil || seated != more {
				t.Errorf("seated %t, %v", seated, stateErr)
			}
			w.books(map[bool]int{true: 1}[more])
		})
	}
}

// member is how a connection holds its seat of the tenant's pool.
func (w *world) member(id seat.ConnectionID) seat.Member {
	w.t.Helper()
	b, err := w.store.Get(context.Background(), seat.Block{Pool: seat.Pool{Tenant: acme}})
	if err != nil || b == nil {
		w.t.Fatalf("%v, %v", b, err)
	}
	return b.Members[id]
}

// A process dies at any call of a leave for the lobby: the session has moved or
// not, and the next leave completes it.
func TestALeaveForTheLobbyThatBrokeOffIsCompletedByTheNext(t *testing.T) {
	for call, more := 1, true; more; call++ {
		t.Run(fmt.Sprint(call), func(t *testing.T) {
			w := newWorld(t, concurrent(25))
			w.schedule(weekly, ann)
			v := w.visitor(1, weekly, jointoken.RoleParticipant)
			w.connects(w.door(), v, "")
			calls := w.at(call, faults.CrashBefore)
			left := w.now + 1000
			w.faulty.Crashes(func() { _, _ = w.door().ToLobby(context.Background(), v.Connection, left) })
			w.faulty.Decide, more = nil, calls.Reached()
			w.now += 2000
			s, err := w.door().ToLobby(context.Background(), v.Connection, w.now)
			if err != nil || s.State != session.StateLobby {
				t.Fatalf("%s, %v", s.State, err)
			}
			w.books(0)
			if stays := w.stays(); len(stays) != 1 || stays[0].End != usage.EndLeft || call > 2 && stays[0].LeftAtMillis != left {
				t.Errorf("recorded %+v", stays)
			}
		})
	}
}
