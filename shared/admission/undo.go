package admission

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// errClosed is for a connection that is over before it was let in. Nobody is
// there to read it.
func errClosed(id seat.ConnectionID) error {
	return problem.Newf(problem.ConferenceEnded, "Connection %s was closed.", id)
}

// void gives back a seat that was taken and never used. Safe to repeat.
func (d *Door) void(ctx context.Context, s session.Session) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if _, err := d.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), true); err != nil {
		return fmt.Errorf("give back an unused seat: %w", err)
	}
	return nil
}

// undo gives a seat back that was taken and never used: to the hold that it came
// from, so that a client can still resume; else as void.
func (d *Door) undo(ctx context.Context, a admitted) error {
	if a.from == nil {
		return d.void(ctx, a.Session)
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	place := seat.Place{Connection: a.Session.Connection, Member: a.Session.Member()}
	if _, err := d.pools.Revert(ctx, a.Session.Block, place, *a.from); err != nil {
		return fmt.Errorf("hold a seat again: %w", err)
	}
	return nil
}

// unwind is for a seat that is taken when the next write failed, or seemed to:
// it may have landed, or land still. A tombstone (where there was a session
// before: a new version of that) settles which: where it can be written, the
// write that failed cannot follow, and the seat is given back; where the
// session is found to be there, the connection is in, and the error is nil. If
// that fails too, the seat is left to reconciliation. A cause that is a refusal
// is given back as it is.
func (d *Door) unwind(ctx context.Context, a admitted, cause error) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	s := a.Session
	tombstone := session.Session{Connection: s.Connection, State: session.StateGone, BeganMillis: s.JoinedAtMillis}
	there, err := d.store.Begin(ctx, tombstone)
	for range admissionTries {
		if err != nil || there == nil || !a.mayFollow(*there) {
			break
		}
		there.Version++ // whatever change is still on its way fails now
		there, err = d.store.Change(ctx, *there)
	}
	switch {
	case err != nil || there != nil && a.mayFollow(*there):
		d.log.ErrorContext(ctx, "a seat is left to reconciliation",
			"tenant", s.Tenant, "conference", s.Conference, "connection", s.Connection, "error", err)
	case there != nil && a.supersededBy(*there):
		return nil
	case there != nil && a.ofAJoin(*there):
	default:
		if err := d.undo(ctx, a); err != nil {
			cause = fmt.Errorf("%w; then %w", cause, err)
		} else if refused, is := errors.AsType[*problem.Error](cause); is {
			return refused
		}
	}
	return problem.New(problem.Unavailable, "Please try again.").Because(cause)
}

// mayFollow tells whether the seat may still get a session, where one is there:
// by a write of this attempt or, where another took the seat before, by theirs,
// which may have read the session since this attempt did.
func (a admitted) mayFollow(there session.Session) bool {
	if there.State == session.StateGone || a.supersededBy(there) || a.ofAJoin(there) {
		return false
	}
	return a.again || there.Version < a.Session.Version
}

// refuse records a refusal that the visitor could have been admitted against,
// and gives it back. A refusal that cannot be recorded is still one.
func (d *Door) refuse(ctx context.Context, v Visitor, cause error) error {
	p := problem.As(cause)
	switch p.Code {
	case problem.Internal, problem.Unavailable, problem.NotFound, problem.TokenInvalid, problem.RateLimited:
		return cause
	}
	if errors.Is(cause, errForeign) {
		return cause // no visitor: a page that has nothing to do with the tenant
	}
	r := usage.Refusal{
		Tenant: v.Tenant, Conference: v.Conference, Number: v.Number, Identity: v.Identity, Role: v.Role,
		Connection: v.Connection, AtMillis: v.AtMillis, Code: p.Code,
	}
	if c, ok := d.conferences.get(conferenceKey{v.Tenant, v.Conference}); ok {
		r.Host = c.Host
	}
	if l, ok := d.licenses.get(v.Tenant); ok {
		r.Shards = l.Shards
	}
	if p.Occupancy != nil {
		r.Limit, r.InUse = p.Occupancy.Limit, p.Occupancy.InUse
	}
	if err := d.store.Refuse(ctx, r); err != nil {
		d.log.LogAttrs(ctx, slog.LevelError, "a refusal was not recorded",
			slog.String("tenant", string(v.Tenant)), slog.String("code", string(p.Code)), slog.Any("error", err))
	}
	return cause
}
