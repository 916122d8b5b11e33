package admission

import (
	"context"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// fullPool is the pool that a join was refused by because it is full; false for any
// other refusal.
func fullPool(t tenant.ID, number conference.Number, err error) (seat.Pool, bool) {
	if err == nil {
		return seat.Pool{}, false
	}
	return usage.Refusal{Tenant: t, Number: number, Code: problem.As(err).Code}.Pool()
}

// JoinOrWait is Join, but where the pool is full the connection waits. The position is
// that in the queue, from 1; zero if the connection does not wait. A connection is
// refused at once if a free seat would not help it, or if as many wait as the license's
// queue limit allows.
func (x *Admissions) JoinOrWait(ctx context.Context, id seat.ConnectionID, atMillis int64) (s session.Session, began bool, position int, err error) {
	return x.join(ctx, id, request{atMillis: atMillis, wait: true})
}

// Serve seats a waiter whose turn it is. The session says whether the waiter is seated,
// still waits, or has left. An error is the reason why the waiter gets no seat now. A
// want of seats is not recorded as a refusal. Safe to repeat, and to run twice at once.
func (x *Admissions) Serve(ctx context.Context, w queue.Waiter, atMillis int64) (session.Session, error) {
	s, _, _, err := x.join(ctx, w.Connection, request{atMillis: max(atMillis, w.SinceMillis), turnOf: w.SinceMillis})
	return s, err
}

// Position is a waiting session's place in its queue, from 1; zero if it has none.
func (x *Admissions) Position(ctx context.Context, s session.Session) (int, error) {
	position, err := x.queues.Position(ctx, s)
	return position, problem.Wrap("find a position", err)
}

// unlessQueued tries again to take a seat of a gated pool, if nobody waits in it. A
// gate of a queue that is closed is removed.
func (x *Admissions) unlessQueued(ctx context.Context, refused pool.Seated, again func() (pool.Seated, error)) (pool.Seated, error) {
	head, occupied, err := x.queues.Occupied(ctx, refused.Block.Pool)
	if occupied || err != nil {
		return refused, problem.Wrap("read the queue", err)
	}
	if !head.Open {
		if err := x.store.Ungate(ctx, refused.Block, refused.Gate); err != nil {
			return refused, problem.Wrap("open a gate", err)
		}
	}
	return again()
}

// wait has a session in the lobby wait for a seat of a pool that was full. Not done:
// the session changed meanwhile.
//
// A process that dies before all is written has answered nothing; a repeat of the
// client's message continues there (see waitOn).
func (x *Admissions) wait(ctx context.Context, s session.Session, atMillis int64, in seat.Pool, refusal error) (session.Session, int, bool, error) {
	v := visitorOf(s, request{atMillis: atMillis})
	l, err := x.license(ctx, v, false)
	if err != nil {
		return s, 0, true, err
	}
	full, err := x.queues.Full(ctx, in, l.QueueLimit)
	if full || err != nil {
		return s, 0, true, x.refuseFull(ctx, v, refusal, err)
	}
	if s.StayID == "" {
		s.Shards = l.Shards
	}
	s = s.Queue(atMillis, in.Number != 0)
	there, err := x.store.Change(ctx, s)
	if err != nil || there != nil && *there != s {
		return s, 0, err != nil, problem.Wrap("begin to wait", err)
	}
	position, err := x.enterQueue(ctx, s, l)
	if position == 0 || err != nil {
		return s, 0, true, x.refuseFull(ctx, v, refusal, err)
	}
	return s, position, true, nil
}

// refuseFull refuses a visitor who cannot wait, unless something failed.
func (x *Admissions) refuseFull(ctx context.Context, v Visitor, refusal, failed error) error {
	if failed != nil {
		return problem.Wrap("enter the queue", failed)
	}
	return x.refuse(ctx, v, refusal)
}

// enterQueue gives a waiting session its place. Position zero without an error: the
// queue is full, and the session does not wait any more.
func (x *Admissions) enterQueue(ctx context.Context, s session.Session, l license.License) (int, error) {
	position, err := x.queues.Enter(ctx, s, l.QueueLimit, true)
	if position == 0 && err == nil {
		_, err = x.departures.ToLobby(ctx, s.Connection, s.MovedAtMillis)
	}
	return position, problem.Wrap("enter the queue", err)
}

// waitOn completes what made a session wait, and tells its position.
func (x *Admissions) waitOn(ctx context.Context, s session.Session) (int, error) {
	v := visitorOf(s, request{atMillis: s.MovedAtMillis})
	l, err := x.license(ctx, v, false)
	if err != nil {
		return 0, err
	}
	position, err := x.queues.Again(ctx, s, l.QueueLimit)
	if position > 0 || err != nil {
		return position, problem.Wrap("wait on", err)
	}
	if _, err := x.departures.ToLobby(ctx, s.Connection, s.MovedAtMillis); err != nil {
		return 0, problem.Wrap("leave a full queue", err)
	}
	return 0, x.refuse(ctx, v, l.Full(l.Capacity()))
}

// connectToQueue has a new connection wait for a seat of a pool that was full, and gives
// its session and its position: zero, if the session does not wait, since this is a
// repeat. A process that dies before all is written has answered nothing, and the gateway
// refuses the handshake: the worker finds that the connection is not there, or that its
// server does not renew its place.
func (x *Admissions) connectToQueue(ctx context.Context, v Visitor, in seat.Pool, refusal error) (session.Session, int, error) {
	l, err := x.license(ctx, v, false)
	if err != nil {
		return session.Session{}, 0, err
	}
	c, err := x.conference(ctx, v, true)
	if err == nil {
		err = notRemoved(v, c.Removed)
	}
	if err != nil {
		return session.Session{}, 0, x.refuse(ctx, v, err)
	}
	full, err := x.queues.Full(ctx, in, l.QueueLimit)
	if full || err != nil {
		return session.Session{}, 0, x.refuseFull(ctx, v, refusal, err)
	}
	s := visit(v, c)
	s.BeganMillis, s.Shards = v.AtMillis, l.Shards
	s = s.Queue(v.AtMillis, in.Number != 0)
	s.Version = v.version
	there, err := x.store.Begin(ctx, s)
	switch {
	case err != nil:
		return s, 0, problem.Wrap("begin to wait", err)
	case there != nil && there.State == session.StateGone:
		return s, 0, session.NotFound()
	case there != nil && there.State == session.StateSeated && !x.confirm(ctx, *there, there):
		return s, 0, problem.New(problem.Unavailable, "Please try again.") // the repeat that took the seat gives it back
	case there != nil && !there.Waits():
		return *there, 0, nil // it has got its seat, or has left the queue
	case there != nil:
		position, err := x.waitOn(ctx, *there)
		return *there, position, err
	}
	position, err := x.queues.Enter(ctx, s, l.QueueLimit, false)
	if position > 0 && err == nil {
		return s, position, nil
	}
	if gone := x.departures.Leave(ctx, v.Connection, v.AtMillis, usage.EndClosed); gone != nil && err == nil {
		err = gone
	}
	return s, 0, x.refuseFull(ctx, v, refusal, err)
}
