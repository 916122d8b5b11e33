package lease_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/lease"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const minute = time.Minute

// server is a visitor whose seat a server takes for so many seconds.
func server(w *worldtest.World, seconds int) admission.Visitor {
	v := w.Guest()
	v.Connection, v.LeaseSeconds = seat.NewServerID(), seconds
	return v
}

func take(w *worldtest.World, v admission.Visitor) error {
	c, err := w.Store.Conference(context.Background(), v.Tenant, v.Conference, true)
	if err != nil {
		return err
	}
	_, _, err = w.NewProcess().TakeSeat(context.Background(), v, *c)
	return err
}

func leases(w *worldtest.World) *lease.Leases {
	return w.NewProcess().Leases()
}

// renew tells whether a seat was renewed.
func renew(w *worldtest.World, id seat.ConnectionID) (bool, error) {
	r := lease.Renewal{Scope: lease.Scope{Tenant: worldtest.Acme}, AtMillis: w.Tick()}
	renewed, err := leases(w).Renew(context.Background(), r, []seat.ConnectionID{id})
	return len(renewed) == 1, err
}

func release(w *worldtest.World, id seat.ConnectionID) error {
	_, err := leases(w).Release(context.Background(), lease.Scope{Tenant: worldtest.Acme}, id, w.Tick())
	return err
}

// A story is what a server does, and to which of it a fault happens.
type story struct {
	name   string
	faulty int
	steps  []func(w *worldtest.World, v admission.Visitor)
}

func stories() []story {
	taken := func(w *worldtest.World, v admission.Visitor) { _ = take(w, v) }
	renewed := func(w *worldtest.World, v admission.Visitor) { _, _ = renew(w, v.Connection) }
	released := func(w *worldtest.World, v admission.Visitor) { _ = release(w, v.Connection) }
	hour := func(w *worldtest.World, v admission.Visitor) {
		w.Pass(40 * minute)
		renewed(w, v)
		w.Pass(40 * minute)
	}
	lapsed := func(w *worldtest.World, _ admission.Visitor) { w.Pass(61 * minute) }
	another := func(w *worldtest.World, _ admission.Visitor) { _ = take(w, server(w, 10)) }
	round := func(w *worldtest.World, _ admission.Visitor) {
		_ = w.Reconciler(w.NewProcess()).Round(context.Background())
	}
	type steps = []func(w *worldtest.World, v admission.Visitor)
	return []story{
		{"take", 0, steps{taken}},
		{"renew", 1, steps{taken, renewed, renewed}},
		{"split", 2, steps{taken, hour, renewed, renewed}},
		{"split and release", 2, steps{taken, hour, renewed, released}},
		{"release", 1, steps{taken, released, released}},
		{"lapse to another", 2, steps{taken, lapsed, another, another}},
		{"lapse and renew", 2, steps{taken, lapsed, another, renewed}},
		{"lapse in a round", 2, steps{taken, lapsed, round, another}},
	}
}

// For every story, every call that its faulty step makes, and every fault: when all
// leases are over no seat is in use, and the books balance.
func TestAnySingleFaultOfAServersSeatIsMended(t *testing.T) {
	for _, s := range stories() {
		for _, fault := range worldtest.Faulty {
			worldtest.EachCall(t, s.name+"/"+fault.String(), func(t *testing.T, call int) bool {
				w := worldtest.NewWorld(t, worldtest.Concurrent(1))
				nth := faults.At(call, func() faults.Fault { return fault })
				v := server(w, seat.MaxLeaseSeconds)
				for i, step := range s.steps {
					w.Calm()
					if i == s.faulty {
						w.Faults.Decide = nth.Decide
					}
					w.Faults.Crashes(func() { step(w, v) })
				}
				w.Calm()
				w.Pass(61 * minute)
				w.Rounds(3)
				w.Books(0)
				return nth.Reached()
			})
		}
	}
}

// A lease is renewed at the very moment that another ends it: one of the two has the
// seat, and the books balance.
func TestARenewalAndATakeoverNeverBothSucceed(t *testing.T) {
	for call := 1; ; call++ {
		w := worldtest.NewWorld(t, worldtest.Concurrent(1))
		v := server(w, 60)
		if err := take(w, v); err != nil {
			t.Fatal(err)
		}
		lateMillis := v.AtMillis + 59_999
		w.Pass(minute)
		renewed := false
		during := w.During(call, func() {
			r := lease.Renewal{Scope: lease.Scope{Tenant: worldtest.Acme}, AtMillis: lateMillis}
			some, err := leases(w).Renew(t.Context(), r, []seat.ConnectionID{v.Connection})
			if err != nil {
				t.Fatal(err)
			}
			renewed = len(some) == 1
		})
		err := take(w, server(w, 60))
		if !during.Reached() {
			return
		}
		if renewed == (err == nil) {
			t.Errorf("call %d: renewed %t, and the other is told %v", call, renewed, err)
		}
		w.Calm()
		w.Books(1)
	}
}

// Two renewals of one seat at the same time, of which each begins the next part.
func TestConcurrentRenewalsBeginOnePart(t *testing.T) {
	for call := 1; ; call++ {
		w := worldtest.NewWorld(t, worldtest.Concurrent(1))
		v := server(w, seat.MaxLeaseSeconds)
		if err := take(w, v); err != nil {
			t.Fatal(err)
		}
		w.Pass(50 * minute)
		if done, err := renew(w, v.Connection); !done || err != nil {
			t.Fatalf("renewed %t (%v)", done, err)
		}
		w.Pass(50 * minute)
		during := w.During(call, func() {
			if done, err := renew(w, v.Connection); !done || err != nil {
				t.Errorf("call %d, the second: renewed %t (%v)", call, done, err)
			}
		})
		if done, err := renew(w, v.Connection); !done || err != nil {
			t.Errorf("call %d: renewed %t (%v)", call, done, err)
		}
		if !during.Reached() {
			return
		}
		w.Books(1)
		if stays := w.Stays(); len(stays) != 1 {
			t.Errorf("call %d: %d parts are recorded, want 1", call, len(stays))
		}
	}
}

func TestReconciliationAsksNobodyAfterAServersSeat(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(2), worldtest.Named(1, 2)} {
		t.Run(string(l.Model), func(t *testing.T) {
			w := worldtest.NewWorld(t, l)
			w.HostIn()
			v := server(w, 600)
			if err := take(w, v); err != nil {
				t.Fatal(err)
			}
			w.Rounds(9)
			if !w.Seated(v.Connection) {
				t.Error("the seat is gone before its end")
			}
			w.Rounds(3)
			if w.Seated(v.Connection) {
				t.Error("the seat is in use after its end")
			}
			stays := w.Stays()
			if len(stays) != 1 || stays[0].LeftAtMillis != v.AtMillis || !stays[0].Estimated || stays[0].End != usage.EndVanished {
				t.Errorf("recorded %+v", stays)
			}
		})
	}
}

func TestASeatIsFoundInWhicheverBlockItIs(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(100))
	var ids []seat.ConnectionID
	for range 100 {
		v := server(w, 60)
		if err := take(w, v); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, v.Connection)
	}
	r := lease.Renewal{Scope: lease.Scope{Tenant: worldtest.Acme, Conference: worldtest.Weekly}, AtMillis: w.Tick(), Seconds: 10}
	renewed, err := leases(w).Renew(t.Context(), r, ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if want := (seat.Lease{RenewedAtMillis: r.AtMillis, Seconds: 10}); renewed[id].Lease != want {
			t.Fatalf("%s: %+v, want %+v", id, renewed[id], want)
		}
	}
}

// A lapsed seat is nobody's, so nothing that happens to it later is part of its stay.
func TestALapsedSeatsStayEndsAtItsLastRenewal(t *testing.T) {
	for name, given := range map[string]func(w *worldtest.World, v admission.Visitor) error{
		"released": func(w *worldtest.World, v admission.Visitor) error { return release(w, v.Connection) },
		"removed": func(w *worldtest.World, v admission.Visitor) error {
			_, err := w.NewProcess().Remove(w.T.Context(), meeting.Removal{Tenant: worldtest.Acme, At: w.Now()}, v.Connection)
			if !problem.Is(err, problem.NotFound) {
				return fmt.Errorf("the removal is answered %w", err)
			}
			return nil
		},
		"its person removed": func(w *worldtest.World, v admission.Visitor) error {
			_, err := w.NewProcess().RemovePerson(w.T.Context(), meeting.Removal{Tenant: worldtest.Acme, Conference: worldtest.Weekly, At: w.Now()}, v.Identity)
			return err
		},
		"its conference ended": func(w *worldtest.World, _ admission.Visitor) error {
			_, err := w.NewProcess().End(w.T.Context(), worldtest.Acme, worldtest.Weekly, w.Now())
			return err
		},
		"found by reconciliation": func(*worldtest.World, admission.Visitor) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(5))
			v := server(w, 10)
			if err := take(w, v); err != nil {
				t.Fatal(err)
			}
			w.Pass(5 * time.Second)
			if renewed, err := renew(w, v.Connection); !renewed || err != nil {
				t.Fatal(renewed, err)
			}
			last := w.Millis()
			w.Pass(15 * time.Second)
			if err := given(w, v); err != nil {
				t.Error(err)
			}
			w.Pass(minute)
			w.Round()
			stays := w.Stays()
			if len(stays) != 1 || !stays[0].Estimated || stays[0].LeftAtMillis-last > 10 || stays[0].End != usage.EndVanished {
				t.Errorf("the stays are %+v, want one up to %d", stays, last)
			}
			w.Books(0)
		})
	}
}

// A renewal after an hour begins the next part of a stay, by more writes than one.
func TestASeatIsRemovedWhereverItsRenewalDied(t *testing.T) {
	worldtest.EachCall(t, "the renewal dies", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Concurrent(5))
		v := server(w, 3600)
		if err := take(w, v); err != nil {
			t.Fatal(err)
		}
		w.Pass(30 * minute)
		if renewed, err := renew(w, v.Connection); !renewed || err != nil {
			t.Fatal(renewed, err)
		}
		w.Pass(31 * minute)
		w.Fail(call, faults.CrashAfter)
		died := w.Faults.Crashes(func() { _, _ = renew(w, v.Connection) })
		w.Calm()
		if _, err := w.NewProcess().Remove(t.Context(), meeting.Removal{Tenant: worldtest.Acme, At: w.Now()}, v.Connection); err != nil {
			t.Errorf("the removal is answered %v", err)
		}
		return died
	})
}
