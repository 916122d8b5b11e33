package departure

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/lapse"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// Abandon frees a seat whose session was not written, or seemed not to be. If the
// session is there after all, the seat stays, and Abandon gives the session. A seat
// that cannot be freed because of an error is left to reconciliation.
func (x *Departures) Abandon(ctx context.Context, s session.Session) *session.Session {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_, there, err := x.free(ctx, s.Block, seat.Place{Connection: s.Connection, Member: s.Member()})
	if err != nil {
		x.log.ErrorContext(ctx, "a seat is left to reconciliation",
			"tenant", s.Tenant, "conference", s.Conference, "connection", s.Connection, "error", err)
	}
	return there
}

// FreeOrphan gives back, as void, a seat whose session was never written. It
// tells whether the seat was free to give back: not if its session has come.
func (x *Departures) FreeOrphan(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	freed, _, err := x.free(ctx, block, place)
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
func (x *Departures) free(ctx context.Context, block seat.Block, place seat.Place) (freed bool, there *session.Session, err error) {
	fenced, there, err := lapse.Fence(ctx, x.store, block, place)
	if !fenced || err != nil {
		return false, there, err //nolint:wrapcheck // Fence's own
	}
	returned, err := x.pools.GiveBack(ctx, block, place.Connection, place.Member, true)
	if err != nil {
		return false, nil, fmt.Errorf("give back an unused seat: %w", err)
	}
	return returned.Done, nil, nil
}

// Void gives back a seat that no session names any more. Safe to repeat.
func (x *Departures) Void(ctx context.Context, s session.Session) error {
	if _, err := x.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), true); err != nil {
		return fmt.Errorf("give back an unused seat: %w", err)
	}
	return nil
}

// CloseDead ends the stay of a connection that was found dead, at the last moment
// it is known to have lived, as an estimate, and gives its seat back. It tells
// whether there was one to give back. The record of the connection's own
// $disconnect, if it is in the ledger, stays.
func (x *Departures) CloseDead(ctx context.Context, s session.Session, lastAliveMillis int64) (bool, error) {
	return x.endStay(ctx, s, lastAliveMillis, usage.EndVanished)
}

// EndHold is pool.Pools.EndHold.
func (x *Departures) EndHold(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	return x.pools.EndHold(ctx, block, place) //nolint:wrapcheck // the same
}

// Retract ends a stay that has just begun and that the visitor is to be refused
// after all, unless another attempt has confirmed it. Others may have seen its
// session, so the stay is recorded, of no length.
func (x *Departures) Retract(ctx context.Context, s session.Session, end usage.End) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	left := s.Leave(max(s.MovedAtMillis, s.JoinedAtMillis))
	if s.Version == 0 {
		left.State = session.StateGone
	}
	there, err := x.store.Change(ctx, left)
	if err == nil && there == nil {
		_, err = x.endStay(ctx, left, left.MovedAtMillis, end)
	}
	return problem.Wrap("take a seat back", err)
}

// cleanupTime bounds work that must go on when the caller has given up.
const cleanupTime = 5 * time.Second

// afterwards is a context for work that must be done although the request may
// be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}
