package admission

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Occupancy is who uses what of a tenant's license right now. Held is how many
// of the seats in use are held for a connection that was lost.
type Occupancy struct {
	License     license.License
	InUse       int
	Held        int
	Conferences []ConferenceOccupancy
}

// ConferenceOccupancy is one conference's part of it. InUse counts what draws
// on the limit: under a named license the host's first connection does not.
type ConferenceOccupancy struct {
	Conference conference.ID
	Host       host.Email
	Limit      int
	InUse      int
}

// Occupancy reads the tenant's pools. It is one consistent read per pool, not
// a snapshot over all of them. Holds that have expired by now are free seats.
func (d *Door) Occupancy(ctx context.Context, t tenant.ID, nowMillis int64) (Occupancy, error) {
	l, err := d.store.License(ctx, t)
	if err != nil {
		return Occupancy{}, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return Occupancy{}, problem.New(problem.NotFound, "There is no such tenant.")
	}
	o := Occupancy{License: *l}
	byNumber := make(map[conference.Number]*ConferenceOccupancy)
	locks, err := d.store.Locks(ctx, t)
	if err != nil {
		return o, fmt.Errorf("list live conferences: %w", err)
	}
	pools := []seat.Pool{{Tenant: t}}
	for _, lock := range locks {
		number := conference.Number(lock.Number)
		byNumber[number] = &ConferenceOccupancy{Conference: conference.ID(lock.Conference), Host: lock.Host}
		pools = append(pools, seat.Pool{Tenant: t, Number: number})
	}
	blocks, err := d.readAll(ctx, pools)
	if err != nil {
		return o, err
	}
	by := census{byNumber, make(map[conference.Number][]seat.ConnectionID), &o.Held, nowMillis}
	by.count(blocks)
	if err := d.nameConferences(ctx, byNumber, by.sample); err != nil {
		return o, err
	}
	for _, c := range byNumber {
		c.Limit = l.Limit()
		o.InUse += c.InUse
		if c.Conference == "" {
			continue
		}
		o.Conferences = append(o.Conferences, *c)
	}
	slices.SortFunc(o.Conferences, func(a, b ConferenceOccupancy) int { return cmp.Compare(a.Conference, b.Conference) })
	return o, nil
}

// samples is how many members of a conference are asked for its name.
const samples = 5

// census counts members by their conferences, and keeps some of each.
type census struct {
	conferences map[conference.Number]*ConferenceOccupancy
	sample      map[conference.Number][]seat.ConnectionID
	held        *int
	nowMillis   int64
}

// readAll reads the blocks of pools, side by side, in the pools' order.
func (d *Door) readAll(ctx context.Context, pools []seat.Pool) ([]seat.State, error) {
	found := make([][]seat.State, len(pools))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sideBySide)
	for n, pool := range pools {
		group.Go(func() (err error) {
			found[n], err = d.store.Read(ctx, pool)
			return wrap("read a pool", err)
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err //nolint:wrapcheck // by each
}

// count adds the members of blocks.
func (by census) count(blocks []seat.State) {
	for _, b := range blocks {
		for id, m := range b.Members {
			if m.Expired(by.nowMillis) {
				continue
			}
			if by.conferences[m.Conference] == nil {
				by.conferences[m.Conference] = &ConferenceOccupancy{}
			}
			by.conferences[m.Conference].InUse++
			if m.Held() {
				*by.held++
			}
			if len(by.sample[m.Conference]) < samples {
				by.sample[m.Conference] = append(by.sample[m.Conference], id)
			}
		}
	}
}

// nameConferences finds, through some members' sessions, the names of
// conferences that so far are only numbers. Where no session is written yet,
// the conference is not listed until one is; its seats count.
func (d *Door) nameConferences(ctx context.Context, by map[conference.Number]*ConferenceOccupancy, sample map[conference.Number][]seat.ConnectionID) error {
	var ids []seat.ConnectionID
	for number, c := range by {
		if c.Conference == "" {
			ids = append(ids, sample[number]...)
		}
	}
	sessions, err := d.store.Sessions(ctx, ids)
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	for _, s := range sessions {
		if c := by[s.Number]; c != nil {
			c.Conference, c.Host = s.Conference, s.Host
		}
	}
	return nil
}

// Members lists the sessions that hold a seat in one conference, in order of
// joining: up to a number of them, of those that joined after another place.
// Left out are seats that are held, and those whose session is not written
// yet. The pool is read whole; of the sessions, those that are listed.
func (d *Door) Members(ctx context.Context, t tenant.ID, number conference.Number, after seat.Place, most int) ([]session.Session, error) {
	places, err := d.Places(ctx, t, number)
	if err != nil {
		return nil, err
	}
	places = slices.DeleteFunc(places, func(p seat.Place) bool { return p.Member.Held() || byJoining(p, after) <= 0 })
	slices.SortFunc(places, byJoining)
	var list []session.Session
	for len(list) < most && len(places) > 0 {
		n := min(most-len(list), len(places))
		part, err := d.sitting(ctx, places[:n])
		if err != nil {
			return nil, err
		}
		list, places = append(list, part...), places[n:]
	}
	return list, nil
}

// sitting gives the sessions of places, in their order, but for those that
// have left since, or whose session is not written yet.
func (d *Door) sitting(ctx context.Context, places []seat.Place) ([]session.Session, error) {
	joined := make(map[seat.ConnectionID]int64, len(places))
	for _, p := range places {
		joined[p.Connection] = p.Member.JoinedAtMillis
	}
	return d.sessions(ctx, slices.Collect(maps.Keys(joined)), func(s session.Session) bool {
		return s.State == session.StateSeated && s.JoinedAtMillis == joined[s.Connection]
	})
}

func byJoining(a, b seat.Place) int {
	return cmp.Or(cmp.Compare(a.Member.JoinedAtMillis, b.Member.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
}

// OpenStays gives the tenant's stays that are open, in order of joining, and those
// that a connection has left and that the ledger may not have yet. A stay that
// ends is in the ledger before it is missing here. Left out are those whose
// session is not written yet.
func (d *Door) OpenStays(ctx context.Context, t tenant.ID) ([]usage.Stay, error) {
	places, err := d.Places(ctx, t, 0)
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
	sessions, err := d.sessions(ctx, ids, func(s session.Session) bool {
		return s.State == session.StateSeated || s.Names(s.Block, members[s.Connection])
	})
	if err != nil {
		return nil, err
	}
	open := make([]usage.Stay, len(sessions))
	for i, s := range sessions {
		left := int64(0)
		if s.State != session.StateSeated {
			left = s.MovedAtMillis
		}
		open[i] = s.Stay(left, "")
		open[i].LeftAtMillis = left
	}
	return open, nil
}

// Places lists the seats in use in one conference or, without a number, in any
// of the tenant's, held ones included.
func (d *Door) Places(ctx context.Context, t tenant.ID, number conference.Number) ([]seat.Place, error) {
	pools := []seat.Pool{{Tenant: t}}
	if number != 0 {
		pools = append(pools, ownPools(t, number).both()...)
	} else {
		locks, err := d.store.Locks(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("list live conferences: %w", err)
		}
		for _, lock := range locks {
			pools = append(pools, ownPools(t, conference.Number(lock.Number)).both()...)
		}
	}
	blocks, err := d.readAll(ctx, pools)
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
func (d *Door) sessions(ctx context.Context, ids []seat.ConnectionID, wanted func(session.Session) bool) ([]session.Session, error) {
	found, err := d.store.Sessions(ctx, ids)
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

// own is the pools that a conference has to itself under a named license.
type own struct{ participants, chair seat.Pool }

func ownPools(t tenant.ID, number conference.Number) own {
	return own{seat.Pool{Tenant: t, Number: number}, seat.Pool{Tenant: t, Number: number, Chair: true}}
}

func (o own) both() []seat.Pool { return []seat.Pool{o.participants, o.chair} }

// PoolUsage is the limit and the seats in use of the pool that a session draws
// on, or would draw on: for the host in the chair, that of the participants. In
// a pool that has, or had, more than 1,920 the seats in use may be those of ten
// seconds ago.
func (d *Door) PoolUsage(ctx context.Context, s session.Session, nowMillis int64) (limit, inUse int, err error) {
	l, err := d.License(ctx, s.Tenant)
	if err != nil {
		return 0, 0, err
	}
	pool := seat.Pool{Tenant: s.Tenant}
	if l.Model == license.ModelNamed {
		pool.Number = s.Number
	}
	if s.State == session.StateSeated {
		pool = s.Block.Pool
		pool.Chair = false
	}
	inUse, err = d.pools.InUse(ctx, pool, s.Connection, pool.Terms{Capacity: l.Capacity(), Revision: l.Revision}, nowMillis)
	if err != nil {
		return 0, 0, fmt.Errorf("count the seats in use: %w", err)
	}
	return l.Limit(), inUse, nil
}
