package meeting_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

const bob host.Email = "bob@example.org"

// slow is a gateway whose pushes take a tenth of a second.
type slow struct {
	*worldtest.Gateway
	told atomic.Int64
}

func (g *slow) Push(ctx context.Context, _ seat.ConnectionID, _ []byte) error {
	select {
	case <-time.After(100 * time.Millisecond):
		g.told.Add(1)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("push: %w", ctx.Err())
	}
}

// To tell everybody in the lobby would take longer than a handshake may last.
func TestAHostIsAdmittedBeforeACrowdedLobbyIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldtest.NewWorld(t, worldtest.Named(1, 25))
		g := &slow{Gateway: w.Gateway}
		for range 5000 {
			w.Waits()
		}
		began := time.Now()
		w.Connects(worldtest.NewProcess(w.Store, g), w.Host(), "")
		if took := time.Since(began); took > 10*time.Second || g.told.Load() < 500 {
			t.Errorf("admitted after %v, when %d were told", took, g.told.Load())
		}
	})
}

// A host's $connect is delivered twice. The first gives its lock back, for want of
// hosts, when the second has taken the lock and the conference is live under it.
func TestAnAbandonedStartKeepsTheLockOfTheNext(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(1, 25))
	w.AddHost(bob)
	w.Schedule("monthly", bob)
	v := w.Host()
	other := host.Lock{Host: bob, Conference: "monthly", Number: int64(w.Number("monthly")), Since: w.Now()}
	locked := faults.AtFirst("update lock", func() faults.Fault {
		if _, err := w.Store.Lock(t.Context(), worldtest.Acme, other, nil); err != nil {
			t.Error(err)
		}
		return faults.None
	})
	second := faults.AtFirst("delete lock", func() faults.Fault {
		if err := w.Store.Unlock(t.Context(), worldtest.Acme, other); err != nil {
			t.Error(err)
		}
		w.Connects(w.ProcessOver(w.Tables), v, "") // the second delivery, as a whole
		return faults.CrashAfter
	})
	w.Faults.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
		return locked.Decide(ctx, call) + second.Decide(ctx, call) // of None, which is zero, and a fault
	}
	w.Faults.Crashes(func() { _ = w.NewProcess().Connect(t.Context(), v) })
	w.Calm()
	locks, err := w.Store.Locks(t.Context(), worldtest.Acme)
	if err != nil {
		t.Fatal(err)
	}
	w.State(conference.StateLive)
	if !second.Reached() || len(locks) != 1 || locks[0].Host != worldtest.Ann {
		t.Errorf("locks %+v", locks)
	}
}

func TestUnderANamedLicenseAConcurrentConferenceNeedsItsHost(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Schedule(worldtest.Weekly+"-2", bob)
	visitor := func(role jointoken.Role) admission.Visitor { return w.Visitor(worldtest.Weekly+"-2", role) }
	w.Connects(w.NewProcess(), visitor(jointoken.RoleParticipant), "")
	w.License(worldtest.Named(1, 2))
	w.Connects(w.NewProcess(), visitor(jointoken.RoleParticipant), problem.ConferenceNotLive)
	w.Connects(w.NewProcess(), visitor(jointoken.RoleHost), problem.Forbidden)
	w.AddHost(bob)
	w.Connects(w.NewProcess(), visitor(jointoken.RoleHost), "")
	for _, want := range []problem.Code{"", "", problem.ParticipantsExhausted, problem.ParticipantsExhausted} {
		w.Connects(w.NewProcess(), visitor(jointoken.RoleParticipant), want)
	}
	w.Books(4)
}

// Its token was made under a concurrent license, for which anybody may be a host.
func TestUnderANamedLicenseNobodyElseTakesTheChair(t *testing.T) {
	for name, guests := range map[string]int{"of a scheduled conference": 0, "of a live one": 1} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Concurrent(25))
			for range guests {
				w.GuestIn()
			}
			w.License(worldtest.Named(5, 25))
			w.Connects(w.NewProcess(), by(w.Host(), bob), problem.Forbidden)
			w.Connects(w.NewProcess(), by(w.Host(), worldtest.Ann), "")
			w.Connects(w.NewProcess(), by(w.Host(), bob), problem.Forbidden)
			w.Books(guests + 1)
		})
	}
}

func TestNoMoreConferencesAreLiveThanTheLicenseHasHosts(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.AddHost(bob)
	w.Schedule("other", bob)
	w.License(worldtest.Named(1, 25))
	w.HostIn()
	w.Connects(w.NewProcess(), w.Visitor("other", jointoken.RoleHost), problem.HostsExhausted)
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	w.Connects(w.NewProcess(), w.Visitor("other", jointoken.RoleHost), "")
}

func TestAHostsNextConferenceStartsOnceThePreviousAdmitsNobody(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Named(5, 25))
	w.Schedule("next", worldtest.Ann)
	w.HostIn()
	calls := 0
	w.Faults.Decide = func(context.Context, dynamo.Call) faults.Fault { // breaks off when the end is marked
		if calls++; calls > 3 { // a read, a note and the mark
			return faults.Before
		}
		return faults.None
	}
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err == nil {
		t.Fatal("the end did not break off")
	}
	w.Calm()
	w.Connects(w.NewProcess(), w.Visitor("next", jointoken.RoleHost), "")
	w.License(worldtest.Named(5, 1)) // is rolled out to the pools of hosts' conferences only
	// The process has cached the ended conference as live.
	w.Connects(w.Process, w.Guest(), problem.ConferenceEnded)
}

// Hosts of a tenant with more of them than its license has start at the same time:
// the second as a whole just before any call of the first.
func TestOneOfTwoHostsStartingAtOnceIsAdmitted(t *testing.T) {
	worldtest.EachCall(t, "the second starts", func(t *testing.T, call int) bool {
		w := worldtest.NewWorld(t, worldtest.Named(1, 25))
		w.AddHost(bob)
		w.Schedule("other", bob)
		first, second := w.Host(), w.Visitor("other", jointoken.RoleHost)
		admitted := 0
		connect := func(v admission.Visitor) {
			p := w.NewProcess(worldtest.Pausing(func(context.Context, time.Duration) error { return nil }))
			switch err := p.Connect(t.Context(), v); {
			case err == nil:
				admitted++
			case !problem.Is(err, problem.HostsExhausted):
				t.Error(err)
			}
		}
		calls := w.During(call, func() { connect(second) })
		connect(first)
		w.Calm()
		if admitted != 1 {
			t.Errorf("%d admitted", admitted)
		}
		return calls.Reached()
	})
}
