package admission

import (
	"context"
	"errors"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/session"
)

// TakeSeat seats a connection that a server holds, for the visitor's LeaseSeconds, and
// gives its session. The connection's id must be new, and the conference as it was just
// read. A process that dies before it has answered leaves a seat that lapses, since nobody
// renews it.
func (x *Admissions) TakeSeat(ctx context.Context, v Visitor, c conference.Conference) (session.Session, error) {
	x.conferences.put(conferenceKey{v.Tenant, v.Conference}, known{c, v.AtMillis})
	if err := x.withinRate(ctx, v); err != nil {
		return session.Session{}, err
	}
	a, err := x.admit(ctx, v)
	if err != nil {
		return session.Session{}, x.refuse(ctx, v, err)
	}
	a.session.BeganMillis = v.AtMillis
	s, err := x.complete(ctx, v, a)
	if errors.Is(err, errStaleCache) {
		err = problem.New(problem.Unavailable, "Please try again.")
	}
	return s, err
}
