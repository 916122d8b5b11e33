package reconcile_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// A change of license whose process dies, whenever that is, is completed by the
// next round: then no block is under the license before, so that a process that has
// cached that license admits nobody by it. Nobody loses a seat.
func TestAnInterruptedLicenseChangeIsCompleted(t *testing.T) {
	for _, test := range []struct {
		name     string
		from, to int
	}{{"grown", 25, 400}, {"shrunk", 400, 25}, {"shrunk below its use", 100, 5}} {
		eachWrite(t, test.name, func(t *testing.T, write int) bool {
			const in = 20
			w := worldtest.NewWorld(t, worldtest.Concurrent(test.from))
			for range in {
				w.GuestIn()
			}
			died := change(w, write, worldtest.Concurrent(test.to))
			w.Pass(time.Minute)
			w.Round()
			underOne(w, worldtest.Shared(), in)
			if l, err := w.Store.License(t.Context(), worldtest.Acme); err != nil {
				t.Fatal(err)
			} else if l.Capacity() < in {
				w.Connects(w.Process, w.Guest(), problem.SeatsExhausted) // the process has cached the license before
			}
			return died
		})
	}
}

// Under a named license a conference with its host alone has an empty pool for its
// participants.
func TestAnInterruptedChangeIsCompletedWithOnlyTheHostIn(t *testing.T) {
	eachWrite(t, "", func(t *testing.T, write int) bool {
		w := worldtest.NewWorld(t, worldtest.Named(1, 25))
		w.HostIn()
		died := change(w, write, worldtest.Named(1, 10))
		w.Pass(time.Minute)
		w.Round()
		underOne(w, w.Own(), 0)
		underOne(w, w.Chair(), 1)
		return died
	})
}

// A large tenant has many blocks, and one license.
func TestARoundCompletesATenantsChangeOnceAndNotTooEarly(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(3000))
	for range 3000 {
		w.GuestIn()
	}
	w.Pass(10 * time.Minute)
	change(w, 3, worldtest.Concurrent(2000))
	for _, round := range []struct {
		what  string
		after time.Duration
		want  int64
	}{{"five seconds old", 5 * time.Second, 0}, {"broken off", time.Minute, 1}, {"complete", time.Minute, 0}} {
		w.Pass(round.after)
		var completions atomic.Int64
		w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "note rolled out" {
				completions.Add(1)
			}
			return faults.None
		}
		w.Round()
		if n := completions.Load(); n != round.want {
			t.Errorf("a change that is %s was completed %d times in a round", round.what, n)
		}
	}
}

// A change that takes too long for a round is given up, and the round is completed.
func TestARoundEndsThoughAChangeCannotBeCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.NewBubble(t, worldtest.Concurrent(25))
		w.GuestIn()
		w.Pass(10 * time.Minute)
		change(w, 2, worldtest.Concurrent(20))
		w.Pass(time.Minute)
		released := false
		w.Faults.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
			switch call.Name {
			case "resize":
				<-ctx.Done() // DynamoDB does not answer
				return faults.Before
			case "release agenda":
				released = ctx.Err() == nil
			}
			return faults.None
		}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if err := w.Reconciler(w.Process).Round(ctx); err != nil || !released {
			t.Errorf("%v, released in time: %t", err, released)
		}
	})
}

func TestAConferenceEndsThoughAChangeCannotBeCompleted(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Leaves(w.GuestIn(), usage.EndClosed)
	change(w, 2, worldtest.Concurrent(20))
	w.FailAll("resize", faults.Before)
	w.Rounds(8)
	w.State(conference.StateEnded)
}

// eachWrite runs a test for each write at which the process of a change dies, until
// the test tells that it did not die.
func eachWrite(t *testing.T, name string, test func(t *testing.T, write int) (died bool)) {
	t.Helper()
	worldtest.EachCall(t, name, func(t *testing.T, write int) bool {
		if write > 200 {
			t.Fatal("a change has no end")
		}
		return test(t, write)
	})
}

// change changes the license by a process that dies at a write, and tells whether
// it died.
func change(w *worldtest.World, write int, l license.License) (died bool) {
	w.T.Helper()
	var writes atomic.Int64
	w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		switch call.Name {
		case "put license and put license", "put block", "resize", "clear directory", "note rolled out":
			if writes.Add(1) == int64(write) {
				return faults.CrashBefore
			}
		}
		return faults.None
	}
	died = w.Faults.Crashes(func() { _ = w.PutLicense(w.NewProcess(), l) })
	w.Calm()
	return died
}

// underOne checks that all blocks of a pool are under the license in force, have no
// more seats than it has, and so many members.
func underOne(w *worldtest.World, of seat.Pool, in int) {
	w.T.Helper()
	l, err := w.Store.License(w.T.Context(), worldtest.Acme)
	if err != nil {
		w.T.Fatal(err)
	}
	capacity, members := 0, 0
	for _, b := range w.Blocks(of) {
		capacity += max(b.Capacity, b.InUse)
		members += len(b.Members)
		if b.Revision != l.Revision {
			w.T.Errorf("block %d is under revision %d, not %d", b.Block.Index, b.Revision, l.Revision)
		}
	}
	if most := max(l.Capacity(), in); capacity > most || members != in {
		w.T.Errorf("of %d seats %d are handed out, and there are %d members, not %d", l.Capacity(), capacity, members, in)
	}
}
