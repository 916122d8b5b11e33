package admission

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// refuse records a refusal that the visitor could have been admitted against,
// and gives it back. A refusal that cannot be recorded is still one.
func (x *Admissions) refuse(ctx context.Context, v Visitor, cause error) error {
	p := problem.As(cause)
	switch p.Code {
	case problem.Internal, problem.Unavailable, problem.NotFound, problem.TokenInvalid, problem.RateLimited:
		return cause
	}
	if errors.Is(cause, errForeign) {
		return cause // no visitor: a page that has nothing to do with the tenant
	}
	r := usage.Refusal{
		Tenant: v.Tenant, Conference: v.Conference, Number: v.Number, Identity: cmp.Or(v.Pseudonym, v.Identity), Role: v.Role,
		Connection: v.Connection, AtMillis: v.AtMillis, Code: p.Code,
	}
	if c, ok := x.conferences.get(conferenceKey{v.Tenant, v.Conference}); ok {
		r.Host = c.LedgerHost()
	}
	if l, ok := x.licenses.get(v.Tenant); ok {
		r.Shards = l.Shards
	}
	if p.Occupancy != nil {
		r.Limit, r.InUse = p.Occupancy.Limit, p.Occupancy.InUse
	}
	if err := x.store.Refuse(ctx, r); err != nil {
		x.log.LogAttrs(ctx, slog.LevelError, "a refusal was not recorded",
			slog.String("tenant", string(v.Tenant)), slog.String("code", string(p.Code)), slog.Any("error", err))
	}
	return cause
}
