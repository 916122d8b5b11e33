package report

import (
	"context"
	"fmt"

	"seatmeter/shared/license"
	"seatmeter/shared/tenant"
)

// Licenses returns a function that gives a tenant's license in force just before a
// moment, or at as_of if that is earlier; nil if there was none.
func (r *Reporter) Licenses(ctx context.Context, t tenant.ID, asOfMillis int64) (func(millis int64) *license.License, error) {
	revisions, err := r.store.Revisions(ctx, t)
	if err != nil {
		return nil, fmt.Errorf("read the license's revisions: %w", err)
	}
	return func(millis int64) *license.License { return inForce(revisions, millis, asOfMillis) }, nil
}

// inForce returns the last of the revisions, which are in order, that came into force
// before a moment, and not after as_of.
func inForce(revisions []license.License, millis, asOfMillis int64) *license.License {
	var last *license.License
	for i := range revisions {
		if changed := revisions[i].ChangedAtMillis; changed < millis && changed <= asOfMillis {
			last = &revisions[i]
		}
	}
	return last
}
