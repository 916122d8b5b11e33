package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
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
func (d *Door) Resume(ctx context.Context, v Visitor, from jointoken.Claim) error {
	if err := d.welcome(ctx, v); err != nil {
		return err
	}
	old, err := d.store.Session(ctx, from.Connection, true)
	if err != nil {
		return fmt.Errorf("read the session to resume: %w", err)
	}
	if old == nil || old.State != session.StateSeated || old.Claim() != from || !sameVisitor(*old, v) {
		return errNotHeld()
	}
	resumed, err := d.takeOver(ctx, v, *old)
	if err != nil {
		return d.refuse(ctx, v, err)
	}
	a := admitted{session: resumed}
	if old.Block.Pool.Number == 0 || resumed.Member().Host {
		// A look that fails, and does not refuse, takes nothing from who was in.
		a.look = func(ctx context.Context) (bool, error) {
			live, err := d.attend(ctx, v)
			if _, refused := errors.AsType[*problem.Error](err); !refused {
				err = nil
			}
			return live, err
		}
	}
	s, err := d.enter(ctx, v, a)
	if err == nil && s.From != "" {
		if told := d.push(ctx, s.From, message{Type: "removed", Detail: "Another connection has taken over the seat."}); told != nil && !errors.Is(told, ErrGone) {
			d.log.WarnContext(ctx, "a connection was not told that its seat was taken over", "tenant", s.Tenant, "connection", s.From, "error", told)
		}
	}
	return d.unlessAdmittedBefore(ctx, v, err)
}

// sameVisitor tells whether a session is the visitor's: the same person in the
// same conference and role.
func sameVisitor(s session.Session, v Visitor) bool {
	return s.Tenant == v.Tenant && s.Conference == v.Conference && s.Number == v.Number &&
		s.Identity == v.Identity && s.Role == v.Role
}

// takeOver takes over the seat of an earlier session, and gives the session that
// goes on with its stay.
func (d *Door) takeOver(ctx context.Context, v Visitor, old session.Session) (session.Session, error) {
	for range resumeRounds {
		b, err := d.store.Get(ctx, old.Block)
		if err != nil {
			return old, fmt.Errorf("read the block: %w", err)
		}
		if b == nil {
			return old, errNotHeld()
		}
		if mine, in := b.Members[v.Connection]; in {
			return d.takenOver(ctx, v, old, mine)
		}
		there, in := b.Members[old.Connection]
		open := in && there == old.Member()
		switch {
		case b.Closed:
			return old, conference.Ended(v.Conference)
		case !in || there.Expired(v.AtMillis):
			return old, errNotHeld()
		case !open && !there.Held(): // it is beginning the next part of the stay
			now, err := d.store.Session(ctx, old.Connection, true)
			if err != nil || now == nil || now.State != session.StateSeated || now.StayID != old.StayID {
				return old, cmp.Or(wrap("read the session to resume", err), errNotHeld())
			}
			old = *now
			continue
		}
		// The stay's records do not overlap, and leave no gap where the connection
		// was open all the time.
		at := max(v.AtMillis, there.Hold.LostAtMillis)
		if open {
			if at, err = d.handOver(ctx, old, v.AtMillis); err != nil {
				return old, err
			}
		}
		mine := there.Found(at, newMark())
		mine.TookOver = open
		attempt, err := d.store.Swap(ctx, old.Block, seat.Place{Connection: old.Connection, Member: there}, seat.Place{Connection: v.Connection, Member: mine}, 0)
		if err != nil {
			return old, fmt.Errorf("take over the seat: %w", err)
		}
		if attempt.Outcome == seat.OutcomeTaken {
			return goOn(v, old, mine, attempt.State), d.closeReplaced(ctx, old)
		}
	}
	return old, problem.New(problem.Unavailable, "The seat keeps changing. Try again.")
}

// handOver records the part of a stay whose connection is still open, and gives
// when the next part begins.
func (d *Door) handOver(ctx context.Context, old session.Session, atMillis int64) (int64, error) {
	stay, err := d.stay(ctx, old, max(atMillis, old.JoinedAtMillis), usage.EndResumed)
	if err != nil {
		return 0, err
	}
	recorded, err := d.store.Record(ctx, stay)
	if err != nil {
		return 0, fmt.Errorf("write the ledger: %w", err)
	}
	if recorded.End == usage.EndResumed {
		return recorded.LeftAtMillis, nil
	}
	return max(atMillis, recorded.LeftAtMillis), nil // it was closed meanwhile
}

// takenOver is for a repeat: the seat was taken over already, and its number may
// be lost.
func (d *Door) takenOver(ctx context.Context, v Visitor, old session.Session, mine seat.Member) (session.Session, error) {
	if mine.Held() {
		return old, noConnection()
	}
	state, in, err := d.store.Renumber(ctx, old.Block, v.Connection)
	if err != nil {
		return old, fmt.Errorf("renumber a seat: %w", err)
	}
	if now := state.Members[v.Connection]; !in || now != mine {
		return old, noConnection()
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

// CloseReplaced closes the connection that another took its seat over from, if it
// is still open and has not joined anew. Safe to repeat.
func (d *Door) CloseReplaced(ctx context.Context, id seat.ConnectionID) error {
	s, err := d.store.Session(ctx, id, false)
	if err != nil || s == nil {
		return wrap("read the session", err)
	}
	return d.closeReplaced(ctx, *s)
}

func (d *Door) closeReplaced(ctx context.Context, s session.Session) error {
	if s.From == "" {
		return nil
	}
	old, err := d.store.Session(ctx, s.From, true)
	if err != nil || old == nil || old.State != session.StateSeated || old.StayID != s.StayID {
		return wrap("read the session of a connection that was replaced", err)
	}
	old.State = session.StateGone
	old.Version++
	if there, err := d.store.Change(ctx, *old); err != nil || there != nil {
		return wrap("close a connection that was replaced", err)
	}
	return wrap("close a connection that was replaced", d.gateway.Close(ctx, s.From))
}
