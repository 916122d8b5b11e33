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

// CloseDead ends the stay of a connection that was found dead, at the last moment
// it is known to have lived, as an estimate, and gives its seat back. It tells
// whether there was one to give back. The record of the connection's own
// $disconnect, if it is in the ledger, stays.
func (d *Door) CloseDead(ctx context.Context, s session.Session, lastAliveMillis int64) (bool, error) {
	return d.endStay(ctx, s, lastAliveMillis, usage.EndVanished)
}

// EndHold gives back a held seat whose connection has not come back. The ledger
// has its stay.
func (d *Door) EndHold(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	returned, err := d.pools.GiveBack(ctx, block, place.Connection, place.Member, false)
	if err != nil {
		return false, fmt.Errorf("give back a held seat: %w", err)
	}
	return returned.Done, nil
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
