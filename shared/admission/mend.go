package admission

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// This file is what reconciliation does about the seats that it finds. Each
// step is safe to repeat, and to run at the same time as the handlers of the
// connection's own events, which come late or not at all.

// Bury ends the stay of a connection that was found dead, at the last moment
// it is known to have lived, as an estimate, and gives its seat back. It tells
// whether there was one to give back. What the connection's own $disconnect
// wrote to the ledger stays.
func (d *Door) Bury(ctx context.Context, s session.Session, lastAliveMillis int64) (bool, error) {
	return d.release(ctx, s, lastAliveMillis, usage.EndVanished)
}

// FreeOrphan gives back, as void, a seat whose session was never written. A
// tombstone, or where there is a session a new version of it, makes sure that it
// never will be. It tells whether the seat was free to give back: not if its
// session has come.
func (d *Door) FreeOrphan(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	tombstone := session.Session{Connection: place.Connection, State: session.StateGone, BeganMillis: place.Member.JoinedAtMillis}
	there, err := d.store.Begin(ctx, tombstone)
	sits := func() bool {
		return there.State == session.StateSeated && there.Block == block && there.Member() == place.Member
	}
	if err == nil && there != nil && there.State != session.StateGone && !sits() {
		there.Version++
		there, err = d.store.Change(ctx, *there)
	}
	if err != nil {
		return false, fmt.Errorf("leave a tombstone: %w", err)
	}
	if there != nil && there.State != session.StateGone {
		return false, nil // it is in the seat, or moving: the next round sees
	}
	returned, err := d.pools.GiveBack(ctx, block, place.Connection, place.Member, true)
	if err != nil {
		return false, fmt.Errorf("give back an orphan's seat: %w", err)
	}
	return returned.Done, nil
}

// EndHold gives back a held seat whose connection has not come back, when the
// ledger has its stay for certain.
func (d *Door) EndHold(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	if err := d.settleHold(ctx, place); err != nil {
		return false, err
	}
	returned, err := d.pools.GiveBack(ctx, block, place.Connection, place.Member, false)
	if err != nil {
		return false, fmt.Errorf("give back a held seat: %w", err)
	}
	return returned.Done, nil
}

// settleHold completes what a handover that broke off has left: the ledger's
// record of the stay of a connection whose seat is held.
func (d *Door) settleHold(ctx context.Context, place seat.Place) error {
	if !place.Member.Hold.Unsettled {
		return nil
	}
	s, err := d.store.Session(ctx, place.Connection, true)
	if err != nil {
		return fmt.Errorf("read a held seat's session: %w", err)
	}
	if s == nil || s.State != session.StateSeated {
		return nil // a hold is made of a session that is seated, and sessions outlive it by a day
	}
	stay, err := d.stay(ctx, *s, place.Member.Hold.LostAtMillis, usage.EndResumed)
	if err != nil {
		return err
	}
	if _, err := d.store.Record(ctx, stay); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// Settle brings all of a tenant's pools under its license, if its change began so
// long ago that it has broken off. It tells whether there was anything to do.
func (d *Door) Settle(ctx context.Context, l license.License, now time.Time) (bool, error) {
	if l.Settled || now.Sub(time.UnixMilli(l.ChangedAtMillis)) < brokenOff {
		return false, nil
	}
	fresh, err := d.License(ctx, l.Tenant)
	if err != nil || fresh.Settled {
		return false, err // another has done it meanwhile
	}
	return true, d.settle(ctx, fresh)
}

// brokenOff is how long ago a change of license must have begun to be taken for
// one whose process died: no invocation lasts longer than 29 s.
const brokenOff = 30 * time.Second
