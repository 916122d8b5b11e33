package admission

import (
	"context"
	"errors"

	"seatmeter/shared/conference"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/session"
)

// TakeSeat seats a connection that a server holds, for the visitor's LeaseSeconds, and
// gives its session. Where no seat is free and the visitor is to wait, it gives the
// connection's position in the queue, from 1; otherwise zero. The connection's id must be
// new, and the conference as it was just read. A process that dies before it has answered
// leaves a seat or a place that lapses, since nobody renews it.
func (x *Admissions) TakeSeat(ctx context.Context, v Visitor, c conference.Conference) (session.Session, int, error) {
	x.conferences.put(conferenceKey{v.Tenant, v.Conference}, known{c, v.AtMillis})
	if err := x.withinRate(ctx, v); err != nil {
		return session.Session{}, 0, err
	}
	a, err := x.admit(ctx, v)
	if pool, full := fullPool(v.Tenant, v.Number, err); full && v.Wait {
		return x.connectToQueue(ctx, v, pool, err)
	}
	if err != nil {
		return session.Session{}, 0, x.refuse(ctx, v, err)
	}
	a.session.BeganMillis = v.AtMillis
	s, err := x.complete(ctx, v, a)
	if errors.Is(err, errStaleCache) {
		err = problem.New(problem.Unavailable, "Please try again.")
	}
	if err == nil {
		metrics.Count(ctx, metrics.Joins, 1)
	}
	return s, 0, err
}

// Refused tells why the visitor of a session that waited can have no seat, even if one
// were free; nil if that is not why the session does not wait any more.
func (x *Admissions) Refused(ctx context.Context, s session.Session, atMillis int64) error {
	_, _, err := x.check(ctx, visitorOf(s, request{atMillis: atMillis}), true)
	return err
}
