package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// ConferenceView is a conference as callers read it.
type ConferenceView struct {
	Conference conference.ID    `json:"conference"`
	State      conference.State `json:"state" enum:"scheduled,live,ended"`
	Host       host.Email       `json:"host"`
	Title      string           `json:"title,omitempty"`
	StartsAt   *time.Time       `json:"starts_at,omitempty"`
	CreatedAt  time.Time        `json:"created_at"`
	LiveAt     *time.Time       `json:"live_at,omitempty"`
	EndedAt    *time.Time       `json:"ended_at,omitempty"`
}

func viewConference(c conference.Conference) ConferenceView {
	return ConferenceView{
		Conference: c.ID, State: c.State, Host: c.Host, Title: c.Title, StartsAt: viewTime(c.StartsAt),
		CreatedAt: c.CreatedAt.UTC(), LiveAt: viewTime(c.LiveAt), EndedAt: viewTime(c.EndedAt),
	}
}

// ScheduleBody is what a conference is scheduled by.
type ScheduleBody struct {
	Conference string  `json:"conference,omitempty" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
	Host       string  `json:"host" minLength:"1" maxLength:"254"`
	Title      string  `json:"title,omitempty" maxLength:"200"`
	StartsAt   *Moment `json:"starts_at,omitempty"`
}

// Resolve implements huma.Resolver: what no schema can tell is reported with
// what it can.
func (b *ScheduleBody) Resolve(huma.Context) []error {
	_, err := b.conference("", time.Time{})
	return resolved(err)
}

// ConferenceInput is a path that names a conference.
type ConferenceInput struct {
	TenantInput
	Conference string `path:"conference"`
}

func (in *ConferenceInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Conference}
}

type conferenceOutput struct{ Body ConferenceView }

// ConferenceStore is where conferences and their hosts are read.
type ConferenceStore interface {
	conference.Conferences
	host.Hosts
}

// AddConferences adds the operations on conferences themselves.
func (a *API) AddConferences(licensing *licensing.Licensing, meetings *meeting.Meetings, store ConferenceStore) {
	const many, one = "/v1/tenants/{tenant}/conferences", "/v1/tenants/{tenant}/conferences/{conference}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	act(a, operation{id: "schedule-conference", method: http.MethodPost, path: many, summary: "Schedule a conference", status: http.StatusCreated, roles: admins},
		(*scheduleInput).target, func(ctx context.Context, in *scheduleInput) (*conferenceOutput, error) {
			return schedule(ctx, licensing, meetings, store, in)
		})
	register(a, operation{id: "list-conferences", method: http.MethodGet, path: many, summary: "List conferences", roles: admins},
		func(ctx context.Context, in *struct {
			TenantInput
			PageInput
		},
		) (*PageOutput[ConferenceView], error) {
			page, err := a.page(in.PageInput, "list-conferences", in.Tenant)
			if err != nil {
				return nil, err
			}
			if _, err := licensing.Get(ctx, tenant.ID(in.Tenant)); err != nil {
				return nil, err
			}
			list, err := store.Conferences(ctx, tenant.ID(in.Tenant), conference.ID(page.after), in.Limit+1)
			return pageOf(page, list, func(c conference.Conference) string { return string(c.ID) }, viewConference), err
		})
	register(a, operation{id: "get-conference", method: http.MethodGet, path: one, summary: "Get a conference", roles: admins},
		func(ctx context.Context, in *ConferenceInput) (*conferenceOutput, error) {
			c, err := findConference(ctx, store, in)
			return &conferenceOutput{viewConference(c)}, err
		})
	act(a, operation{id: "end-conference", method: http.MethodPost, path: one + "/end", summary: "End a conference", roles: admins},
		(*ConferenceInput).target, func(ctx context.Context, in *ConferenceInput) (*conferenceOutput, error) {
			id, err := conference.ParseID(in.Conference)
			if err != nil {
				return nil, err
			}
			was, err := findConference(ctx, store, in)
			if err == nil {
				err = allowChange(ctx)
			}
			if err != nil {
				return nil, err
			}
			c, err := meetings.End(ctx, tenant.ID(in.Tenant), id, callerOf(ctx).at)
			if c.State == conference.StateEnded { // also where the rest is left to reconciliation
				err = errors.Join(err, note(ctx, viewConference(was), viewConference(c)))
			}
			if err != nil {
				return nil, err
			}
			return &conferenceOutput{viewConference(c)}, nil
		})
}

type scheduleInput struct {
	TenantInput
	Body ScheduleBody
}

func (in *scheduleInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Body.Conference, Host: named(in.Body.Host)}
}

func findConference(ctx context.Context, store conference.Conferences, in *ConferenceInput) (conference.Conference, error) {
	id, err := conference.ParseID(in.Conference)
	if err != nil {
		return conference.Conference{}, err
	}
	c, err := store.Conference(ctx, tenant.ID(in.Tenant), id, true)
	if err != nil || c == nil {
		return conference.Conference{}, orError(err, problem.New(problem.NotFound, "There is no such conference."))
	}
	return *c, nil
}

// schedule plans a new conference. Safe to repeat: see meeting.Meetings.Schedule.
func schedule(ctx context.Context, licensing *licensing.Licensing, meetings *meeting.Meetings, hosts ConferenceStore, in *scheduleInput) (*conferenceOutput, error) {
	t := tenant.ID(in.Tenant)
	l, err := licensing.Get(ctx, t)
	if err != nil {
		return nil, err
	}
	c, err := in.Body.conference(t, callerOf(ctx).at)
	if err != nil {
		return nil, err
	}
	if l.Model == license.ModelNamed {
		h, err := hosts.Host(ctx, t, c.Host, true)
		if err != nil || h == nil {
			return nil, orError(err, noHost())
		}
		if !h.Active {
			return nil, problem.InvalidFields(problem.Field{Pointer: "#/host", Detail: "is not active"})
		}
	}
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	if c, err = meetings.Schedule(ctx, c); err != nil {
		return nil, err
	}
	return &conferenceOutput{viewConference(c)}, note(ctx, nil, viewConference(c))
}

func (b *ScheduleBody) conference(t tenant.ID, now time.Time) (conference.Conference, error) {
	id := b.Conference
	if id == "" {
		id = strings.ToLower(rand.Text())[:16]
	}
	var faults []problem.Field
	if !tenant.IsID(id) {
		faults = append(faults, problem.Field{Pointer: "#/conference", Detail: "must be 1 to 64 letters, digits, - or _"})
	}
	email, err := host.ParseEmail(b.Host, "#/host")
	faults = append(faults, problem.FieldsOf(err)...)
	if fault := typed.Fault(b.Title, 0, conference.MaxTitleLength); fault != "" {
		faults = append(faults, problem.Field{Pointer: "#/title", Detail: fault})
	}
	faults = append(faults, b.StartsAt.faults("#/starts_at")...)
	if len(faults) > 0 {
		return conference.Conference{}, problem.InvalidFields(faults...)
	}
	return conference.Conference{
		Tenant: t, ID: conference.ID(id), Host: email, Title: b.Title, State: conference.StateScheduled,
		StartsAt: or(b.StartsAt, Moment{}).UTC(), CreatedAt: now,
	}, nil
}
