package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/worldtest"
)

// The process of an end dies at any of its calls. The end is completed, and bills
// nobody for longer than the conference lasted.
func TestAnInterruptedEndIsCompleted(t *testing.T) {
	worldtest.EachCall(t, "the process dies", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Named(5, 25))
		w.HostIn()
		guest := w.GuestIn()
		w.Fail(call, faults.CrashBefore)
		died := w.Faults.Crashes(func() { _, _ = w.Process.End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()) })
		w.Calm()
		ended := w.Conference()
		w.Rounds(5)
		if ended.State == conference.StateLive {
			return died // the end had not begun
		}
		if c, told := w.State(conference.StateEnded), w.Gateway.Pushed(guest.Connection); c.Ending || len(told) == 0 {
			t.Errorf("%+v, the guest was told %v", c, told)
		}
		for _, s := range w.Stays() {
			if s.LeftAtMillis > ended.EndedAt.UnixMilli() {
				t.Errorf("a stay ends at %d, the conference did at %d", s.LeftAtMillis, ended.EndedAt.UnixMilli())
			}
		}
		w.Books(0)
		w.Schedule(worldtest.Weekly, worldtest.Ann)
		w.HostIn()
		return died
	})
}

// A join whose reads are a moment old may be admitted as its conference ends,
// and the id may be scheduled anew before the next round.
func TestALateJoinIsRemovedThoughItsIDIsScheduledAnew(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.GuestIn() // so that this process has cached the conference as live
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	late := w.Guest()
	if err := w.Process.Connect(memtable.Behind(t.Context(), func(_, _, _ string) int { return 2 }), late); err != nil {
		t.Fatal(err)
	}
	next := w.Schedule(worldtest.Weekly, worldtest.Ann)
	stays := w.GuestIn()
	w.Pass(2 * time.Minute)
	w.Round()
	in := w.Members(worldtest.Shared())
	if _, still := in[late.Connection]; still {
		t.Error("still in a conference that has ended")
	}
	if m := in[stays.Connection]; len(in) != 1 || m.Conference != next.Number {
		t.Errorf("in are %v, want just %s", in, stays.Connection)
	}
	w.State(conference.StateLive)
}

// A connection that has a seat in an ended conference's own pool is closed.
func TestALateConnectionIsRemovedFromAConferencesOwnPool(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.HostIn()
	late := w.GuestIn()
	if _, err := w.Store.End(t.Context(), worldtest.Acme, worldtest.Weekly, late.Number, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Store.Finish(t.Context(), worldtest.Acme, worldtest.Weekly, late.Number); err != nil {
		t.Fatal(err)
	}
	w.Rounds(2)
	if len(w.Gateway.Pushed(late.Connection)) == 0 {
		t.Error("not told")
	}
	w.Books(0)
}

// An end that broke off is completed while its id is scheduled anew: the new
// conference stays scheduled.
func TestCompletingAnEndSparesTheNextConferenceOfItsID(t *testing.T) {
	worldtest.EachCall(t, "scheduled", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(5))
		v := w.GuestIn()
		if _, err := w.Store.End(t.Context(), worldtest.Acme, worldtest.Weekly, v.Number, w.Now()); err != nil {
			t.Fatal(err)
		}
		w.Pass(2 * time.Minute)
		scheduled := w.During(call, func() { w.Schedule(worldtest.Weekly, worldtest.Ann) })
		w.Round()
		w.Calm()
		if !scheduled.Reached() {
			w.State(conference.StateEnded)
			return false
		}
		if c := w.State(conference.StateScheduled); c.Number != w.Number(worldtest.Weekly) {
			t.Errorf("number %d, want %d", c.Number, w.Number(worldtest.Weekly))
		}
		return true
	})
}
