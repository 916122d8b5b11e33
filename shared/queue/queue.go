// Package queue keeps the connections that wait for a seat of a full pool, in order.
//
// Terms: a pool's queue is open from the time at which its first waiter enters until
// the worker finds it empty. A waiter is a connection in the lobby whose session says
// since when the connection waits. A place is the waiter's item in the queue. A gate is a
// mark in each block of the pool, by which only the queue gives out the block's
// seats. A generation is the time for which a queue is open. A gate of an earlier
// generation is a leftover: a join that meets one removes it.
//
// A server's waiter has a lease in its place, as a server's seat has one in its block:
// the server renews it by asking how the waiter stands. A waiter whose lease is over
// gets no seat, and a wait ends after MaxWaitMillis however often it is renewed.
//
// Entering and leaving are several writes each, in an order that makes each step safe
// to break off: "A wait" in shared/README.md has the order, and "When a process dies"
// what completes it.
package queue

import (
	"context"
	"fmt"
	"math"
	"time"

	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// Waiter is a connection's place in a queue.
type Waiter struct {
	// Wait is the later record of the ledger. UntilMillis and Outcome are empty.
	usage.Wait
	Pool seat.Pool
	// Order sorts the queue. It is part of the item's key.
	Order string
	// Told is the position that the client was told last, at ToldMillis.
	Told       int
	ToldMillis int64
	// Lease is how long a server's waiter waits unless the lease is renewed.
	Lease seat.Lease
}

// Lapsed tells whether a waiter is a server's that is to wait no more: its lease is over,
// or it has waited for MaxWaitMillis.
func (w Waiter) Lapsed(nowMillis int64) bool {
	if !w.Connection.OfServer() {
		return false
	}
	return w.Lease.Seconds == 0 || w.Lease.UntilMillis() <= nowMillis || w.SinceMillis+MaxWaitMillis <= nowMillis
}

// Head is the state of a whole queue.
type Head struct {
	Pool seat.Pool
	Open bool
	// Generation counts the times for which the queue has been open before.
	Generation int64
	// Waiting counts the places. Entered counts all places that there have been, and
	// EnteredMillis is when the last one was counted.
	Waiting       int
	Entered       int64
	EnteredMillis int64
	// Gated is the last gate that all blocks of the pool were given.
	Gated int64
}

// Gate is the generation that the gates of this queue have.
func (h Head) Gate() int64 { return h.Generation + 1 }

// Store is where queues live. Every write is one atomic step on one item, safe to
// repeat where its comment does not say otherwise. Errors are the store's own.
type Store interface {
	// Queue reads the head and the first waiters of a pool's queue, in order and
	// consistently; limit zero means all.
	Queue(ctx context.Context, pool seat.Pool, limit int) (Head, []Waiter, error)
	// Heads reads the heads of the queues of some pools; those that have none are
	// left out.
	Heads(ctx context.Context, pools []seat.Pool) ([]Head, error)
	// Open opens a queue if need be, and counts one more waiter, unless there are
	// limit already: false. A repeat after a lost answer counts one too many, until
	// the worker recounts.
	Open(ctx context.Context, pool seat.Pool, limit int) (Head, bool, error)
	// MarkGated notes that all blocks have the gate of a head's generation.
	MarkGated(ctx context.Context, h Head) error
	// Place reads a waiter's place; nil if it is not there.
	Place(ctx context.Context, w Waiter) (*Waiter, error)
	// Enter writes a waiter's place, unless it is there.
	Enter(ctx context.Context, w Waiter) error
	// Remove removes a waiter's place, and counts one less if it was there. It tells
	// whether it was.
	Remove(ctx context.Context, w Waiter) (bool, error)
	// Tell notes the position that a waiter was told, if it is there still.
	Tell(ctx context.Context, w Waiter) error
	// RenewPlace replaces the lease of a waiter's place, if it is still as the waiter
	// has it: false, if it is not. A repeat after a lost answer gives false.
	RenewPlace(ctx context.Context, w Waiter, lease seat.Lease) (bool, error)
	// Recount sets how many wait, if nobody has entered since the head was read.
	Recount(ctx context.Context, h Head, waiting int) error
	// CloseQueue closes a queue in which nobody waits, if nobody has entered since the
	// head was read: false, if somebody has.
	CloseQueue(ctx context.Context, h Head) (bool, error)
	// OpenQueues lists the pools whose queues are open. It may miss what was opened
	// within the last second.
	OpenQueues(ctx context.Context) ([]seat.Pool, error)
	// Lease makes a worker the only one until a time, unless another one is.
	Lease(ctx context.Context, worker string, now, until time.Time) (bool, error)
}

// Queues lets connections wait. Safe for use by many goroutines.
type Queues struct {
	store  Store
	pools  *pool.Pools
	ledger Ledger
}

// Ledger is where waits are written. Errors are the store's own.
type Ledger interface {
	// BeginWait puts a note that a wait begins. A new note wakes the worker, by the
	// ledger's stream. Safe to repeat: the note stays the same.
	BeginWait(ctx context.Context, pool seat.Pool, w usage.Wait) error
	// RecordWait adds a wait that has ended, unless it is there. Safe to repeat: the
	// first record stays.
	RecordWait(ctx context.Context, w usage.Wait) error
}

// New makes Queues.
func New(store Store, pools *pool.Pools, ledger Ledger) *Queues {
	return &Queues{store, pools, ledger}
}

// PoolOf is the pool in whose queue a session waits. False: it does not wait.
func PoolOf(s session.Session) (seat.Pool, bool) {
	if !s.Waits() {
		return seat.Pool{}, false
	}
	pool := seat.Pool{Tenant: s.Tenant}
	if s.QueuedOwn {
		pool.Number = s.Number
	}
	return pool, true
}

// waiterOf is the place of a session that waits.
func waiterOf(s session.Session) Waiter {
	pool, _ := PoolOf(s)
	w := Waiter{Wait: usage.Wait{
		Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Host: s.LedgerHost(), Identity: s.LedgerIdentity(), Role: s.Role,
		Connection: s.Connection, SinceMillis: s.QueuedMillis, Shards: s.Shards,
	}, Pool: pool}
	if s.Connection.OfServer() {
		w.Lease = seat.Lease{RenewedAtMillis: s.QueuedMillis, Seconds: s.LeaseSeconds}
	}
	w.Order = orderOf(w)
	return w
}

// Full tells whether a queue has as many waiters as its license allows.
func (q *Queues) Full(ctx context.Context, pool seat.Pool, limit int) (bool, error) {
	if limit == 0 {
		return true, nil
	}
	h, _, err := q.store.Queue(ctx, pool, 1)
	return h.Waiting >= limit, problem.Wrap("read the queue", err)
}

// Enter gives a session that waits its place at the end of the queue, and tells its
// position. Zero: the queue is full. With tells, the caller tells the client its
// position; otherwise the worker does. Safe to run twice at once; a repeat may count one
// too many, until the worker recounts (see Again).
func (q *Queues) Enter(ctx context.Context, s session.Session, limit int, tells bool) (int, error) {
	w := waiterOf(s)
	h, entered, err := q.store.Open(ctx, w.Pool, limit)
	if err != nil || !entered {
		return 0, problem.Wrap("open the queue", err)
	}
	if tells {
		w.Told, w.ToldMillis = h.Waiting, w.SinceMillis
	}
	if err := q.store.Enter(ctx, w); err != nil {
		return 0, problem.Wrap("enter the queue", err)
	}
	return h.Waiting, q.complete(ctx, w, h)
}

// complete closes the pool's gates and wakes the worker.
func (q *Queues) complete(ctx context.Context, w Waiter, h Head) error {
	if err := q.Gate(ctx, h); err != nil {
		return err
	}
	return problem.Wrap("note a wait", q.ledger.BeginWait(ctx, w.Pool, w.Wait))
}

// Gate closes the gates of a queue's pool, unless all are closed. Safe to repeat, and
// to break off.
func (q *Queues) Gate(ctx context.Context, h Head) error {
	if h.Gated == h.Gate() {
		return nil
	}
	if err := q.pools.Gate(ctx, h.Pool, h.Gate()); err != nil {
		return problem.Wrap("gate the pool", err)
	}
	return problem.Wrap("note the gates", q.store.MarkGated(ctx, h))
}

// Again completes the entering of a session that waits already, which may have
// broken off, and tells its position. Safe to repeat.
func (q *Queues) Again(ctx context.Context, s session.Session, limit int) (int, error) {
	w := waiterOf(s)
	h, _, position, err := q.find(ctx, w)
	if err != nil {
		return 0, err
	}
	if position == 0 || !h.Open {
		return q.Enter(ctx, s, limit, false)
	}
	return position, q.complete(ctx, w, h)
}

// Up to exact, a position is counted. Behind it, the position is the last one that the
// worker told the client.
const exact = 100

// find reads the head, and a waiter's place and position: nil and zero if it has none.
func (q *Queues) find(ctx context.Context, w Waiter) (Head, *Waiter, int, error) {
	h, waiters, err := q.store.Queue(ctx, w.Pool, exact)
	if err != nil {
		return h, nil, 0, problem.Wrap("read the queue", err)
	}
	if position := positionOf(waiters, w); position > 0 {
		return h, &waiters[position-1], position, nil
	}
	if len(waiters) < exact {
		return h, nil, 0, nil
	}
	place, err := q.store.Place(ctx, w)
	if err != nil || place == nil {
		return h, nil, 0, problem.Wrap("read a place", err)
	}
	return h, place, max(exact+1, place.Told), nil
}

// Leave ends the wait of a session that does not wait any more: s is as it was. Safe
// to repeat. Where it fails, the worker completes it.
func (q *Queues) Leave(ctx context.Context, s session.Session, untilMillis int64, outcome usage.WaitOutcome) error {
	pool, waits := PoolOf(s)
	if !waits {
		return nil
	}
	w := waiterOf(s)
	there, err := q.end(ctx, w, untilMillis, outcome)
	if there || err != nil {
		return err
	}
	_, waiters, err := q.store.Queue(ctx, pool, exact) // it may have been put first
	if position := positionOf(waiters, w); position > 0 && err == nil {
		_, err = q.store.Remove(ctx, waiters[position-1])
	}
	return problem.Wrap("leave the queue", err)
}

// End records a wait and removes its place. Safe to repeat.
func (q *Queues) End(ctx context.Context, w Waiter, untilMillis int64, outcome usage.WaitOutcome) error {
	_, err := q.end(ctx, w, untilMillis, outcome)
	return err
}

// end is End, and tells whether the place was there.
func (q *Queues) end(ctx context.Context, w Waiter, untilMillis int64, outcome usage.WaitOutcome) (bool, error) {
	w.UntilMillis, w.Outcome = max(untilMillis, w.SinceMillis), outcome
	if err := q.ledger.RecordWait(ctx, w.Wait); err != nil {
		return false, problem.Wrap("record a wait", err)
	}
	there, err := q.store.Remove(ctx, w)
	return there, problem.Wrap("leave the queue", err)
}

// Position is a waiting session's place in its queue, from 1; zero if it has none.
func (q *Queues) Position(ctx context.Context, s session.Session) (int, error) {
	if !s.Waits() {
		return 0, nil
	}
	_, _, position, err := q.find(ctx, waiterOf(s))
	return position, err
}

func positionOf(waiters []Waiter, w Waiter) int {
	for n, other := range waiters {
		if other.Connection == w.Connection && other.SinceMillis == w.SinceMillis {
			return n + 1
		}
	}
	return 0
}

// Occupied tells whether anybody waits in a pool's queue, and gives its head. A
// newcomer may take a seat of a gated pool if nobody does.
func (q *Queues) Occupied(ctx context.Context, pool seat.Pool) (Head, bool, error) {
	h, waiters, err := q.store.Queue(ctx, pool, 1)
	return h, len(waiters) > 0, problem.Wrap("read the queue", err)
}

// Of lists the waiters of a pool in order.
func (q *Queues) Of(ctx context.Context, pool seat.Pool) ([]Waiter, error) {
	_, waiters, err := q.store.Queue(ctx, pool, 0)
	return waiters, problem.Wrap("read the queue", err)
}

// First puts a waiter before all others. False: it does not wait. A process that
// dies between the two writes leaves two places, of which the later is a leftover.
func (q *Queues) First(ctx context.Context, pool seat.Pool, id seat.ConnectionID, now time.Time) (bool, error) {
	_, waiters, err := q.store.Queue(ctx, pool, 0)
	if err != nil {
		return false, problem.Wrap("read the queue", err)
	}
	for n, w := range waiters {
		if w.Connection != id {
			continue
		}
		if w.Lapsed(now.UnixMilli()) {
			return false, nil
		}
		if n == 0 {
			return true, nil
		}
		first := w
		first.Order = firstOrder(now, id)
		if id.OfServer() { // the place before may be renewed meanwhile
			first.Lease.RenewedAtMillis = now.UnixMilli()
		}
		_, _, err := q.store.Open(ctx, pool, math.MaxInt32)
		if err == nil {
			err = q.store.Enter(ctx, first)
		}
		if err == nil {
			_, err = q.store.Remove(ctx, w)
		}
		return err == nil, problem.Wrap("put a waiter first", err)
	}
	return false, nil
}

// orderOf sorts by when a waiter came, by the gateway's clock.
func orderOf(w Waiter) string { return fmt.Sprintf("1%014d#%s", w.SinceMillis, w.Connection) }

// firstOrder sorts before every orderOf, and a later one before an earlier.
func firstOrder(now time.Time, id seat.ConnectionID) string {
	return fmt.Sprintf("0%014d#%s", seat.MaxMillis-now.UnixMilli(), id)
}
