package reconcile_test

import (
	"context"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// A conference that went live under one model ends as that model says, whatever
// the license becomes: nobody who is in loses their seat by the change.
func TestNoChangeOfLicenseEndsAConference(t *testing.T) {
	t.Run("concurrent to named", func(t *testing.T) {
		w := newWorld(t, concurrent(5))
		w.in(jointoken.RoleParticipant)
		w.round()
		w.put(named(5, 25))
		w.rounds(40)
		w.state(conference.StateLive)
		w.books(1)
		w.everybodyDead()
		w.rounds(8)
		w.state(conference.StateEnded)
		w.books(0)
	})
	t.Run("named to concurrent", func(t *testing.T) {
		w := newWorld(t, named(5, 25))
		w.in(jointoken.RoleHost)
		w.in(jointoken.RoleParticipant)
		w.put(concurrent(5))
		w.rounds(40)
		w.state(conference.StateLive)
		w.books(2)
	})
}

// A conference that went live under a concurrent license was found vacant. A
// host comes to it under a named one, in the very round that would end it.
func TestAHostWhoComesToAVacantConferenceKeepsItLive(t *testing.T) {
	w := newWorld(t, concurrent(5))
	guest := w.in(jointoken.RoleParticipant)
	w.die(guest)
	w.rounds(2)
	if c := w.state(conference.StateLive); c.VacantSince.IsZero() {
		t.Fatal("not vacant")
	}
	w.put(named(5, 25))
	w.pass(4 * time.Minute)
	came := false
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "expire conference" && !came {
			came = true
			w.in(jointoken.RoleHost)
		}
		return faults.None
	}
	w.rounds(2)
	w.faulty.Decide = nil
	if !came {
		t.Fatal("the round did not try to end it")
	}
	w.rounds(2)
	w.state(conference.StateLive)
	w.books(1)
}

// Blocks come to a conference's pool while it is being closed, before or after
// any call of the end. None of them lets anybody in.
func TestAnEndClosesEveryBlockThatComesBesideIt(t *testing.T) {
	for call, more := 1, true; more; call++ {
		w := newWorld(t, named(5, 200))
		w.in(jointoken.RoleHost)
		for range 29 {
			w.in(jointoken.RoleParticipant)
		}
		of := seat.Pool{Tenant: acme, Number: w.number}
		terms := pool.Terms{Capacity: 200, Revision: 1}
		nth := faults.At(call, func() faults.Fault {
			if _, err := pool.New(w.store, pool.Sleep).Rebalance(context.Background(), of, terms, true); err != nil {
				t.Error(err)
			}
			return faults.None
		})
		w.faulty.Decide = nth.Decide
		if _, err := w.door.End(t.Context(), acme, weekly, w.clock()); err != nil {
			t.Fatal(err)
		}
		w.faulty.Decide, more = nil, nth.Reached()
		states, err := w.store.Read(t.Context(), of)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			if !s.Closed && s.Capacity > 0 {
				t.Errorf("at call %d: block %d is open, with %d seats", call, s.Block.Index, s.Capacity)
			}
		}
	}
}

// A connection that is in an ended conference's own pool all the same is sent
// away.
func TestALateConnectionIsSentAwayFromAConferencesOwnPool(t *testing.T) {
	w := newWorld(t, named(5, 25))
	w.in(jointoken.RoleHost)
	late := w.in(jointoken.RoleParticipant)
	if _, err := w.store.End(t.Context(), acme, weekly, w.number, w.clock()); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Finish(t.Context(), acme, weekly, w.number); err != nil {
		t.Fatal(err)
	}
	w.rounds(2)
	w.mu.Lock()
	told := w.told[late.Connection]
	w.mu.Unlock()
	if !told {
		t.Error("not told")
	}
	w.books(0)
}

// An end that broke off is completed while its id is scheduled anew: the new
// conference stays scheduled.
func TestCompletingAnEndLeavesANewConferenceOfItsIDAlone(t *testing.T) {
	for call, more := 1, true; more; call++ {
		w := newWorld(t, concurrent(5))
		w.in(jointoken.RoleParticipant)
		if _, err := w.store.End(t.Context(), acme, weekly, w.number, w.clock()); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Minute)
		nth := faults.At(call, func() faults.Fault {
			w.schedule()
			return faults.None
		})
		w.faulty.Decide = nth.Decide
		w.round()
		w.faulty.Decide, more = nil, nth.Reached()
		if c := w.state(map[bool]conference.State{true: conference.StateScheduled, false: conference.StateEnded}[more]); more && c.Number != w.number {
			t.Errorf("at call %d: number %d, want %d", call, c.Number, w.number)
		}
	}
}

// A seat keeps one connection open: the one that was replaced is closed, when its
// client had ten seconds to change over.
func TestAReplacedConnectionIsClosedAfterTenSeconds(t *testing.T) {
	w := newWorld(t, concurrent(5))
	old := w.in(jointoken.RoleParticipant)
	heir := w.visitor(jointoken.RoleParticipant)
	heir.Identity = old.Identity
	if err := w.door.Resume(t.Context(), heir, w.claim(old)); err != nil {
		t.Fatal(err)
	}
	closed := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.dead[old.Connection]
	}
	w.pass(9 * time.Second)
	w.round()
	if closed() {
		t.Error("closed before ten seconds")
	}
	w.pass(time.Second)
	w.round()
	if !closed() {
		t.Error("open after ten seconds")
	}
	w.books(1)
}

// Hosts of a tenant with more of them than its license has start at the same
// moment: the second as a whole just before any call of the first. One gets in.
func TestOfTwoHostsWhoStartAtOnceOneGetsIn(t *testing.T) {
	const bob host.Email = "bob@example.org"
	for call, more := 1, true; more; call++ {
		w := newWorld(t, named(1, 25))
		if _, err := w.store.AddHost(t.Context(), acme, host.Host{Email: bob, Active: true}, host.Slots{}); err != nil {
			t.Fatal(err)
		}
		other, err := w.door.Schedule(t.Context(), conference.Conference{Tenant: acme, ID: "other", Host: bob, State: conference.StateScheduled, CreatedAt: w.now})
		if err != nil {
			t.Fatal(err)
		}
		first, second := w.visitor(jointoken.RoleHost), w.visitor(jointoken.RoleHost)
		second.Conference, second.Number = other.ID, other.Number
		admitted := 0
		connect := func(v admission.Visitor) {
			d := w.newDoor(worldtest.Pausing(func(context.Context, time.Duration) error { return nil }))
			switch err := d.Connect(t.Context(), v); {
			case err == nil:
				admitted++
			case !problem.Is(err, problem.HostsExhausted):
				t.Error(err)
			}
		}
		nth := faults.At(call, func() faults.Fault {
			connect(second)
			return faults.None
		})
		w.faulty.Decide = nth.Decide
		connect(first)
		w.faulty.Decide, more = nil, nth.Reached()
		if admitted != 1 {
			t.Errorf("at call %d: %d admitted", call, admitted)
		}
	}
}
