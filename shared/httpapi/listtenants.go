package httpapi

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/license"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/tenant"
)

// TenantView is an item of the list of tenants.
type TenantView struct {
	Tenant    tenant.ID      `json:"tenant"`
	Model     license.Model  `json:"model"`
	Limit     int            `json:"limit"`
	Hosts     *int           `json:"hosts,omitempty"`
	Status    license.Status `json:"status"`
	ExpiresAt *time.Time     `json:"expires_at,omitempty"`
	// DeletingAt is set if the tenant is to be deleted.
	DeletingAt *time.Time `json:"deleting_at,omitempty"`
	InUse      int        `json:"in_use"`
}

// A page of tenants costs a consistent read of each tenant's pools: a block is 1 KB
// and has 30 seats. A page ends early after mostBlocks blocks. tenantsAtOnce tenants
// are read concurrently.
const (
	mostBlocks    = 20_000
	tenantsAtOnce = 32
)

// listTenants lists the tenants that have a license. It omits a tenant whose first
// license is not in force yet.
func listTenants(ctx context.Context, licenses license.Licenses, occupied *occupancy.Reader, page request) (*PageOutput[TenantView], error) {
	ids, err := licenses.Tenants(ctx, tenant.ID(page.after), page.limit+1)
	if err != nil {
		return nil, fmt.Errorf("list tenants: %w", err)
	}
	wanted, read, blocks := min(len(ids), page.limit), 0, 0
	var views []TenantView
	for read < wanted && blocks < mostBlocks {
		batch := ids[read:min(wanted, read+tenantsAtOnce)]
		found := make([]*TenantView, len(batch))
		counts := make([]int, len(batch))
		group, ctx := errgroup.WithContext(ctx)
		for i, t := range batch {
			group.Go(func() (err error) {
				found[i], counts[i], err = viewTenant(ctx, licenses, occupied, t)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err //nolint:wrapcheck // viewTenant's
		}
		for i, v := range found {
			if blocks += counts[i]; v != nil {
				views = append(views, *v)
			}
		}
		read += len(batch)
	}
	out := pageThat(page, views, false, func(v TenantView) string { return string(v.Tenant) }, func(v TenantView) TenantView { return v })
	if read < len(ids) {
		out.Body.NextCursor = page.cursor(string(ids[read-1]))
	}
	return out, nil
}

// viewTenant views a tenant, and returns the number of blocks that it read.
func viewTenant(ctx context.Context, licenses license.Licenses, occupied *occupancy.Reader, t tenant.ID) (*TenantView, int, error) {
	l, err := licenses.License(ctx, t)
	if err != nil {
		return nil, 0, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return nil, 0, nil
	}
	inUse, blocks, err := occupied.InUse(ctx, t, callerOf(ctx).at.UnixMilli())
	if err != nil {
		return nil, 0, fmt.Errorf("count the seats in use: %w", err)
	}
	v := &TenantView{Tenant: t, Model: l.Model, Limit: l.Limit(), Status: l.Status, ExpiresAt: viewTime(l.ExpiresAt), DeletingAt: viewTime(l.DeletingAt), InUse: inUse}
	if l.Model == license.ModelNamed {
		v.Hosts = &l.Hosts
	}
	return v, blocks, nil
}
