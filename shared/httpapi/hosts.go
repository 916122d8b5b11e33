package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/admission"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// HostView is a host as callers read it.
type HostView struct {
	Email     host.Email `json:"email"`
	Name      string     `json:"name"`
	Active    bool       `json:"active"`
	CreatedAt time.Time  `json:"created_at"`
}

func viewHost(h host.Host) HostView {
	return HostView{Email: h.Email, Name: h.Name, Active: h.Active, CreatedAt: h.CreatedAt.UTC()}
}

// HostInput is a path that names a host.
type HostInput struct {
	TenantInput
	Email string `path:"email"`
}

// host is the address in the path: what is no address names no host.
func (in HostInput) host() (host.Email, error) {
	email, err := host.ParseEmail(in.Email, "#/email")
	if err != nil {
		return "", noHost()
	}
	return email, nil
}

func noHost() error { return problem.New(problem.NotFound, "There is no such host.") }

// HostBody is what a host is registered by.
type HostBody struct {
	Email string `json:"email" minLength:"1" maxLength:"254" doc:"At most 254 bytes. The same letters in upper and lower case are the same host"`
	Name  string `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"1 to 200 bytes; the address if left out, or as much of it as fits"`
}

// Resolve implements huma.Resolver: what no schema can tell is reported with
// what it can.
func (b *HostBody) Resolve(huma.Context) []error {
	_, err := b.host(time.Time{})
	return resolved(err)
}

// host reads the body. The error is problem.Invalid, at every faulty member.
func (b *HostBody) host(now time.Time) (host.Host, error) {
	email, err := host.ParseEmail(b.Email, "#/email")
	if faults := append(problem.FieldsOf(err), nameFaults(b.Name)...); len(faults) > 0 {
		return host.Host{}, problem.InvalidFields(faults...)
	}
	name := b.Name
	if name == "" { // an address may be longer than a name
		name = strings.ToValidUTF8(b.Email[:min(len(b.Email), host.MaxNameLength)], "")
	}
	return host.Host{Email: email, Name: name, Active: true, CreatedAt: now}, nil
}

// nameFaults looks at a name, if one is given.
func nameFaults(name string) []problem.Field {
	if name == "" {
		return nil
	}
	return problem.FieldsOf(host.CheckName(name))
}

type hostOutput struct{ Body HostView }

// AddHosts adds the operations on named hosts.
func (a *API) AddHosts(door *admission.Door, hosts host.Hosts) {
	const many, one = "/v1/tenants/{tenant}/hosts", "/v1/tenants/{tenant}/hosts/{email}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	register(a, operation{id: "create-host", method: http.MethodPost, path: many, summary: "Register a host", status: http.StatusCreated, roles: admins},
		func(ctx context.Context, in *struct {
			TenantInput
			Body HostBody
		},
		) (*hostOutput, error) {
			return createHost(ctx, door, hosts, tenant.ID(in.Tenant), in.Body)
		})
	register(a, operation{id: "list-hosts", method: http.MethodGet, path: many, summary: "List hosts", roles: admins},
		func(ctx context.Context, in *struct {
			TenantInput
			PageInput
		},
		) (*PageOutput[HostView], error) {
			page, err := a.page(in.PageInput, "list-hosts", in.Tenant)
			if err != nil {
				return nil, err
			}
			if _, err := door.License(ctx, tenant.ID(in.Tenant)); err != nil {
				return nil, err
			}
			list, err := hosts.Hosts(ctx, tenant.ID(in.Tenant), host.Email(page.after), in.Limit+1)
			return pageOf(page, list, func(h host.Host) string { return string(h.Email) }, viewHost), err
		})
	register(a, operation{id: "get-host", method: http.MethodGet, path: one, summary: "Read a host", roles: admins},
		func(ctx context.Context, in *HostInput) (*hostOutput, error) {
			h, err := findHost(ctx, hosts, in)
			return &hostOutput{viewHost(h)}, err
		})
	register(a, operation{id: "change-host", method: http.MethodPatch, path: one, summary: "Rename, activate or deactivate a host", roles: admins},
		func(ctx context.Context, in *struct {
			HostInput
			Body struct {
				Name   *string `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"1 to 200 bytes"`
				Active *bool   `json:"active,omitempty"`
			}
		},
		) (*hostOutput, error) {
			return changeHost(ctx, hosts, &in.HostInput, in.Body.Name, in.Body.Active)
		})
	register(a, operation{id: "delete-host", method: http.MethodDelete, path: one, summary: "Delete a host and free its slot", status: http.StatusNoContent, roles: admins},
		func(ctx context.Context, in *HostInput) (*struct{}, error) {
			email, err := in.host()
			if err != nil {
				return nil, err
			}
			if removed, err := hosts.RemoveHost(ctx, tenant.ID(in.Tenant), email); err != nil || removed {
				return nil, err
			}
			return nil, noHost()
		})
}

// createHost registers a host, within the slots of a named license.
func createHost(ctx context.Context, door *admission.Door, hosts host.Hosts, t tenant.ID, body HostBody) (*hostOutput, error) {
	l, err := door.License(ctx, t)
	if err != nil {
		return nil, err
	}
	h, err := body.host(callerOf(ctx).at)
	if err != nil {
		return nil, err
	}
	slots := slotsOf(l, h.CreatedAt)
	added, err := hosts.AddHost(ctx, t, h, slots)
	switch {
	case err != nil:
		return nil, err
	case added == host.AddedBefore:
		return nil, problem.New(problem.AlreadyExists, "There is a host of this address.")
	case added == host.AddedNoMore:
		return nil, problem.Newf(problem.HostsExhausted, "The license has %d named hosts.", slots.Limit)
	case added == host.AddedNoChange:
		return nil, problem.Newf(problem.HostChangesExhausted, "The slots that are free had a host before, and the license has %d changes of hosts in %s.", slots.Changes, slots.Month)
	}
	return &hostOutput{viewHost(h)}, nil
}

// slotsOf is what a license says of hosts at a moment.
func slotsOf(l license.License, at time.Time) host.Slots {
	if l.Model != license.ModelNamed {
		return host.Slots{}
	}
	return host.Slots{Limit: l.Hosts, Changes: l.HostChangesPerMonth, Month: host.MonthOf(at, l.Location())}
}

func findHost(ctx context.Context, hosts host.Hosts, in *HostInput) (host.Host, error) {
	email, err := in.host()
	if err != nil {
		return host.Host{}, err
	}
	h, err := hosts.Host(ctx, tenant.ID(in.Tenant), email)
	if err != nil || h == nil {
		return host.Host{}, orError(err, noHost())
	}
	return *h, nil
}

func changeHost(ctx context.Context, hosts host.Hosts, in *HostInput, name *string, active *bool) (*hostOutput, error) {
	h, err := findHost(ctx, hosts, in)
	if err != nil {
		return nil, err
	}
	h.Name, h.Active = or(name, h.Name), or(active, h.Active)
	if err := host.CheckName(h.Name); err != nil {
		return nil, err
	}
	changed, err := hosts.ChangeHost(ctx, tenant.ID(in.Tenant), h)
	if err != nil || !changed {
		return nil, orError(err, noHost())
	}
	return &hostOutput{viewHost(h)}, nil
}

func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
