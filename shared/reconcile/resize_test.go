package reconcile_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// A change of license whose process dies, whenever that is, is completed by the
// next round: then no block is under the license before, so that nobody is let
// in who comes by a process that remembers it. Nobody loses a seat.
func TestAChangeOfLicenseThatBrokeOffIsCompleted(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to int
	}{{"grown", 25, 400}, {"shrunk", 400, 25}, {"shrunk below its use", 100, 5}} {
		t.Run(test.name, func(t *testing.T) {
			const in = 20
			for died, step := true, 1; died; step++ {
				if step > 200 {
					t.Fatal("a change has no end")
				}
				w := newWorld(t, concurrent(test.from))
				remembers := w.door
				for range in {
					w.in(jointoken.RoleParticipant)
				}
				died = w.dies(step, func() { w.changeTo(concurrent(test.to)) })
				w.pass(time.Minute)
				w.round()
				w.underOne(seat.Pool{Tenant: acme}, in)
				if l, err := w.store.License(t.Context(), acme); err != nil {
					t.Fatal(err)
				} else if l.Capacity() < in {
					v := w.visitor(jointoken.RoleParticipant)
					if err := remembers.Connect(t.Context(), v); !problem.Is(err, problem.SeatsExhausted) {
						t.Errorf("died at step %d: who comes by a process that remembers the license before: %v", step, err)
					}
				}
			}
		})
	}
}

// Under a named license a conference in which only its host is has a pool that
// nobody is in, and people may come to it.
func TestAChangeThatBrokeOffIsCompletedWhereOnlyTheHostIsIn(t *testing.T) {
	for died, step := true, 1; died; step++ {
		if step > 200 {
			t.Fatal("a change has no end")
		}
		w := newWorld(t, named(1, 25))
		w.in(jointoken.RoleHost)
		died = w.dies(step, func() { w.changeTo(named(1, 10)) })
		w.pass(time.Minute)
		w.round()
		own := seat.Pool{Tenant: acme, Number: w.number}
		w.underOne(own, 0)
		own.Chair = true
		w.underOne(own, 1)
	}
}

// A large tenant has many blocks, and one license.
func TestARoundCompletesAChangeOnceForATenantAndNotWhileItMayBeUnderWay(t *testing.T) {
	w := newWorld(t, concurrent(3000))
	for range 3000 {
		w.in(jointoken.RoleParticipant)
	}
	w.pass(10 * time.Minute)
	w.dies(3, func() { w.changeTo(concurrent(2000)) })
	settles := func(after time.Duration) (n int) {
		w.pass(after)
		var mu sync.Mutex
		w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			mu.Lock()
			defer mu.Unlock()
			n += one(call.Name == "note rolled out")
			return faults.None
		}
		w.round()
		return n
	}
	if n := settles(5 * time.Second); n != 0 {
		t.Errorf("a change was completed %d times when it was five seconds old", n)
	}
	if n := settles(time.Minute); n != 1 {
		t.Errorf("a change that broke off was completed %d times in a round", n)
	}
	if n := settles(time.Minute); n != 0 {
		t.Errorf("one that is complete was completed %d times", n)
	}
}

// One that takes too long for a round is given up, and the round goes on to its end.
func TestARoundEndsAlsoWhereAChangeCannotBeCompletedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, concurrent(25))
		w.in(jointoken.RoleParticipant)
		pass := func(d time.Duration) {
			w.pass(d)
			time.Sleep(d)
		}
		pass(10 * time.Minute)
		w.dies(2, func() { w.changeTo(concurrent(20)) })
		pass(time.Minute)
		saved := false
		w.faulty.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
			switch call.Name {
			case "resize":
				<-ctx.Done() // DynamoDB does not answer
				return faults.Before
			case "save progress":
				saved = ctx.Err() == nil
			}
			return faults.None
		}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if err := w.door.Reconciler(w.failing(), w, w.log(), time.Now).Round(ctx); err != nil || !saved {
			t.Errorf("%v, saved in time: %t", err, saved)
		}
	})
}

// A change that cannot be completed keeps nobody from being looked after.
func TestAConferenceEndsAlsoWhereAChangeCannotBeCompleted(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	w.dies(2, func() { w.changeTo(concurrent(20)) })
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "resize" {
			return faults.Before
		}
		return faults.None
	}
	for range 8 {
		w.pass(time.Minute)
		w.round()
	}
	w.state(conference.StateEnded)
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// dies tells whether the process that runs something died at a write of it.
func (w *world) dies(step int, run func()) bool {
	w.t.Helper()
	n := 0
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		switch call.Name {
		case "put license and put license", "put block", "resize", "clear directory", "note rolled out":
			w.mu.Lock()
			defer w.mu.Unlock()
			n++
			if n >= step {
				return faults.Before // and nothing more of it is done
			}
		}
		return faults.None
	}
	run()
	w.faulty.Decide = nil
	return n >= step
}

// changeTo changes the license by another process.
func (w *world) changeTo(l license.License) {
	l.ChangedAtMillis = w.clock().UnixMilli()
	l.Tenant, l.HostAbsentMinutes, l.ReconnectGraceSeconds = acme, license.DefaultHostAbsentMinutes, license.DefaultReconnectGraceSeconds
	_, _, _ = w.newDoor().Licensing.Put(w.t.Context(), l.WithDefaults(), licensing.AnyRevision) // it may die
}

// underOne checks that all blocks of a pool are under the license in force, hand out no
// more than it has, and have so many people.
func (w *world) underOne(pool seat.Pool, in int) {
	w.t.Helper()
	l, err := w.store.License(w.t.Context(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	states, err := w.store.Read(w.t.Context(), pool)
	if err != nil {
		w.t.Fatal(err)
	}
	capacity, members := 0, 0
	for _, s := range states {
		capacity += max(s.Capacity, s.InUse)
		members += len(s.Members)
		if s.Revision != l.Revision {
			w.t.Errorf("block %d is under revision %d, not %d", s.Block.Index, s.Revision, l.Revision)
		}
	}
	if most := max(l.Capacity(), in); capacity > most || members != in {
		w.t.Errorf("of %d seats %d are handed out, and %d people are in, not %d", l.Capacity(), capacity, members, in)
	}
}
