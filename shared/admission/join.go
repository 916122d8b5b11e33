package admission

import (
	"context"
	"errors"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// Join moves a connection from the lobby to a seat, gives its session, and tells
// whether the stay began by this call. Safe to repeat, and to run twice at once:
// a seated connection stays seated, and a message older than the connection's
// last move changes nothing.
func (x *Admissions) Join(ctx context.Context, id seat.ConnectionID, atMillis int64) (s session.Session, began bool, err error) {
	for n := range admissionTries {
		var seated bool
		if s, seated, err = x.departures.SessionState(ctx, id); err != nil || atMillis < s.MovedAtMillis {
			return s, false, err
		}
		if seated {
			kept, err := x.keepSeat(ctx, s, atMillis)
			if kept || err != nil {
				return s, false, err
			}
			continue
		}
		if err := x.departures.CompleteLeave(ctx, s); err != nil { // the session is about to name another seat
			return s, false, err
		}
		v := Visitor{
			Pass:       jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Role: s.Role, IssuedMillis: s.IssuedMillis},
			Connection: id, AtMillis: max(atMillis, max(s.JoinedAtMillis, s.FencedMillis)+1), version: s.Version + 1,
		}
		if n == 0 {
			if err := x.withinRate(ctx, v); err != nil {
				return s, false, err
			}
		}
		a, err := x.admit(ctx, v)
		if err != nil {
			return s, false, x.refuse(ctx, v, err)
		}
		if !s.Adopts(a.session.Member()) {
			if err := x.departures.Void(ctx, a.session); err != nil { // it is being freed
				return s, false, err
			}
			continue
		}
		a.session.BeganMillis, a.session.MovedAtMillis, a.session.FencedMillis = s.BeganMillis, atMillis, s.FencedMillis
		in, err := x.enter(ctx, v, a)
		if errors.Is(err, errStaleCache) {
			continue
		}
		return in, err == nil, err
	}
	return s, false, problem.New(problem.Unavailable, "Please try again.")
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
