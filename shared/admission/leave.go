package admission

import (
	"context"
	"fmt"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// leaveRounds bounds how often a leave looks again because the session
// changed under it.
const leaveRounds = 5

// Leave ends whatever a connection has: its stay, or its place in the lobby.
// Where nothing is known of it, a tombstone forestalls a $connect that is
// still in flight.
//
// Safe to repeat, late and concurrently: the ledger record's key depends on
// the session alone, the seat is given back on condition that it is held by
// this very stay, and the lobby is left on condition of the version read. The
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
			held, err := d.release(ctx, *s, atMillis, end)
			if held || err != nil {
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

// release writes the ledger and gives the seat back. False: the seat was not
// held by this stay any more. A seat that the connection holds by another take
// for the same stay was taken by a delivery of its $connect that came when the
// stay was over, and broke off: it is void.
func (d *Door) release(ctx context.Context, s session.Session, atMillis int64, end usage.End) (bool, error) {
	if err := d.store.Record(ctx, s.Stay(atMillis, end)); err != nil {
		return false, fmt.Errorf("write the ledger: %w", err)
	}
	returned, err := d.store.GiveBack(ctx, s.Block, s.Connection, s.Member(), false)
	if late := returned.Instead; err == nil && late != nil && late.JoinedAtMillis == s.JoinedAtMillis {
		returned, err = d.store.GiveBack(ctx, s.Block, s.Connection, *late, true)
	}
	if err != nil {
		return false, fmt.Errorf("give back the seat: %w", err)
	}
	return returned.Held, nil
}

// ToLobby gives a connection's seat back and keeps it connected. Safe to
// repeat: in the lobby it does nothing, nor does a message older than the
// connection's last move.
func (d *Door) ToLobby(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, error) {
	s, seated, err := d.Whereabouts(ctx, id)
	if err != nil || s.State != session.StateSeated || atMillis < s.MovedAtMillis {
		return s, err
	}
	if seated {
		if _, err := d.release(ctx, s, atMillis, usage.EndLeft); err != nil {
			return s, err
		}
	}
	left := s.Leave(atMillis)
	there, err := d.store.Change(ctx, left)
	if err != nil {
		return s, fmt.Errorf("enter the lobby: %w", err)
	}
	if there != nil {
		return *there, nil
	}
	return left, nil
}

// Whereabouts reads a connection's session, consistently, and tells whether
// it holds the seat that the session speaks of. A session whose stay is over
// already counts as not seated.
func (d *Door) Whereabouts(ctx context.Context, id seat.ConnectionID) (session.Session, bool, error) {
	s, err := d.store.Session(ctx, id, true)
	if err != nil {
		return session.Session{}, false, fmt.Errorf("read the session: %w", err)
	}
	if s == nil || s.State == session.StateGone {
		return session.Session{}, false, problem.New(problem.NotFound, "There is no such connection.")
	}
	if s.State != session.StateSeated {
		return *s, false, nil
	}
	blocks, err := d.store.Read(ctx, s.Block.Pool)
	if err != nil {
		return *s, false, fmt.Errorf("read the pool: %w", err)
	}
	for _, b := range blocks {
		if b.Block == s.Block {
			return *s, b.Members[id] == s.Member(), nil
		}
	}
	return *s, false, nil
}
