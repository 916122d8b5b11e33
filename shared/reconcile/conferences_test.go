package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

func TestANamedConferenceEndsWhenItsHostStaysAway(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	host, guest := w.HostIn(), w.GuestIn()
	leave := func(v admission.Visitor) {
		t.Helper()
		w.Leaves(v, usage.EndClosed)
	}
	leave(host)
	w.Round() // away from here on
	w.Pass(14 * time.Minute)
	w.Round()
	w.State(conference.StateLive)
	again := w.HostIn()
	w.Pass(time.Minute)
	w.Round()
	w.State(conference.StateLive)
	leave(again)
	w.Pass(time.Minute)
	w.Round()
	w.Pass(15 * time.Minute)
	w.Round()
	w.State(conference.StateEnded)
	if !w.Gateway.Closed(guest.Connection) {
		t.Error("the guest was not sent away")
	}
	w.Books(0)
	w.Schedule(worldtest.Weekly, worldtest.Ann) // and the host is free
	w.HostIn()
}

func TestAHostsSecondDeviceKeepsTheConferenceLive(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	first := w.HostIn()
	w.HostIn()
	w.Leaves(first, usage.EndClosed)
	for range 20 {
		w.Pass(time.Minute)
		w.Round()
	}
	w.State(conference.StateLive)
}

func TestAConcurrentConferenceEndsAfterFiveEmptyMinutes(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	for range 10 {
		w.Pass(time.Minute)
		w.Round()
	}
	w.State(conference.StateLive)
	w.Leaves(v, usage.EndClosed)
	w.Round()
	w.Pass(4 * time.Minute)
	w.Round()
	again := w.GuestIn() // takes the vacancy back, before the next round
	w.Pass(time.Minute)
	w.Round()
	w.State(conference.StateLive)
	w.Leaves(again, usage.EndClosed)
	w.Pass(time.Minute)
	w.Round()
	w.Pass(5 * time.Minute)
	w.Round()
	w.State(conference.StateEnded)
}

// A hold that is over and cannot be given back for now keeps no conference live.
func TestAConferenceWithNothingButAnExpiredHoldIsVacant(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	lost := w.GuestIn()
	w.Leaves(lost, usage.EndDropped)
	w.Pass(29 * time.Second)
	w.Round()
	if !w.Conference().VacantSince.IsZero() {
		t.Error("vacant while the seat is held")
	}
	w.FailAll("give back", faults.Before)
	w.Pass(time.Minute)
	w.Round()
	if w.Conference().VacantSince.IsZero() {
		t.Error("not vacant when the hold is over")
	}
	if _, still := w.Members(worldtest.Shared())[lost.Connection]; !still {
		t.Error("the hold was given back: nothing is tested here")
	}
}

func TestAHostLockedToNoLiveConferenceIsFreed(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	l := host.Lock{Host: worldtest.Ann, Conference: string(worldtest.Weekly), Number: int64(w.Number(worldtest.Weekly)), Since: w.Now()}
	if taken, err := w.Store.Lock(t.Context(), worldtest.Acme, l, nil); err != nil || taken.Holder != nil {
		t.Fatalf("not locked: %v, %v", taken.Holder, err)
	}
	locked := func() int {
		locks, err := w.Store.Locks(t.Context(), worldtest.Acme)
		if err != nil {
			t.Fatal(err)
		}
		return len(locks)
	}
	w.Pass(59 * time.Second)
	w.Round()
	if locked() != 1 {
		t.Error("freed while its start may be under way")
	}
	w.Pass(time.Minute)
	w.Round()
	if locked() != 0 {
		t.Error("not freed")
	}
}

// A round that does not come, or fails, leaves a conference without its host to the
// next one.
func TestAnUnattendedConferenceIsFoundDespiteALostRound(t *testing.T) {
	for _, fails := range []string{"query busy", "get many block", "get conference", "query pool", "vacate", "release agenda"} {
		w := worldtest.NewWorld(t, worldtest.Named(5, 25))
		host := w.HostIn()
		w.GuestIn()
		w.Rounds(5)
		w.Leaves(host, usage.EndClosed)
		w.Pass(time.Minute)
		w.FailAll(fails, faults.Before)
		_ = w.Reconciler(w.Process).Round(t.Context())
		w.Calm()
		w.Rounds(1)
		if w.Conference().VacantSince.IsZero() {
			t.Errorf("%s fails in one round: not vacant after the next", fails)
		}
	}
}

// An end under a concurrent license that broke off before anybody was told is
// completed within a few minutes, though people are in.
func TestAnEndThatNobodyWasToldOfIsCompleted(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	v := w.GuestIn()
	w.Rounds(5)
	if _, err := w.Store.End(t.Context(), worldtest.Acme, worldtest.Weekly, v.Number, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Rounds(5)
	if w.State(conference.StateEnded).Ending || !w.Gateway.Closed(v.Connection) {
		t.Errorf("not completed: %+v", w.Conference())
	}
	w.Books(0)
}

// A conference that went live under one model ends as that model says, whatever
// the license becomes: nobody who is in loses their seat by the change.
func TestNoChangeOfLicenseEndsAConference(t *testing.T) {
	t.Run("concurrent to named", func(t *testing.T) {
		w := worldtest.NewWorld(t, worldtest.Concurrent(5))
		w.GuestIn()
		w.Round()
		w.License(worldtest.Named(5, 25))
		w.Rounds(40)
		w.State(conference.StateLive)
		w.Books(1)
		w.Gateway.KillAll()
		w.Rounds(8)
		w.State(conference.StateEnded)
		w.Books(0)
	})
	t.Run("named to concurrent", func(t *testing.T) {
		w := worldtest.NewWorld(t, worldtest.Named(5, 25))
		w.HostIn()
		w.GuestIn()
		w.License(worldtest.Concurrent(5))
		w.Rounds(40)
		w.State(conference.StateLive)
		w.Books(2)
	})
}

// A conference that went live under a concurrent license was found vacant. A host
// joins it under a named one, in the very round that would end it.
func TestAHostJoiningAVacantConferenceKeepsItLive(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(5))
	w.Gateway.Kill(w.GuestIn().Connection)
	w.Rounds(2)
	if c := w.State(conference.StateLive); c.VacantSince.IsZero() {
		t.Fatal("not vacant")
	}
	w.License(worldtest.Named(5, 25))
	w.Pass(4 * time.Minute)
	joined := w.Before("expire conference", func() { w.HostIn() })
	w.Rounds(2)
	w.Calm()
	if !joined.Reached() {
		t.Fatal("the round did not try to end it")
	}
	w.Rounds(2)
	w.State(conference.StateLive)
	w.Books(1)
}
