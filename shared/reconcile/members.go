package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// A replaced connection is closed between these times after the replacement: not
// before its client had time to switch over, and in several rounds, should one fail.
const (
	replacedFrom  = 10 * time.Second
	replacedUntil = 2 * time.Minute
)

// closeReplaced closes connections whose seats other connections took over.
func (r *run) closeReplaced(ctx context.Context, state seat.State) error {
	var closing errgroup.Group
	for id, m := range state.Members {
		age := time.Duration(r.now().UnixMilli()-m.JoinedAtMillis) * time.Millisecond
		if m.TookOver && age >= replacedFrom && age < replacedUntil {
			closing.Go(func() error { return r.meetings.CloseReplaced(ctx, id) })
		}
	}
	return problem.Wrap("close replaced connections", closing.Wait())
}

// endHolds ends a block's expired holds.
func (r *run) endHolds(ctx context.Context, state seat.State) error {
	var holds errgroup.Group
	for _, id := range slices.Sorted(maps.Keys(state.Members)) {
		m := state.Members[id]
		if !m.Expired(r.now().UnixMilli()) {
			continue
		}
		holds.Go(func() error {
			ended, err := r.departures.EndHold(ctx, state.Block, seat.Place{Connection: id, Member: m})
			r.count(func(f *RunStats) { f.Holds += boolCount(ended) })
			return err
		})
	}
	return problem.Wrap("end holds", holds.Wait())
}

// checkMembers ends a block's expired holds, and checks its members that are older
// than a minute. It tells whether all of these are alive, and notes that in the block.
func (r *run) checkMembers(ctx context.Context, state seat.State, tenants *tenantCache) (bool, error) {
	now := r.now()
	if err := r.endHolds(ctx, state); err != nil {
		return false, err
	}
	var judged []seat.Place
	for id, m := range state.Members {
		if !m.Held() && now.UnixMilli()-m.JoinedAtMillis >= young.Milliseconds() {
			judged = append(judged, seat.Place{Connection: id, Member: m})
		}
	}
	if len(judged) == 0 {
		return true, nil
	}
	slices.SortFunc(judged, func(a, b seat.Place) int {
		return cmp.Or(cmp.Compare(a.Member.JoinedAtMillis, b.Member.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	allAlive, err := r.checkSessions(ctx, state, judged, tenants)
	if err != nil || !allAlive {
		return false, err
	}
	return true, problem.Wrap("mark a block as alive", r.store.MarkAlive(ctx, state.Block, now.UnixMilli()))
}

// checkSessions tells whether all of some members are alive, and ends the stays
// of the others.
func (r *run) checkSessions(ctx context.Context, state seat.State, judged []seat.Place, tenants *tenantCache) (bool, error) {
	ids := make([]seat.ConnectionID, len(judged))
	for i, place := range judged {
		ids[i] = place.Connection
	}
	sessions, err := r.store.Sessions(ctx, ids)
	if err != nil {
		return false, fmt.Errorf("read sessions: %w", err)
	}
	alive := make([]bool, len(judged))
	var group errgroup.Group
	for i, place := range judged {
		s := sessions[place.Connection]
		switch named := s.Names(state.Block, place.Member); {
		case !named:
			group.Go(func() error {
				freed, err := r.departures.FreeOrphan(ctx, state.Block, place)
				r.count(func(f *RunStats) { f.Orphans += boolCount(freed) })
				return err
			})
		case s.State != session.StateSeated:
			group.Go(func() error {
				left, err := r.departures.FinishLeave(ctx, s)
				r.count(func(f *RunStats) { f.Stuck += boolCount(left) })
				if err == nil && s.State == session.StateGone {
					err = r.meetings.Close(ctx, s.Connection)
				}
				return err
			})
		default:
			group.Go(func() (err error) {
				alive[i], err = r.checkMember(ctx, state, s, tenants)
				return err
			})
		}
	}
	err = group.Wait()
	return err == nil && !slices.Contains(alive, false), err
}

// checkMember tells whether a session's connection is alive, and belongs where it
// is. If it is dead, its stay ends at its last proof of life, and its seat is
// given back.
func (r *run) checkMember(ctx context.Context, state seat.State, s session.Session, tenants *tenantCache) (bool, error) {
	now := r.now()
	age := now.UnixMilli() - s.BeganMillis
	if age < young.Milliseconds() {
		return true, nil
	}
	if age <= session.LifeMillis+slack.Milliseconds() {
		alive, err := r.probe(ctx, s.Connection)
		if err != nil {
			return false, err
		}
		if alive {
			return r.belongs(ctx, s, tenants)
		}
	}
	closed, err := r.departures.CloseDead(ctx, s, s.LastAlive(state.SeenAtMillis))
	if err != nil {
		return false, err
	}
	r.count(func(f *RunStats) { f.Ghosts += boolCount(closed) })
	return false, nil
}

// belongs tells whether a connection may stay in its conference. One that joined
// at the very moment that the conference ended may be in it, and is dismissed
// here.
func (r *run) belongs(ctx context.Context, s session.Session, tenants *tenantCache) (bool, error) {
	c, err := tenants.conference(ctx, s.Tenant, s.Conference)
	if err != nil || !hasEnded(c, s.Number) {
		return err == nil, err
	}
	r.count(func(f *RunStats) { f.Late++ })
	at := r.now()
	if c.Number == s.Number {
		at = c.EndedAt
	}
	return false, problem.Wrap("dismiss a late connection", r.meetings.Dismiss(ctx, s.Connection, at))
}

// hasEnded tells whether the numbered conference has ended, by a read that may be
// stale: an earlier conference of the same id has a smaller number.
func hasEnded(c *conference.Conference, number conference.Number) bool {
	return c != nil && (c.Number > number || c.Number == number && c.State == conference.StateEnded)
}
