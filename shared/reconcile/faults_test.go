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
	*world
	self, heir admission.Visitor
}

// A step is one invocation of a handler, by a process of its own.
type step struct {
	name string
	run  func(ctx context.Context, a *actor, d *worldtest.Process) error
}

func (a *actor) millis() int64 {
	a.pass(time.Second)
	return a.clock().UnixMilli()
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
		return d.Resume(ctx, a.heir, a.claim(a.self))
	}}
	heirLeaves = step{"the heir closes", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return d.Leave(ctx, a.heir.Connection, a.millis(), usage.EndClosed)
	}}
	end = step{"end", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, err := d.End(ctx, acme, weekly, a.clock())
		return err
	}}
	shrink = step{"shrink", func(ctx context.Context, _ *actor, d *worldtest.Process) error {
		l, err := d.Licensing.Get(ctx, acme)
		if err != nil {
			return err
		}
		l.Seats, l.ParticipantsPerConference = min(l.Seats, 1), min(l.ParticipantsPerConference, 1)
		_, _, err = d.Licensing.Put(ctx, l, licensing.AnyRevision)
		return err
	}}
	remove = step{"remove", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		_, err := d.Remove(ctx, meeting.Removal{Tenant: acme, At: a.clock()}, a.self.Connection)
		return err
	}}
	vanish = step{"vanish", func(_ context.Context, a *actor, _ *worldtest.Process) error {
		a.die(a.self)
		a.pass(time.Minute)
		return nil
	}}
	round = step{"a round", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		return a.as(d).Round(ctx)
	}}
	look = step{"a look", func(ctx context.Context, a *actor, d *worldtest.Process) error {
		pools := []seat.Pool{{Tenant: acme}, {Tenant: acme, Number: a.number}, {Tenant: acme, Number: a.number, Chair: true}}
		return a.as(d).Refused(ctx, pools)
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
	{connect, vanish, look, round},
	{connect, vanish, round, drop},
	{wait, join, vanish, round, round},
}

// For every story, every step, every call that the step makes to the store or
// the gateway, and every fault: once its time is over no seat is in use, the
// books balance, no host is locked, and nothing is left to look after. Calls
// are counted, not listed, so a new one is covered when it is made.
func TestAnySingleFaultIsMendedByReconciliation(t *testing.T) {
	kinds := map[string]fault{
		"fails before": {faults.Before, false}, "fails after": {faults.After, false},
		"dies before": {faults.Before, true}, "dies after": {faults.After, true},
	}
	runs := 0
	licenses, roles := []license.License{concurrent(25), named(5, 25)}, []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant}
	if testing.Short() { // a quarter of it
		licenses, roles = licenses[:1], roles[1:]
	}
	for _, l := range licenses {
		for _, role := range roles {
			for _, story := range stories {
				for at := range story {
					for name, f := range kinds {
						for call := 1; ; call++ {
							label := fmt.Sprintf("%s/%s/%s/%s %s at call %d", l.Model, role, names(story), story[at].name, name, call)
							more := false
							t.Run(label, func(t *testing.T) { more = tell(t, l, role, story, at, f, call) })
							if !more {
								break
							}
							runs++
						}
					}
				}
			}
		}
	}
	t.Logf("%d faults", runs)
}

func names(story []step) string {
	text := ""
	for _, s := range story {
		text += s.name + ", "
	}
	return text
}

// fault is what happens at a call. A process that dies makes no further call.
type fault struct {
	kind faults.Fault
	dies bool
}

// tell runs a story with a fault, and tells whether the step made the call.
func tell(t *testing.T, l license.License, role jointoken.Role, story []step, at int, f fault, call int) bool {
	w := newWorld(t, l)
	if role == jointoken.RoleParticipant {
		w.in(jointoken.RoleHost)
	}
	a := &actor{world: w, self: w.visitor(role)}
	calls := 0
	for i, s := range story {
		if i == at {
			w.decide(func() faults.Fault {
				calls++
				if calls == call || f.dies && calls > call {
					if calls > call {
						return faults.Before
					}
					return f.kind
				}
				return faults.None
			})
		}
		d := w.newDoor()
		_ = s.run(t.Context(), a, d) // what it answers is not the matter here
		w.faulty.Decide = nil
	}
	w.over()
	return calls >= call
}

// over lets everybody be gone, and time pass, and looks at what is left.
func (w *world) over() {
	w.t.Helper()
	w.everybodyDead()
	for range 25 {
		w.pass(time.Minute)
		w.round()
	}
	w.books(0)
	if off := w.audit(); len(off) != 0 {
		w.t.Errorf("the books are off: %+v", off)
	}
	locks, err := w.store.Locks(context.Background(), acme)
	if err != nil || len(locks) != 0 {
		w.t.Errorf("locks are left: %+v (%v)", locks, err)
	}
	for shard := range reconcile.Shards {
		entries, _, err := w.store.Agenda(context.Background(), shard, "", 9)
		if err != nil || len(entries) != 0 {
			w.t.Errorf("on the agenda still: %+v (%v)", entries, err)
		}
	}
	c, err := w.store.Conference(context.Background(), acme, weekly, true)
	if err != nil || c.State == conference.StateLive {
		w.t.Errorf("live still: %+v (%v)", c, err)
	}
}
