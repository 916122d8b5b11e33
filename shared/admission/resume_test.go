package admission_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
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

// claimOf is what resumes a connection's first stay.
func claimOf(v admission.Visitor) jointoken.Claim {
	return jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
}

// The old connection's close comes just before any call of the resume, a moment
// after the new connection came. The stay's records follow each other: no moment
// is billed twice, and none in between is lost.
func TestACloseDuringAResumeBillsEachMomentOnce(t *testing.T) {
	for _, end := range []usage.End{usage.EndClosed, usage.EndDropped} {
		for call, more := 1, true; more; call++ {
			t.Run(fmt.Sprint(end, call), func(t *testing.T) {
				l := concurrent(1)
				l.ReconnectGraceSeconds = 30
				w := newWorld(t, l)
				w.schedule(weekly, ann)
				v := w.visitor(1, weekly, jointoken.RoleParticipant)
				w.connects(w.door(), v, "")
				heir := v
				heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
				closedAt := heir.AtMillis + 300
				w.now = heir.AtMillis + 10_000
				calls := w.during(call, func() {
					if err := w.door().Leave(context.Background(), v.Connection, closedAt, end); err != nil {
						t.Error(err)
					}
				})
				err := w.door().Resume(context.Background(), heir, claimOf(v))
				w.faulty.Decide, more = nil, calls.Reached()
				// A seat that was given back at once is nobody's to resume.
				if err != nil && (end != usage.EndClosed || !problem.Is(err, problem.TokenInvalid)) {
					t.Error(err)
				}
				if err == nil {
					if err := w.leave(w.door(), heir); err != nil {
						t.Fatal(err)
					}
				} else if err := w.door().Leave(context.Background(), heir.Connection, w.now, usage.EndClosed); err != nil {
					t.Fatal(err)
				}
				w.books(0)
				records := w.stays()
				for n, r := range records {
					if n == 0 && r.JoinedAtMillis != v.AtMillis || n > 0 && r.JoinedAtMillis != records[n-1].LeftAtMillis {
						t.Errorf("records %+v", records)
					}
				}
				if last := records[len(records)-1].LeftAtMillis; err != nil && last != closedAt || err == nil && last != w.now {
					t.Errorf("the last ends at %d: %+v", last, records)
				}
			})
		}
	}
}

// A resume fails or dies at any of its calls. Until the seat has changed hands
// the old connection has it, is told so, and is billed for all its time.
func TestAResumeThatBreaksOffLeavesTheSeatWithTheOldConnection(t *testing.T) {
	for _, fault := range []faults.Fault{faults.Before, faults.After, faults.CrashBefore, faults.CrashAfter} {
		for call, more := 1, true; more; call++ {
			t.Run(fmt.Sprint(fault, call), func(t *testing.T) {
				w := newWorld(t, concurrent(1))
				w.schedule(weekly, ann)
				v := w.visitor(1, weekly, jointoken.RoleParticipant)
				w.connects(w.door(), v, "")
				heir := v
				heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
				calls := w.at(call, fault)
				w.now += 2000
				w.faulty.Crashes(func() { _ = w.door().Resume(context.Background(), heir, claimOf(v)) })
				w.faulty.Decide, more = nil, calls.Reached()
				if _, swapped := w.membersOf()[heir.Connection]; swapped || w.member(v.Connection) == (seat.Member{}) {
					return
				}
				s, began, err := w.door().Join(context.Background(), v.Connection, w.now)
				if err != nil || began || s.State != session.StateSeated {
					t.Errorf("join: %s, %t, %v", s.State, began, err)
				}
				if err := w.leave(w.door(), v); err != nil {
					t.Fatal(err)
				}
				w.books(0)
				total := int64(0)
				for _, r := range w.stays() {
					total += r.LeftAtMillis - r.JoinedAtMillis
				}
				if total != w.now-v.AtMillis {
					t.Errorf("%d ms billed of %d: %+v", total, w.now-v.AtMillis, w.stays())
				}
			})
		}
	}
}

// membersOf are the members of the tenant's pool.
func (w *world) membersOf() map[seat.ConnectionID]seat.Member {
	w.t.Helper()
	b, err := w.store.Get(context.Background(), seat.Block{Pool: seat.Pool{Tenant: acme}})
	if err != nil || b == nil {
		w.t.Fatalf("%v, %v", b, err)
	}
	return b.Members
}

// A connection whose seat another has taken over is told at once.
func TestAReplacedConnectionIsTold(t *testing.T) {
	w := newWorld(t, concurrent(1))
	w.schedule(weekly, ann)
	v := w.visitor(1, weekly, jointoken.RoleParticipant)
	w.connects(w.door(), v, "")
	heir := v
	heir.Connection, heir.AtMillis = "heir=", v.AtMillis+1000
	if err := w.door().Resume(context.Background(), heir, claimOf(v)); err != nil {
		t.Fatal(err)
	}
	if told := w.gateway.pushed[v.Connection]; len(told) != 1 || !strings.Contains(told[0], `"removed"`) {
		t.Errorf("told %v", told)
	}
	if told := w.gateway.pushed[heir.Connection]; len(told) != 0 {
		t.Errorf("the new connection is told %v", told)
	}
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
			state, err := w.store.Get(context.Background(), block)
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
