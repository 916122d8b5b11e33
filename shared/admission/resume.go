package admission

import (
	"context"
	"fmt"
	"math/rand/v2"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

const (
	// handoverSeconds is how long a seat waits between two connections that
	// are both open: longer than any invocation lasts.
	handoverSeconds = 30
	// resumeRounds bounds how often a resume looks again because the block
	// changed under it.
	resumeRounds = 5
)

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
// nothing. Where it is still open, its part of the stay is closed first: the
// block says until when, then the ledger has it, then the seat is handed over.
//
// Safe to repeat and to run twice at once, like Connect. A process that dies
// before the swap leaves a hold, which the client can still resume; one that
// dies after it leaves a seat without a session, which the next delivery
// completes, or reconciliation frees.
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
	a, err := d.takeUp(ctx, v, *old)
	if err == nil && (old.Block.Pool.Number == 0 || a.Session.Member().Host) {
		err = d.attend(ctx, v, &a)
	}
	if err != nil {
		return d.refuse(ctx, v, err)
	}
	return d.begin(ctx, v, a)
}

// sameVisitor tells whether a session is the visitor's: the same person in the
// same conference and role.
func sameVisitor(s session.Session, v Visitor) bool {
	return s.Tenant == v.Tenant && s.Conference == v.Conference && s.Number == v.Number &&
		s.Identity == v.Identity && s.Role == v.Role
}

// takeUp takes up the seat of an earlier session.
func (d *Door) takeUp(ctx context.Context, v Visitor, old session.Session) (admitted, error) {
	for range resumeRounds {
		b, err := d.store.Look(ctx, old.Block)
		if err != nil {
			return admitted{}, fmt.Errorf("read the block: %w", err)
		}
		if b == nil {
			return admitted{}, errNotHeld()
		}
		if mine, in := b.Members[v.Connection]; in {
			return d.takenUp(ctx, v, old, mine)
		}
		held, in := b.Members[old.Connection]
		switch {
		case b.Closed:
			return admitted{}, conference.Ended(v.Conference)
		case in && held == old.Member():
			hold := seat.Hold{LostAtMillis: max(v.AtMillis, old.JoinedAtMillis), Seconds: handoverSeconds, Unsettled: true}
			if _, err := d.pools.Hold(ctx, old.Block, old.Connection, held, hold); err != nil {
				return admitted{}, fmt.Errorf("prepare the seat's handover: %w", err)
			}
			continue
		case !in || !held.Held() || held.Expired(v.AtMillis):
			return admitted{}, errNotHeld()
		}
		// It may have been lost, or closed, after this connection came: the stay's
		// records do not overlap.
		lost := held.Hold.LostAtMillis
		if held.Hold.Unsettled {
			stay, err := d.stay(ctx, old, lost, usage.EndResumed)
			if err != nil {
				return admitted{}, err
			}
			if lost, err = d.store.Record(ctx, stay); err != nil {
				return admitted{}, fmt.Errorf("write the ledger: %w", err)
			}
		}
		place := seat.Place{Connection: old.Connection, Member: held}
		mine := held.Found(max(v.AtMillis, lost), uint16(rand.Uint32())) //nolint:gosec // any 16 bits
		attempt, err := d.store.Swap(ctx, old.Block, place, seat.Place{Connection: v.Connection, Member: mine}, 0)
		if err != nil {
			return admitted{}, fmt.Errorf("take up the seat: %w", err)
		}
		if attempt.Outcome == seat.OutcomeTaken {
			return admitted{Session: goOn(v, old, mine, attempt.State), from: &place}, nil
		}
	}
	return admitted{}, problem.New(problem.Unavailable, "The seat keeps changing. Try again.")
}

// takenUp is for a repeat: the seat was taken up already, and its number may
// be lost.
func (d *Door) takenUp(ctx context.Context, v Visitor, old session.Session, mine seat.Member) (admitted, error) {
	if mine.Held() {
		return admitted{}, errClosed(v.Connection)
	}
	state, in, err := d.store.Renumber(ctx, old.Block, v.Connection)
	if err != nil {
		return admitted{}, fmt.Errorf("renumber a seat: %w", err)
	}
	if now := state.Members[v.Connection]; !in || now != mine {
		return admitted{}, errClosed(v.Connection)
	}
	return admitted{Session: goOn(v, old, mine, state), again: true}, nil
}

// goOn is the session that goes on with an earlier one's stay.
func goOn(v Visitor, old session.Session, mine seat.Member, state seat.State) session.Session {
	s := old
	s.Connection, s.Version, s.MovedAtMillis = v.Connection, 0, 0
	s.JoinedAtMillis, s.Mark, s.Resumed = mine.JoinedAtMillis, mine.Mark, true
	s.Seat, s.InUse = state.Taken, 0
	if old.InUse > 0 {
		s.InUse = state.Occupied(v.AtMillis)
	}
	return s
}
