package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// resumeRounds bounds how often a resume looks again because the block changed
// under it.
const resumeRounds = 5

// errNotHeld is for a resume token whose connection has no seat any more: it
// was used, or came too late.
func errNotHeld() error {
	return problem.New(problem.TokenInvalid, "The seat is not held any more. Join anew.")
}

// Resume lets a new connection go on with the stay of an earlier one, in its
// seat: one that is held, or one whose connection is still open. A license
// that has expired, shrunk or been suspended meanwhile is no obstacle, since
// nobody new comes in; nor is a rate of joins, since as many come as have seats.
//
// The seat changes hands by one conditional write and is in use throughout, so
// that nobody can slip in between; and only once, since after it the earlier
// connection holds no seat. That one's late $disconnect therefore frees
// nothing. Where the earlier connection is still open, the ledger has its part of
// the stay before that write; it is told that it is removed, and reconciliation
// closes it some seconds later, so that a client has time to change over.
//
// Safe to repeat and to run twice at once, like Connect. A process that dies
// before the swap leaves the seat to the earlier connection, which loses nothing
// (see record); one that dies after it leaves a seat without a session, which the
// next delivery completes, or reconciliation frees.
func (x *Admissions) Resume(ctx context.Context, v Visitor, from jointoken.Claim) error {
	if err := x.welcome(ctx, v); err != nil {
		return err
	}
	old, err := x.store.Session(ctx, from.Connection, true)
	if err != nil {
		return fmt.Errorf("read the session to resume: %w", err)
	}
	if old == nil || old.State != session.StateSeated || old.Claim() != from || !sameVisitor(*old, v) {
		return errNotHeld()
	}
	resumed, err := x.takeOver(ctx, v, *old)
	if err != nil {
		return x.refuse(ctx, v, err)
	}
	a := admitted{session: resumed}
	if old.Block.Pool.Number == 0 || resumed.Member().Host {
		// A look that fails, and does not refuse, takes nothing from who was in. Nor
		// does a removal of another connection of the same person, by its note: a
		// connection that is removed itself has no seat that could be resumed.
		a.look = func(ctx context.Context) (bool, error) {
			by := v
			by.IssuedMillis = math.MaxInt64
			live, err := x.attend(ctx, by)
			if _, refused := errors.AsType[*problem.Error](err); !refused {
				err = nil
			}
			return live, err
		}
	}
	s, err := x.complete(ctx, v, a)
	if err == nil {
		metrics.Count(ctx, metrics.Resumes, 1)
		x.meetings.TellReplaced(ctx, s)
	}
	return x.unlessAdmittedBefore(ctx, v, err)
}

// sameVisitor tells whether a session is the visitor's: the same person in the
// same conference and role.
func sameVisitor(s session.Session, v Visitor) bool {
	return s.Tenant == v.Tenant && s.Conference == v.Conference && s.Number == v.Number &&
		s.Identity == v.Identity && s.Role == v.Role
}

// takeOver takes over the seat of an earlier session, and gives the session that
// goes on with its stay.
func (x *Admissions) takeOver(ctx context.Context, v Visitor, old session.Session) (session.Session, error) {
	for range resumeRounds {
		b, err := x.store.Get(ctx, old.Block)
		if err != nil {
			return old, fmt.Errorf("read the block: %w", err)
		}
		if b == nil {
			return old, errNotHeld()
		}
		if mine, in := b.Members[v.Connection]; in {
			return x.takenOver(ctx, v, old, mine)
		}
		there, in := b.Members[old.Connection]
		open := in && there == old.Member()
		switch {
		case b.Closed:
			return old, conference.Ended(v.Conference)
		case !in || there.Expired(v.AtMillis):
			return old, errNotHeld()
		case !open && !there.Held(): // it is beginning the next part of the stay
			now, err := x.store.Session(ctx, old.Connection, true)
			if err != nil || now == nil || now.State != session.StateSeated || now.StayID != old.StayID {
				return old, cmp.Or(problem.Wrap("read the session to resume", err), errNotHeld())
			}
			old = *now
			continue
		}
		// The stay's records do not overlap, and leave no gap where the connection
		// was open all the time.
		at := max(v.AtMillis, there.Hold.LostAtMillis)
		if open {
			if at, err = x.departures.HandOver(ctx, old, v.AtMillis); err != nil {
				return old, err
			}
		}
		mine := there.Resumed(at, seat.NewMark())
		mine.TookOver = open
		attempt, err := x.store.Swap(ctx, old.Block, seat.Place{Connection: old.Connection, Member: there}, seat.Place{Connection: v.Connection, Member: mine}, seat.Permit{})
		if err != nil {
			return old, fmt.Errorf("take over the seat: %w", err)
		}
		if attempt.Outcome == seat.OutcomeTaken {
			return goOn(v, old, mine, attempt.State), x.meetings.CloseReplacedBy(ctx, old)
		}
	}
	return old, problem.New(problem.Unavailable, "The seat keeps changing. Try again.")
}

// takenOver is for a repeat: the seat was taken over already, and its number may
// be lost.
func (x *Admissions) takenOver(ctx context.Context, v Visitor, old session.Session, mine seat.Member) (session.Session, error) {
	if mine.Held() {
		return old, session.NotFound()
	}
	state, in, err := x.store.Renumber(ctx, old.Block, v.Connection)
	if err != nil {
		return old, fmt.Errorf("renumber a seat: %w", err)
	}
	if now := state.Members[v.Connection]; !in || now != mine {
		return old, session.NotFound()
	}
	return goOn(v, old, mine, state), nil
}

// goOn is the session that goes on with an earlier one's stay.
func goOn(v Visitor, old session.Session, mine seat.Member, state seat.State) session.Session {
	s := old
	s.Connection, s.BeganMillis, s.Version, s.MovedAtMillis, s.FencedMillis, s.From = v.Connection, v.AtMillis, 0, 0, 0, ""
	s.JoinedAtMillis, s.Mark, s.Resumed = mine.JoinedAtMillis, mine.Mark, true
	if mine.TookOver {
		s.From = old.Connection
	}
	s.Seat, s.InUse = state.Taken, 0
	if old.InUse > 0 {
		s.InUse = state.Occupied(v.AtMillis)
	}
	return s
}
