package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// fault has the first call of a name go wrong.
func (w *world) fault(name string, fault faults.Fault) {
	done := false
	w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
		if c.Name != name || done {
			return faults.None
		}
		done = true
		return fault
	}
}

// A leave for the lobby dies before the stay is recorded, or before the seat is
// given back, and the client joins again in another block. The stay is billed, and
// reconciliation finds nothing of it to free.
func TestAJoinCompletesTheLeaveBeforeIt(t *testing.T) {
	for _, die := range []string{"put stay", "give back"} {
		t.Run(die, func(t *testing.T) {
			w := newWorld(t, named(5, 25))
			w.host(ann)
			w.schedule(weekly, ann)
			a := w.visitor(0, weekly, jointoken.RoleHost)
			w.connects(w.door(), a, "")
			b := w.visitor(1, weekly, jointoken.RoleHost)
			w.connects(w.door(), b, "")
			if err := w.leave(w.door(), a); err != nil {
				t.Fatal(err)
			}
			w.now += 3_600_000
			w.fault(die, faults.CrashBefore)
			if !w.faulty.Crashes(func() { _, _ = w.door().ToLobby(context.Background(), b.Connection, w.now) }) {
				t.Fatal("it did not die")
			}
			w.faulty.Decide = nil
			w.now += 1000
			if _, began, err := w.door().Join(context.Background(), b.Connection, w.now); err != nil || !began {
				t.Fatal(began, err)
			}
			block := seat.Block{Pool: seat.Pool{Tenant: acme, Number: w.numbers[weekly]}}
			there, err := w.store.Get(context.Background(), block)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.door().FreeOrphan(context.Background(), block, seat.Place{Connection: b.Connection, Member: there.Members[b.Connection]}); err != nil {
				t.Fatal(err)
			}
			w.books(1)
			total := int64(0)
			for _, r := range w.stays() {
				if r.Connection == b.Connection {
					total += r.LeftAtMillis - r.JoinedAtMillis
				}
			}
			if total < 3_600_000 {
				t.Errorf("billed %d ms of b's hour", total)
			}
		})
	}
}

// A look at the conference that fails, and refuses nobody, takes no seat from a
// connection that resumes.
func TestAResumeWhoseLookFailsKeepsItsSeat(t *testing.T) {
	w := newWorld(t, concurrent(1))
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	heir := v
	heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
	w.fault("get conference", faults.Before)
	if err := w.door().Resume(context.Background(), heir, claimOf(v)); err != nil {
		t.Error(err)
	}
	w.faulty.Decide = nil
	if _, seated, err := w.door().SessionState(context.Background(), heir.Connection); err != nil || !seated {
		t.Errorf("seated %t, %v", seated, err)
	}
	w.books(1)
}

// A replaced connection that has joined anew has a seat of its own.
func TestAReplacedConnectionThatJoinedAnewIsNotClosed(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	heir := v
	heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
	if err := w.door().Resume(context.Background(), heir, claimOf(v)); err != nil {
		t.Fatal(err)
	}
	w.now += 3000
	_, began, err := w.door().Join(context.Background(), v.Connection, w.now)
	if err != nil || !began {
		t.Fatal(began, err)
	}
	if err := w.door().CloseReplaced(context.Background(), heir.Connection); err != nil {
		t.Fatal(err)
	}
	_, seated, _ := w.door().SessionState(context.Background(), v.Connection)
	if seated && w.gateway.closed[v.Connection] {
		t.Error("seated by its own join, and closed")
	}
}

// The old connection's loss is noticed between the hand-over and the swap, and has
// begun the next part of the stay when the resume goes on.
func TestAResumeGoesOnFromTheNextPart(t *testing.T) {
	l := concurrent(1)
	l.ReconnectGraceSeconds = 60
	w := newWorld(t, l)
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	heir := v
	heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
	other := faults.New(w.tables)
	atHold, goOn, done := make(chan bool), make(chan bool), make(chan bool)
	held := false
	other.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
		if c.Name == "hold" && !held {
			held = true
			atHold <- true
			<-goOn
		}
		return faults.None
	}
	once := false
	w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
		if c.Name == "swap" && !once {
			once = true
			go func() {
				if err := w.doorOver(other).Leave(context.Background(), v.Connection, heir.AtMillis+300, usage.EndDropped); err != nil {
					t.Error(err)
				}
				close(done)
			}()
			<-atHold
		}
		return faults.None
	}
	err := w.door().Resume(context.Background(), heir, claimOf(v))
	close(goOn)
	<-done
	if err != nil {
		t.Errorf("resume: %v; members %v", err, w.membersOf())
	}
	w.now = heir.AtMillis + 10_000
	w.books(1)
}

// A host's $connect is delivered twice. The first gives its lock back, for want of
// hosts, when the second has taken the lock and is live under it.
func TestAStartThatGivesUpLeavesAnothersLock(t *testing.T) {
	w := newWorld(t, named(2, 25))
	w.host(ann)
	w.host("bob@example.org")
	w.schedule(weekly, ann)
	w.schedule("monthly", "bob@example.org")
	w.put(named(1, 25))
	v := w.visitor(0, weekly, jointoken.RoleHost)
	bob := host.Lock{Host: "bob@example.org", Conference: "monthly", Number: int64(w.numbers["monthly"]), Since: at(w)}
	locks, second := 0, false
	w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
		if second {
			return faults.None
		}
		if c.Name == "update lock" && locks == 0 {
			locks++
			if _, err := w.store.Lock(context.Background(), acme, bob, nil); err != nil {
				t.Error(err)
			}
		}
		if c.Name == "delete lock" {
			second = true
			if err := w.store.Unlock(context.Background(), acme, bob); err != nil {
				t.Error(err)
			}
			// the second delivery of the same $connect, as a whole
			if err := w.doorOver(w.tables).Connect(context.Background(), v); err != nil {
				t.Error("second", err)
			}
			return faults.CrashAfter
		}
		return faults.None
	}
	w.faulty.Crashes(func() { _ = w.door().Connect(context.Background(), v) })
	w.faulty.Decide = nil
	l, err := w.store.Locks(context.Background(), acme)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.store.Conference(context.Background(), acme, weekly, true)
	if err != nil {
		t.Fatal(err)
	}
	if !second || c.State != conference.StateLive || len(l) != 1 || l[0].Host != ann {
		t.Errorf("%s, with the locks %+v", c.State, l)
	}
}

// A leave for the lobby is slow: meanwhile the client has joined again, and was
// lost. That seat stays held.
func TestASlowLeaveLeavesTheNextStaysHold(t *testing.T) {
	l := concurrent(5)
	l.ReconnectGraceSeconds = 60
	w := newWorld(t, l)
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	left := w.now + 1000
	busy := false
	var s session.Session
	w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
		if c.Name == "give back" && !busy {
			busy = true
			w.now = left + 1000
			var err error
			if s, _, err = w.doorOver(w.tables).Join(context.Background(), v.Connection, w.now); err != nil {
				t.Error(err)
			}
			w.now += 5000
			if err := w.doorOver(w.tables).Leave(context.Background(), v.Connection, w.now, usage.EndDropped); err != nil {
				t.Error(err)
			}
		}
		return faults.None
	}
	if _, err := w.door().ToLobby(context.Background(), v.Connection, left); err != nil {
		t.Error(err)
	}
	w.faulty.Decide = nil
	heir := v
	heir.Connection, heir.AtMillis = "heir=", w.now+1000
	if err := w.door().Resume(context.Background(), heir, s.Claim()); err != nil {
		t.Errorf("within the grace: %v; members %v", err, w.membersOf())
	}
}

// A hand-over breaks off, and then the old connection's loss comes, which was
// before it: a third connection goes on from where the record ends.
func TestAHoldBeginsWhereTheRecordEnds(t *testing.T) {
	l := concurrent(5)
	l.ReconnectGraceSeconds = 60
	w := newWorld(t, l)
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	t0 := w.now
	c2, c3 := v, v
	c2.Connection, c2.AtMillis = "c2=", t0+110_00
	c3.Connection, c3.AtMillis = "c3=", t0+100_00
	w.fault("swap", faults.CrashBefore)
	w.faulty.Crashes(func() { _ = w.door().Resume(context.Background(), c2, claimOf(v)) })
	w.faulty.Decide = nil
	if err := w.door().Leave(context.Background(), v.Connection, t0+90_00, usage.EndDropped); err != nil {
		t.Fatal(err)
	}
	if err := w.door().Resume(context.Background(), c3, claimOf(v)); err != nil {
		t.Fatal(err)
	}
	w.now = t0 + 200_00
	if err := w.leave(w.door(), c3); err != nil {
		t.Fatal(err)
	}
	r := w.stays()
	if r[1].JoinedAtMillis < r[0].LeftAtMillis {
		t.Errorf("overlap: %d-%d, %d-%d", r[0].JoinedAtMillis-t0, r[0].LeftAtMillis-t0, r[1].JoinedAtMillis-t0, r[1].LeftAtMillis-t0)
	}
}

// The conference ends while a connection is between its seat and its session.
func TestAConferencesEndIsToldToWhoeverIsConnecting(t *testing.T) {
	for _, model := range []license.License{concurrent(25), named(5, 25)} {
		w := newWorld(t, model)
		w.host(ann)
		w.schedule(weekly, ann)
		w.connects(w.door(), w.visitor(0, weekly, jointoken.RoleHost), "")
		v := w.visitor(1, weekly, jointoken.RoleParticipant)
		busy := false
		w.faulty.Decide = func(_ context.Context, c dynamo.Call) faults.Fault {
			if c.Name == "begin session" && !busy {
				busy = true
				if _, err := w.doorOver(w.tables).End(context.Background(), acme, weekly, at(w)); err != nil {
					t.Error(err)
				}
			}
			return faults.None
		}
		err := w.door().Connect(context.Background(), v)
		w.faulty.Decide = nil
		if !problem.Is(err, problem.ConferenceEnded) {
			t.Errorf("%s: %v", model.Model, err)
		}
		w.books(0)
	}
}

// A leave's write is reported failed, the client asks to join and is told that it
// is in; then the write lands.
func TestALeaveThatLandsAfterTheNextJoinMovesNobody(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	s, err := w.store.Session(context.Background(), v.Connection, true)
	if err != nil {
		t.Fatal(err)
	}
	w.fault("change session", faults.Before)
	if _, err := w.door().ToLobby(context.Background(), v.Connection, w.now+1000); err == nil {
		t.Fatal("it did not fail")
	}
	w.faulty.Decide = nil
	if in, _, err := w.door().Join(context.Background(), v.Connection, w.now+2000); err != nil || in.State != session.StateSeated {
		t.Fatal(in.State, err)
	}
	if _, err := w.store.Change(context.Background(), s.Leave(w.now+1000)); err != nil { // it lands
		t.Fatal(err)
	}
	if _, seated, err := w.door().SessionState(context.Background(), v.Connection); err != nil || !seated {
		t.Errorf("seated %t, %v", seated, err)
	}
}
