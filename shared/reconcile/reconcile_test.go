package reconcile_test

import (
	"context"
	"fmt"
	"sync"
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
	"seatmeter/shared/usage"
)

func TestAGhostIsClosedAtItsLastProofOfLife(t *testing.T) {
	w := newWorld(t, concurrent(25))
	alive, ghost := w.in(jointoken.RoleParticipant), w.in(jointoken.RoleParticipant)
	w.pass(10 * time.Minute)
	seen := w.clock()
	w.round()
	w.books(2)
	w.pass(30 * time.Second)
	w.die(ghost)
	w.pass(30 * time.Second)
	w.round()
	w.books(1)
	stays := w.stays()
	if len(stays) != 1 || stays[0].Connection != ghost.Connection || !stays[0].Estimated || stays[0].End != usage.EndVanished ||
		stays[0].LeftAtMillis != seen.UnixMilli() {
		t.Errorf("recorded %+v, want the ghost's stay, estimated, until %d", stays, seen.UnixMilli())
	}
	if err := w.door.Leave(t.Context(), alive.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	w.books(0)
}

func TestAGhostThatNobodySawAliveIsClosedWhenItJoined(t *testing.T) {
	w := newWorld(t, concurrent(25))
	ghost := w.in(jointoken.RoleParticipant)
	w.die(ghost)
	w.pass(time.Minute)
	w.round()
	w.books(0)
	if stays := w.stays(); len(stays) != 1 || stays[0].LeftAtMillis != ghost.AtMillis {
		t.Errorf("recorded %+v, want a stay that ends when it began", stays)
	}
}

// To the platform a connection is gone until its handshake is over.
func TestAConnectionYoungerThanAMinuteIsNeverProbed(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.die(v)
	w.pass(time.Minute - time.Millisecond)
	w.round()
	if len(w.probed) != 0 {
		t.Errorf("probed %v", w.probed)
	}
	w.books(1)
	w.pass(time.Millisecond)
	w.round()
	w.books(0)
}

func TestAConnectionOlderThanThePlatformAllowsIsDeadUnasked(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(2*time.Hour + 2*time.Minute)
	w.round()
	if len(w.probed) != 0 {
		t.Errorf("probed %v", w.probed)
	}
	w.books(0)
	if stays := w.stays(); len(stays) != 1 || !stays[0].Estimated || stays[0].LeftAtMillis > v.AtMillis+2*time.Hour.Milliseconds() {
		t.Errorf("recorded %+v, want an estimate of two hours at the most", stays)
	}
}

func TestWhatCannotBeProbedIsLeftAlone(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.die(w.in(jointoken.RoleParticipant))
	w.broken = errThrottled
	w.pass(5 * time.Minute)
	w.round()
	w.books(1)
	w.broken = nil
	w.round()
	w.books(0)
}

func TestASeatWithoutASessionIsFreedAndItsSessionForestalled(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.visitor(jointoken.RoleParticipant)
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "begin session" {
			return faults.CrashBefore
		}
		return faults.None
	}
	if !w.faulty.Crashes(func() { _ = w.door.Connect(t.Context(), v) }) {
		t.Fatal("the process did not die")
	}
	w.faulty.Decide = nil
	w.books(1)
	w.pass(time.Minute)
	w.round()
	w.books(0)
	if err := w.door.Connect(t.Context(), v); err == nil {
		t.Error("its $connect, delivered once more, was admitted")
	}
	w.books(0)
}

func TestAHoldEndsWhenItsGraceIsOverAndNotBefore(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(time.Second)
	if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndDropped); err != nil {
		t.Fatal(err)
	}
	w.pass(29 * time.Second)
	w.round()
	w.books(1)
	w.pass(time.Second)
	w.round()
	w.books(0)
	if stays := w.stays(); len(stays) != 1 || stays[0].LeftAtMillis-stays[0].JoinedAtMillis != 1000 {
		t.Errorf("recorded %+v, want one second", stays)
	}
}

func TestAConnectionThatResumedIsJudgedByItsOwnAge(t *testing.T) {
	w := newWorld(t, concurrent(25))
	old := w.in(jointoken.RoleParticipant)
	w.pass(time.Hour)
	heir := old
	heir.Connection, heir.AtMillis = "heir=", w.clock().UnixMilli()
	if err := w.door.Resume(t.Context(), heir, w.claim(old)); err != nil {
		t.Fatal(err)
	}
	w.dead[heir.Connection] = true // as it is until its handshake is over
	w.pass(59 * time.Second)
	w.round()
	w.books(1)
}

func TestAPoolFullOfGhostsAdmitsAfterOneLook(t *testing.T) {
	for _, seats := range []int{25, 100, 150, 1000} {
		t.Run(fmt.Sprint(seats), func(t *testing.T) {
			w := newWorld(t, concurrent(seats))
			for range seats {
				w.die(w.in(jointoken.RoleParticipant))
			}
			w.pass(time.Minute)
			w.refused(problem.SeatsExhausted)
			if err := w.reconciler().Refused(t.Context(), []seat.Pool{{Tenant: acme}}); err != nil {
				t.Fatal(err)
			}
			w.in(jointoken.RoleParticipant)
			w.books(1)
		})
	}
}

// A stream of refusals does not make a stream of probes.
func TestAPoolIsNotProbedForEachRefusal(t *testing.T) {
	w := newWorld(t, concurrent(1))
	v := w.in(jointoken.RoleParticipant)
	w.pass(time.Minute)
	for range 100 {
		if err := w.reconciler().Refused(t.Context(), []seat.Pool{{Tenant: acme}}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Millisecond)
	}
	if w.probed[v.Connection] != 1 {
		t.Errorf("probed %d times in 100 ms, want once", w.probed[v.Connection])
	}
}

func TestANamedConferenceEndsWhenItsHostHasBeenAwayForTooLong(t *testing.T) {
	w := newWorld(t, named(5, 25))
	host, guest := w.in(jointoken.RoleHost), w.in(jointoken.RoleParticipant)
	leave := func(v admission.Visitor) {
		t.Helper()
		if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
			t.Fatal(err)
		}
	}
	leave(host)
	w.round() // away from here on
	w.pass(14 * time.Minute)
	w.round()
	w.state(conference.StateLive)
	again := w.in(jointoken.RoleHost)
	w.pass(time.Minute)
	w.round()
	w.state(conference.StateLive)
	leave(again)
	w.pass(time.Minute)
	w.round()
	w.pass(15 * time.Minute)
	w.round()
	w.state(conference.StateEnded)
	if !w.dead[guest.Connection] {
		t.Error("the guest was not sent away")
	}
	w.books(0)
	w.schedule() // and the host is free
	w.in(jointoken.RoleHost)
}

func TestAHostsSecondDeviceKeepsTheConferenceLive(t *testing.T) {
	w := newWorld(t, named(5, 25))
	first := w.in(jointoken.RoleHost)
	w.in(jointoken.RoleHost)
	if err := w.door.Leave(t.Context(), first.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		w.pass(time.Minute)
		w.round()
	}
	w.state(conference.StateLive)
}

func TestAConcurrentConferenceEndsWhenItHasBeenEmptyForFiveMinutes(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	for range 10 {
		w.pass(time.Minute)
		w.round()
	}
	w.state(conference.StateLive)
	if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	w.round()
	w.pass(4 * time.Minute)
	w.round()
	again := w.in(jointoken.RoleParticipant) // takes the vacancy back, before the next round
	w.pass(time.Minute)
	w.round()
	w.state(conference.StateLive)
	if err := w.door.Leave(t.Context(), again.Connection, w.clock().UnixMilli(), usage.EndClosed); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.round()
	w.pass(5 * time.Minute)
	w.round()
	w.state(conference.StateEnded)
}

// An end that broke off at any of its calls is completed, and bills nobody for longer than the
// conference lasted.
func TestAnEndThatBrokeOffIsCompleted(t *testing.T) {
	for call := 0; ; call++ {
		w := newWorld(t, named(5, 25))
		w.in(jointoken.RoleHost)
		guest := w.in(jointoken.RoleParticipant)
		calls := 0
		w.decide(func() faults.Fault {
			calls++
			if calls > call {
				return faults.Before
			}
			return faults.None
		})
		_, err := w.door.End(t.Context(), acme, weekly, w.clock())
		w.faulty.Decide = nil
		if err == nil {
			t.Logf("%d calls", call)
			return
		}
		ended, err := w.store.Conference(t.Context(), acme, weekly, true)
		if err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Minute)
		w.round()
		if ended.State == conference.StateLive {
			continue // it had not begun
		}
		if c := w.state(conference.StateEnded); c.Ending || !w.told[guest.Connection] {
			t.Errorf("after %d calls: %+v, the guest was told: %v", call, c, w.told[guest.Connection])
		}
		for _, s := range w.stays() {
			if s.LeftAtMillis > ended.EndedAt.UnixMilli() {
				t.Errorf("after %d calls: a stay ends at %d, the conference did at %d", call, s.LeftAtMillis, ended.EndedAt.UnixMilli())
			}
		}
		w.books(0)
		w.schedule()
		w.in(jointoken.RoleHost)
	}
}

func TestAHostThatIsLockedToNoLiveConferenceIsFreed(t *testing.T) {
	w := newWorld(t, named(5, 25))
	l := host.Lock{Host: ann, Conference: string(weekly), Number: int64(w.number), Since: w.clock()}
	if taken, err := w.store.Lock(t.Context(), acme, l, nil); err != nil || taken.Holder != nil {
		t.Fatalf("not locked: %v, %v", taken.Holder, err)
	}
	locked := func() int {
		locks, err := w.store.Locks(t.Context(), acme)
		if err != nil {
			t.Fatal(err)
		}
		return len(locks)
	}
	w.pass(59 * time.Second)
	w.round()
	if locked() != 1 {
		t.Error("freed while its start may be under way")
	}
	w.pass(time.Minute)
	w.round()
	if locked() != 0 {
		t.Error("not freed")
	}
}

func TestTwoAtOnceDoNothingTwice(t *testing.T) {
	w := newWorld(t, concurrent(100))
	for range 60 {
		w.die(w.in(jointoken.RoleParticipant))
	}
	w.in(jointoken.RoleParticipant)
	w.pass(time.Minute)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := w.reconciler().Refused(t.Context(), []seat.Pool{{Tenant: acme}}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	w.books(1)
	if n := len(w.stays()); n != 60 {
		t.Errorf("%d stays recorded, want 60", n)
	}
}

// However many parts of the ledger's stream tell of a large pool, and however long
// it refuses: as long as nobody is found dead, it costs some looks at a connection.
func TestALargePoolThatGoesOnRefusingIsLookedAtByOneAtATimeAndInPart(t *testing.T) {
	const seats, parts, seconds, most = 2500, 8, 25, 60
	w := newWorld(t, concurrent(seats))
	for range seats {
		w.in(jointoken.RoleParticipant)
	}
	w.pass(2 * time.Minute)
	for range seconds {
		var group sync.WaitGroup
		for range parts {
			group.Go(func() {
				if err := w.reconciler().Unlimited().Refused(t.Context(), []seat.Pool{{Tenant: acme}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		w.pass(time.Second)
	}
	asked := 0
	for _, n := range w.probed {
		if asked += n; n > 1 {
			t.Fatalf("somebody was asked after %d times in %d s", n, seconds)
		}
	}
	if asked < seconds || asked > seconds*most {
		t.Errorf("%d were asked after in %d s, want at most %d a second", asked, seconds, most)
	}
}

// Everybody dies just after they were found alive. Who comes then, and comes again
// each second, is in within five.
func TestAPoolThatDiesAtOnceAdmitsWithinFiveSecondsOfTheFirstAttempt(t *testing.T) {
	for _, seats := range []int{25, 150, 1000, 4500} {
		w := newWorld(t, concurrent(seats))
		for range seats {
			w.in(jointoken.RoleParticipant)
		}
		w.pass(2 * time.Minute)
		w.round()
		look := func() {
			t.Helper()
			if err := w.reconciler().Unlimited().Refused(t.Context(), []seat.Pool{{Tenant: acme}}); err != nil {
				t.Fatal(err)
			}
		}
		look() // somebody else was refused
		w.pass(time.Second)
		w.everybodyDead()
		attempts := 0
		for ; ; attempts++ {
			if err := w.door.Connect(t.Context(), w.visitor(jointoken.RoleParticipant)); err == nil || attempts > 10 {
				break
			}
			look()
			w.pass(time.Second)
		}
		if attempts > 5 {
			t.Errorf("%d seats: not in after %d s", seats, attempts)
		}
	}
}

// What refused beside a large pool is looked at first, and the stream's next
// news wait for a look no longer than a few seconds.
func TestALookAtALargePoolKeepsNobodyWaiting(t *testing.T) {
	const seats = 5000
	w := newWorld(t, named(1, seats))
	w.die(w.in(jointoken.RoleHost))
	for range seats {
		w.die(w.in(jointoken.RoleParticipant))
	}
	w.pass(2 * time.Minute)
	w.takes = 2 * time.Millisecond
	participants := seat.Pool{Tenant: acme, Number: w.number}
	chair := participants
	chair.Chair = true
	began := w.clock()
	if err := w.reconciler().Unlimited().Refused(t.Context(), []seat.Pool{participants, chair}); err != nil {
		t.Fatal(err)
	}
	if took := w.clock().Sub(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if w.inUse(chair) != 0 {
		t.Error("the dead host is still in the chair")
	}
	looks := 1
	for ; w.inUse(participants) > 0 && looks < 10; looks++ {
		w.pass(2 * time.Second)
		if err := w.reconciler().Unlimited().Refused(t.Context(), []seat.Pool{participants}); err != nil {
			t.Fatal(err)
		}
	}
	if looks < 3 || looks > 5 {
		t.Errorf("%d ghosts were found by %d looks", seats, looks)
	}
}

// Small pools that keep a look busy take nothing from a large one.
func TestALargePoolHasItsTurnAfterManySmallOnes(t *testing.T) {
	const many, participants = 250, 150
	w := newWorld(t, named(many, participants))
	var pools []seat.Pool
	for n := range many {
		email := host.Email(fmt.Sprintf("host-%d@example.org", n))
		if _, err := w.store.AddHost(t.Context(), acme, host.Host{Email: email, Active: true}, host.Slots{}); err != nil {
			t.Fatal(err)
		}
		id := conference.ID(fmt.Sprintf("c%d", n))
		c, err := w.door.Schedule(t.Context(), conference.Conference{Tenant: acme, ID: id, Host: email, State: conference.StateScheduled, CreatedAt: w.now})
		if err != nil {
			t.Fatal(err)
		}
		people := 0
		if n == 0 {
			people = participants
			pools = append(pools, seat.Pool{Tenant: acme, Number: c.Number})
		}
		for m := range people + 1 {
			v := w.visitor(jointoken.RoleParticipant)
			if v.Conference, v.Number = id, c.Number; m == 0 {
				v.Role, v.Identity = jointoken.RoleHost, string(email)
			}
			if err := w.door.Connect(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		pools = append(pools, seat.Pool{Tenant: acme, Number: c.Number, Chair: true})
	}
	w.pass(2 * time.Minute)
	w.everybodyDead()
	w.takes = 15 * time.Millisecond
	if err := w.reconciler().Unlimited().Refused(t.Context(), pools); err != nil {
		t.Fatal(err)
	}
	for _, of := range pools {
		if in := w.inUse(of); in != 0 {
			t.Errorf("%+v: %d ghosts are still in", of, in)
		}
	}
}

// A hundred thousand ghosts at once, and invocations of 55 s in which a probe
// takes a millisecond of everybody's time: each ends in time, the next goes on.
func TestABacklogIsWorkedThroughInPieces(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	const seats = 100_000
	w := newWorld(t, concurrent(seats))
	for range seats {
		w.die(w.in(jointoken.RoleParticipant))
	}
	w.pass(2 * time.Minute)
	w.takes = 2 * time.Millisecond
	rounds := 0
	for w.inUse(seat.Pool{Tenant: acme}) > 0 {
		rounds++
		began := w.clock()
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(55*time.Second))
		if err := w.reconciler().Unlimited().Round(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		if took := w.clock().Sub(began); took > 55*time.Second {
			t.Fatalf("round %d took %v", rounds, took)
		}
		if rounds > 20 {
			t.Fatalf("%d seats in use after %d rounds", w.inUse(seat.Pool{Tenant: acme}), rounds)
		}
		w.pass(time.Second)
	}
	if rounds < 2 {
		t.Errorf("%d rounds: the backlog was no backlog", rounds)
	}
	w.takes = 0
	w.books(0)
	t.Logf("%d ghosts in %d rounds", seats, rounds)
}

func (w *world) inUse(of seat.Pool) int {
	states, err := w.store.Read(context.Background(), of)
	if err != nil {
		w.t.Fatal(err)
	}
	return pool.InUse(states)
}

// Rounds come twice a minute. One that fails, or does not come, leaves the dead
// their seats for half a minute more, and not for two minutes in all.
func TestAConnectionIsAskedAfterOnceAMinuteAndSoonerAfterARoundThatFailed(t *testing.T) {
	const half = 30 * time.Second
	for _, lost := range []int{-1, 0, 1, 2, 3, 4} {
		w := newWorld(t, concurrent(25))
		v := w.in(jointoken.RoleParticipant)
		w.pass(10 * time.Minute)
		w.round()
		w.die(v)
		asked := w.probed[v.Connection]
		for n := range 4 {
			w.pass(half)
			if n == lost {
				continue
			}
			w.round()
		}
		w.books(0)
		if got := w.probed[v.Connection] - asked; got != 1 {
			t.Errorf("without round %d the dead was asked after %d times", lost, got)
		}
		other := w.in(jointoken.RoleParticipant)
		w.pass(10 * time.Minute)
		for range 20 {
			w.pass(half)
			w.round()
		}
		if got := w.probed[other.Connection]; got < 10 || got > 11 {
			t.Errorf("the living was asked after %d times in ten minutes", got)
		}
	}
}

// The same holds of conferences and locks: a round that is lost, or dies half way,
// is made good by the next.
func TestAConferenceIsLookedAtOnceAMinuteAndSoonerAfterARoundThatFailed(t *testing.T) {
	const half, rounds = 30 * time.Second, 20
	for _, lost := range []int{-1, 4, 5} {
		for _, fails := range []string{"", "save progress", "query lock"} {
			w := newWorld(t, named(5, 25))
			w.in(jointoken.RoleHost)
			w.pass(10 * time.Minute)
			var looks []int
			for n := range rounds {
				var mu sync.Mutex
				looked := false
				w.pass(half)
				w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
					mu.Lock()
					defer mu.Unlock()
					if looked = looked || call.Name == "query lock"; n == lost && call.Name == fails {
						return faults.Before
					}
					return faults.None
				}
				if n == lost && fails == "" {
					continue
				}
				if err := w.reconciler().Round(t.Context()); (err != nil) != (n == lost && fails == "save progress") {
					t.Fatal(err)
				}
				if looked && n != lost {
					looks = append(looks, n)
				}
			}
			for i, n := range looks[1:] {
				if apart := n - looks[i]; apart != 2 && (lost < 0 || apart != 3) {
					t.Errorf("round %d lost (%q): looked in rounds %v", lost, fails, looks)
				}
			}
			if len(looks) < rounds/2-1 {
				t.Errorf("round %d lost (%q): looked in rounds %v", lost, fails, looks)
			}
		}
	}
}

// The gateway may tell of a lost connection long after it must have closed it.
func TestADropThatIsToldTooLateEndsAtTheLastProofOfLife(t *testing.T) {
	w := newWorld(t, concurrent(25))
	v := w.in(jointoken.RoleParticipant)
	w.pass(10 * time.Minute)
	seen := w.clock()
	w.round()
	w.pass(5 * time.Hour)
	if err := w.door.Leave(t.Context(), v.Connection, w.clock().UnixMilli(), usage.EndDropped); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Minute)
	w.round()
	w.books(0)
	if stays := w.stays(); len(stays) != 1 || !stays[0].Estimated || stays[0].LeftAtMillis != seen.UnixMilli() {
		t.Errorf("recorded %+v, want an estimate until %d", stays, seen.UnixMilli())
	}
}

// Who joined after the others were last asked after is not taken for alive then,
// however long they were in the lobby before.
func TestWhoJoinedFromTheLobbyAndWasNeverAskedAfterEndsWhenTheyJoined(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.in(jointoken.RoleParticipant) // keeps the block alive
	v := w.visitor(jointoken.RoleParticipant)
	if err := w.door.EnterLobby(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	w.pass(5 * time.Minute)
	w.round()
	w.pass(2 * time.Second)
	if _, _, err := w.door.Join(t.Context(), v.Connection, w.clock().UnixMilli()); err != nil {
		t.Fatal(err)
	}
	w.die(v)
	for range 4 {
		w.pass(46 * time.Second)
		w.round()
	}
	stays := w.stays()
	if len(stays) != 1 || stays[0].LeftAtMillis != stays[0].JoinedAtMillis {
		t.Errorf("recorded %+v, want one that ends when it began", stays)
	}
}
