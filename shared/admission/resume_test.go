package admission_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Twenty-five people resume 400 times each, with their old connection open or
// lost, in a pool that is full and that strangers never stop trying to get into.
func TestAResumeUnderFullLoadKeepsItsSeatTenThousandTimes(t *testing.T) {
	const people, resumes = 25, 400
	l := concurrent(people)
	l.ReconnectGraceSeconds = 30
	w := newWorld(t, l)
	w.schedule(weekly, ann)
	seated := make([]admission.Visitor, people)
	for n := range seated {
		seated[n] = w.visitor(n, weekly, jointoken.RoleParticipant)
		if err := w.door().Connect(context.Background(), seated[n]); err != nil {
			t.Fatal(err)
		}
	}
	start := w.now
	ctx, done := context.WithCancel(t.Context())
	var strangers, resuming sync.WaitGroup
	var kept, intruders, tries atomic.Int64
	for n := range 4 {
		stranger := w.visitor(1000+n, weekly, jointoken.RoleParticipant)
		strangers.Go(func() {
			d := w.door()
			for i := 0; ctx.Err() == nil; i++ {
				v := stranger
				v.Connection = seat.ConnectionID(fmt.Sprintf("stranger-%d-%d=", n, i))
				tries.Add(1)
				switch err := d.Connect(context.Background(), v); {
				case err == nil:
					intruders.Add(1)
				case !problem.Is(err, problem.SeatsExhausted):
					t.Error(err)
				}
			}
		})
	}
	for n, v := range seated {
		stay := string(usage.NewStayID(v.Connection, v.AtMillis))
		resuming.Go(func() {
			for i := range resumes {
				heir := v
				heir.AtMillis = start + int64(i+1)*10_000
				heir.Connection = seat.ConnectionID(fmt.Sprintf("heir-%d-%d=", n, i))
				d := w.door()
				if i%2 == 0 {
					if err := d.Leave(context.Background(), v.Connection, heir.AtMillis-5000, usage.EndDropped); err != nil {
						t.Error(err)
					}
				}
				if err := d.Resume(context.Background(), heir, jointoken.Claim{Connection: v.Connection, Stay: stay}); err != nil {
					t.Errorf("person %d, resume %d: %v", n, i, err)
					return
				}
				kept.Add(1)
				if i%2 == 1 {
					if err := d.Leave(context.Background(), v.Connection, heir.AtMillis+5000, usage.EndClosed); err != nil {
						t.Error(err)
					}
				}
				v = heir
			}
			seated[n] = v
		})
	}
	resuming.Wait()
	done()
	strangers.Wait()
	if kept.Load() != people*resumes || intruders.Load() != 0 {
		t.Errorf("%d of %d resumes kept their seat, and %d strangers got in", kept.Load(), people*resumes, intruders.Load())
	}
	t.Logf("%d of %d resumes kept their seat, while strangers were refused %d times", kept.Load(), people*resumes, tries.Load())
	w.now = start + (resumes+1)*10_000
	w.books(people)
	for _, v := range seated {
		if err := w.leave(w.door(), v); err != nil {
			t.Fatal(err)
		}
	}
	w.books(0)
}

// Whoever is resumed while their old connection is closed ends one record of
// the stay and begins the next: which of the two ends comes first, and when the
// connections came, must not have both count at the same time.
func TestAResumeThatTheOldConnectionsCloseOvertakesBillsNoMomentTwice(t *testing.T) {
	w := newWorld(t, concurrent(1))
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	if err := w.door().Connect(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	heir := v
	heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
	closed := false
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put stay" && !closed {
			closed = true
			if err := w.door().Leave(context.Background(), v.Connection, v.AtMillis+3000, usage.EndClosed); err != nil {
				t.Error(err)
			}
		}
		return faults.None
	}
	claim := jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
	if err := w.door().Resume(t.Context(), heir, claim); err != nil {
		t.Fatal(err)
	}
	w.now += 10_000
	if err := w.leave(w.door(), heir); err != nil {
		t.Fatal(err)
	}
	records := w.stays()
	if len(records) != 2 || records[0].LeftAtMillis > records[1].JoinedAtMillis {
		t.Errorf("recorded %+v, want two, one after the other", records)
	}
	w.books(0)
}

// A host's connection that is over before it is let in takes nothing from the
// one whose held seat gave way to it.
func TestAHoldThatGaveWayToNobodyIsStillThere(t *testing.T) {
	l := named(1, 1)
	l.ReconnectGraceSeconds = 300
	w := newWorld(t, l)
	w.host(ann)
	w.schedule(weekly, ann)
	d := w.door()
	first, guest := w.visitor(1, weekly, jointoken.RoleHost), w.visitor(2, weekly, jointoken.RoleParticipant)
	for _, v := range []admission.Visitor{first, guest} {
		if err := d.Connect(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	w.now += 1000
	if err := d.Leave(t.Context(), first.Connection, w.now, usage.EndDropped); err != nil {
		t.Fatal(err)
	}
	second := w.visitor(3, weekly, jointoken.RoleHost)
	if err := w.leave(d, second); err != nil { // told of before its $connect
		t.Fatal(err)
	}
	if err := d.Connect(t.Context(), second); err == nil {
		t.Error("let in somebody who has gone")
	}
	third := w.visitor(1, weekly, jointoken.RoleHost)
	third.Connection = "third="
	claim := jointoken.Claim{Connection: first.Connection, Stay: string(usage.NewStayID(first.Connection, first.AtMillis))}
	if err := d.Resume(t.Context(), third, claim); err != nil {
		t.Errorf("resume within the grace: %v", err)
	}
	w.books(2)
}

// A connection whose seat was resumed by another is open still, and may join:
// what reconciliation takes for an orphan meanwhile is not freed under it.
func TestAnOrphansSeatIsNotFreedUnderAJoin(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	d := w.door()
	old := w.visitor(1, weekly, jointoken.RoleParticipant)
	if err := d.Connect(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	heir := w.visitor(1, weekly, jointoken.RoleParticipant)
	heir.Connection = "heir="
	claim := jointoken.Claim{Connection: old.Connection, Stay: string(usage.NewStayID(old.Connection, old.AtMillis))}
	if err := d.Resume(t.Context(), heir, claim); err != nil {
		t.Fatal(err)
	}
	found := false
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "change session" && !found {
			found = true
			block := seat.Block{Pool: seat.Pool{Tenant: acme}}
			state, err := w.store.Look(context.Background(), block)
			if err != nil {
				t.Error(err)
			}
			if _, err := d.FreeOrphan(context.Background(), block, seat.Place{Connection: old.Connection, Member: state.Members[old.Connection]}); err != nil {
				t.Error(err)
			}
		}
		return faults.None
	}
	w.now += 1000
	_, _, err := d.Join(t.Context(), old.Connection, w.now)
	_, seated, lost := d.SessionState(t.Context(), old.Connection)
	if lost != nil || !found || (err == nil) != seated {
		t.Errorf("told %v, and seated %t (%v)", err, seated, lost)
	}
	w.books(map[bool]int{true: 2, false: 1}[seated])
}
