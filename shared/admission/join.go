package admission

import (
	"context"
	"errors"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// Join moves a connection from the lobby to a seat, gives its session, and tells
// whether the stay began by this call. Safe to repeat, and to run twice at once:
// a seated connection stays seated, one that waits for a seat goes on waiting, and a
// message older than the connection's last move changes nothing.
func (x *Admissions) Join(ctx context.Context, id seat.ConnectionID, atMillis int64) (s session.Session, began bool, err error) {
	s, began, _, err = x.join(ctx, id, request{atMillis: atMillis})
	return s, began, err
}

// request is what a connection in the lobby is to be seated for.
type request struct {
	atMillis int64
	// wait: it waits where no seat is free.
	wait bool
	// turnOf is since when the connection waits whose turn it is; zero: the client
	// asks.
	turnOf int64
}

// join is Join for any request. It gives the position of a session that waits.
func (x *Admissions) join(ctx context.Context, id seat.ConnectionID, r request) (s session.Session, began bool, position int, err error) {
	for n := range admissionTries {
		var seated bool
		if s, seated, err = x.departures.SessionState(ctx, id, r.atMillis); err != nil || x.tooLate(r, s, seated) {
			return s, false, 0, err
		}
		if seated {
			kept, err := x.keepSeat(ctx, s, r.atMillis)
			if kept || err != nil {
				return s, false, 0, err
			}
			continue
		}
		if s.Waits() && r.turnOf == 0 {
			position, err = x.waitOn(ctx, s)
			return s, false, position, err
		}
		var done bool
		if s, began, done, err = x.seat(ctx, s, r, n == 0); !done {
			continue
		}
		pool, full := fullPool(s.Tenant, s.Number, err)
		if !full || !r.wait {
			return s, began, 0, err
		}
		if s, position, done, err = x.wait(ctx, s, r.atMillis, pool, err); done {
			return s, false, position, err
		}
	}
	return s, false, 0, problem.New(problem.Unavailable, "Please try again.")
}

// seat takes a seat for a session in the lobby, and tells whether a stay began by it.
// Not done: the session changed meanwhile.
func (x *Admissions) seat(ctx context.Context, s session.Session, r request, first bool) (in session.Session, began, done bool, err error) {
	if err := x.departures.CompleteLeave(ctx, s); err != nil { // the session is about to name another seat
		return s, false, true, err
	}
	v := visitorOf(s, r)
	if first && !v.turn {
		if err := x.withinRate(ctx, v); err != nil {
			return s, false, true, err
		}
	}
	a, err := x.admit(ctx, v)
	if _, full := fullPool(s.Tenant, s.Number, err); full && r.wait || err != nil && v.turn {
		return s, false, true, err
	}
	if err != nil {
		return s, false, true, x.refuse(ctx, v, err)
	}
	if !s.Adopts(a.session.Member()) {
		err := x.departures.Void(ctx, a.session) // it is being freed
		return s, false, err != nil, err
	}
	a.session.BeganMillis, a.session.MovedAtMillis, a.session.FencedMillis = s.BeganMillis, r.atMillis, s.FencedMillis
	if v.turn { // its client has not asked for more, and may ask to leave by another clock
		a.session.MovedAtMillis = s.MovedAtMillis
	}
	if s.Connection.OfServer() { // which may have waited for longer than a connection lasts
		a.session.BeganMillis = a.session.JoinedAtMillis
	}
	in, err = x.complete(ctx, v, a)
	if errors.Is(err, errStaleCache) {
		return s, false, false, nil
	}
	if err == nil {
		metrics.Count(ctx, metrics.Joins, 1)
	}
	return in, err == nil, true, err
}

// visitorOf is the visitor whose session is in the lobby.
func visitorOf(s session.Session, r request) Visitor {
	return Visitor{
		Pass:       jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Pseudonym: s.Pseudonym, Role: s.Role, IssuedMillis: s.IssuedMillis},
		Connection: s.Connection, AtMillis: max(r.atMillis, max(s.JoinedAtMillis, s.FencedMillis)+1), version: s.Version + 1,
		turn: r.turnOf != 0, LeaseSeconds: s.LeaseSeconds,
	}
}

// tooLate tells whether there is nothing to do for a request: the connection has
// moved since or, where it is said to be its turn, does not wait since then any more.
func (x *Admissions) tooLate(r request, s session.Session, seated bool) bool {
	if r.turnOf != 0 {
		return seated || s.QueuedMillis != r.turnOf || !s.Waits()
	}
	return r.atMillis < s.MovedAtMillis
}

// keepSeat makes certain that a seated connection which asks to join stays so, by
// its session's next version: a leave that it sent before and that may land still
// comes too late, and so does another attempt that would take the seat back.
// False: the session has changed.
func (x *Admissions) keepSeat(ctx context.Context, s session.Session, atMillis int64) (bool, error) {
	s.MovedAtMillis = atMillis
	s.Version++
	there, err := x.store.Change(ctx, s)
	return there == nil || *there == s, problem.Wrap("change a session", err)
}
