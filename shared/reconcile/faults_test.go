package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// actor is one connection, and the one that resumes it, in a story.
type actor struct {
	*worldtest.World
	self, heir admission.Visitor
}

// A step is one invocation of a handler, by a process of its own.
type step struct {
	name string
	run  func(ctx context.Context, a *actor, d *worldtest.Process) error
}

func (a *actor) millis() int64 {
	a.Pass(time.Second)
	return a.Millis()
}

var (
	connect = step{"connect", func(ctx context.Context, a *actor, d *worldtest.Process) error { return d.Connect(ctx, a.self) }}
	wait    = step{"enter the lobby", func(ctx context.Context, a *actor, d *worldtest.Process) error { return d.EnterLobby(ctx, a.self) }}
	join    = step{"join", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, _, err := d.Join(ctx, a.self.Connection, a.millis())
		return err
	}}
	leave = step{"leave", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, err := d.ToLobby(ctx, a.self.Connection, a.millis())
		return err
	}}
	hangUp = step{"close", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return d.Leave(ctx, a.self.Connection, a.millis(), usage.EndClosed)
	}}
	drop = step{"drop", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return d.Leave(ctx, a.self.Connection, a.millis(), usage.EndDropped)
	}}
	goAway = step{"go away", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return d.Leave(ctx, a.self.Connection, a.millis(), usage.EndGoingAway)
	}}
	resume = step{"resume", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		if a.heir.AtMillis == 0 {
			a.heir = a.self
			a.heir.Connection += "heir"
			a.heir.AtMillis = a.millis()
		}
		return d.Resume(ctx, a.heir, worldtest.ClaimOf(a.self))
	}}
	heirLeaves = step{"the heir closes", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return d.Leave(ctx, a.heir.Connection, a.millis(), usage.EndClosed)
	}}
	end = step{"end", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, err := d.End(ctx, worldtest.Acme, worldtest.Weekly, a.Now())
		return err
	}}
	shrink = step{"shrink", func(ctx context.Context, _ *actor, d *worldtest.Process) error {
		l, err := d.Licensing.Get(ctx, worldtest.Acme)
		if err != nil {
			return err
		}
		l.Seats, l.ParticipantsPerConference = min(l.Seats, 1), min(l.ParticipantsPerConference, 1)
		_, _, err = d.Licensing.Put(ctx, l, licensing.AnyRevision)
		return err
	}}
	remove = step{"remove", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, err := d.Remove(ctx, meeting.Removal{Tenant: worldtest.Acme, At: a.Now()}, a.self.Connection)
		return err
	}}
	vanish = step{"vanish", func(_ context.Context, a *actor, _ *worldtest.Process) error {
		a.Gateway.Kill(a.self.Connection)
		a.Pass(time.Minute)
		return nil
	}}
	round = step{"a round", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return a.Reconciler(d).Round(ctx)
	}}
	scanned = step{"a scan", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		pools := []seat.Pool{worldtest.Shared(), a.Own(), a.Chair()}
		return a.Reconciler(d).Refused(ctx, worldtest.Refusals(pools...))
	}}
)

// stories are all that happens to a connection; in each every step is once the
// one in which something goes wrong.
var stories = [][]step{
	{connect, hangUp},
	{connect, drop},
	{connect, connect, drop, drop},
	{hangUp, connect},
	{drop, connect},
	{wait, join, leave, join, drop},
	{connect, resume},
	{connect, drop, resume},
	{connect, goAway},
	{connect, goAway, resume},
	{connect, drop, goAway, resume},
	{connect, drop, resume, heirLeaves},
	{connect, resume, hangUp, heirLeaves},
	{connect, resume, drop, heirLeaves},
	{connect, resume, resume, heirLeaves},
	{connect, drop, resume, end},
	{connect, end, drop},
	{connect, drop, end},
	{connect, shrink, drop, resume},
	{connect, remove, hangUp},
	{connect, vanish, round},
	{connect, vanish, scanned, round},
	{connect, vanish, round, drop},
	{wait, join, vanish, round, round},
}

// For every story, every step, every call that the step makes to the store or
// the gateway, and every fault: once its time is over no seat is in use, the
// books balance, no host is locked, and nothing is left to look after. Calls
// are counted, not listed, so a new one is covered when it is made.
func TestAnySingleFaultIsMendedByReconciliation(t *testing.T) {
	licenses, roles := []license.License{worldtest.Concurrent(25), worldtest.Named(5, 25)}, []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant}
	if testing.Short() || worldtest.Raced { // a quarter of it
		licenses, roles = licenses[:1], roles[1:]
	}
	for _, l := range licenses {
		for _, role := range roles {
			for _, story := range stories {
				for at := range story {
					for _, fault := range worldtest.Faulty {
						name := fmt.Sprintf("%s/%s/%s/%s %s", l.Model, role, names(story), story[at].name, fault)
						worldtest.EachCall(t, name, func(t *testing.T, call int) bool {
							w := worldtest.NewWorld(t, l)
							return tell(w, role, story, at, faults.At(call, func() faults.Fault { return fault }))
						})
					}
				}
			}
		}
	}
}

func names(story []step) string {
	text := ""
	for _, s := range story {
		text += s.name + ", "
	}
	return text
}

// tell runs a story with a fault in one step, and tells whether the step made the
// call.
func tell(w *worldtest.World, role jointoken.Role, story []step, at int, nth *faults.Nth) bool {
	if role == jointoken.RoleParticipant {
		w.HostIn()
	}
	a := &actor{World: w, self: w.Visitor(worldtest.Weekly, role)}
	for i, s := range story {
		if i == at {
			w.Faults.Decide = nth.Decide
		}
		w.Faults.Crashes(func() { _ = s.run(w.T.Context(), a, w.NewProcess()) }) // its answer does not matter here
		w.Calm()
	}
	over(w)
	return nth.Reached()
}

// over ends all connections, has time pass, and checks that nothing is left.
func over(w *worldtest.World) {
	w.T.Helper()
	w.Gateway.KillAll()
	for range 25 {
		w.Pass(time.Minute)
		w.Round()
	}
	w.Books(0)
	if off := w.Unbalanced(); len(off) != 0 {
		w.T.Errorf("the books are off: %+v", off)
	}
	locks, err := w.Store.Locks(context.Background(), worldtest.Acme)
	if err != nil || len(locks) != 0 {
		w.T.Errorf("locks are left: %+v (%v)", locks, err)
	}
	for shard := range reconcile.Shards {
		entries, _, err := w.Store.Agenda(context.Background(), shard, "", 9)
		if err != nil || len(entries) != 0 {
			w.T.Errorf("on the agenda still: %+v (%v)", entries, err)
		}
	}
	if c := w.Conference(); c.State == conference.StateLive {
		w.T.Errorf("live still: %+v", c)
	}
}
