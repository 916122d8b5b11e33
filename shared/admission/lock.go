package admission

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
)

// abandonedAfter is when a lock whose conference never went live counts as
// left behind by a process that died: no invocation lasts longer than 29 s.
const abandonedAfter = time.Minute

// lock holds the host to this conference. A lock of a conference that has
// ended, or of one that was never brought to life, is taken over, unless it was
// taken again meanwhile: whoever did so may be bringing it to life. Safe to
// repeat: a conference's own lock is no obstacle.
func (d *Door) lock(ctx context.Context, v Visitor, c conference.Conference) error {
	now := time.UnixMilli(v.AtMillis)
	mine := host.Lock{Host: c.Host, Conference: string(c.ID), Number: int64(c.Number), Since: now}
	holder, err := d.store.Lock(ctx, v.Tenant, mine, nil)
	if err != nil {
		return fmt.Errorf("lock the host: %w", err)
	}
	if holder == nil {
		return nil
	}
	other, err := d.store.Conference(ctx, v.Tenant, conference.ID(holder.Conference), true)
	if err != nil {
		return fmt.Errorf("read the host's other conference: %w", err)
	}
	over := other == nil || int64(other.Number) != holder.Number || other.State == conference.StateEnded
	abandoned := !over && other.State == conference.StateScheduled && now.Sub(holder.Since) > abandonedAfter
	if over {
		// Its end may not have come to that yet. Once the lock is another's, a
		// change of license does not reach them.
		if err := d.closePools(ctx, v.Tenant, conference.Number(holder.Number), now.Add(keepClosed)); err != nil {
			return err
		}
	}
	if over || abandoned {
		holder, err = d.store.Lock(ctx, v.Tenant, mine, holder)
		if err != nil {
			return fmt.Errorf("take over the host's lock: %w", err)
		}
		if holder == nil {
			return nil
		}
	}
	busy := problem.Newf(problem.HostBusy, "The host is running conference %s.", holder.Conference)
	busy.Conference = holder.Conference
	return busy
}
