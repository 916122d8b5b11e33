package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
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

// HostInput is the part of a path that names a host.
type HostInput struct {
	TenantInput
	Email string `path:"email"`
}

func (in *HostInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Host: named(in.Email)}
}

// named returns the name of a host in the audit log: the canonical address or, if the
// text is no address, the text.
func named(text string) string {
	if email, err := host.ParseEmail(text, ""); err == nil {
		return string(email)
	}
	return text
}

// host returns the address in the path. A text that is no address names no host
// (404).
func (in HostInput) host() (host.Email, error) {
	email, err := host.ParseEmail(in.Email, "#/email")
	if err != nil {
		return "", noHost()
	}
	return email, nil
}

func noHost() error { return problem.New(problem.NotFound, "There is no such host.") }

// HostBody is the body of create-host.
type HostBody struct {
	Email string `json:"email" minLength:"1" maxLength:"254"`
	Name  string `json:"name,omitempty" minLength:"1" maxLength:"200"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *HostBody) Resolve(huma.Context) []error {
	_, err := b.host(time.Time{})
	return resolved(err)
}

// host converts the body. The error is problem.Invalid, with every faulty member.
func (b *HostBody) host(now time.Time) (host.Host, error) {
	email, err := host.ParseEmail(b.Email, "#/email")
	if faults := append(problem.FieldsOf(err), nameFaults(b.Name)...); len(faults) > 0 {
		return host.Host{}, problem.InvalidFields(faults...)
	}
	return host.Host{Email: email, Name: cmp.Or(b.Name, nameBy(email)), Active: true, CreatedAt: now}, nil
}

// nameBy returns the default display name: as much of the address as a name may have.
func nameBy(email host.Email) string {
	name := string(email)
	for host.CheckName(name) != nil {
		name = name[:len(name)-1]
	}
	return name
}

// nameFaults checks a name, if there is one.
func nameFaults(name string) []problem.Field {
	if name == "" {
		return nil
	}
	return problem.FieldsOf(host.CheckName(name))
}

type hostOutput struct {
	Location        string `header:"Location"`
	ContentLocation string `header:"Content-Location"`
	Body            HostView
}

// AddHosts adds the operations on hosts.
func (a *API) AddHosts(licensing *licensing.Licensing, hosts host.Hosts) {
	const many, one = "/v1/tenants/{tenant}/hosts", "/v1/tenants/{tenant}/hosts/{email}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	act(a, operation{id: "create-host", method: http.MethodPost, path: many, summary: "Register a host", status: http.StatusCreated, roles: admins},
		(*createHostInput).target, func(ctx context.Context, in *createHostInput) (*hostOutput, error) {
			return createHost(ctx, licensing, hosts, tenant.ID(in.Tenant), in.Body)
		})
	register(a, operation{id: "list-hosts", method: http.MethodGet, path: many, summary: "List hosts", roles: admins},
		func(ctx context.Context, in *struct {
			TenantInput
			PageInput
		},
		) (*PageOutput[HostView], error) {
			page, err := a.page(ctx, in.PageInput, "list-hosts", in.Tenant)
			if err != nil {
				return nil, err
			}
			if _, err := licensing.Get(ctx, tenant.ID(in.Tenant)); err != nil {
				return nil, err
			}
			list, err := hosts.Hosts(ctx, tenant.ID(in.Tenant), host.Email(page.after), in.Limit+1)
			return pageOf(page, list, func(h host.Host) string { return string(h.Email) }, viewHost), err
		})
	register(a, operation{id: "get-host", method: http.MethodGet, path: one, summary: "Get a host", roles: admins},
		func(ctx context.Context, in *HostInput) (*hostOutput, error) {
			h, err := findHost(ctx, hosts, in)
			return &hostOutput{Body: viewHost(h)}, err
		})
	act(a, operation{
		id: "change-host", method: http.MethodPatch, path: one, roles: admins,
		summary: "Change a host",
	},
		(*changeHostInput).target, func(ctx context.Context, in *changeHostInput) (*hostOutput, error) {
			return changeHost(ctx, licensing, hosts, in)
		})
	act(a, operation{id: "delete-host", method: http.MethodDelete, path: one, summary: "Delete a host", status: http.StatusNoContent, roles: admins},
		(*HostInput).target, func(ctx context.Context, in *HostInput) (*struct{}, error) {
			return deleteHost(ctx, hosts, in)
		})
}

type createHostInput struct {
	TenantInput
	Body HostBody
}

func (in *createHostInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Host: named(in.Body.Email)}
}

type changeHostInput struct {
	HostInput
	Body ChangeHostBody
}

// ChangeHostBody is the body of change-host.
type ChangeHostBody struct {
	Email  *string `json:"email,omitempty" minLength:"1" maxLength:"254"`
	Name   *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Active *bool   `json:"active,omitempty"`
	// CreatedAt is read-only. It may be sent back as it was read.
	CreatedAt *Moment `json:"created_at,omitempty"`
}

// readOnly refuses changes of read-only members.
func (b *ChangeHostBody) readOnly(h host.Host) error {
	if b.CreatedAt == nil || b.CreatedAt.Equal(h.CreatedAt) {
		return nil
	}
	return problem.InvalidFields(problem.Field{Pointer: "#/created_at", Detail: "must be the host's own, or left out"})
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *ChangeHostBody) Resolve(huma.Context) []error {
	faults := append(nameFaults(or(b.Name, "")), b.CreatedAt.faults("#/created_at")...)
	if b.Email != nil {
		_, err := host.ParseEmail(*b.Email, "#/email")
		faults = append(faults, problem.FieldsOf(err)...)
	}
	if len(faults) == 0 {
		return nil
	}
	return []error{problem.InvalidFields(faults...)}
}

// createHost registers a host, if a named license has a free slot.
func createHost(ctx context.Context, licensing *licensing.Licensing, hosts host.Hosts, t tenant.ID, body HostBody) (*hostOutput, error) {
	l, err := licensing.Get(ctx, t)
	if err != nil {
		return nil, err
	}
	h, err := body.host(callerOf(ctx).at)
	if err != nil {
		return nil, err
	}
	if err := allowChange(ctx); err != nil {
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
	return &hostOutput{Body: viewHost(h)}, note(ctx, nil, viewHost(h))
}

// slotsOf returns the slots that a license grants at a time; none under the
// concurrent model.
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
	h, err := hosts.Host(ctx, tenant.ID(in.Tenant), email, true)
	if err != nil || h == nil {
		return host.Host{}, orError(err, noHost())
	}
	return *h, nil
}

// changeTries bounds the tries of a change that concurrent changes disturb.
const changeTries = 5

// changeHost changes the members that are given. Concurrent changes of other members
// are kept.
func changeHost(ctx context.Context, licensing *licensing.Licensing, hosts host.Hosts, in *changeHostInput) (*hostOutput, error) {
	t := tenant.ID(in.Tenant)
	was, err := findHost(ctx, hosts, &in.HostInput)
	if err == nil {
		err = errors.Join(in.Body.readOnly(was), allowChange(ctx))
	}
	if err != nil {
		return nil, err
	}
	if in.Body.Email != nil {
		email, err := host.ParseEmail(*in.Body.Email, "#/email")
		if err != nil {
			return nil, err
		}
		if email != was.Email {
			return moveHost(ctx, licensing, hosts, hostMove{t, was, in.newHolder(was, email, callerOf(ctx).at)})
		}
	}
	for range changeTries {
		is := was
		is.Name, is.Active = or(in.Body.Name, was.Name), or(in.Body.Active, was.Active)
		if err := host.CheckName(is.Name); err != nil {
			return nil, err
		}
		changed, err := hosts.ChangeHost(ctx, t, was, is)
		if err != nil {
			return nil, err
		}
		now := is
		if !changed {
			if now, err = findHost(ctx, hosts, &in.HostInput); err != nil {
				return nil, err
			}
		}
		if now.Name == is.Name && now.Active == is.Active { // an earlier try may have been written although its answer was lost
			return &hostOutput{Body: viewHost(now)}, note(ctx, viewHost(was), viewHost(now))
		}
		was = now
	}
	return nil, problem.New(problem.Unavailable, "Others keep changing the host. Try again.")
}

func deleteHost(ctx context.Context, hosts host.Hosts, in *HostInput) (*struct{}, error) {
	was, err := findHost(ctx, hosts, in)
	if err == nil {
		err = allowChange(ctx)
	}
	if err != nil {
		return nil, err
	}
	gone, err := hosts.RemoveHost(ctx, tenant.ID(in.Tenant), was.Email)
	if err != nil || !gone {
		return nil, orError(err, noHost())
	}
	return nil, note(ctx, viewHost(was), nil)
}

// newHolder returns the next holder of a host's slot, who is as active as the former
// one if the body does not say.
func (in *changeHostInput) newHolder(was host.Host, email host.Email, at time.Time) host.Host {
	name := or(in.Body.Name, nameBy(email))
	if name == nameBy(was.Email) { // the former one's default, sent back as it was read
		name = nameBy(email)
	}
	return host.Host{Email: email, Name: name, Active: or(in.Body.Active, was.Active), CreatedAt: at}
}

// hostMove is the replacement of a host by another person.
type hostMove struct {
	tenant tenant.ID
	was    host.Host
	is     host.Host
}

// moveHost gives a host's slot to another person, in one atomic step. Live
// conferences of the former host go on without new joins, as after a deletion. Not
// safe to repeat: after a lost answer, a repeat finds no such host.
func moveHost(ctx context.Context, licensing *licensing.Licensing, hosts host.Hosts, m hostMove) (*hostOutput, error) {
	if err := host.CheckName(m.is.Name); err != nil {
		return nil, err
	}
	l, err := licensing.Get(ctx, m.tenant)
	if err != nil {
		return nil, err
	}
	there, err := hosts.Host(ctx, m.tenant, m.is.Email, true)
	if err != nil {
		return nil, err
	}
	slots, moved := slotsOf(l, m.is.CreatedAt), host.MovedBefore
	if there == nil {
		moved, err = hosts.MoveHost(ctx, m.tenant, m.was.Email, m.is, slots)
	}
	switch {
	case err != nil:
		return nil, err
	case moved == host.MovedNobody:
		return nil, noHost()
	case moved == host.MovedBefore:
		return nil, problem.New(problem.AlreadyExists, "There is a host of this address.")
	case moved == host.MovedNoMore:
		return nil, problem.Newf(problem.HostsExhausted, "The license has %d named hosts, and there are more.", slots.Limit)
	case moved == host.MovedNoChange:
		return nil, problem.Newf(problem.HostChangesExhausted, "The license has %d changes of hosts in %s.", slots.Changes, slots.Month)
	}
	address := tenantURL(m.tenant) + "hosts/" + url.PathEscape(string(m.is.Email))
	return &hostOutput{Location: address, ContentLocation: address, Body: viewHost(m.is)}, note(ctx, viewHost(m.was), viewHost(m.is))
}

func orError(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
