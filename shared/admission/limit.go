package admission

import (
	"context"
	"errors"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/rate"
)

// withinRate counts a join, also one into the lobby. A join beyond the limit is
// refused before anything is tried, and without a record, so that a storm costs
// nothing. The license that a first refusal rests on is read again, so that one
// that has grown lets its people in; if it grows later than that, they are let in
// when the window is over.
//
// A repeat of a join that has its seat may be refused. Its client never came in,
// so reconciliation frees the seat as any dead connection's.
func (x *Admissions) withinRate(ctx context.Context, v Visitor) error {
	l, err := x.license(ctx, v, false)
	if err != nil {
		return nil //nolint:nilerr // the join finds out for itself what is wrong
	}
	key, at := rate.OfTenant(rate.KindJoin, v.Tenant), time.UnixMilli(v.AtMillis)
	decision := x.limits.Limiter.Allow(ctx, key, rate.Joins(x.limits.JoinsPerSecond, l.Everybody()), at)
	if decision.First {
		if l, err = x.license(ctx, v, true); err == nil {
			decision = x.limits.Limiter.Again(key, rate.Joins(x.limits.JoinsPerSecond, l.Everybody()), at)
		}
	}
	if decision.Allowed {
		return nil
	}
	return errTooMany(decision.RetryAfter)
}

// busyFor is when a visitor is to come again who was one of more than a full pool's
// directory can answer.
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
func (x *Admissions) welcome(ctx context.Context, v Visitor) error {
	if v.Origin == "" {
		return nil
	}
	l, err := x.license(ctx, v, true)
	if err != nil {
		return err
	}
	if !l.AllowedOrigins.Allow(v.Origin) {
		return errOrigin()
	}
	return nil
}
