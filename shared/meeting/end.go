package meeting

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// keepClosed is how long a closed pool is kept, so that no process remembers
// its conference as live when it is forgotten.
const keepClosed = 7 * 24 * time.Hour

// End ends a conference: marks it, closes its pools, tells and closes everyone
// in it and in its lobby, and frees the host.
//
// Safe to repeat: each step finds what an earlier run has done, so ending an
// ended conference completes an end that broke off. Nobody is admitted after
// the mark: a named conference's pools are closed for good, and a join under a
// concurrent license looks at the mark after it has its seat.
func (m *Meetings) End(ctx context.Context, t tenant.ID, id conference.ID, now time.Time) (conference.Conference, error) {
	c, err := m.store.Conference(ctx, t, id, true)
	if err != nil {
		return conference.Conference{}, fmt.Errorf("read the conference: %w", err)
	}
	if c == nil {
		return conference.Conference{}, notFound()
	}
	ended, err := m.store.End(ctx, t, id, c.Number, now)
	if err != nil {
		return *c, fmt.Errorf("end the conference: %w", err)
	}
	if ended == nil || ended.Number != c.Number {
		return *c, problem.New(problem.PreconditionFailed, "The conference was scheduled anew meanwhile.")
	}
	return *ended, m.dissolve(ctx, *ended, now)
}

// Expire ends a conference that has been vacant since it was last read.
// Nobody who came back is sent away: see conference.Conferences. Safe to
// repeat, like End.
func (m *Meetings) Expire(ctx context.Context, c conference.Conference, now time.Time) error {
	ended, err := m.store.Expire(ctx, c.Tenant, c.ID, c.Number, c.VacantSince, now)
	if err != nil {
		return fmt.Errorf("end a vacant conference: %w", err)
	}
	if ended == nil || ended.Number != c.Number || ended.State != conference.StateEnded {
		return nil
	}
	return m.dissolve(ctx, *ended, now)
}

// Complete completes the end of a conference that was read as ending: of that
// one, whatever its id has been given to since. Safe to repeat, like End.
func (m *Meetings) Complete(ctx context.Context, c conference.Conference, now time.Time) error {
	return m.dissolve(ctx, c, now)
}

// dissolve does what there is to do when a conference is marked as ended. Every
// stay ends when the conference did, also where an end that broke off is
// completed much later: who vanished between is not billed until then.
func (m *Meetings) dissolve(ctx context.Context, c conference.Conference, now time.Time) error {
	if err := m.closePools(ctx, c.Tenant, c.Number, now.Add(keepClosed)); err != nil {
		return err
	}
	members, err := m.occupancy.Places(ctx, c.Tenant, c.Number)
	if err != nil {
		return err
	}
	everyone, err := m.store.Lobby(ctx, c.Tenant, c.Number)
	if err != nil {
		return fmt.Errorf("list the lobby: %w", err)
	}
	for _, place := range members {
		everyone = append(everyone, place.Connection)
	}
	if err := m.dismiss(ctx, everyone, message{Type: "conference_ended"}, c.EndedAt, usage.EndConferenceEnded); err != nil {
		return err
	}
	if err := m.store.Unlock(ctx, c.Tenant, host.Lock{Host: c.Host, Number: int64(c.Number)}); err != nil {
		return fmt.Errorf("unlock the host: %w", err)
	}
	if err := m.store.Finish(ctx, c.Tenant, c.ID, c.Number); err != nil {
		return fmt.Errorf("complete the end: %w", err)
	}
	return nil
}

// Schedule plans a conference, under a number of its own, unless its id is
// taken. Safe to repeat: a number that is not used is skipped. The end of the
// conference that had the id before is completed first, should it have broken
// off.
func (m *Meetings) Schedule(ctx context.Context, c conference.Conference) (conference.Conference, error) {
	for range tries {
		number, err := m.store.NextNumber(ctx, c.Tenant)
		if err != nil {
			return c, fmt.Errorf("number the conference: %w", err)
		}
		c.Number = number
		there, err := m.store.Schedule(ctx, c)
		if err != nil {
			return c, fmt.Errorf("schedule the conference: %w", err)
		}
		if there == nil || there.Number == c.Number {
			return c, nil
		}
		if there.State != conference.StateEnded {
			return c, problem.Newf(problem.AlreadyExists, "Conference %s is %s.", c.ID, there.State)
		}
		if err := m.dissolve(ctx, *there, c.CreatedAt); err != nil {
			return c, err
		}
	}
	return c, problem.New(problem.Unavailable, "The conference before it is still ending. Try again.")
}

// closePools stops joins to a conference's own pools. The first block and the
// chair are closed even where they are not there yet, so that nobody can open
// them; a concurrent conference has no pool of its own and gets two closed
// blocks that nobody uses.
func (m *Meetings) closePools(ctx context.Context, t tenant.ID, number conference.Number, keepUntil time.Time) error {
	for _, pool := range seat.PoolsOf(t, number).Both() {
		blocks, err := m.store.Read(ctx, pool)
		if err != nil {
			return fmt.Errorf("read a pool: %w", err)
		}
		if len(blocks) == 0 {
			blocks = []seat.State{{Block: seat.Block{Pool: pool}}}
		}
		if err := m.pools.Close(ctx, pool, blocks, keepUntil); err != nil {
			return fmt.Errorf("close a pool: %w", err)
		}
	}
	return nil
}
