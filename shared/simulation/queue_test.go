package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/queue"
	"seatmeter/shared/queue/worker"
	"seatmeter/shared/removal"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// waited is what is known of the queues: what the tables hold, and what clients
// were told.
type waited struct {
	// places are the places of each queue, by their order.
	places map[seat.Pool]map[string]queue.Waiter
	heads  map[seat.Pool]queue.Head
	// recorded is the ledger's waits as they were first written.
	recorded map[sitting]usage.Wait
}

func newWaited() waited {
	return waited{make(map[seat.Pool]map[string]queue.Waiter), make(map[seat.Pool]queue.Head), make(map[sitting]usage.Wait)}
}

func (w *world) wrotePlace(is queue.Waiter, gone bool) {
	if w.places[is.Pool] == nil {
		w.places[is.Pool] = make(map[string]queue.Waiter)
	}
	if w.places[is.Pool][is.Order] = is; gone {
		delete(w.places[is.Pool], is.Order)
	}
}

func (w *world) wroteHead(is queue.Head, gone bool) {
	if w.heads[is.Pool] = is; gone {
		delete(w.heads, is.Pool)
	}
}

func (w *world) wroteWait(is usage.Wait, gone bool) {
	of := sitting{is.Tenant, is.Connection, is.SinceMillis}
	first, there := w.recorded[of]
	switch {
	case gone || there && first != is:
		w.breaks("I4", "the record of %s's wait was changed: %+v, first %+v", is.Connection, is, first)
	default:
		w.recorded[of] = is
	}
}

// queues notes that a client was told that it waits.
func (w *world) queues(c *connection, since int64) {
	if !slices.Contains(c.waits, since) {
		c.waits = append(c.waits, since)
	}
	if !c.leaving && !c.excused && !c.seated {
		c.queued, c.queuedAt = since, w.turns
	}
}

// poolOf is the pool that a connection draws on, under its tenant's license.
func (w *world) poolOf(c *connection) seat.Pool {
	pool := seat.Pool{Tenant: c.pass.Tenant}
	if w.licenses[c.pass.Tenant].Model == license.ModelNamed {
		pool.Number = c.pass.Number
	}
	return pool
}

// waits tells whether a connection must have its place still, and could be seated: it
// was told that it waits, is open, and nothing was done to end its wait.
func (w *world) waits(c *connection) bool {
	t := w.tenants[c.pass.Tenant]
	if c.queued == 0 || c.excused || c.leaving || c.state != open || c.away > 0 || t.mixed || c.mayLapse(w.now()) {
		return false
	}
	now, there := w.conferences[conferenceKey{c.pass.Tenant, c.pass.Conference}]
	return there && now.Number == c.pass.Number && now.State == conference.StateLive &&
		!now.Removed.Refuses(removal.KeyOf(int64(c.pass.Number), c.pass.Identity), c.pass.IssuedMillis)
}

// overtakes checks that a connection which takes a seat of a pool comes before nobody
// who was told that it waits there: when the newcomer asked, or the worker began.
func (w *world) overtakes(of seat.Pool, id seat.ConnectionID, i *invocation) {
	if i == nil || of.Chair {
		return
	}
	taker := w.gateway.find(id)
	for _, c := range w.connections {
		if c == taker || !w.waits(c) || w.poolOf(c) != of || c.queuedAt >= i.asked || c.ofServer() && !w.hasPlace(of, c.id) {
			continue
		}
		if taker != nil && i.join == nil && w.since(taker) != 0 && (taker.first || w.since(taker) < c.queued+1000) {
			continue // it was put first, or waited longer
		}
		w.breaks("queue", "%s takes a seat of %s by %s, and %s waits there since %d ms", id, blockName(seat.Block{Pool: of}), i.name, c.id, c.queued-begins)
	}
	if taker != nil && i.join == nil {
		w.speaks(of, id, i)
	}
	if taker != nil && i.join == nil && !i.faulty && taker.state == over && taker.gone+skew < i.began {
		w.breaks("queue", "%s gets a seat, and was gone for %d ms when %s began", id, i.began-taker.gone, i.name)
	}
}

// serves begins a sweep of the queues.
func (w *world) serves() {
	var err error
	w.begin("worker", reconcilerTime, func(ctx context.Context, p *process) { err = w.worker(p).Round(ctx) }, func() { w.say("worker: %v", err) })
}

// putsFirst has an admin put a waiter before all others.
func (w *world) putsFirst(c *connection) {
	c.first = true
	of := w.poolOf(c)
	var found bool
	var err error
	w.begin("put "+string(c.id)+" first", handlerTime, func(ctx context.Context, p *process) {
		found, err = p.door.Queues().First(ctx, of, c.id, w.clock(p))
	}, func() { w.say("put %s first: %t, %v", c.id, found, err) })
}

// worker is that of a process, which it keeps.
func (w *world) worker(p *process) *worker.Worker {
	if p.worker == nil {
		p.worker = p.door.Worker(w.gateway, teller{w}, func() time.Time { return w.clock(p) }, w.pauses)
	}
	return p.worker
}

// teller tells waiters how they stand.
type teller struct{ w *world }

// unasked is said in an answer to no question.
const unasked = -1

// Admitted implements worker.Teller.
func (t teller) Admitted(ctx context.Context, s session.Session, _ int64) error {
	text, err := json.Marshal(reply{Asked: unasked, Seated: true, Joined: s.JoinedAtMillis, Claim: s.Claim()})
	if err != nil {
		return err
	}
	return t.w.gateway.Push(ctx, s.Connection, text)
}

// Refused implements worker.Teller.
func (t teller) Refused(ctx context.Context, waiter queue.Waiter, _ error) error {
	text, err := json.Marshal(reply{Asked: unasked})
	if err != nil {
		return err
	}
	return t.w.gateway.Push(ctx, waiter.Connection, text)
}

// Queued implements worker.Teller.
func (t teller) Queued(ctx context.Context, waiter queue.Waiter) error {
	text, err := json.Marshal(reply{Asked: unasked, Queued: waiter.SinceMillis})
	if err != nil {
		return err
	}
	return t.w.gateway.Push(ctx, waiter.Connection, text)
}

// occupied is how many seats of a pool are not free.
func (w *world) occupied(of seat.Pool) int {
	occupied := 0
	for _, s := range w.blocks[of] {
		occupied += s.Occupied(w.now())
	}
	return occupied
}

// sweeps lets the worker go over the queues some times, in calm.
func (w *world) sweeps(times int) {
	for range times {
		w.passes(600)
		p := w.newProcess()
		p.skew = 0
		if err := w.worker(p).Round(context.Background()); err != nil {
			w.breaks("queue", "a sweep in calm: %v", err)
		}
	}
}

// served checks, at rest, that nobody waits who could have a seat, and that each
// place is that of a connection which waits.
func (w *world) served() {
	for _, c := range w.connections {
		l := w.licenses[c.pass.Tenant]
		of := w.poolOf(c)
		if !w.waits(c) || l.Status != license.StatusActive || c.pass.IssuedMillis != 0 || !w.awaits(c) {
			continue
		}
		if free := capacity(l, of) - w.occupied(of); free > 0 {
			w.breaks("queue", "%s waits, and %d seats of %s are free", c.id, free, blockName(seat.Block{Pool: of}))
		}
	}
}

// awaits tells whether a connection's session says that it waits. One that does not
// was passed to another state that its client was not told of.
func (w *world) awaits(c *connection) bool {
	s, _ := w.plain.Session(context.Background(), c.id, true)
	return s != nil && s.Waits()
}

// emptied checks that no queue is left when everybody has been gone for long, and
// that the ledger has every wait.
func (w *world) emptied() {
	for of, places := range w.places {
		for _, waiter := range places {
			w.breaks("queue", "%s has a place in the queue of %s still", waiter.Connection, blockName(seat.Block{Pool: of}))
		}
	}
	for of, h := range w.heads {
		if h.Open || h.Waiting != 0 {
			w.breaks("queue", "the queue of %s is open still: %+v", blockName(seat.Block{Pool: of}), h)
		}
	}
	for _, c := range w.connections {
		for _, since := range c.waits {
			if _, there := w.recorded[sitting{c.pass.Tenant, c.id, since}]; !there {
				w.breaks("I4", "%s waited since %d, and the ledger has no record of it", c.id, since-begins)
			}
		}
	}
	sat := make(map[sitting]bool)
	for _, s := range w.stays() {
		sat[sittingOf(s)] = true
	}
	for of, one := range w.recorded {
		if one.Outcome == usage.WaitAdmitted && !sat[sitting{of.tenant, of.connection, one.UntilMillis}] {
			w.breaks("I4", "a wait ended with a seat that nobody had: %+v", one)
		}
	}
}

// hasQueue tells whether anybody has a place in a pool's queue.
func (w *world) hasQueue(of seat.Pool) bool { return len(w.places[of]) > 0 }
