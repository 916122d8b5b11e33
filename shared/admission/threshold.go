package admission

import (
	"context"
	"errors"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
)

// LimitJoins has the door refuse joins of a tenant beyond so many a second, or
// beyond what its license's seats need. To be called before anybody comes.
func (d *Door) LimitJoins(limiter *rate.Limiter, perSecond int) {
	d.limiter, d.joinsPerSecond = limiter, perSecond
}

// withinRate counts a join, also one into the lobby. Who comes too often is
// refused before anything is tried, and without a record: a storm is to cost
// nothing. What a first refusal rests on is read again, so that a license that
// has grown lets its people in; if it grows later than that, they are let in
// when the window is over.
//
// A repeat of a join that has its seat may be refused. Its seat is that of a
// client which never came in, and goes the way of all such.
func (d *Door) withinRate(ctx context.Context, v Visitor) error {
	if d.limiter == nil {
		return nil
	}
	l, err := d.license(ctx, v, false)
	if err != nil {
		return nil //nolint:nilerr // the join finds out for itself what is wrong
	}
	key, at := rate.OfTenant(rate.KindJoin, v.Tenant), time.UnixMilli(v.AtMillis)
	decision := d.limiter.Allow(ctx, key, rate.Joins(d.joinsPerSecond, l.Everybody()), at)
	if decision.First {
		if l, err = d.license(ctx, v, true); err == nil {
			decision = d.limiter.Again(key, rate.Joins(d.joinsPerSecond, l.Everybody()), at)
		}
	}
	if decision.Allowed {
		return nil
	}
	return errTooMany(decision.RetryAfter)
}

// busyFor is how long somebody is to wait who came when more did than a full
// pool's board can answer.
const busyFor = 2 * time.Second

func errTooMany(after time.Duration) *problem.Error {
	p := problem.New(problem.RateLimited, "Too many joins of this tenant at once.")
	p.RetryAfter = after
	return p
}

// errForeign marks the refusal of a page of an origin that is not the tenant's.
var errForeign = errors.New("foreign origin")

func errOrigin() error {
	return problem.New(problem.Forbidden, "Pages of this origin may not connect.").Because(errForeign)
}

// welcome refuses pages of origins that the license in force does not allow,
// where no seat is taken under it that would tell an old one. It reads the
// license for browsers alone; others send no origin.
func (d *Door) welcome(ctx context.Context, v Visitor) error {
	if v.Origin == "" {
		return nil
	}
	l, err := d.license(ctx, v, true)
	if err != nil {
		return err
	}
	if !l.AllowedOrigins.Allow(v.Origin) {
		return errOrigin()
	}
	return nil
}
