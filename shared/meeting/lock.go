package meeting

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// abandonedAfter is when a lock whose conference never went live counts as
// left behind by a process that died: no invocation lasts longer than 29 s.
const abandonedAfter = time.Minute

// lock holds a host to a conference, and tells whether the conference had
// the lock before. A lock of a conference that has ended, that was never brought to
// life, or that went live with another host, is taken over, unless it was taken again meanwhile: that
// attempt may be bringing the conference to life. Safe to repeat: a conference's
// own lock is no obstacle.
func (m *Meetings) lock(ctx context.Context, t tenant.ID, mine host.Lock) (renewed bool, err error) {
	taken, err := m.store.Lock(ctx, t, mine, nil)
	if err != nil {
		return false, fmt.Errorf("lock the host: %w", err)
	}
	if taken.Holder == nil {
		return taken.Renewed, nil
	}
	holder := taken.Holder
	other, err := m.store.Conference(ctx, t, conference.ID(holder.Conference), true)
	if err != nil {
		return false, fmt.Errorf("read the host's other conference: %w", err)
	}
	hasEnded := other == nil || int64(other.Number) != holder.Number || other.State == conference.StateEnded
	abandoned := !hasEnded && (other.State == conference.StateScheduled && mine.Since.Sub(holder.Since) > abandonedAfter ||
		other.State == conference.StateLive && other.Host != mine.Host)
	if hasEnded {
		// Its end may not have come to that yet. Once the lock is another's, a
		// change of license does not reach them.
		if err := m.closePools(ctx, t, conference.Number(holder.Number), mine.Since.Add(keepClosed)); err != nil {
			return false, err
		}
	}
	if hasEnded || abandoned {
		if taken, err = m.store.Lock(ctx, t, mine, holder); err != nil {
			return false, fmt.Errorf("take over the host's lock: %w", err)
		}
		if taken.Holder == nil {
			return taken.Renewed, nil
		}
		holder = taken.Holder
	}
	busy := problem.Newf(problem.HostBusy, "The host is running conference %s.", holder.Conference)
	busy.Conference = holder.Conference
	return false, busy
}
