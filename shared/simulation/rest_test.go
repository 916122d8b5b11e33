package simulation

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/lease"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// calm is said when nothing goes wrong any more.
const calm = "it is calm"

// rest lets everything come to rest, and checks what must hold then: first
// with those who are connected, then without them.
func (w *world) rest() {
	for len(w.parked)+len(w.later)+len(w.pending) > 0 && w.failure == nil {
		w.script.step()
		switch {
		case w.script.pick(5, 1) == 1 && len(w.running) > 0:
			w.kill(w.running[0]) // whatever was under way may break off for good
		case len(w.parked) > 0:
			w.calm = true
			w.run(0)
		case len(w.later) > 0:
			w.land(0)
		case w.script.pick(5, 1) == 1:
			w.pending = w.pending[1:] // lost
		default:
			w.deliver(0)
		}
	}
	w.calm = true
	w.say(calm)
	w.rounds(5)
	w.sweeps(3)
	if w.failure != nil {
		return
	}
	w.silence()
	w.keep()
	w.served()
	w.occupants()
	w.noticed()
	w.balance()
	w.again()
	if w.failure != nil {
		return
	}
	w.say("everybody breaks off, and nobody says so")
	for _, c := range w.connections {
		w.closes(c, w.now(), lost)
	}
	w.sweeps(2)
	w.rounds(6)
	for _, s := range w.everywhere() {
		for id, m := range s.Members {
			w.breaks("I2", "%s: %s is in still: %+v", blockName(s.Block), id, m)
		}
	}
	w.balance()
	w.rounds(7)
	w.sweeps(3)
	w.over()
	w.emptied()
	w.noticed()
	w.balance()
	w.audit()
}

// rounds lets minutes pass, each with a round of reconciliation.
func (w *world) rounds(minutes int) {
	for range minutes {
		if w.failure != nil {
			return
		}
		w.passes(minute)
		p := w.newProcess()
		p.skew = 0
		if err := w.reconciler(p).Round(context.Background()); err != nil {
			w.breaks("I5", "a round in calm: %v", err)
		}
		if err := p.door.Crossings.Raised(context.Background(), func() time.Time { return time.UnixMilli(w.now()) }); err != nil {
			w.breaks("I6", "a look for crossings in calm: %v", err)
		}
	}
}

// occupants checks the members of every block at rest: each is an open
// connection, whose session is of this seat.
func (w *world) occupants() {
	for _, s := range w.everywhere() {
		for id, m := range s.Members {
			c := w.gateway.find(id)
			its, _ := w.plain.Session(context.Background(), id, true)
			switch {
			case c == nil || c.state != open:
				w.breaks("I2", "%s: %s is over, and in still: %+v", blockName(s.Block), id, m)
			case m.Held():
				w.breaks("I2", "%s: %s is held still: %+v", blockName(s.Block), id, m)
			case w.ended(c, m.Conference):
				w.breaks("I2", "%s: %s is in a conference that has ended: %+v", blockName(s.Block), id, m)
			case its == nil || its.State != session.StateSeated || its.Block != s.Block || its.Member() != m.WithoutLease():
				w.breaks("I2", "%s: %s has a seat without a session: %+v, %+v", blockName(s.Block), id, m, its)
			}
		}
	}
}

// again delivers once more what has been delivered, and checks that it changes
// nothing: the members stay who they are, and the ledger what it is.
func (w *world) again() {
	if w.failure != nil {
		return
	}
	members := func() map[seat.ConnectionID]seat.Member {
		all := make(map[seat.ConnectionID]seat.Member)
		for _, s := range w.everywhere() {
			maps.Copy(all, s.Members)
		}
		return all
	}
	in, ledger := members(), w.stays()
	for _, c := range w.connections {
		door := w.newProcess().door
		switch {
		case c.ofServer():
			_, _ = door.Leases().Release(context.Background(), lease.Scope{Tenant: c.pass.Tenant}, c.id, w.now())
		case c.state == over:
			_ = door.Leave(context.Background(), c.id, c.gone, cmp.Or(c.how, lost))
		case c.from != nil:
			_ = door.Resume(context.Background(), c.visitor(), c.claim)
		case c.lobby:
			_ = door.EnterLobby(context.Background(), c.visitor())
		default:
			_ = door.Connect(context.Background(), c.visitor())
		}
	}
	if now := members(); !maps.Equal(in, now) {
		w.breaks("I5", "events delivered again changed who is in: %+v, before %+v", now, in)
	}
	if now := w.stays(); !slices.Equal(ledger, now) {
		w.breaks("I5", "events delivered again changed the ledger: %+v, before %+v", now, ledger)
	}
	w.balance()
}

// ended tells whether a connection's conference of that number is no more.
func (w *world) ended(c *connection, number conference.Number) bool {
	now, there := w.conferences[conferenceKey{c.pass.Tenant, c.pass.Conference}]
	return !there || now.Number != number || now.State == conference.StateEnded
}

// over checks that nothing is left to do when everybody has been gone for
// long.
func (w *world) over() {
	for _, t := range w.order {
		list, _ := w.plain.Conferences(context.Background(), t.id, "", 100)
		for _, c := range list {
			if c.State == conference.StateLive || c.Ending {
				w.breaks("I5", "conference %s is %s still, ending %v, vacant since %v", c.ID, c.State, c.Ending, c.VacantSince)
			}
		}
		locks, _ := w.plain.Locks(context.Background(), t.id)
		for _, l := range locks {
			w.breaks("I5", "%s is held to conference %s still", l.Host, l.Conference)
		}
	}
	for shard := range reconcile.Shards {
		entries, _, _ := w.plain.Agenda(context.Background(), shard, "", 10)
		if len(entries) > 0 {
			w.breaks("I5", "on the agenda still: %s", fmt.Sprintf("%+v", entries))
		}
	}
}
