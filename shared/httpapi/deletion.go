package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

type deleteTenantInput struct {
	TenantInput
	AfterDays int `query:"after_days" minimum:"0" maximum:"365"`
	// given is true if the caller says after how many days.
	given bool
}

// Resolve implements huma.Resolver. It distinguishes zero in the query from nothing.
func (in *deleteTenantInput) Resolve(ctx huma.Context) []error {
	in.given = ctx.Query("after_days") != ""
	return nil
}

type tenantOutput struct {
	Status int
	Body   TenantView
}

// AddDeletion adds the operations on tenants as a whole. A tenant is deleted so many days
// after the request, unless the request says otherwise.
func (a *API) AddDeletion(licensing *licensing.Licensing, occupied *occupancy.Reader, licenses license.Licenses, afterDays int) {
	const one = "/v1/tenants/{tenant}"
	vendor := []Role{RoleVendor}
	get := func(ctx context.Context, t string, status int) (*tenantOutput, error) {
		view, _, err := viewTenant(ctx, licenses, occupied, tenant.ID(t))
		if err != nil {
			return nil, err
		}
		if view == nil {
			return nil, problem.New(problem.NotFound, "There is no such tenant.")
		}
		return &tenantOutput{status, *view}, nil
	}
	register(a, operation{id: "get-tenant", method: http.MethodGet, path: one, summary: "Get a tenant", roles: vendor},
		func(ctx context.Context, in *TenantInput) (*tenantOutput, error) {
			return get(ctx, in.Tenant, http.StatusOK)
		})
	act(a, operation{id: "delete-tenant", method: http.MethodDelete, path: one, summary: "Delete a tenant", status: http.StatusAccepted, roles: vendor},
		func(in *deleteTenantInput) (tenant.ID, audit.Target) { return in.target() },
		func(ctx context.Context, in *deleteTenantInput) (*tenantOutput, error) {
			if err := allowChange(ctx); err != nil {
				return nil, err
			}
			if !in.given {
				in.AfterDays = afterDays
			}
			c := callerOf(ctx)
			d := deletion.Deletion{Tenant: tenant.ID(in.Tenant), AskedMillis: c.at.UnixMilli(), By: c.subject}
			was, is, err := licensing.Delete(ctx, d, c.at.Add(time.Duration(in.AfterDays)*24*time.Hour), !in.given)
			if err := noteTerms(ctx, was, is, err); err != nil {
				return nil, err
			}
			return get(ctx, in.Tenant, http.StatusAccepted)
		})
	act(a, operation{id: "restore-tenant", method: http.MethodPost, path: one + "/restore", summary: "Take the deletion of a tenant back", roles: vendor},
		(*TenantInput).target, func(ctx context.Context, in *TenantInput) (*tenantOutput, error) {
			if err := allowChange(ctx); err != nil {
				return nil, err
			}
			c := callerOf(ctx)
			was, is, err := licensing.Restore(ctx, tenant.ID(in.Tenant), c.subject, c.at)
			if err := noteTerms(ctx, was, is, err); err != nil {
				return nil, err
			}
			return get(ctx, in.Tenant, http.StatusOK)
		})
}

// known refuses a tenant that does not exist. Of a deleted tenant, what is kept is shown
// to callers who are of no tenant.
func (a *API) known(ctx context.Context, t tenant.ID) error {
	l, err := a.audit.License(ctx, t)
	if err != nil {
		return fmt.Errorf("read the license: %w", err)
	}
	if l != nil {
		return nil
	}
	if !callerOf(ctx).bound {
		deleted, err := a.audit.Deleted(ctx, t)
		if err != nil {
			return fmt.Errorf("look for a deleted tenant: %w", err)
		}
		if deleted {
			return nil
		}
	}
	return problem.New(problem.NotFound, "There is no such tenant.")
}
