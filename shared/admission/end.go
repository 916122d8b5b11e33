package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// parallel bounds how many connections are told or closed at once.
const parallel = 16

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
func (d *Door) End(ctx context.Context, t tenant.ID, id conference.ID, now time.Time) (conference.Conference, error) {
	c, err := d.store.Conference(ctx, t, id, true)
	if err != nil {
		return conference.Conference{}, fmt.Errorf("read the conference: %w", err)
	}
	if c == nil {
		return conference.Conference{}, problem.New(problem.NotFound, "There is no such conference.")
	}
	ended, err := d.store.End(ctx, t, id, c.Number, now)
	if err != nil {
		return *c, fmt.Errorf("end the conference: %w", err)
	}
	if ended == nil || ended.Number != c.Number {
		return *c, problem.New(problem.PreconditionFailed, "The conference was scheduled anew meanwhile.")
	}
	return *ended, d.dissolve(ctx, *ended, now)
}

// Expire ends a conference that has been vacant since it was last read.
// Nobody who came back is sent away: see conference.Conferences. Safe to
// repeat, like End.
func (d *Door) Expire(ctx context.Context, c conference.Conference, now time.Time) error {
	ended, err := d.store.Expire(ctx, c.Tenant, c.ID, c.Number, c.VacantSince, now)
	if err != nil {
		return fmt.Errorf("end a vacant conference: %w", err)
	}
	if ended == nil || ended.Number != c.Number || ended.State != conference.StateEnded {
		return nil
	}
	return d.dissolve(ctx, *ended, now)
}

// Complete completes the end of a conference that was read as ending: of that
// one, whatever its id has been given to since. Safe to repeat, like End.
func (d *Door) Complete(ctx context.Context, c conference.Conference, now time.Time) error {
	return d.dissolve(ctx, c, now)
}

// dissolve does what there is to do when a conference is marked as ended. Every
// stay ends when the conference did, also where an end that broke off is
// completed much later: who vanished between is not billed until then.
func (d *Door) dissolve(ctx context.Context, c conference.Conference, now time.Time) error {
	if err := d.closePools(ctx, c.Tenant, c.Number, now.Add(keepClosed)); err != nil {
		return err
	}
	members, err := d.Places(ctx, c.Tenant, c.Number)
	if err != nil {
		return err
	}
	everyone, err := d.store.Lobby(ctx, c.Tenant, c.Number)
	if err != nil {
		return fmt.Errorf("list the lobby: %w", err)
	}
	for _, place := range members {
		everyone = append(everyone, place.Connection)
	}
	if err := d.dismiss(ctx, everyone, message{Type: "conference_ended"}, c.EndedAt, usage.EndConferenceEnded); err != nil {
		return err
	}
	if err := d.store.Unlock(ctx, c.Tenant, host.Lock{Host: c.Host, Number: int64(c.Number)}); err != nil {
		return fmt.Errorf("unlock the host: %w", err)
	}
	if err := d.store.Finish(ctx, c.Tenant, c.ID, c.Number); err != nil {
		return fmt.Errorf("complete the end: %w", err)
	}
	return nil
}

// Schedule plans a conference, under a number of its own, unless its id is
// taken. Safe to repeat: a number that is not used is skipped. The end of the
// conference that had the id before is completed first, should it have broken
// off.
func (d *Door) Schedule(ctx context.Context, c conference.Conference) (conference.Conference, error) {
	for range admissionTries {
		number, err := d.store.NextNumber(ctx, c.Tenant)
		if err != nil {
			return c, fmt.Errorf("number the conference: %w", err)
		}
		c.Number = number
		there, err := d.store.Schedule(ctx, c)
		if err != nil {
			return c, fmt.Errorf("schedule the conference: %w", err)
		}
		if there == nil || there.Number == c.Number {
			return c, nil
		}
		if there.State != conference.StateEnded {
			return c, problem.Newf(problem.AlreadyExists, "Conference %s is %s.", c.ID, there.State)
		}
		if err := d.dissolve(ctx, *there, c.CreatedAt); err != nil {
			return c, err
		}
	}
	return c, problem.New(problem.Unavailable, "The conference before it is still ending. Try again.")
}

// closePools stops joins to a conference's own pools. The first block and the
// chair are closed even where they are not there yet, so that nobody can open
// them; a concurrent conference has no pool of its own and gets two closed
// blocks that nobody uses.
func (d *Door) closePools(ctx context.Context, t tenant.ID, number conference.Number, keepUntil time.Time) error {
	for _, pool := range ownPools(t, number).both() {
		blocks, err := d.store.Read(ctx, pool)
		if err != nil {
			return fmt.Errorf("read a pool: %w", err)
		}
		if len(blocks) == 0 {
			blocks = []seat.State{{Block: seat.Block{Pool: pool}}}
		}
		if err := d.pools.Close(ctx, pool, blocks, keepUntil); err != nil {
			return fmt.Errorf("close a pool: %w", err)
		}
	}
	return nil
}

// Remove tells one connection that it is removed, ends its stay and closes it.
// With a conference it must be in that one. It gives the session, also where it
// failed half way. Safe to repeat: what is gone is not found.
func (d *Door) Remove(ctx context.Context, t tenant.ID, c conference.ID, id seat.ConnectionID, reason string, now time.Time) (session.Session, error) {
	s, err := d.connected(ctx, id)
	if err != nil {
		return session.Session{}, err
	}
	// Before anything more is read: another's connection takes as long as none.
	if s.Tenant != t || c != "" && s.Conference != c {
		return session.Session{}, noConnection()
	}
	seated, err := d.holdsSeat(ctx, s)
	if err != nil {
		return session.Session{}, err
	}
	if s.State == session.StateSeated && !seated {
		return session.Session{}, noConnection()
	}
	return s, d.dismiss(ctx, []seat.ConnectionID{id}, message{Type: "removed", Detail: reason}, now, usage.EndRemoved)
}

// Dismiss tells one connection that its conference has ended, ends its stay and
// closes it. Safe to repeat.
func (d *Door) Dismiss(ctx context.Context, id seat.ConnectionID, now time.Time) error {
	return d.dismiss(ctx, []seat.ConnectionID{id}, message{Type: "conference_ended"}, now, usage.EndConferenceEnded)
}

// dismiss tells connections something, ends their stays and closes them. That
// one cannot be told or closed does not keep the others, nor its own seat: the
// first error is reported when all are done.
func (d *Door) dismiss(ctx context.Context, ids []seat.ConnectionID, m message, now time.Time, end usage.End) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, id := range ids {
		group.Go(func() error {
			told := d.push(ctx, id, m)
			if errors.Is(told, ErrGone) {
				told = nil
			}
			left := d.Leave(ctx, id, now.UnixMilli(), end)
			closed := d.gateway.Close(ctx, id)
			if err := errors.Join(told, left, closed); err != nil {
				return fmt.Errorf("dismiss %s: %w", id, err)
			}
			return nil
		})
	}
	return group.Wait()
}
