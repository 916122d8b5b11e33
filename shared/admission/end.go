package admission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
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
	ended, err := d.store.Advance(ctx, t, id, c.Number, conference.StateEnded, now)
	if err != nil {
		return *c, fmt.Errorf("end the conference: %w", err)
	}
	if ended == nil || ended.Number != c.Number {
		return *c, problem.New(problem.PreconditionFailed, "The conference was scheduled anew meanwhile.")
	}
	if err := d.closePools(ctx, t, c.Number, now.Add(keepClosed)); err != nil {
		return *ended, err
	}
	members, err := d.memberIDs(ctx, t, c.Number)
	if err != nil {
		return *ended, err
	}
	lobby, err := d.store.Lobby(ctx, t, id)
	if err != nil {
		return *ended, fmt.Errorf("list the lobby: %w", err)
	}
	if err := d.dismiss(ctx, append(members, lobby...), message{Type: "conference_ended"}, now, usage.EndConferenceEnded); err != nil {
		return *ended, err
	}
	if err := d.store.Unlock(ctx, t, c.Host, int64(c.Number)); err != nil {
		return *ended, fmt.Errorf("unlock the host: %w", err)
	}
	return *ended, nil
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
		for _, b := range blocks {
			if b.Closed {
				continue
			}
			if _, err := d.store.Close(ctx, b.Block, keepUntil); err != nil {
				return fmt.Errorf("close a pool: %w", err)
			}
		}
	}
	return nil
}

// Remove tells one connection that it is removed, ends its stay and closes it.
// With a conference it must be in that one. Safe to repeat: what is gone is
// not found.
func (d *Door) Remove(ctx context.Context, t tenant.ID, c conference.ID, id seat.ConnectionID, reason string, now time.Time) error {
	s, seated, err := d.Whereabouts(ctx, id)
	if err != nil {
		return err
	}
	if s.Tenant != t || c != "" && s.Conference != c || s.State == session.StateSeated && !seated {
		return problem.New(problem.NotFound, "There is no such connection.")
	}
	return d.dismiss(ctx, []seat.ConnectionID{id}, message{Type: "removed", Detail: reason}, now, usage.EndRemoved)
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
