package departure

import (
	"context"
	"fmt"

	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// endStay records a session's stay, and gives its seat back or, where the
// connection was lost and the license has a grace, holds it. False: the seat was
// not this stay's any more.
func (x *Departures) endStay(ctx context.Context, s session.Session, atMillis int64, end usage.End) (bool, error) {
	grace, err := x.grace(ctx, s, end)
	if err != nil {
		return false, err
	}
	s, stay, err := x.record(ctx, s, atMillis, end)
	if err != nil {
		return false, err
	}
	var returned seat.Returned
	if grace > 0 {
		hold := seat.Hold{LostAtMillis: stay.LeftAtMillis, Seconds: grace}
		returned, err = x.pools.Hold(ctx, s.Block, s.Connection, s.Member(), hold)
	} else {
		returned, err = x.pools.GiveBack(ctx, s.Block, s.Connection, s.Member(), false)
	}
	other := returned.Instead
	if err != nil || other == nil || s.Adopts(*other) {
		return returned.Done, problem.Wrap("give back or hold the seat", err)
	}
	// A late delivery of the $connect took a seat for this very stay; or the seat
	// is held after this very stay for longer than it has to be: first it looked
	// lost, and now comes how it was closed.
	held := other.Held() && other.Hold.LostAtMillis == stay.LeftAtMillis && grace < other.Hold.Seconds && end != usage.EndVanished
	switch {
	case held && grace > 0:
		returned, err = x.pools.Hold(ctx, s.Block, s.Connection, *other, seat.Hold{LostAtMillis: stay.LeftAtMillis, Seconds: grace})
	case held || !other.Held():
		returned, err = x.pools.GiveBack(ctx, s.Block, s.Connection, *other, !held)
	}
	return returned.Done, problem.Wrap("give back or hold a seat", err)
}

// reloadSeconds is the longest that a seat is held for a client that went away:
// enough to reload a page, and soon over where the page was closed for good.
const reloadSeconds = 10

// grace is for how many seconds a seat is held after such an end.
func (x *Departures) grace(ctx context.Context, s session.Session, end usage.End) (int, error) {
	if end != usage.EndDropped && end != usage.EndGoingAway {
		return 0, nil
	}
	l, err := x.store.License(ctx, s.Tenant)
	if err != nil || l == nil {
		return 0, problem.Wrap("read the license", err)
	}
	if end == usage.EndGoingAway {
		return min(l.ReconnectGraceSeconds, reloadSeconds), nil
	}
	return l.ReconnectGraceSeconds, nil
}

// record writes a stay that ends into the ledger, and gives its last part as it is
// recorded, and the session that names that. There may be a record already, of a
// hand-over to another connection that broke off before that one had the seat:
// then the seat is this connection's still, and what came after is another part
// of the same stay.
func (x *Departures) record(ctx context.Context, s session.Session, atMillis int64, end usage.End) (session.Session, usage.Stay, error) {
	stay, err := x.stay(ctx, s, atMillis, end)
	if err != nil {
		return s, stay, err
	}
	recorded, err := x.write(ctx, stay)
	if err != nil {
		return s, stay, err
	}
	leftMillis := stay.LeftAtMillis
	stay.LeftAtMillis = recorded.LeftAtMillis
	if !recorded.Before || recorded.End != usage.EndResumed || recorded.LeftAtMillis >= leftMillis {
		return s, stay, nil
	}
	next, goesOn, err := x.nextPart(ctx, s, recorded.LeftAtMillis)
	if err != nil || !goesOn {
		return s, stay, err
	}
	part := next.Stay(leftMillis, end)
	part.Estimated = stay.Estimated
	recorded, err = x.write(ctx, part)
	part.LeftAtMillis = recorded.LeftAtMillis
	return next, part, err
}

// write writes a record, if there is none, and gives the one that is there.
func (x *Departures) write(ctx context.Context, stay usage.Stay) (usage.Recorded, error) {
	recorded, err := x.store.Record(ctx, stay)
	if err == nil && !recorded.Before {
		metrics.Count(ctx, metrics.Left(stay.End), 1)
	}
	return recorded, problem.Wrap("write the ledger", err)
}

// nextPart begins the next part of a stay in its own seat, and has the session
// name it before anything is recorded of it. False: the seat is not the session's
// any more, or others are changing it.
func (x *Departures) nextPart(ctx context.Context, s session.Session, fromMillis int64) (session.Session, bool, error) {
	return x.beginPart(ctx, s, s.Member(), fromMillis, seat.Lease{})
}

// beginPart is nextPart for the member as it is in the block. The part has a lease if
// the seat is a server's.
func (x *Departures) beginPart(ctx context.Context, s session.Session, there seat.Member, fromMillis int64, lease seat.Lease) (session.Session, bool, error) {
	next := s.NextPart(max(fromMillis, s.JoinedAtMillis+1), seat.NewMark())
	from, to := seat.Place{Connection: s.Connection, Member: there}, seat.Place{Connection: s.Connection, Member: next.Member()}
	to.Member.Lease = lease
	attempt, err := x.store.Swap(ctx, s.Block, from, to, seat.Permit{})
	if err != nil {
		return s, false, fmt.Errorf("begin the next part of a stay: %w", err)
	}
	if attempt.Outcome == seat.OutcomeTaken {
		return x.changeTo(ctx, next, attempt.State)
	}
	if attempt.State.Members[s.Connection] != to.Member {
		return s, false, nil
	}
	return x.adopt(ctx, next) // by a first try whose answer was lost, and with it the seat's number
}

// adopt has the session name a part that began in its seat, under a new number.
func (x *Departures) adopt(ctx context.Context, next session.Session) (session.Session, bool, error) {
	state, in, err := x.store.Renumber(ctx, next.Block, next.Connection)
	if err != nil || !in {
		return next, false, problem.Wrap("renumber a seat", err)
	}
	return x.changeTo(ctx, next, state)
}

// changeTo has the session name the last seat that was taken of a block.
func (x *Departures) changeTo(ctx context.Context, next session.Session, state seat.State) (session.Session, bool, error) {
	next.Seat = state.Taken
	next.Version++
	there, err := x.store.Change(ctx, next)
	return next, err == nil && (there == nil || *there == next), problem.Wrap("change a session", err)
}

// Split records a server's stay up to a renewal, and begins the stay's next part in the
// same seat, so that no part is longer than a report reckons with. False: the seat is not
// as it was read any more. A process that dies before the session names the next part
// leaves that to the next renewal: see Adopt.
func (x *Departures) Split(ctx context.Context, s session.Session, there seat.Member, lease seat.Lease) (session.Session, bool, error) {
	at, err := x.HandOver(ctx, s, lease.RenewedAtMillis)
	if err != nil {
		return s, false, err
	}
	return x.beginPart(ctx, s, there, at, lease)
}

// Adopt completes a Split that broke off after it had begun the part of a member.
func (x *Departures) Adopt(ctx context.Context, s session.Session, there seat.Member) (session.Session, bool, error) {
	return x.adopt(ctx, s.NextPart(there.JoinedAtMillis, there.Mark))
}

// stay is the record of a stay that ends. Where it is said to have ended when
// its connection must have been closed long since, it ends at the last proof of
// life that its block has, as if reconciliation had come first.
func (x *Departures) stay(ctx context.Context, s session.Session, atMillis int64, end usage.End) (usage.Stay, error) {
	if !s.TooLate(atMillis) {
		return s.Stay(atMillis, end), nil
	}
	seen, err := x.LastSeen(ctx, s.Block)
	if err != nil {
		return usage.Stay{}, err
	}
	stay := s.Stay(s.LastAlive(seen), end)
	stay.Estimated = true
	return stay, nil
}

// HandOver records the part of a stay whose connection is still open, and gives
// when the next part begins.
func (x *Departures) HandOver(ctx context.Context, old session.Session, atMillis int64) (int64, error) {
	stay, err := x.stay(ctx, old, max(atMillis, old.JoinedAtMillis), usage.EndResumed)
	if err != nil {
		return 0, err
	}
	recorded, err := x.write(ctx, stay)
	if err != nil {
		return 0, err
	}
	if recorded.End == usage.EndResumed {
		return recorded.LeftAtMillis, nil
	}
	return max(atMillis, recorded.LeftAtMillis), nil // it was closed meanwhile
}
