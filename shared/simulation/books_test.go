package simulation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seatmeter/shared/crossing"
	"seatmeter/shared/pool"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

func blockName(b seat.Block) string {
	name := string(b.Pool.Tenant)
	if b.Pool.Number != 0 {
		name += fmt.Sprintf("/%d", b.Pool.Number)
	}
	if b.Pool.Chair {
		name += "/chair"
	}
	return fmt.Sprintf("%s[%d]", name, b.Index)
}

// everywhere gives every block there is, in order.
func (w *world) everywhere() []seat.State {
	var all []seat.State
	for _, pool := range slices.SortedFunc(maps.Keys(w.blocks), func(a, b seat.Pool) int {
		return strings.Compare(blockName(seat.Block{Pool: a}), blockName(seat.Block{Pool: b}))
	}) {
		all = append(all, w.blocks[pool]...)
	}
	return all
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

// took checks a pool of which a seat was taken under a license revision: that it
// is within it, and that it had not been replaced.
func (w *world) took(block seat.Block, revision int64) {
	inUse, t := pool.InUse(w.blocks[block.Pool]), w.tenants[block.Pool.Tenant]
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
	if t.ended[block.Pool.Number] {
		w.breaks("I1", "%s: a seat taken when the conference's end had returned", blockName(block))
	}
	if revision < t.returned {
		w.breaks("I1", "%s: a seat taken under r%d, when the change to r%d had returned", blockName(block), revision, t.returned)
	}
}

// takesOver checks whose place a join has taken: a hold's that is over. A host's
// own does not keep them out.
func (w *world) takesOver(was, is seat.State) {
	for id, m := range was.Members {
		if _, in := is.Members[id]; !in && !m.Leased() && (!is.Block.Pool.Chair || !m.Held()) && !m.Expired(w.now()) {
			w.breaks("I2", "%s's seat is taken over: %+v, %d ms from now", id, m, m.Hold.UntilMillis()-w.now())
		}
	}
}

// reload is the longest that a seat is held for a page that went away.
const reload = 10

// holds checks how long the seats are held for whose connections have just ended:
// as long as a license said, and after a page that went away no longer than reload.
func (w *world) holds(was, is seat.State) {
	for id, m := range is.Members {
		c := w.gateway.find(id)
		if !m.Held() || was.Members[id] == m || c == nil {
			continue
		}
		right := false
		for _, l := range w.tenants[is.Block.Pool.Tenant].revisions {
			grace := l.ReconnectGraceSeconds
			right = right || m.Hold.Seconds == grace && (c.how == lost || c.early) || m.Hold.Seconds == min(grace, reload) && c.how == left
		}
		if !right {
			w.breaks("I2", "%s ended as %s, and its seat is held for %d s", id, c.how, m.Hold.Seconds)
		}
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
		for _, s := range w.blocks[pool] {
			if m, there := s.Members[c.id]; there && !m.Held() {
				in = true
			}
		}
	}
	return in
}

// entitled tells whether a connection must have its seat still: it was told
// so, is open, and nothing has been done to end its stay.
func (w *world) entitled(c *connection) bool {
	if !c.seated || c.excused || c.state != open || c.mayLapse(w.now()) {
		return false
	}
	for one := c.from; one != nil; one = one.from {
		if one.removed { // a removal finds whoever has resumed the stay since
			return false
		}
	}
	now, there := w.conferences[conferenceKey{c.pass.Tenant, c.pass.Conference}]
	return there && now.Number == c.pass.Number && now.State != conference.StateEnded
}

// keep checks that nobody has lost a seat who was entitled to it.
func (w *world) keep() {
	for _, c := range w.connections {
		if !c.always && w.entitled(c) && !w.member(c) {
			w.breaks("I2", "%s has lost its seat", c.id)
		}
	}
}

// expires checks that nobody is in a conference, whom it needs, that ends for
// being vacant.
func (w *world) expires(vacant conference.Conference) {
	t := w.tenants[vacant.Tenant]
	for _, c := range w.connections {
		needed := w.licenses[t.id].Model == license.ModelConcurrent || c.pass.Role == jointoken.RoleHost
		if c.pass.Tenant == t.id && c.pass.Number == vacant.Number && needed && !t.mixed && w.entitled(c) {
			w.breaks("I2", "conference %s ends for being vacant, and %s is in", vacant.ID, c.id)
		}
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
	if w.licenses[t.id].Model == license.ModelNamed {
		pool.Number = j.pass.Number
	}
	j.full = w.hasQueue(pool)
	occupied := 0
	for _, s := range w.blocks[pool] {
		occupied += s.InUse
		for _, m := range s.Members {
			if m.Expired(j.at) {
				occupied--
			}
		}
	}
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
			_ = w.reconciler(p).Refused(ctx, []crossing.Refusal{{Pool: pool, Conference: r.Conference, AtMillis: r.AtMillis}})
		}, nil)
	})
}

// --- I4: the books balance ---------------------------------------------------------------------

// stays is the ledger.
func (w *world) stays() []usage.Stay {
	var list []usage.Stay
	for _, t := range w.order {
		for s, err := range w.plain.Stays(context.Background(), t.id, 0, 1<<50) {
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
	recorded, ledger := make(map[seat.Block]int64), make(map[sitting]bool)
	for _, s := range w.stays() {
		recorded[s.Block]++
		ledger[sittingOf(s)] = true
		if first := w.first[sittingOf(s)]; first != s {
			w.breaks("I4", "the record of %s was changed: %+v, first %+v", s.Connection, s, first)
		}
	}
	for of := range w.first {
		if !ledger[of] {
			w.breaks("I4", "the record of %s at %d is not there any more", of.connection, of.joined)
		}
	}
	for _, s := range w.everywhere() {
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
	}
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
		if c.ofServer() {
			continue // see wroteLease
		}
		told := slices.Contains(c.stays, s.JoinedAtMillis)
		off := s.LeftAtMillis - c.gone
		switch {
		case s.End == closed || s.End == lost || s.End == left:
			// One that resumes does not begin before the record before it ends, which
			// may be later than it was gone itself, and by another clock. One that waited
			// begins by the worker's clock.
			late := (s.Resumed || len(c.waits) > 0) && s.LeftAtMillis == s.JoinedAtMillis && off > 0 && off <= c.took+skew
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

// exhausted tells whether a refusal is for want of a seat.
func exhausted(code problem.Code) bool {
	return code == problem.SeatsExhausted || code == problem.ParticipantsExhausted
}
