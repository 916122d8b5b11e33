package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// books is what is known of what has happened, beside the store.
type books struct {
	blocks map[seat.Pool][]seat.Block
	// first is the ledger as it was first written.
	first map[sitting]usage.Stay
	// expiring are those who are in a conference that is about to expire.
	expiring []string
}

// sitting is what a ledger's record is of.
type sitting struct {
	tenant     tenant.ID
	connection seat.ConnectionID
	joined     int64
}

func sittingOf(s usage.Stay) sitting { return sitting{s.Tenant, s.Connection, s.JoinedAtMillis} }

func newBooks() books {
	return books{blocks: make(map[seat.Pool][]seat.Block), first: make(map[sitting]usage.Stay)}
}

// know remembers that there is such a block.
func (w *world) know(block seat.Block) {
	if !slices.Contains(w.blocks[block.Pool], block) {
		w.blocks[block.Pool] = append(w.blocks[block.Pool], block)
	}
}

// each looks at every block of a pool.
func (w *world) each(pool seat.Pool, look func(*seat.State)) {
	for _, block := range w.blocks[pool] {
		w.memory.Edit(block, look)
	}
}

// everywhere looks at every block there is, in order.
func (w *world) everywhere(look func(*seat.State)) {
	for _, pool := range slices.SortedFunc(maps.Keys(w.blocks), func(a, b seat.Pool) int {
		return compareText(blockName(seat.Block{Pool: a}), blockName(seat.Block{Pool: b}))
	}) {
		w.each(pool, look)
	}
}

func compareText(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// capacity is what a license gives a pool.
func capacity(l license.License, pool seat.Pool) int {
	switch {
	case (l.Model == license.ModelConcurrent) != (pool.Number == 0):
		return 0
	case pool.Chair:
		return 1
	}
	return l.Capacity()
}

// --- I1: never oversold ------------------------------------------------------------------------

// took checks a seat that was taken under a license revision: that the pool is
// within it, and that it had not been replaced.
func (w *world) took(a seat.Attempt, revision int64) {
	if a.Outcome != seat.OutcomeTaken {
		return
	}
	block := a.State.Block
	w.memory.Edit(block, func(s *seat.State) {
		if s.InUse != len(s.Members) {
			w.breaks("I1", "%s: %d in use, and %d members", blockName(block), s.InUse, len(s.Members))
		}
	})
	if revision == 0 {
		return // a stay goes on
	}
	inUse, t := 0, w.tenants[block.Pool.Tenant]
	w.each(block.Pool, func(s *seat.State) { inUse += s.InUse })
	// While a change is under way, either license is in force.
	limit := capacity(t.revisions[revision], block.Pool)
	for other, l := range t.revisions {
		if other >= t.returned {
			limit = max(limit, capacity(l, block.Pool))
		}
	}
	if inUse > limit {
		w.breaks("I1", "%s: %d in use of %d, under r%d", blockName(block), inUse, limit, revision)
	}
	if revision < t.returned {
		w.breaks("I1", "%s: a seat taken under r%d, when the change to r%d had returned", blockName(block), revision, t.returned)
	}
}

// takesOver checks a hold that is to give way to a join. A host's own does not
// keep them out.
func (w *world) takesOver(block seat.Block, from seat.Place, revision int64) {
	if revision != 0 && !block.Pool.Chair && from.Member.Hold.UntilMillis() > w.now() {
		w.breaks("I2", "%s's seat is taken over, held until %d ms from now", from.Connection, from.Member.Hold.UntilMillis()-w.now())
	}
}

// --- I2: never lost ----------------------------------------------------------------------------

// mustBeIn checks that who was told so has a seat.
func (w *world) mustBeIn(c *connection) {
	if w.entitled(c) && !w.member(c) {
		w.breaks("I2", "%s was told that it is in, and has no seat", c.id)
	}
}

func (w *world) member(c *connection) bool {
	in := false
	for _, pool := range []seat.Pool{{Tenant: c.pass.Tenant}, {Tenant: c.pass.Tenant, Number: c.pass.Number}, {Tenant: c.pass.Tenant, Number: c.pass.Number, Chair: true}} {
		w.each(pool, func(s *seat.State) {
			if m, there := s.Members[c.id]; there && !m.Held() {
				in = true
			}
		})
	}
	return in
}

// entitled tells whether a connection must have its seat still: it was told
// so, is open, and nothing has been done to end its stay.
func (w *world) entitled(c *connection) bool {
	if !c.seated || c.excused || c.state != open {
		return false
	}
	now := w.conference(c.pass.Tenant, c.pass.Conference)
	return now != nil && now.Number == c.pass.Number && now.State != conference.StateEnded
}

// keep checks that nobody has lost a seat who was entitled to it.
func (w *world) keep() {
	for _, c := range w.connections {
		if !c.always && w.entitled(c) && !w.member(c) {
			w.breaks("I2", "%s has lost its seat", c.id)
		}
	}
}

// expires checks that a conference that is to end for being vacant is so.
func (w *world) expires(t tenant.ID, id conference.ID, number conference.Number) {
	w.expiring = nil
	for _, c := range w.connections {
		needed := w.license(w.tenants[t]).Model == license.ModelConcurrent || c.pass.Role == jointoken.RoleHost
		if c.pass.Tenant == t && c.pass.Number == number && needed && !w.tenants[t].mixed && w.entitled(c) {
			w.expiring = append(w.expiring, string(c.id))
		}
	}
	_ = id
}

func (w *world) expired(c *conference.Conference) {
	if c != nil && c.State == conference.StateEnded && len(w.expiring) > 0 {
		w.breaks("I2", "conference %s ends for being vacant, and %v is in", c.ID, w.expiring)
	}
}

// --- I3: no false denial -----------------------------------------------------------------------

// join is an attempt to be seated; full, whether at some moment of it there was
// no free seat.
type join struct {
	pass jointoken.Pass
	at   int64
	full bool
}

// look looks at the pool of a join that is under way.
func (w *world) look(j *join) {
	if j.full {
		return
	}
	t := w.tenants[j.pass.Tenant]
	pool := seat.Pool{Tenant: t.id}
	if w.license(t).Model == license.ModelNamed {
		pool.Number = j.pass.Number
	}
	occupied := 0
	w.each(pool, func(s *seat.State) {
		occupied += s.InUse
		for _, m := range s.Members {
			if m.Expired(j.at) && !m.Hold.Unsettled {
				occupied--
			}
		}
	})
	for revision, l := range t.revisions {
		if revision >= t.returned && occupied >= capacity(l, pool) {
			j.full = true
		}
	}
}

// denied checks a refusal.
func (w *world) denied(i *invocation, err error) {
	if i.join == nil || i.faulty || err == nil || !exhausted(problem.As(err).Code) {
		return
	}
	w.look(i.join)
	if !i.join.full {
		w.breaks("I3", "%s was refused, and there was always a free seat", i.name)
	}
}

// refusal has the pool looked at that has just refused somebody.
func (w *world) refusal(r usage.Refusal) {
	if !exhausted(r.Code) || w.calm {
		return
	}
	pool := seat.Pool{Tenant: r.Tenant}
	if r.Code == problem.ParticipantsExhausted {
		pool.Number = r.Number
	}
	w.putOff("refusal", hour, func() {
		w.begin("look at the pool that refused "+string(r.Connection), reconcilerTime, func(ctx context.Context, p *process) {
			_ = w.reconciler(p).Refused(ctx, []seat.Pool{pool})
		}, nil)
	})
}

// --- I4: the books balance ---------------------------------------------------------------------

func (w *world) records(s usage.Stay) {
	if _, there := w.first[sittingOf(s)]; !there {
		w.first[sittingOf(s)] = s
	}
}

// stays is the ledger.
func (w *world) stays() []usage.Stay {
	var list []usage.Stay
	for _, t := range w.order {
		for s, err := range w.backend.Stays(context.Background(), t.id, 0, 1<<50) {
			if err == nil {
				list = append(list, s)
			}
		}
	}
	return list
}

// balance checks, for every block, that each seat ever taken is a record, or
// open, or void, and that there is nothing else in the ledger.
func (w *world) balance() {
	recorded := make(map[seat.Block]int64)
	for _, s := range w.stays() {
		recorded[s.Block]++
		if first := w.first[sittingOf(s)]; first != s {
			w.breaks("I4", "the record of %s was changed: %+v, first %+v", s.Connection, s, first)
		}
		delete(w.first, sittingOf(s))
	}
	for of := range w.first {
		w.breaks("I4", "the record of %s at %d is not there any more", of.connection, of.joined)
	}
	for _, s := range w.stays() {
		w.first[sittingOf(s)] = s
	}
	w.everywhere(func(s *seat.State) {
		if s.InUse != len(s.Members) {
			w.breaks("I4", "%s: %d in use, and %d members", blockName(s.Block), s.InUse, len(s.Members))
		}
		open := int64(0)
		for id, m := range s.Members {
			if _, closed := w.first[sitting{s.Block.Pool.Tenant, id, m.JoinedAtMillis}]; !closed { // else on its way out
				open++
			}
		}
		if s.Taken != recorded[s.Block]+open+s.Voids {
			w.breaks("I4", "%s: %d taken; %d recorded, %d open, %d void", blockName(s.Block), s.Taken, recorded[s.Block], open, s.Voids)
		}
	})
}

// skew is how far a process's clock is off at the most.
const skew = 2000

// audit checks that what the ledger says of each stay is what happened.
func (w *world) audit() {
	byID := make(map[usage.StayID][]usage.Stay)
	seen := make(map[sitting]bool)
	for _, s := range w.stays() { // in order of joining
		byID[s.ID] = append(byID[s.ID], s)
		seen[sittingOf(s)] = true
		c := w.gateway.find(s.Connection)
		if c == nil {
			w.breaks("I4", "a record of nobody: %+v", s)
			return
		}
		told := slices.Contains(c.stays, s.JoinedAtMillis)
		off := s.LeftAtMillis - c.gone
		switch {
		case s.End == usage.EndClosed || s.End == usage.EndDropped:
			// One that resumes does not begin before the record before it ends, which
			// may be later than it was gone itself, and by another clock.
			late := s.Resumed && s.LeftAtMillis == s.JoinedAtMillis && off > 0 && off <= c.took+skew
			if told && !c.early && off != 0 && !late {
				w.breaks("I4", "%s was gone %d ms off what its record says: %+v", c.id, off, s)
			}
		case s.End == usage.EndVanished != s.Estimated && (!s.Estimated || w.now() <= c.at+life):
			w.breaks("I4", "vanished is estimated, and what was ended too late to be true, and nothing else: %+v", s)
		case s.Estimated && told && off > skew:
			w.breaks("I4", "%s was gone %d ms before its record ends: %+v", c.id, off, s)
		}
	}
	for _, c := range w.connections {
		for _, joined := range c.stays {
			if !seen[sitting{c.pass.Tenant, c.id, joined}] {
				w.breaks("I4", "%s was in since %d, and the ledger has no record of it", c.id, joined)
			}
		}
	}
	for id, records := range byID {
		for n, s := range records {
			if s.Resumed != (n > 0) {
				w.breaks("I4", "stay %s: record %d of %d says resumed %v", id, n+1, len(records), s.Resumed)
			}
			if n == 0 {
				continue
			}
			// Its handshake took a while, in which the one before it may have ended.
			last := records[n-1].LeftAtMillis
			if first := w.gateway.find(records[0].Connection); len(first.stays) > 1 {
				continue // what resumes it may have meant another of its stays
			}
			if min(last, s.LeftAtMillis)-s.JoinedAtMillis > w.gateway.find(s.Connection).took+skew {
				w.breaks("I4", "stay %s: record %d begins before the one before it ends: %+v", id, n+1, records)
			}
		}
	}
}

// --- at rest -----------------------------------------------------------------------------------

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
	w.rounds(4)
	if w.failure != nil {
		return
	}
	w.keep()
	w.occupants()
	w.balance()
	w.again()
	if w.failure != nil {
		return
	}
	w.say("everybody breaks off, and nobody says so")
	for _, c := range w.connections {
		w.closes(c, w.now(), lost)
	}
	w.rounds(3)
	w.everywhere(func(s *seat.State) {
		for id, m := range s.Members {
			w.breaks("I2", "%s: %s is in still: %+v", blockName(s.Block), id, m)
		}
	})
	w.balance()
	w.rounds(7)
	w.over()
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
	}
}

// occupants checks the members of every block at rest: each is an open
// connection, whose session is of this seat.
func (w *world) occupants() {
	states := make([]seat.State, 0, len(w.blocks))
	w.everywhere(func(s *seat.State) { states = append(states, *s) })
	for _, s := range states {
		for id, m := range s.Members {
			c := w.gateway.find(id)
			its, _ := w.memory.Session(context.Background(), id, true)
			switch {
			case c == nil || c.state != open:
				w.breaks("I2", "%s: %s is over, and in still: %+v", blockName(s.Block), id, m)
			case m.Held():
				w.breaks("I2", "%s: %s is held still: %+v", blockName(s.Block), id, m)
			case w.ended(c, m.Conference):
				w.breaks("I2", "%s: %s is in a conference that has ended: %+v", blockName(s.Block), id, m)
			case its == nil || its.State != session.StateSeated || its.Block != s.Block || its.Member() != m:
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
		w.everywhere(func(s *seat.State) { maps.Copy(all, s.Members) })
		return all
	}
	in, ledger := members(), w.stays()
	for _, c := range w.connections {
		door := w.newProcess().door
		switch {
		case c.state == over:
			_ = door.Leave(context.Background(), c.id, c.gone, lost)
		case c.from != nil:
			_ = door.Resume(context.Background(), c.visitor(), c.claim)
		case c.lobby:
			_ = door.Wait(context.Background(), c.visitor())
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
	now := w.conference(c.pass.Tenant, c.pass.Conference)
	return now == nil || now.Number != number || now.State == conference.StateEnded
}

// over checks that nothing is left to do when everybody has been gone for
// long.
func (w *world) over() {
	for _, t := range w.order {
		list, _ := w.memory.Conferences(context.Background(), t.id, "", 100)
		for _, c := range list {
			if c.State == conference.StateLive || c.Ending {
				w.breaks("I5", "conference %s is %s still, ending %v, vacant since %v", c.ID, c.State, c.Ending, c.VacantSince)
			}
		}
		locks, _ := w.memory.Locks(context.Background(), t.id)
		for _, l := range locks {
			w.breaks("I5", "%s is held to conference %s still", l.Host, l.Conference)
		}
	}
	for shard := range reconcile.Shards {
		entries, _, _ := w.memory.Agenda(context.Background(), shard, "", 10)
		if len(entries) > 0 {
			w.breaks("I5", "on the agenda still: %s", fmt.Sprintf("%+v", entries))
		}
	}
}
