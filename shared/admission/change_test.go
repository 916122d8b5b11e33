package admission_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"seatmeter/shared/pool"
	"seatmeter/shared/worldtest"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

const bob host.Email = "bob@example.org"

// warm makes a named tenant and a process that remembers its license.
func warm(t *testing.T) (*world, *worldtest.Process) {
	t.Helper()
	w := newWorld(t, named(5, 25))
	w.host(ann)
	w.host(bob)
	w.schedule("other", bob)
	w.schedule(weekly, ann)
	d := w.door()
	w.connects(d, w.visitor(900, "other", jointoken.RoleHost), "")
	return w, d
}

func (w *world) connects(d *worldtest.Process, v admission.Visitor, want problem.Code) {
	w.t.Helper()
	err := d.Connect(context.Background(), v)
	if got := code(err); got != want {
		w.t.Fatalf("connect of %s to %s: %q (%v), want %q", v.Identity, v.Conference, got, err, want)
	}
}

// crowd tries to connect n participants and counts those admitted.
func (w *world) crowd(d *worldtest.Process, id conference.ID, n int) int {
	w.t.Helper()
	admitted := 0
	for i := range n {
		w.next++
		if err := d.Connect(context.Background(), w.visitor(1000*w.next+i, id, jointoken.RoleParticipant)); err == nil {
			admitted++
		}
	}
	return admitted
}

func TestAProcessThatRemembersAnOldLicenseOpensNoPoolUnderIt(t *testing.T) {
	w, remembering := warm(t)
	w.put(named(5, 3))
	w.connects(w.door(), w.visitor(1, weekly, jointoken.RoleHost), "")
	if admitted := w.crowd(remembering, weekly, 20); admitted != 3 {
		t.Errorf("%d participants admitted, the license has 3", admitted)
	}
}

func TestAProcessThatRemembersAnOldLicenseStartsNoConferenceUnderIt(t *testing.T) {
	w, remembering := warm(t)
	suspended := named(5, 25)
	suspended.Status = license.StatusSuspended
	w.put(suspended)
	w.connects(remembering, w.visitor(1, weekly, jointoken.RoleHost), problem.LicenseSuspended)
	w.put(concurrent(1))
	w.connects(remembering, w.visitor(2, weekly, jointoken.RoleHost), "")
	w.connects(remembering, w.visitor(3, weekly, jointoken.RoleHost), problem.SeatsExhausted)
	if inUse := w.inUse(seat.Pool{Tenant: acme}); inUse != 1 {
		t.Errorf("%d in the tenant's pool, want 1", inUse)
	}
}

func TestAConferenceOfAConcurrentLicenseNeedsItsHostUnderANamedOne(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	w.connects(w.door(), w.visitor(1, weekly, jointoken.RoleParticipant), "")
	w.put(named(1, 2))
	w.connects(w.door(), w.visitor(2, weekly, jointoken.RoleParticipant), problem.ConferenceNotLive)
	w.connects(w.door(), w.visitor(3, weekly, jointoken.RoleHost), problem.Forbidden)
	w.host(ann)
	w.connects(w.door(), w.visitor(4, weekly, jointoken.RoleHost), "")
	if admitted := w.crowd(w.door(), weekly, 5); admitted != 2 {
		t.Errorf("%d participants admitted, the license has 2", admitted)
	}
	w.books(4)
}

func TestNoMoreConferencesAreLiveThanTheLicenseHasHosts(t *testing.T) {
	w := newWorld(t, named(5, 25))
	for n := range 5 {
		email := host.Email(fmt.Sprintf("host%d@example.org", n))
		w.host(email)
		w.schedule(conference.ID(fmt.Sprintf("c%d", n)), email)
	}
	w.put(named(1, 25))
	w.connects(w.door(), w.visitor(1, "c0", jointoken.RoleHost), "")
	w.connects(w.door(), w.visitor(2, "c1", jointoken.RoleHost), problem.HostsExhausted)
	if _, err := w.door().End(context.Background(), acme, "c0", at(w)); err != nil {
		t.Fatal(err)
	}
	w.connects(w.door(), w.visitor(3, "c1", jointoken.RoleHost), "")
}

func TestAShrunkPoolAdmitsAgainAsSoonAsUseIsBelowItsLimit(t *testing.T) {
	for _, size := range []struct{ was, is int }{{30, 25}, {60, 40}, {200, 7}} {
		t.Run(fmt.Sprintf("%d to %d", size.was, size.is), func(t *testing.T) {
			w := newWorld(t, concurrent(size.was))
			w.schedule(weekly, ann)
			d, inside := w.door(), []admission.Visitor{}
			for n := range size.was {
				inside = append(inside, w.visitor(n, weekly, jointoken.RoleParticipant))
				w.connects(d, inside[n], "")
			}
			w.put(concurrent(size.is))
			for n := size.was; n > size.is; n-- {
				w.connects(d, w.visitor(1000+n, weekly, jointoken.RoleParticipant), problem.SeatsExhausted)
				if err := w.leave(d, inside[n-1]); err != nil {
					t.Fatal(err)
				}
			}
			w.connects(d, w.visitor(5000, weekly, jointoken.RoleParticipant), problem.SeatsExhausted)
			if err := w.leave(d, inside[0]); err != nil {
				t.Fatal(err)
			}
			w.connects(d, w.visitor(5001, weekly, jointoken.RoleParticipant), "")
			w.connects(d, w.visitor(5002, weekly, jointoken.RoleParticipant), problem.SeatsExhausted)
		})
	}
}

// The making of a block, for a larger license, that is still under way when a
// smaller one is in force brings no seats.
func TestABlockThatIsMadeLateBringsNoSeats(t *testing.T) {
	w := newWorld(t, concurrent(30))
	w.schedule(weekly, ann)
	if admitted := w.crowd(w.door(), weekly, 30); admitted != 30 {
		t.Fatalf("%d admitted", admitted)
	}
	var changing atomic.Bool
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "put block" && changing.CompareAndSwap(false, true) {
			w.put(concurrent(30))
		}
		return faults.None
	}
	w.put(concurrent(90))
	if !changing.Load() {
		t.Fatal("no block was made")
	}
	pools := pool.New(w.store, pool.Sleep)
	for n := range 60 {
		id := seat.ConnectionID(fmt.Sprintf("late-%d", n))
		seated, err := pools.Take(context.Background(), seat.Pool{Tenant: acme}, id, seat.Member{JoinedAtMillis: 1}, pool.Terms{Capacity: 90, Revision: 2})
		if err != nil || seated.Refusal == pool.RefusalNone {
			t.Fatalf("seated under a license that is not in force: %+v, %v", seated, err)
		}
	}
	w.books(30)
}

func TestAReadThatLagsRefusesNobody(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	lags := memtable.Behind(t.Context(), func(string, string, string) int { return 1 })
	if err := w.door().Connect(lags, w.visitor(1, weekly, jointoken.RoleParticipant)); err != nil {
		t.Error(err)
	}
}

// retrying loses the answer to the first try of a license, and tries again, as
// the SDK does.
func retrying(ctx context.Context, in any, next faults.Next) (any, error) {
	out, err := next(ctx, in)
	if dynamo.Describe(in).Name == "put license and put license" && err == nil {
		return next(ctx, in)
	}
	return out, err
}

func TestALicenseWhoseAnswerWasLostIsInForce(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	remembering := w.door()
	w.connects(remembering, w.visitor(1, weekly, jointoken.RoleParticipant), "")
	d := w.doorOver(faults.Intercept(w.tables, retrying))
	smaller := concurrent(2)
	smaller.Tenant, smaller.HostAbsentMinutes = acme, license.DefaultHostAbsentMinutes
	if _, _, err := d.Licensing.Put(context.Background(), smaller.WithDefaults(), 1); err != nil {
		t.Fatal(err)
	}
	if admitted := w.crowd(remembering, weekly, 10); admitted != 1 {
		t.Errorf("%d more admitted, the license has 2 seats and 1 is taken", admitted)
	}
}

func TestAMessageOlderThanTheLastMoveChangesNothing(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	d, v, ctx := w.door(), w.visitor(1, weekly, jointoken.RoleParticipant), context.Background()
	if err := d.EnterLobby(ctx, v); err != nil {
		t.Fatal(err)
	}
	began := w.now
	w.now += 4000
	if _, _, err := d.Join(ctx, v.Connection, began+1000); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ToLobby(ctx, v.Connection, began+2000); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Join(ctx, v.Connection, began+1000); err != nil {
		t.Fatal(err)
	}
	w.books(0)
	if _, _, err := d.Join(ctx, v.Connection, began+3000); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ToLobby(ctx, v.Connection, began+2000); err != nil {
		t.Fatal(err)
	}
	w.books(1)
}

func TestAHostsNextConferenceBeginsOnlyWhenNobodyCanJoinTheOneBefore(t *testing.T) {
	w := newWorld(t, named(5, 25))
	w.host(ann)
	w.schedule("before", ann)
	w.schedule(weekly, ann)
	remembers := w.door()
	if err := remembers.Connect(t.Context(), w.visitor(1, "before", jointoken.RoleHost)); err != nil {
		t.Fatal(err)
	}
	calls := 0
	w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault { // dies when the end is marked
		if calls++; calls > 2 {
			return faults.Before
		}
		return faults.None
	}
	if _, err := w.door().End(t.Context(), acme, "before", at(w)); err == nil {
		t.Fatal("the end did not break off")
	}
	w.faulty.Decide = nil
	if err := w.door().Connect(t.Context(), w.visitor(2, weekly, jointoken.RoleHost)); err != nil {
		t.Fatal(err)
	}
	w.put(named(5, 1)) // settles the pools of hosts' conferences only
	if err := remembers.Connect(t.Context(), w.visitor(3, "before", jointoken.RoleParticipant)); !problem.Is(err, problem.ConferenceEnded) {
		t.Errorf("a join of the ended conference, by a process that remembers it live: %v", err)
	}
}
