package occupancy

import (
	"context"
	"fmt"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"

	"golang.org/x/sync/errgroup"
)

// samples is how many members of a conference are asked for its name.
const samples = 5

// census counts members by their conferences, and keeps some of each.
type census struct {
	conferences map[conference.Number]*ConferenceOccupancy
	sample      map[conference.Number][]seat.ConnectionID
	held        int
	nowMillis   int64
	// pools are those that were read, without chairs.
	pools []seat.Pool
}

// census reads a tenant's pools, counts who is in them, and tells how many blocks
// they have.
func (r *Reader) census(ctx context.Context, t tenant.ID, nowMillis int64) (by census, blocks int, err error) {
	by = census{
		conferences: make(map[conference.Number]*ConferenceOccupancy), sample: make(map[conference.Number][]seat.ConnectionID), nowMillis: nowMillis,
	}
	locks, err := r.store.Locks(ctx, t)
	if err != nil {
		return by, 0, fmt.Errorf("list live conferences: %w", err)
	}
	by.pools = []seat.Pool{{Tenant: t}}
	for _, lock := range locks {
		number := conference.Number(lock.Number)
		if by.conferences[number] != nil {
			continue // a start that broke off left another lock
		}
		by.conferences[number] = &ConferenceOccupancy{Conference: conference.ID(lock.Conference), Host: lock.Host}
		by.pools = append(by.pools, seat.Pool{Tenant: t, Number: number})
	}
	states, err := r.readAll(ctx, by.pools)
	by.count(states)
	return by, len(states), err
}

// count adds the members of blocks.
func (by *census) count(blocks []seat.State) {
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
				by.held++
			}
			if len(by.sample[m.Conference]) < samples {
				by.sample[m.Conference] = append(by.sample[m.Conference], id)
			}
		}
	}
}

// countWaiters reads how many wait in the queues of the pools, and returns the sum.
func (r *Reader) countWaiters(ctx context.Context, by census) (int, error) {
	heads, err := r.store.Heads(ctx, by.pools)
	waiting := 0
	for _, h := range heads {
		waiting += h.Waiting
		if c := by.conferences[h.Pool.Number]; c != nil {
			c.Waiting = h.Waiting
		}
	}
	return waiting, problem.Wrap("read the queues", err)
}

// nameConferences finds, through some members' sessions, the names of
// conferences that so far are only numbers. Where no session is written yet,
// the conference is not listed until one is; its seats count.
func (r *Reader) nameConferences(ctx context.Context, by map[conference.Number]*ConferenceOccupancy, sample map[conference.Number][]seat.ConnectionID) error {
	var ids []seat.ConnectionID
	for number, c := range by {
		if c.Conference == "" {
			ids = append(ids, sample[number]...)
		}
	}
	sessions, err := r.store.Sessions(ctx, ids, true)
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

// readAll reads the blocks of pools, side by side, in the pools' order.
func (r *Reader) readAll(ctx context.Context, pools []seat.Pool) ([]seat.State, error) {
	found := make([][]seat.State, len(pools))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for n, pool := range pools {
		group.Go(func() (err error) {
			found[n], err = r.store.Read(ctx, pool)
			return problem.Wrap("read a pool", err)
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err //nolint:wrapcheck // by each
}
