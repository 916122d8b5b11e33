package usage

import (
	"sort"

	"seatmeter/shared/license"
	"seatmeter/shared/seat"
)

// Limit is the number of seats sold from a moment on, in each pool that the model
// bounds.
type Limit struct {
	FromMillis int64
	Model      license.Model
	Seats      int
}

// LimitOf is the limit of a license that came into force at a moment.
func LimitOf(fromMillis int64, l license.License) Limit {
	return Limit{fromMillis, l.Model, l.Limit()}
}

// of is the limit of one pool; false if the model does not bound it.
func (l Limit) of(pool seat.Pool) (int, bool) {
	switch {
	case pool.Chair:
		return 0, false
	case pool.Number == 0:
		return l.Seats, l.Model == license.ModelConcurrent
	}
	return l.Seats, l.Model == license.ModelNamed
}

// Limits are the limits of a license over time, in order. The first also holds
// for all time before it.
type Limits []Limit

// At is the limit of a pool at a moment. False: it has none. The concurrent model
// bounds a tenant's own pool, the named model a conference's; a chair has no
// limit.
func (l Limits) At(millis int64, pool seat.Pool) (int, bool) {
	if len(l) == 0 {
		return 0, false
	}
	later := sort.Search(len(l), func(i int) bool { return l[i].FromMillis > millis })
	return l[max(0, later-1)].of(pool)
}

// BoundTenant tells whether the tenant's own pool has a limit at any moment of a
// period.
func (l Limits) BoundTenant(p Period) bool {
	for i, limit := range l {
		from, to := p.FromMillis, p.ToMillis
		if i > 0 {
			from = max(from, limit.FromMillis)
		}
		if i+1 < len(l) {
			to = min(to, l[i+1].FromMillis)
		}
		if _, bounded := limit.of(seat.Pool{}); bounded && from < to {
			return true
		}
	}
	return false
}

// LimitsOf are the limits of a license's revisions, which are in order.
func LimitsOf(revisions []license.License) Limits {
	limits := make(Limits, len(revisions))
	for i, l := range revisions {
		limits[i] = LimitOf(l.ChangedAtMillis, l)
	}
	return limits
}
