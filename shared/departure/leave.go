package departure

import (
	"context"
	"fmt"

	"seatmeter/shared/lapse"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// leaveRounds bounds how often a leave looks again because the session
// changed under it.
const leaveRounds = 5

// Leave ends whatever a connection has: its stay, or its place in the lobby.
// If the connection was lost (usage.EndDropped) its seat is held for the
// license's grace, and for reloadSeconds of it if the client went away
// (usage.EndGoingAway). Where nothing is known of the connection, a tombstone
// fences a $connect that is still in flight.
//
// Safe to repeat, late and concurrently: the ledger record's key depends on
// the session alone, the seat is given back or held on condition that it is
// this very stay's, and the lobby is left on condition of the version read. So
// a connection whose seat another has resumed frees nothing. The
// first read is not consistent, which costs half; it is never believed
// further than those conditions, and when one of them fails it is read again.
// A process that dies between ledger and seat leaves the seat to the next
// delivery, or to reconciliation. No event follows a removal (usage.EndRemoved), and
// the connection may stay open: so the session says first that it is gone.
func (x *Departures) Leave(ctx context.Context, id seat.ConnectionID, atMillis int64, end usage.End) error {
	s, err := x.store.Session(ctx, id, false)
	if err != nil {
		return fmt.Errorf("read the session: %w", err)
	}
	for range leaveRounds {
		if s == nil {
			tombstone := session.Session{Connection: id, State: session.StateGone, BeganMillis: atMillis}
			if s, err = x.store.Begin(ctx, tombstone); err != nil {
				return fmt.Errorf("leave a tombstone: %w", err)
			}
			if s == nil {
				return nil
			}
		}
		switch s.State {
		case session.StateGone:
			return nil
		case session.StateLobby:
			was, next := *s, *s
			next.State = session.StateGone
			next.Version++
			if s, err = x.store.Change(ctx, next); err != nil {
				return fmt.Errorf("leave the lobby: %w", err)
			}
			if s == nil {
				x.leaveQueue(ctx, was, atMillis, waitOutcome(end))
				return nil
			}
		case session.StateSeated:
			if end == usage.EndRemoved {
				gone := *s
				gone.State, gone.MovedAtMillis = session.StateGone, atMillis
				gone.Version++
				if s, err = x.store.Change(ctx, gone); err != nil {
					return fmt.Errorf("note that a connection is removed: %w", err)
				}
				if s != nil && *s != gone {
					continue
				}
				_, err = x.FinishLeave(ctx, gone)
				return err
			}
			if err := x.endLapsed(ctx, *s, atMillis); err != nil {
				return err
			}
			done, err := x.endStay(ctx, *s, atMillis, end)
			if done || err != nil {
				return err
			}
			now, err := x.store.Session(ctx, id, true)
			if err != nil {
				return fmt.Errorf("read the session again: %w", err)
			}
			if now == nil || now.Version == s.Version {
				return nil
			}
			s = now
		}
	}
	return fmt.Errorf("leave %s: its session kept changing", id)
}

// endLapsed records the stay of a server's seat that had lapsed at a moment, up to its last
// renewal. What endStay then records is recorded already.
func (x *Departures) endLapsed(ctx context.Context, s session.Session, atMillis int64) error {
	if !s.Connection.OfServer() {
		return nil
	}
	m, err := x.member(ctx, s)
	if err != nil || !s.Names(s.Block, m) || !m.Lapsed(atMillis) {
		return err
	}
	_, _, err = lapse.End(ctx, x.store, s.Block, seat.Place{Connection: s.Connection, Member: m})
	return problem.Wrap("end a lapsed seat", err)
}

// EndWait makes a server's connection gone that waits since then. It tells whether it is
// gone: not if it has a seat. Safe to repeat.
func (x *Departures) EndWait(ctx context.Context, id seat.ConnectionID, sinceMillis int64) (bool, error) {
	for range leaveRounds {
		s, err := x.store.Session(ctx, id, true)
		if err != nil || s == nil || s.State == session.StateGone {
			return err == nil, problem.Wrap("read the session", err)
		}
		if !s.Waits() || s.QueuedMillis != sinceMillis {
			return false, nil
		}
		s.State = session.StateGone
		s.Version++
		there, err := x.store.Change(ctx, *s)
		if err != nil || there == nil || *there == *s {
			return err == nil, problem.Wrap("end a wait", err)
		}
	}
	return false, problem.New(problem.Unavailable, "Please try again.")
}

// ToLobby gives a connection's seat back and keeps it connected. The session
// moves first; from then on the stay is over, and a process that dies leaves the
// rest to a repeat, or to reconciliation. Safe to repeat: in the lobby it does
// nothing but complete what an earlier one began, and a message older than the
// connection's last move does nothing.
func (x *Departures) ToLobby(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, error) {
	for range leaveRounds {
		s, err := x.Connected(ctx, id)
		if err != nil || atMillis < s.MovedAtMillis {
			return s, err
		}
		if s.State == session.StateLobby && !s.Waits() {
			return s, x.CompleteLeave(ctx, s)
		}
		was := s
		s = s.Leave(atMillis)
		there, err := x.store.Change(ctx, s)
		switch {
		case err != nil:
			return s, fmt.Errorf("enter the lobby: %w", err)
		case there != nil && *there != s:
			continue
		case was.Waits():
			x.leaveQueue(ctx, was, atMillis, usage.WaitLeft)
			return s, x.CompleteLeave(ctx, s)
		}
		_, err = x.FinishLeave(ctx, s)
		return s, err
	}
	return session.Session{}, problem.New(problem.Unavailable, "Please try again.")
}

// FinishLeave records the stay that a session has left, or was removed from, and gives
// its seat back. It tells whether there was one to give back.
func (x *Departures) FinishLeave(ctx context.Context, s session.Session) (bool, error) {
	if s.State == session.StateGone {
		return x.endStay(ctx, s, s.MovedAtMillis, usage.EndRemoved)
	}
	return x.endStay(ctx, s, s.MovedAtMillis, usage.EndLeft)
}

// CompleteLeave is FinishLeave for a session whose seat may have been given back
// long since.
func (x *Departures) CompleteLeave(ctx context.Context, s session.Session) error {
	if s.State != session.StateLobby || s.StayID == "" {
		return nil
	}
	b, err := x.store.Get(ctx, s.Block)
	if err == nil && b != nil && b.Members[s.Connection].WithoutLease() == s.Member() {
		_, err = x.FinishLeave(ctx, s)
	}
	return problem.Wrap("finish a leave", err)
}

// leaveQueue removes the place of a session that waited: s is as it was. If that
// fails, the queue's worker does it.
func (x *Departures) leaveQueue(ctx context.Context, s session.Session, atMillis int64, outcome usage.WaitOutcome) {
	if err := x.queues.Leave(ctx, s, atMillis, outcome); err != nil {
		x.log.WarnContext(ctx, "a place in the queue is left to its worker", "tenant", s.Tenant, "connection", s.Connection, "error", err)
	}
}

// waitOutcome is how a wait ends whose connection ends so.
func waitOutcome(end usage.End) usage.WaitOutcome {
	if end == usage.EndClosed {
		return usage.WaitLeft
	}
	return usage.WaitGone
}
