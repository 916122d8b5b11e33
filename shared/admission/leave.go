package admission

import (
	"context"
	"fmt"
	"math/rand/v2"

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
// (usage.EndGoingAway). Where nothing is known of the connection, a tombstone fences a
// $connect that is still in flight.
//
// Safe to repeat, late and concurrently: the ledger record's key depends on
// the session alone, the seat is given back or held on condition that it is
// this very stay's, and the lobby is left on condition of the version read. So
// a connection whose seat another has resumed frees nothing. The
// first read is not consistent, which costs half; it is never believed
// further than those conditions, and when one of them fails it is read again.
// A process that dies between ledger and seat leaves the seat to the next
// delivery, or to reconciliation.
func (d *Door) Leave(ctx context.Context, id seat.ConnectionID, atMillis int64, end usage.End) error {
	s, err := d.store.Session(ctx, id, false)
	if err != nil {
		return fmt.Errorf("read the session: %w", err)
	}
	for range leaveRounds {
		if s == nil {
			tombstone := session.Session{Connection: id, State: session.StateGone, BeganMillis: atMillis}
			if s, err = d.store.Begin(ctx, tombstone); err != nil {
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
			next := *s
			next.State = session.StateGone
			next.Version++
			if s, err = d.store.Change(ctx, next); err != nil {
				return fmt.Errorf("leave the lobby: %w", err)
			}
			if s == nil {
				return nil
			}
		case session.StateSeated:
			done, err := d.endStay(ctx, *s, atMillis, end)
			if done || err != nil {
				return err
			}
			now, err := d.store.Session(ctx, id, true)
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

// endStay records a session's stay, and gives its seat back or, where the
// connection was lost and the license has a grace, holds it. False: the seat was
// not this stay's any more.
func (d *Door) endStay(ctx context.Context, s session.Session, atMillis int64, end usage.End) (bool, error) {
	grace, err := d.grace(ctx, s, end)
	if err != nil {
		return false, err
	}
	s, stay, err := d.record(ctx, s, atMillis, end)
	if err != nil {
		return false, err
	}
	var returned seat.Returned
	if grace > 0 {
		hold := seat.Hold{LostAtMillis: stay.LeftAtMillis, Seconds: grace}
		returned, err = d.pools.Hold(ctx, s.Block, s.Connection, s.Member(), hold)
	} else {
		returned, err = d.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), false)
	}
	other := returned.Instead
	if err != nil || other == nil || s.Adopts(*other) {
		return returned.Done, wrap("give back or hold the seat", err)
	}
	// A late delivery of the $connect took a seat for this very stay; or the seat
	// is held after this very stay for longer than it has to be: first it looked
	// lost, and now comes how it was closed.
	held := other.Held() && other.Hold.LostAtMillis == stay.LeftAtMillis && grace < other.Hold.Seconds && end != usage.EndVanished
	switch {
	case held && grace > 0:
		returned, err = d.pools.Hold(ctx, s.Block, s.Connection, *other, seat.Hold{LostAtMillis: stay.LeftAtMillis, Seconds: grace})
	case held || !other.Held():
		returned, err = d.pools.GiveBack(ctx, s.Block, s.Connection, *other, !held)
	}
	return returned.Done, wrap("give back or hold a seat", err)
}

// reloadSeconds is the longest that a seat is held for a client that went away:
// enough to reload a page, and soon over where the page was closed for good.
const reloadSeconds = 10

// grace is for how many seconds a seat is held after such an end.
func (d *Door) grace(ctx context.Context, s session.Session, end usage.End) (int, error) {
	if end != usage.EndDropped && end != usage.EndGoingAway {
		return 0, nil
	}
	l, err := d.store.License(ctx, s.Tenant)
	if err != nil || l == nil {
		return 0, wrap("read the license", err)
	}
	if end == usage.EndGoingAway {
		return min(l.ReconnectGraceSeconds, reloadSeconds), nil
	}
	return l.ReconnectGraceSeconds, nil
}

// record writes a stay that ends into the ledger, and gives its last part as it is
// recorded, and the session that names that. There may be a record already, of a
// hand-over to another connection that broke off before that one had the seat:
// then the seat is this connection's still, and what came after is another part
// of the same stay.
func (d *Door) record(ctx context.Context, s session.Session, atMillis int64, end usage.End) (session.Session, usage.Stay, error) {
	stay, err := d.stay(ctx, s, atMillis, end)
	if err != nil {
		return s, stay, err
	}
	recorded, err := d.store.Record(ctx, stay)
	if err != nil {
		return s, stay, fmt.Errorf("write the ledger: %w", err)
	}
	leftMillis := stay.LeftAtMillis
	stay.LeftAtMillis = recorded.LeftAtMillis
	if !recorded.Before || recorded.End != usage.EndResumed || recorded.LeftAtMillis >= leftMillis {
		return s, stay, nil
	}
	next, goesOn, err := d.nextPart(ctx, s, recorded.LeftAtMillis)
	if err != nil || !goesOn {
		return s, stay, err
	}
	part := next.Stay(leftMillis, end)
	part.Estimated = stay.Estimated
	recorded, err = d.store.Record(ctx, part)
	part.LeftAtMillis = recorded.LeftAtMillis
	return next, part, wrap("write the ledger", err)
}

// nextPart begins the next part of a stay in its own seat, and has the session
// name it before anything is recorded of it. False: the seat is not the session's
// any more, or others are changing it.
func (d *Door) nextPart(ctx context.Context, s session.Session, fromMillis int64) (session.Session, bool, error) {
	next := s
	next.JoinedAtMillis, next.Mark, next.Resumed, next.From = max(fromMillis, s.JoinedAtMillis+1), newMark(), true, ""
	from, to := seat.Place{Connection: s.Connection, Member: s.Member()}, seat.Place{Connection: s.Connection, Member: next.Member()}
	attempt, err := d.store.Swap(ctx, s.Block, from, to, 0)
	if err != nil {
		return s, false, fmt.Errorf("begin the next part of a stay: %w", err)
	}
	state := attempt.State
	if attempt.Outcome != seat.OutcomeTaken {
		if state.Members[s.Connection] != to.Member {
			return s, false, nil
		}
		// By a first try whose answer was lost, and with it the seat's number.
		if state, _, err = d.store.Renumber(ctx, s.Block, s.Connection); err != nil {
			return s, false, fmt.Errorf("renumber a seat: %w", err)
		}
	}
	next.Seat = state.Taken
	next.Version++
	there, err := d.store.Change(ctx, next)
	return next, err == nil && (there == nil || *there == next), wrap("change a session", err)
}

// newMark draws a member's mark.
func newMark() uint16 { return uint16(rand.Uint32()) } //nolint:gosec // any 16 bits

// stay is the record of a stay that ends. Where it is said to have ended when
// its connection must have been closed long since, it ends at the last proof of
// life that its block has, as if reconciliation had come first.
func (d *Door) stay(ctx context.Context, s session.Session, atMillis int64, end usage.End) (usage.Stay, error) {
	if !s.TooLate(atMillis) {
		return s.Stay(atMillis, end), nil
	}
	block, err := d.store.Get(ctx, s.Block)
	if err != nil {
		return usage.Stay{}, fmt.Errorf("read the block: %w", err)
	}
	var seen int64
	if block != nil {
		seen = block.SeenAtMillis
	}
	stay := s.Stay(s.LastAlive(seen), end)
	stay.Estimated = true
	return stay, nil
}

// ToLobby gives a connection's seat back and keeps it connected. The session
// moves first; from then on the stay is over, and a process that dies leaves the
// rest to a repeat, or to reconciliation. Safe to repeat: in the lobby it does
// nothing but complete what an earlier one began, and a message older than the
// connection's last move does nothing.
func (d *Door) ToLobby(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, error) {
	for range leaveRounds {
		s, err := d.connected(ctx, id)
		if err != nil || atMillis < s.MovedAtMillis {
			return s, err
		}
		if s.State == session.StateLobby {
			return s, d.finishLeave(ctx, s)
		}
		s = s.Leave(atMillis)
		there, err := d.store.Change(ctx, s)
		if err != nil {
			return s, fmt.Errorf("enter the lobby: %w", err)
		}
		if there == nil || *there == s {
			_, err = d.FinishLeave(ctx, s)
			return s, err
		}
	}
	return session.Session{}, problem.New(problem.Unavailable, "Please try again.")
}

// FinishLeave records the stay that a session has left, and gives its seat back.
// It tells whether there was one to give back.
func (d *Door) FinishLeave(ctx context.Context, s session.Session) (bool, error) {
	return d.endStay(ctx, s, s.MovedAtMillis, usage.EndLeft)
}

// finishLeave is FinishLeave for a session whose seat may have been given back
// long since.
func (d *Door) finishLeave(ctx context.Context, s session.Session) error {
	if s.State != session.StateLobby || s.StayID == "" {
		return nil
	}
	b, err := d.store.Get(ctx, s.Block)
	if err == nil && b != nil && b.Members[s.Connection] == s.Member() {
		_, err = d.FinishLeave(ctx, s)
	}
	return wrap("finish a leave", err)
}

// SessionState reads a connection's session, consistently, and tells whether
// it holds the seat that the session speaks of. A session whose stay is over
// already counts as not seated.
func (d *Door) SessionState(ctx context.Context, id seat.ConnectionID) (session.Session, bool, error) {
	s, err := d.connected(ctx, id)
	if err != nil {
		return session.Session{}, false, err
	}
	seated, err := d.holdsSeat(ctx, s)
	return s, seated, err
}

// connected reads the session of a connection that is not gone, consistently.
func (d *Door) connected(ctx context.Context, id seat.ConnectionID) (session.Session, error) {
	s, err := d.store.Session(ctx, id, true)
	if err != nil {
		return session.Session{}, fmt.Errorf("read the session: %w", err)
	}
	if s == nil || s.State == session.StateGone {
		return session.Session{}, noConnection()
	}
	return *s, nil
}

func noConnection() error { return problem.New(problem.NotFound, "There is no such connection.") }

// holdsSeat tells whether a session's seat is still its own.
func (d *Door) holdsSeat(ctx context.Context, s session.Session) (bool, error) {
	if s.State != session.StateSeated {
		return false, nil
	}
	b, err := d.store.Get(ctx, s.Block)
	if err != nil {
		return false, fmt.Errorf("read the block: %w", err)
	}
	return b != nil && b.Members[s.Connection] == s.Member(), nil
}
