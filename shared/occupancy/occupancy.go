// Package occupancy reads who is in, and counts the seats in use.
package occupancy

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
)

// Store is what is read.
type Store interface {
	// Read gives a pool's blocks in order of index, consistently.
	Read(ctx context.Context, pool seat.Pool) ([]seat.State, error)
	// Sessions reads many sessions at once; those that are not there are left out.
	Sessions(ctx context.Context, ids []seat.ConnectionID, consistent bool) (map[seat.ConnectionID]session.Session, error)
	// Locks lists the locks of a tenant's hosts: its conferences that are live
	// under a named license, or may be.
	Locks(ctx context.Context, t tenant.ID) ([]host.Lock, error)
	// HostTally counts a tenant's hosts, consistently.
	HostTally(ctx context.Context, t tenant.ID) (host.Tally, error)
	// Heads reads the heads of the queues of some pools; those that have none are
	// left out.
	Heads(ctx context.Context, pools []seat.Pool) ([]queue.Head, error)
}

// Reader reads. Safe for use by many goroutines.
type Reader struct {
	store     Store
	pools     *pool.Pools
	licensing *licensing.Licensing
}

// New makes a Reader of a store and the pools and licenses in it.
func New(store Store, pools *pool.Pools, licensing *licensing.Licensing) *Reader {
	return &Reader{store, pools, licensing}
}

// parallel is how many pools are read at the same time.
const parallel = 32

// Occupancy is who uses what of a tenant's license right now. Held is how many
// of the seats in use are held for a connection that was lost. Waiting is how many
// connections wait for a seat.
type Occupancy struct {
	License     license.License
	InUse       int
	Held        int
	Waiting     int
	Conferences []ConferenceOccupancy
	// Hosts are those that are registered. Counted under a named license alone.
	Hosts host.Tally
}

// ConferenceOccupancy is one conference's part of it. InUse counts what draws
// on the limit: under a named license the host's first connection does not.
// Waiting is how many wait in the conference's own queue, which it has under a
// named license.
type ConferenceOccupancy struct {
	Conference conference.ID
	Host       host.Email
	Limit      int
	InUse      int
	Waiting    int
}

// Occupancy reads the tenant's pools. It is one consistent read per pool, not
// a snapshot over all of them. Holds that have expired by now are free seats.
func (r *Reader) Occupancy(ctx context.Context, t tenant.ID, nowMillis int64) (Occupancy, error) {
	l, err := r.licensing.Get(ctx, t)
	if err != nil {
		return Occupancy{}, err
	}
	o := Occupancy{License: l}
	if l.Model == license.ModelNamed {
		if o.Hosts, err = r.store.HostTally(ctx, t); err != nil {
			return o, fmt.Errorf("count the hosts: %w", err)
		}
	}
	by, _, err := r.census(ctx, t, nowMillis)
	if err != nil {
		return o, err
	}
	o.Held = by.held
	if o.Waiting, err = r.countWaiters(ctx, by); err != nil {
		return o, err
	}
	if err := r.nameConferences(ctx, by.conferences, by.sample); err != nil {
		return o, err
	}
	for _, c := range by.conferences {
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

// InUse counts the seats in use of a tenant, as Occupancy does. It tells how many
// blocks it read for that, which is what it costs.
func (r *Reader) InUse(ctx context.Context, t tenant.ID, nowMillis int64) (inUse, blocks int, err error) {
	by, blocks, err := r.census(ctx, t, nowMillis)
	for _, c := range by.conferences {
		inUse += c.InUse
	}
	return inUse, blocks, err
}

// PoolUsage is what a session's pool offers.
type PoolUsage struct {
	Limit, InUse int
	Pool         seat.Pool
	License      license.License
	// GraceSeconds is for how long a seat of it is held for a lost connection.
	GraceSeconds int
}

// Use is what a crossing is seen by.
func (u PoolUsage) Use() crossing.Use { return crossing.UseOf(u.License, u.Pool, u.InUse) }

// PoolUsage reads the limit and the seats in use of the pool that a session draws
// on, or would draw on: for the host in the chair, that of the participants. In
// a pool that has, or had, more than 1,920 the seats in use may be those of ten
// seconds ago.
func (r *Reader) PoolUsage(ctx context.Context, s session.Session, nowMillis int64) (PoolUsage, error) {
	l, err := r.licensing.Get(ctx, s.Tenant)
	if err != nil {
		return PoolUsage{}, problem.Wrap("read the license", err)
	}
	of := seat.Pool{Tenant: s.Tenant}
	if l.Model == license.ModelNamed {
		of.Number = s.Number
	}
	if s.State == session.StateSeated {
		of = s.Block.Pool
		of.Chair = false
	}
	inUse, err := r.pools.InUse(ctx, of, s.Connection, pool.Terms{Capacity: l.Capacity(), Revision: l.Revision}, nowMillis)
	if err != nil {
		return PoolUsage{}, fmt.Errorf("count the seats in use: %w", err)
	}
	usage := PoolUsage{Limit: l.Limit(), InUse: inUse, Pool: of, License: l, GraceSeconds: l.ReconnectGraceSeconds}
	if ownPool := of.Number != 0; ownPool != (l.Model == license.ModelNamed) {
		usage.Limit = s.Limit // of the model before: the pool has no other any more
	}
	return usage, nil
}
