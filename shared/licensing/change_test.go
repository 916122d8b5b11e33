package licensing_test

import (
	"context"
	"fmt"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// cached makes a named tenant whose process has cached the license.
func cached(t *testing.T) *worldtest.World {
	t.Helper()
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.Connects(w.Process, w.Guest(), problem.ConferenceNotLive)
	return w
}

func TestACachedOldLicenseOpensNoPool(t *testing.T) {
	w := cached(t)
	w.License(worldtest.Named(5, 3))
	w.Connects(w.NewProcess(), w.Host(), "")
	if admitted := w.Crowd(w.Process, 20); admitted != 3 {
		t.Errorf("%d participants admitted, the license has 3", admitted)
	}
}

func TestACachedOldLicenseStartsNoConference(t *testing.T) {
	w := cached(t)
	suspended := worldtest.Named(5, 25)
	suspended.Status = license.StatusSuspended
	w.License(suspended)
	w.Connects(w.Process, w.Host(), problem.LicenseSuspended)
	w.License(worldtest.Concurrent(1))
	w.HostIn()
	w.Connects(w.Process, w.Host(), problem.SeatsExhausted)
	if inUse := w.InUse(worldtest.Shared()); inUse != 1 {
		t.Errorf("%d in the tenant's pool, want 1", inUse)
	}
}

func TestAShrunkPoolAdmitsOnceUseIsBelowItsLimit(t *testing.T) {
	for _, size := range []struct{ was, is int }{{30, 25}, {60, 40}, {200, 7}} {
		t.Run(fmt.Sprintf("%d to %d", size.was, size.is), func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(size.was))
			var in []admission.Visitor
			for range size.was {
				in = append(in, w.GuestIn())
			}
			w.License(worldtest.Concurrent(size.is))
			for n := size.was; n > size.is; n-- {
				w.Connects(w.Process, w.Guest(), problem.SeatsExhausted)
				w.Leaves(in[n-1], usage.EndClosed)
			}
			w.Connects(w.Process, w.Guest(), problem.SeatsExhausted)
			w.Leaves(in[0], usage.EndClosed)
			w.GuestIn()
			w.Connects(w.Process, w.Guest(), problem.SeatsExhausted)
		})
	}
}

// A block is created for a larger license when a smaller one is in force already.
func TestABlockCreatedLateAddsNoSeats(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(30))
	if admitted := w.Crowd(w.Process, 30); admitted != 30 {
		t.Fatalf("%d admitted", admitted)
	}
	changed := w.Before("put block", func() { w.License(worldtest.Concurrent(30)) })
	w.License(worldtest.Concurrent(90))
	if !changed.Reached() {
		t.Fatal("no block was created")
	}
	w.Calm()
	pools := pool.New(w.Store, pool.Sleep)
	for n := range 60 {
		id := seat.ConnectionID(fmt.Sprintf("late-%d", n))
		seated, err := pools.Take(t.Context(), worldtest.Shared(), id, seat.Member{JoinedAtMillis: 1}, pool.Terms{Capacity: 90, Revision: 2})
		if err != nil || seated.Refusal == pool.RefusalNone {
			t.Fatalf("seated under a license that is not in force: %+v, %v", seated, err)
		}
	}
	w.Books(30)
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

func TestALicenseIsInForceThoughItsAnswerWasLost(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.GuestIn() // so that the process has cached the license
	p := w.ProcessOver(faults.Intercept(w.Tables, retrying))
	if _, _, err := p.Licensing.Put(t.Context(), worldtest.Concurrent(2), 1); err != nil {
		t.Fatal(err)
	}
	if admitted := w.Crowd(w.Process, 10); admitted != 1 {
		t.Errorf("%d more admitted, the license has 2 seats and 1 is taken", admitted)
	}
}

func TestAChangedLicenseIsInForceWhenTheChangeReturns(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	for range 10 {
		w.GuestIn()
	}
	suspended := worldtest.Concurrent(25)
	suspended.Status = license.StatusSuspended
	w.License(suspended)
	w.Connects(w.Process, w.Guest(), problem.LicenseSuspended)
	w.Books(10)
	w.License(worldtest.Concurrent(25))
	w.GuestIn()
	w.License(worldtest.Named(5, 25))
	if got := worldtest.Code(w.Process.Connect(t.Context(), w.Guest())); got != "" && got != problem.ConferenceNotLive {
		t.Errorf("under another model: %q", got)
	}
	if inUse := w.InUse(worldtest.Shared()); inUse != 11 {
		t.Errorf("%d in the tenant's pool, want 11: a named license adds none", inUse)
	}
}
