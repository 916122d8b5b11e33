package admission

import (
	"cmp"
	"context"
	"errors"

	"seatmeter/shared/crossing"
	"seatmeter/shared/problem"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// admitted is a session that has its seat and is not written yet.
type admitted struct {
	session session.Session
	// look reads the conference while the session is written; nil: no read is needed.
	// It tells whether it made the conference live. Its refusals rest on a consistent
	// read.
	look func(ctx context.Context) (wentLive bool, err error)
	// wentLive: the join made the conference live before it took the seat.
	wentLive bool
}

// complete writes the session of a seat that was taken, and reads the conference at
// the same time. If the conference is ending, either the end finds this seat and
// closes it, or this join notices the end and gives the seat back; meeting.Attend
// says when both miss. It gives the session.
// errStaleCache: the connection has another session by now.
//
// An error is treated as a death of the process would be: a repeat or
// reconciliation completes what it leaves. Only to give the seat back at once, the
// seat is abandoned first.
func (x *Admissions) complete(ctx context.Context, v Visitor, a admitted) (session.Session, error) {
	s, live := a.session, a.wentLive
	var there *session.Session
	var err, refusal error
	steps := []func(){func() { there, err = x.write(ctx, s) }}
	if a.look != nil {
		steps = append(steps, func() {
			var now bool
			now, refusal = a.look(ctx)
			live = live || now
		})
	}
	x.together(steps...)
	in := err == nil && (there == nil || *there == s)
	if _, refused := errors.AsType[*problem.Error](refusal); in && v.turn && refusal != nil && !refused {
		return s, unlessUnavailable(refusal) // it has its seat: the next sweep goes on with it
	}
	if in && refusal != nil {
		return s, x.refuse(ctx, v, x.retract(ctx, s, refusal))
	}
	if !in {
		// A write that failed may have landed, and so may that of another attempt.
		if err != nil || !there.Names(s.Block, s.Member()) {
			there = cmp.Or(x.departures.Abandon(ctx, s), there)
		}
		in = refusal == nil && x.confirm(ctx, s, there)
	}
	switch {
	case refusal != nil:
		return s, x.refuse(ctx, v, unlessUnavailable(refusal))
	case in:
		if live {
			x.meetings.Announce(ctx, s)
		}
		x.watch(ctx, s)
		return s, nil
	case err != nil:
		return s, unlessUnavailable(err)
	case there.State == session.StateGone:
		return s, x.whyGone(ctx, v)
	}
	return s, errStaleCache
}

// watch notes the use that the pool of a new seat has. Only that of a pool of one block is
// known, by the write that took the seat.
func (x *Admissions) watch(ctx context.Context, s session.Session) {
	if l, cached := x.licenses.get(s.Tenant); cached && s.InUse > 0 {
		of := s.Block.Pool
		x.crossings.Joined(ctx, of, s.Conference, crossing.UseOf(l, of, s.InUse), s.JoinedAtMillis)
	}
}

// whyGone is the answer to a visitor whose connection has a tombstone: it was
// closed, perhaps by the end of its conference.
func (x *Admissions) whyGone(ctx context.Context, v Visitor) error {
	if _, err := x.conference(ctx, v, true); err != nil {
		return err
	}
	return session.NotFound()
}

// confirm makes the session that another attempt wrote for this seat this
// attempt's too, by its next version, so that the other does not take it back. It
// tells whether the connection is in.
func (x *Admissions) confirm(ctx context.Context, s session.Session, there *session.Session) bool {
	for range admissionTries {
		if there == nil || there.State != session.StateSeated || !there.Names(s.Block, s.Member()) {
			return false
		}
		next := *there
		next.Version++
		now, err := x.store.Change(ctx, next)
		if err != nil {
			return false
		}
		if now == nil || *now == next {
			held, err := x.departures.HasSeat(ctx, next, next.JoinedAtMillis)
			return held && err == nil
		}
		there = now
	}
	return false
}

// retract ends a stay that has just begun, for a refusal that came after it.
func (x *Admissions) retract(ctx context.Context, s session.Session, refusal error) error {
	end := usage.EndVanished
	switch {
	case problem.Is(refusal, problem.ConferenceEnded):
		end = usage.EndConferenceEnded
	case errors.Is(refusal, errRemoved):
		end = usage.EndRemoved
	}
	if err := x.departures.Retract(ctx, s, end); err != nil {
		return unlessUnavailable(errors.Join(refusal, err))
	}
	return unlessUnavailable(refusal)
}

// unlessUnavailable gives a refusal as it is, and anything else as unavailable.
func unlessUnavailable(err error) error {
	if p, refused := errors.AsType[*problem.Error](err); refused {
		return p
	}
	return problem.New(problem.Unavailable, "Please try again.").Because(err)
}

// write writes a session: as a new one, or as the next version. Otherwise it
// gives the one that is there.
func (x *Admissions) write(ctx context.Context, s session.Session) (*session.Session, error) {
	if s.Version == 0 {
		there, err := x.store.Begin(ctx, s)
		return there, problem.Wrap("begin a session", err)
	}
	there, err := x.store.Change(ctx, s)
	return there, problem.Wrap("change a session", err)
}
