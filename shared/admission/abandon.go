package admission

import (
	"context"
	"fmt"

	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// abandon frees a seat whose session was not written, or seemed not to be, or is
// to be taken back; with takeBack also one whose session was written by this very
// attempt. It tells whether the seat is in use after all: its session is there. A
// seat that cannot be freed is left to reconciliation.
func (d *Door) abandon(ctx context.Context, s session.Session, takeBack bool) (in bool) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	place := seat.Place{Connection: s.Connection, Member: s.Member()}
	var written *session.Session
	if takeBack {
		written = &s
	}
	_, there, err := d.free(ctx, s.Block, place, written)
	if err != nil {
		d.log.ErrorContext(ctx, "a seat is left to reconciliation",
			"tenant", s.Tenant, "conference", s.Conference, "connection", s.Connection, "error", err)
		return false
	}
	return there != nil && there.State == session.StateSeated && there.Names(s.Block, s.Member())
}

// Abandon takes back a stay that has just begun and that its client cannot have
// heard of: the connection is gone.
func (d *Door) Abandon(ctx context.Context, s session.Session) { d.abandon(ctx, s, true) }

// FreeOrphan gives back, as void, a seat whose session was never written. It
// tells whether the seat was free to give back: not if its session has come.
func (d *Door) FreeOrphan(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	freed, _, err := d.free(ctx, block, place, nil)
	return freed, err
}

// free gives a seat back as void when it is certain that the seat has no session
// and never gets one: behind a tombstone or, where there is a session that does
// not name the seat, behind a fence. Otherwise it gives the session that is there.
// The session that was written for the seat, if it is there unchanged, loses it.
//
// Safe to repeat, at the same time, and to break off: the tombstone or the fence
// is one conditional write, and the seat is given back on condition that it is
// this very take's.
func (d *Door) free(ctx context.Context, block seat.Block, place seat.Place, written *session.Session) (freed bool, there *session.Session, err error) {
	tombstone := session.Session{Connection: place.Connection, State: session.StateGone, BeganMillis: place.Member.JoinedAtMillis}
	there, err = d.store.Begin(ctx, tombstone)
	if err != nil {
		return false, nil, fmt.Errorf("leave a tombstone: %w", err)
	}
	if there != nil {
		next, needed := there.Fence(place.Member.JoinedAtMillis), there.State != session.StateGone && there.Adopts(place.Member)
		switch names := there.Names(block, place.Member); {
		case names && written != nil && *there == *written && there.Version == 0:
			next, needed = there.Void(session.StateGone), true
		case names && written != nil && *there == *written:
			next, needed = there.Void(session.StateLobby), true
		case names:
			return false, there, nil
		}
		if needed {
			if there, err = d.store.Change(ctx, next); err != nil {
				return false, nil, fmt.Errorf("fence a session: %w", err)
			}
			if there != nil {
				return false, there, nil // it is moving: the next round sees
			}
		}
	}
	returned, err := d.pools.GiveBack(ctx, block, place.Connection, place.Member, true)
	if err != nil {
		return false, nil, fmt.Errorf("give back an unused seat: %w", err)
	}
	return returned.Done, nil, nil
}

// void gives back a seat that no session names any more. Safe to repeat.
func (d *Door) void(ctx context.Context, s session.Session) error {
	if _, err := d.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), true); err != nil {
		return fmt.Errorf("give back an unused seat: %w", err)
	}
	return nil
}
