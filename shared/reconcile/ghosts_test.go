package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func TestAGhostIsClosedAtItsLastProofOfLife(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	alive, ghost := w.GuestIn(), w.GuestIn()
	w.Pass(10 * time.Minute)
	seen := w.Now().Truncate(time.Second) // as blocks keep it
	w.Round()
	w.Books(2)
	w.Pass(30 * time.Second)
	w.Gateway.Kill(ghost.Connection)
	w.Rounds(4)
	w.Books(1)
	stays := w.Stays()
	if len(stays) != 1 || stays[0].Connection != ghost.Connection || !stays[0].Estimated || stays[0].End != usage.EndVanished ||
		stays[0].LeftAtMillis != seen.UnixMilli() {
		t.Errorf("recorded %+v, want the ghost's stay, estimated, until %d", stays, seen.UnixMilli())
	}
	w.Leaves(alive, usage.EndClosed)
	w.Books(0)
}

func TestAGhostNeverFoundAliveIsClosedAtItsJoin(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	ghost := w.GuestIn()
	w.Gateway.Kill(ghost.Connection)
	w.Pass(time.Minute)
	w.Round()
	w.Books(0)
	if stays := w.Stays(); len(stays) != 1 || stays[0].LeftAtMillis != ghost.AtMillis {
		t.Errorf("recorded %+v, want a stay that ends when it began", stays)
	}
}

// To the platform a connection is gone until its handshake is over.
func TestAConnectionYoungerThanAMinuteIsNeverProbed(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Gateway.Kill(v.Connection)
	w.Pass(time.Minute - time.Millisecond)
	w.Round()
	if n, _ := w.Gateway.AllProbes(); n != 0 {
		t.Errorf("probed %d times", n)
	}
	w.Books(1)
	w.Pass(time.Millisecond)
	w.Round()
	w.Books(0)
}

// A stay that was resumed may be as old as two connections.
func TestAStayPastThePlatformsLimitsIsOverWithoutAProbe(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(4*time.Hour + 2*time.Minute)
	w.Round()
	if n, _ := w.Gateway.AllProbes(); n != 0 {
		t.Errorf("probed %d times", n)
	}
	w.Books(0)
	if stays := w.Stays(); len(stays) != 1 || !stays[0].Estimated || stays[0].LeftAtMillis > v.AtMillis+2*time.Hour.Milliseconds() {
		t.Errorf("recorded %+v, want an estimate of two hours at the most", stays)
	}
}

func TestAFailedProbeLeavesTheSeatTaken(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Gateway.Kill(w.GuestIn().Connection)
	w.Gateway.OnProbe = func(seat.ConnectionID) error { return errors.New("too many requests") }
	w.Pass(5 * time.Minute)
	w.Round()
	w.Books(1)
	w.Gateway.OnProbe = nil
	w.Round()
	w.Books(0)
}

func TestASeatWithoutASessionIsFreedAndItsSessionFenced(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.Guest()
	w.FailFirst("begin session", faults.CrashBefore)
	if !w.Faults.Crashes(func() { _ = w.Process.Connect(t.Context(), v) }) {
		t.Fatal("the process did not crash")
	}
	w.Calm()
	w.Books(1)
	w.Pass(time.Minute)
	w.Round()
	w.Books(0)
	if err := w.Process.Connect(t.Context(), v); err == nil {
		t.Error("its $connect, delivered once more, was admitted")
	}
	w.Books(0)
}

func TestAConnectionThatResumedIsJudgedByItsOwnAge(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	old := w.GuestIn()
	w.Pass(time.Hour)
	heir := w.Heir(old)
	w.Resumes(heir, old)
	w.Gateway.Kill(heir.Connection) // as it is until its handshake is over
	w.Pass(59 * time.Second)
	w.Round()
	w.Books(1)
}

// A round that fails, or does not come, leaves the dead their seats for a minute more.
func TestTheDeadOfANearlyFullPoolAreFoundWithinTwoMinutes(t *testing.T) {
	for _, lost := range []int{-1, 0, 1} {
		w := worldtest.NewWorld(t, worldtest.Concurrent(5))
		for range 3 {
			w.GuestIn()
		}
		dies := w.GuestIn()
		w.Rounds(10)
		asked := w.Gateway.Probes(dies.Connection)
		if asked < 9 || asked > 10 {
			t.Errorf("asked after %d times in ten minutes", asked)
		}
		w.Gateway.Kill(dies.Connection)
		for n := range 2 {
			w.Pass(time.Minute)
			if n != lost {
				w.Round()
			}
		}
		w.Books(3)
	}
}

// Where seats are free a ghost takes none from anybody.
func TestTheDeadAmongFreeSeatsAreFoundWithinFiveMinutes(t *testing.T) {
	for lost := range 6 {
		w := worldtest.NewWorld(t, worldtest.Concurrent(25))
		w.GuestIn()
		dies := w.GuestIn()
		w.Rounds(11)
		if asked := w.Gateway.Probes(dies.Connection); asked != 3 {
			t.Errorf("asked after %d times in eleven minutes", asked)
		}
		w.Gateway.Kill(dies.Connection)
		for n := range 5 {
			w.Pass(time.Minute)
			if n != lost {
				w.Round()
			}
		}
		w.Books(1)
		if stays := w.Stays(); len(stays) != 1 || w.Millis()-stays[0].LeftAtMillis > 8*time.Minute.Milliseconds() {
			t.Errorf("recorded %+v, more than five minutes too early", stays)
		}
	}
}

// An end waits for whoever keeps the conference live: the dead among them are found
// at once.
func TestTheDeadThatAloneKeepAConferenceLiveAreFoundAtOnce(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)} {
		w := worldtest.NewWorld(t, l)
		dies := w.HostIn()
		if l.Model == license.ModelNamed {
			w.GuestIn()
		}
		w.Rounds(6)
		w.Gateway.Kill(dies.Connection)
		w.Rounds(1)
		if w.Conference().VacantSince.IsZero() {
			t.Errorf("%s: not vacant after a round", l.Model)
		}
	}
}

// The gateway may tell of a lost connection long after it must have closed it.
func TestADropToldLateEndsAtTheLastProofOfLife(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(10 * time.Minute)
	seen := w.Now().Truncate(time.Second) // as blocks keep it
	w.Round()
	w.Pass(5 * time.Hour)
	w.Leaves(v, usage.EndDropped)
	w.Pass(time.Minute)
	w.Round()
	w.Books(0)
	if stays := w.Stays(); len(stays) != 1 || !stays[0].Estimated || stays[0].LeftAtMillis != seen.UnixMilli() {
		t.Errorf("recorded %+v, want an estimate until %d", stays, seen.UnixMilli())
	}
}

// A connection that joined after the last probe of its block is not taken for
// alive at that time, however long it was in the lobby before.
func TestAnUnprobedJoinFromTheLobbyEndsAtItsJoin(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.GuestIn() // keeps the block alive
	v := w.Waits()
	w.Pass(5 * time.Minute)
	w.Round()
	w.Pass(2 * time.Second)
	w.Joins(v)
	w.Gateway.Kill(v.Connection)
	w.Rounds(5)
	stays := w.Stays()
	if len(stays) != 1 || stays[0].LeftAtMillis != stays[0].JoinedAtMillis {
		t.Errorf("recorded %+v, want one that ends when it began", stays)
	}
}

// The process of a leave for the lobby dies when the ledger has the stay.
func TestAnInterruptedLeaveGivesItsSeatBackWithinTwoRounds(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Pass(time.Minute)
	w.Fail(4, faults.CrashBefore)
	if !w.Faults.Crashes(func() { _, _ = w.Process.ToLobby(t.Context(), v.Connection, w.Millis()) }) || len(w.Stays()) != 1 {
		t.Fatalf("%d records", len(w.Stays()))
	}
	w.Calm()
	w.Rounds(2)
	w.Books(0)
}

// The process of a removal dies at any call; the client is connected still.
func TestAnInterruptedRemovalIsCompleted(t *testing.T) {
	worldtest.EachCall(t, "removal", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(25))
		w.GuestIn()
		v := w.GuestIn()
		w.Pass(time.Minute)
		nth := w.Fail(call, faults.CrashAfter)
		r := meeting.Removal{Tenant: worldtest.Acme, Conference: worldtest.Weekly, At: w.Now()}
		died := w.Faults.Crashes(func() { _, _ = w.Process.Remove(t.Context(), r, v.Connection) })
		w.Calm()
		w.Rounds(2)
		s, err := w.Store.Session(t.Context(), v.Connection, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, in := w.Members(worldtest.Shared())[v.Connection]; in == (s.State == session.StateGone) {
			t.Errorf("the connection has a seat: %t; its session: %+v", in, s)
		}
		if stays := w.Stays(); len(stays) > 0 {
			w.Books(1)
			if stays[0].End != usage.EndRemoved || stays[0].LeftAtMillis != r.At.UnixMilli() {
				t.Errorf("recorded: %+v", stays[0])
			}
		}
		return died && nth.Reached()
	})
}

func TestAStayIsRecordedThoughReconciliationWasOffForDays(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	ghost := w.GuestIn()
	w.Gateway.Kill(ghost.Connection)
	w.Expire(3 * 24 * time.Hour)
	w.Rounds(2)
	if stays := w.Stays(); len(stays) != 1 || stays[0].Connection != ghost.Connection || !stays[0].Estimated {
		t.Errorf("recorded: %+v", stays)
	}
	w.Books(0)
	for _, b := range w.Blocks(worldtest.Shared()) {
		if b.Voids != 0 {
			t.Errorf("voids: %+v", b)
		}
	}
}
