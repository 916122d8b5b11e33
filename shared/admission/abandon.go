package admission

import (
	"context"
	"fmt"

	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// abandon frees a seat whose session was not written, or seemed not to be. Where
// the seat cannot be freed since its session is there it gives that. A seat that
// could not be freed otherwise is left to reconciliation.
func (d *Door) abandon(ctx context.Context, s session.Session) *session.Session {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_, there, err := d.free(ctx, s.Block, seat.Place{Connection: s.Connection, Member: s.Member()})
	if err != nil {
		d.log.ErrorContext(ctx, "a seat is left to reconciliation",
			"tenant", s.Tenant, "conference", s.Conference, "connection", s.Connection, "error", err)
	}
	return there
}

// FreeOrphan gives back, as void, a seat whose session was never written. It
// tells whether the seat was free to give back: not if its session has come.
func (d *Door) FreeOrphan(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	freed, _, err := d.free(ctx, block, place)
	return freed, err
}

// free gives a seat back as void when it is certain that the seat has no session
// and never gets one: behind a tombstone or, where there is a session that does
// not name the seat, behind a fence. Otherwise it gives the session that is there.
// A seat that once had a session is never void: somebody may be recording its
// stay.
//
// Safe to repeat, at the same time, and to break off: the tombstone or the fence
// is one conditional write, and the seat is given back on condition that it is
// this very take's.
func (d *Door) free(ctx context.Context, block seat.Block, place seat.Place) (freed bool, there *session.Session, err error) {
	tombstone := session.Session{Connection: place.Connection, State: session.StateGone, BeganMillis: place.Member.JoinedAtMillis}
	there, err = d.store.Begin(ctx, tombstone)
	if err != nil {
		return false, nil, fmt.Errorf("leave a tombstone: %w", err)
	}
	if there != nil && there.Names(block, place.Member) {
		return false, there, nil
	}
	if there != nil && there.State != session.StateGone && there.Adopts(place.Member) {
		if there, err = d.store.Change(ctx, there.Fence(place.Member.JoinedAtMillis)); err != nil {
			return false, nil, fmt.Errorf("fence a session: %w", err)
		}
		if there != nil {
			return false, there, nil // it is moving: the next round sees
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
