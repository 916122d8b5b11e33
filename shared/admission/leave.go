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
// If the connection was lost (usage.EndDropped) its seat is held for the
// license's grace. Where nothing is known of it, a tombstone forestalls a
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
			done, err := d.part(ctx, *s, atMillis, end)
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

// part ends a session's stay, and gives its seat back or, where the connection
// was lost and the license has a grace, holds it. False: the seat was not held
// by this stay any more.
func (d *Door) part(ctx context.Context, s session.Session, atMillis int64, end usage.End) (bool, error) {
	if end != usage.EndDropped {
		return d.release(ctx, s, atMillis, end)
	}
	l, err := d.store.License(ctx, s.Tenant)
	if err != nil {
		return false, fmt.Errorf("read the license: %w", err)
	}
	if l == nil || l.ReconnectGraceSeconds == 0 {
		return d.release(ctx, s, atMillis, end)
	}
	stay, err := d.stay(ctx, s, atMillis, end)
	if err != nil {
		return false, err
	}
	if _, err := d.store.Record(ctx, stay); err != nil {
		return false, fmt.Errorf("write the ledger: %w", err)
	}
	hold := seat.Hold{LostAtMillis: stay.LeftAtMillis, Seconds: l.ReconnectGraceSeconds}
	returned, err := d.pools.Hold(ctx, s.Block, s.Connection, s.Member(), hold)
	if err != nil {
		return false, fmt.Errorf("hold the seat: %w", err)
	}
	return d.voidLate(ctx, s, returned)
}

// release writes the ledger and gives the seat back. False: the seat was not
// held by this stay any more.
//
// A hold gives way to whoever says that the stay is over: to the client that
// closed the connection itself, unless a resume is under way, and to the end of
// the conference in any case.
func (d *Door) release(ctx context.Context, s session.Session, atMillis int64, end usage.End) (bool, error) {
	stay, err := d.stay(ctx, s, atMillis, end)
	if err != nil {
		return false, err
	}
	if _, err := d.store.Record(ctx, stay); err != nil {
		return false, fmt.Errorf("write the ledger: %w", err)
	}
	returned, err := d.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), false)
	if held := returned.Instead; err == nil && held != nil && held.Held() && (end != usage.EndClosed || !held.Hold.Unsettled) {
		returned, err = d.pools.GiveBack(ctx, s.Block, s.Connection, *held, false)
	}
	if err != nil {
		return false, fmt.Errorf("give back the seat: %w", err)
	}
	return d.voidLate(ctx, s, returned)
}

// stay is the record of a stay that ends. Where it is said to have ended when
// its connection must have been closed long since, it ends at the last proof of
// life that its block has, as if reconciliation had come first.
func (d *Door) stay(ctx context.Context, s session.Session, atMillis int64, end usage.End) (usage.Stay, error) {
	if !s.TooLate(atMillis) {
		return s.Stay(atMillis, end), nil
	}
	block, err := d.store.Look(ctx, s.Block)
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

// voidLate is for a seat that the connection holds by another take for the
// same stay: by a delivery of its $connect that came when the stay was over,
// and broke off. It is void.
func (d *Door) voidLate(ctx context.Context, s session.Session, returned seat.Returned) (bool, error) {
	late := returned.Instead
	if late == nil || late.Held() || late.JoinedAtMillis != s.JoinedAtMillis {
		return returned.Done, nil
	}
	returned, err := d.pools.GiveBack(ctx, s.Block, s.Connection, *late, true)
	if err != nil {
		return false, fmt.Errorf("give back a late seat: %w", err)
	}
	return returned.Done, nil
}

// ToLobby gives a connection's seat back and keeps it connected. Safe to
// repeat: in the lobby it does nothing, nor does a message older than the
// connection's last move.
func (d *Door) ToLobby(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, error) {
	s, _, err := d.Whereabouts(ctx, id)
	if err != nil || s.State != session.StateSeated || atMillis < s.MovedAtMillis {
		return s, err
	}
	// Also where the seat is held: the session that its stay is recorded from
	// is about to change.
	if _, err := d.release(ctx, s, atMillis, usage.EndLeft); err != nil {
		return s, err
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
	b, err := d.store.Look(ctx, s.Block)
	if err != nil {
		return false, fmt.Errorf("read the block: %w", err)
	}
	return b != nil && b.Members[s.Connection] == s.Member(), nil
}
