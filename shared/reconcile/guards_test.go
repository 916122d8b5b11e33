package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/worldtest"
)

// At most a fifth of a block is free, or a bit more than that.
func TestABlockIsAskedEachMinuteFromFourFifthsOn(t *testing.T) {
	for _, c := range []struct{ seats, people, want int }{{25, 20, 8}, {25, 19, 2}, {5, 4, 8}, {5, 3, 2}} {
		w := worldtest.NewWorld(t, worldtest.Concurrent(c.seats))
		var last admission.Visitor
		for range c.people {
			last = w.GuestIn()
		}
		w.Rounds(8)
		if asked := w.Gateway.Probes(last.Connection); asked != c.want {
			t.Errorf("%d of %d seats: asked after %d times in eight minutes, want %d", c.people, c.seats, asked, c.want)
		}
	}
}

// The one who keeps a conference live is asked after each minute. That says nothing
// about others in the block.
func TestAnAnswerOfOneMemberDoesNotSpeakForItsBlock(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	keeper := w.GuestIn()
	w.Schedule("other", worldtest.Ann)
	var others []admission.Visitor
	for range 2 {
		v := w.Visitor("other", jointoken.RoleParticipant)
		w.Connects(w.Process, v, "")
		others = append(others, v)
	}
	w.Rounds(1)
	w.Gateway.Kill(others[0].Connection)
	w.Rounds(5)
	w.Books(2)
	if asked := w.Gateway.Probes(keeper.Connection); asked != 6 {
		t.Errorf("the keeper was asked after %d times in six minutes", asked)
	}
}

// The platform does not answer for one of three, while it answers for the others.
func TestABlockIsNotTakenForAliveWhereOneIsUnanswered(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.GuestIn()
	w.GuestIn()
	dead := w.GuestIn()
	w.Gateway.Kill(dead.Connection)
	w.Gateway.OnProbe = func(id seat.ConnectionID) error {
		if id == dead.Connection {
			return errors.New("no answer")
		}
		return nil
	}
	w.Rounds(1)
	w.Books(3)
	if b := w.Blocks(worldtest.Shared())[0]; b.SeenAtMillis != 0 {
		t.Errorf("the block was marked as alive: %+v", b)
	}
	w.Gateway.OnProbe = nil
	w.Rounds(1)
	w.Books(2)
}

// losing is a queue that loses a message, or refuses it.
type losing struct {
	waiting    []reconcile.Work
	sent, lost int
	err        error
}

// Send implements reconcile.Queue.
func (l *losing) Send(_ context.Context, work []reconcile.Work) error {
	if l.sent++; l.sent == l.lost {
		return l.err
	}
	l.waiting = append(l.waiting, work...)
	return nil
}

// round is a round of processes, one after the other.
func (l *losing) round(w *worldtest.World) {
	w.T.Helper()
	event := func(r *reconcile.Reconciler) error { return r.Round(w.T.Context()) }
	for {
		config := w.NewProcess().Reconciliation(w.Store, w.Gateway, slog.New(slog.DiscardHandler), w.Now)
		config.Queue, config.Share = l, 3
		if err := event(reconcile.New(config)); err != nil {
			w.T.Fatal(err)
		}
		if len(l.waiting) == 0 {
			return
		}
		work := l.waiting[0]
		l.waiting = l.waiting[1:]
		event = func(r *reconcile.Reconciler) error { return r.Continue(w.T.Context(), work) }
	}
}

// Any one message of a round's processes is lost, or refused by the queue.
func TestAPartOfARoundThatGetsLostIsFoundByTheNext(t *testing.T) {
	const tenants = 12
	for _, refused := range []error{nil, errors.New("the queue is down")} {
		for lost := 1; ; lost++ {
			w := worldtest.NewWorld(t, worldtest.Concurrent(1))
			town(w, tenants)
			w.Pass(time.Minute)
			q := &losing{lost: lost, err: refused}
			q.round(w)
			full, other := ghosts(w, tenants)
			if q.sent < lost {
				break
			}
			if left := full + other; refused != nil && left > 0 {
				t.Errorf("message %d was refused: its sender left %d ghosts", lost, left)
			}
			w.Pass(time.Minute)
			q.round(w)
			if full, other := ghosts(w, tenants); full+other > 0 {
				t.Errorf("message %d, lost with %v: the next round left %d ghosts", lost, refused, full+other)
			}
		}
	}
}

// refusing has a pool refuse a join each second, for a while, in one process. It tells
// whether that process found a free seat.
func refusing(w *worldtest.World, r *reconcile.Reconciler, seconds int) (freed bool) {
	w.T.Helper()
	before := w.InUse(worldtest.Shared())
	for range seconds {
		if err := r.Refused(w.T.Context(), worldtest.Refusals(worldtest.Shared())); err != nil {
			w.T.Fatal(err)
		}
		if w.InUse(worldtest.Shared()) < before {
			return true
		}
		w.Pass(time.Second)
	}
	return false
}

func TestAPoolIsCheckedAgainHoweverLongItWasRefusing(t *testing.T) {
	for _, c := range []struct {
		name          string
		quiet         time.Duration
		after, within int
	}{
		{"after an hour of refusals", 0, 3600, 17},
		{"after a quiet while", 2 * time.Minute, 60, 4},
	} {
		w := worldtest.NewWorld(t, worldtest.Concurrent(2))
		w.GuestIn()
		w.GuestIn()
		w.Pass(time.Minute)
		r := w.Reconciler(w.Process)
		if refusing(w, r, c.after) {
			t.Fatalf("%s: somebody who lives lost a seat", c.name)
		}
		if w.Pass(c.quiet); c.quiet > 0 {
			refusing(w, r, 1)
		}
		w.Gateway.KillAll()
		if !refusing(w, r, c.within) {
			t.Errorf("%s: no seat is free within %d seconds", c.name, c.within)
		}
		w.Connects(w.Process, w.Guest(), "")
	}
}

// Very many of a tenant's people were found alive, so that all its pools are left out
// for a while.
func TestATenantIsCheckedAgainAfterAStormOfRefusals(t *testing.T) {
	const people, conferences, soon = 25, 60, 20
	w := worldtest.NewWorld(t, worldtest.Named(conferences, people))
	var storm []seat.Pool
	for n := range conferences {
		email, id := host.Email(fmt.Sprintf("host-%d@example.org", n)), conference.ID(fmt.Sprintf("c%d", n))
		w.AddHost(email)
		c := w.Schedule(id, email)
		w.Connects(w.Process, w.Visitor(id, jointoken.RoleHost), "")
		for range people {
			w.Connects(w.Process, w.Visitor(id, jointoken.RoleParticipant), "")
		}
		storm = append(storm, seat.Pool{Tenant: worldtest.Acme, Number: c.Number})
	}
	last := storm[conferences-1]
	w.Pass(time.Minute)
	r := w.Reconciler(w.Process).Unlimited()
	ask := func(pools []seat.Pool) {
		if err := r.Refused(t.Context(), worldtest.Refusals(pools...)); err != nil {
			t.Fatal(err)
		}
		w.Pass(time.Second)
	}
	for range 30 {
		ask(storm)
	}
	total, _ := w.Gateway.AllProbes()
	if total < 1000 || total > 1000+30*100+500 {
		t.Errorf("%d probes in 30 seconds", total)
	}
	w.Gateway.KillAll()
	for range soon {
		ask([]seat.Pool{last})
	}
	if in := w.InUse(last); in > 0 {
		t.Errorf("%d ghosts are in %d seconds after the storm", in, soon)
	}
}
