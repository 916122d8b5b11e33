package occupancy

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Page is a part of a list: up to a number of places, of those that joined after
// another place, as of a moment.
type Page struct {
	After    seat.Place
	Most     int
	AtMillis int64
}

// Members lists the sessions that hold a seat in one conference, in order of
// joining. Left out are seats that are held, leases that are over, and seats whose
// session is not written yet. The pool is read whole; of the sessions, those that are
// listed.
func (r *Reader) Members(ctx context.Context, t tenant.ID, number conference.Number, page Page) ([]session.Session, error) {
	places, err := r.Places(ctx, t, number)
	if err != nil {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(p seat.Place) bool {
		return p.Member.Held() || p.Member.Expired(page.AtMillis) || byJoining(p, page.After) <= 0
	})
	slices.SortFunc(places, byJoining)
	var list []session.Session
	for len(list) < page.Most && len(places) > 0 {
		n := min(page.Most-len(list), len(places))
		part, err := r.sitting(ctx, places[:n])
		if err != nil {
			return nil, err
		}
		list, places = append(list, part...), places[n:]
	}
	return list, nil
}

// sitting gives the sessions of places, in their order, but for those that
// have left since, or whose session is not written yet.
func (r *Reader) sitting(ctx context.Context, places []seat.Place) ([]session.Session, error) {
	joined := make(map[seat.ConnectionID]int64, len(places))
	for _, p := range places {
		joined[p.Connection] = p.Member.JoinedAtMillis
	}
	return r.sessions(ctx, slices.Collect(maps.Keys(joined)), func(s session.Session) bool {
		return s.State == session.StateSeated && s.JoinedAtMillis == joined[s.Connection]
	})
}

func byJoining(a, b seat.Place) int {
	return cmp.Or(cmp.Compare(a.Member.JoinedAtMillis, b.Member.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
}

// OpenStays gives the tenant's stays that are open at a moment, in order of joining, and
// those that are over and that the ledger may not have yet: a connection has left, or a
// server's seat has lapsed. A stay that ends is in the ledger before it is missing here.
// Left out are those whose session is not written yet.
func (r *Reader) OpenStays(ctx context.Context, t tenant.ID, atMillis int64) ([]usage.Stay, error) {
	places, err := r.Places(ctx, t, 0)
	if err != nil {
		return nil, err
	}
	var ids []seat.ConnectionID
	members := make(map[seat.ConnectionID]seat.Member)
	for _, place := range places {
		if place.Member.Held() {
			continue
		}
		ids = append(ids, place.Connection)
		members[place.Connection] = place.Member
	}
	sessions, err := r.sessions(ctx, ids, func(s session.Session) bool {
		return s.State == session.StateSeated || s.Names(s.Block, members[s.Connection])
	})
	if err != nil {
		return nil, err
	}
	open := make([]usage.Stay, len(sessions))
	for i, s := range sessions {
		m, left := members[s.Connection], int64(0)
		lapsed := s.State == session.StateSeated && m.Lapsed(atMillis)
		switch {
		case lapsed:
			left = m.Lease.RenewedAtMillis
		case s.State != session.StateSeated:
			left = s.MovedAtMillis
		}
		open[i] = s.Stay(left, "")
		open[i].LeftAtMillis, open[i].Estimated = left, lapsed
	}
	return open, nil
}

// Places lists the seats in use in one conference or, without a number, in any
// of the tenant's, held ones included.
func (r *Reader) Places(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.Place, error) {
	pools := []seat.Pool{{Tenant: t}}
	if number != 0 {
		pools = append(pools, seat.PoolsOf(t, number).Both()...)
	} else {
		locks, err := r.store.Locks(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("list live conferences: %w", err)
		}
		for _, lock := range locks {
			pools = append(pools, seat.PoolsOf(t, conference.Number(lock.Number)).Both()...)
		}
	}
	blocks, err := r.readAll(ctx, pools)
	if err != nil {
		return nil, err
	}
	var places []seat.Place
	for _, b := range blocks {
		for _, id := range slices.Sorted(maps.Keys(b.Members)) {
			if m := b.Members[id]; number == 0 || m.Conference == number {
				places = append(places, seat.Place{Connection: id, Member: m})
			}
		}
	}
	return places, nil
}

// sessions gives those of some connections' sessions that are wanted, in order of
// joining.
func (r *Reader) sessions(ctx context.Context, ids []seat.ConnectionID, wanted func(session.Session) bool) ([]session.Session, error) {
	found, err := r.store.Sessions(ctx, ids, true)
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	list := make([]session.Session, 0, len(found))
	for _, s := range found {
		if wanted(s) {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b session.Session) int {
		return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	return list, nil
}
