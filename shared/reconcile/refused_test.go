package reconcile_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

func TestAPoolFullOfGhostsAdmitsAfterOneScan(t *testing.T) {
	for _, seats := range []int{25, 100, 150, 1000} {
		t.Run(fmt.Sprint(seats), func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(seats))
			for range seats {
				w.Gateway.Kill(w.GuestIn().Connection)
			}
			w.Pass(time.Minute)
			w.Connects(w.Process, w.Guest(), problem.SeatsExhausted)
			if err := w.Reconciler(w.Process).Refused(t.Context(), worldtest.Refusals(worldtest.Shared())); err != nil {
				t.Fatal(err)
			}
			w.GuestIn()
			w.Books(1)
		})
	}
}

// A stream of refusals does not make a stream of probes.
func TestAPoolIsNotProbedForEachRefusal(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(1))
	v := w.GuestIn()
	w.Pass(time.Minute)
	for range 100 {
		if err := w.Reconciler(w.Process).Refused(t.Context(), worldtest.Refusals(worldtest.Shared())); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Millisecond)
	}
	if w.Gateway.Probes(v.Connection) != 1 {
		t.Errorf("probed %d times in 100 ms, want once", w.Gateway.Probes(v.Connection))
	}
}

func TestConcurrentScansDoNothingTwice(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(100))
	for range 60 {
		w.Gateway.Kill(w.GuestIn().Connection)
	}
	w.GuestIn()
	w.Pass(time.Minute)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := w.Reconciler(w.Process).Refused(t.Context(), worldtest.Refusals(worldtest.Shared())); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	w.Books(1)
	if n := len(w.Stays()); n != 60 {
		t.Errorf("%d stays recorded, want 60", n)
	}
}

// However many parts of the ledger's stream tell of a large pool, and however long
// it refuses: as long as no connection is found dead, each second costs a bounded
// number of probes.
func TestALargePoolIsScannedInPartByOneAtATime(t *testing.T) {
	const seats, parts, seconds, most = 2500, 8, 25, 60
	w := worldtest.NewWorld(t, worldtest.Concurrent(seats))
	for range seats {
		w.GuestIn()
	}
	w.Pass(2 * time.Minute)
	for range seconds {
		var group sync.WaitGroup
		for range parts {
			group.Go(func() { scan(t, w, worldtest.Shared()) })
		}
		group.Wait()
		w.Pass(time.Second)
	}
	total, ofOne := w.Gateway.AllProbes()
	if ofOne > 1 {
		t.Errorf("a connection was probed %d times in %d s", ofOne, seconds)
	}
	if total < seconds || total > (seconds+1)*most {
		t.Errorf("%d probes in %d s, want at most %d a second", total, seconds, most)
	}
}

// scan scans pools that refused a join, without a bound on probes per second.
func scan(t *testing.T, w *worldtest.World, pools ...seat.Pool) {
	t.Helper()
	if err := w.Reconciler(w.Process).Unlimited().Refused(t.Context(), worldtest.Refusals(pools...)); err != nil {
		t.Error(err)
	}
}

// All connections die just after they were found alive. A visitor who tries again
// each second is admitted within five.
func TestADeadPoolAdmitsWithinFiveSecondsOfTheFirstAttempt(t *testing.T) {
	for _, seats := range []int{25, 150, 1000, 4500} {
		w := worldtest.NewWorld(t, worldtest.Concurrent(seats))
		for range seats {
			w.GuestIn()
		}
		w.Pass(2 * time.Minute)
		w.Round()
		scan(t, w, worldtest.Shared()) // another visitor was refused
		w.Pass(time.Second)
		w.Gateway.KillAll()
		attempts := 0
		for ; ; attempts++ {
			if err := w.Process.Connect(t.Context(), w.Guest()); err == nil || attempts > 10 {
				break
			}
			scan(t, w, worldtest.Shared())
			w.Pass(time.Second)
		}
		if attempts > 5 {
			t.Errorf("%d seats: not in after %d s", seats, attempts)
		}
	}
}

// A small pool beside a large one is scanned first, and the stream's next records
// wait for a scan no longer than a few seconds.
func TestScanningALargePoolDelaysNoOther(t *testing.T) {
	const seats = 5000
	w := worldtest.NewWorld(t, worldtest.Named(1, seats))
	w.HostIn()
	for range seats {
		w.GuestIn()
	}
	w.Gateway.KillAll()
	w.Pass(2 * time.Minute)
	slowProbes(w, 2*time.Millisecond)
	began := w.Now()
	scan(t, w, w.Own(), w.Chair())
	if took := w.Now().Sub(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	if w.InUse(w.Chair()) != 0 {
		t.Error("the dead host still has the seat")
	}
	scans := 1
	for ; w.InUse(w.Own()) > 0 && scans < 10; scans++ {
		w.Pass(2 * time.Second)
		scan(t, w, w.Own())
	}
	if scans < 3 || scans > 5 {
		t.Errorf("%d ghosts were found by %d scans", seats, scans)
	}
}

// slowProbes has each probe take some time of the world's clock.
func slowProbes(w *worldtest.World, each time.Duration) {
	w.Gateway.OnProbe = func(seat.ConnectionID) error {
		w.Pass(each)
		return nil
	}
}

// Small pools that keep a scan busy take nothing from a large one.
func TestALargePoolIsScannedAfterManySmallOnes(t *testing.T) {
	const many, participants = 100, 150
	w := worldtest.NewWorld(t, worldtest.Named(many, participants))
	w.HostIn()
	for range participants {
		w.GuestIn()
	}
	pools := []seat.Pool{w.Own(), w.Chair()}
	for n := range many - 1 {
		email, id := host.Email(fmt.Sprintf("host-%d@example.org", n)), conference.ID(fmt.Sprintf("c%d", n))
		w.AddHost(email)
		c := w.Schedule(id, email)
		w.Connects(w.Process, w.Visitor(id, jointoken.RoleHost), "")
		pools = append(pools, seat.Pool{Tenant: worldtest.Acme, Number: c.Number, Chair: true})
	}
	w.Pass(2 * time.Minute)
	w.Gateway.KillAll()
	slowProbes(w, 15*time.Millisecond)
	scan(t, w, pools...)
	for _, of := range pools {
		if in := w.InUse(of); in != 0 {
			t.Errorf("%+v: %d ghosts are still in", of, in)
		}
	}
}
