package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
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

// ScheduleBody is the body of schedule-conference.
type ScheduleBody struct {
	Conference string  `json:"conference,omitempty" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$"`
	Host       string  `json:"host" minLength:"1" maxLength:"254"`
	Title      string  `json:"title,omitempty" maxLength:"200"`
	StartsAt   *Moment `json:"starts_at,omitempty"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *ScheduleBody) Resolve(huma.Context) []error {
	_, err := b.conference("", time.Time{})
	return resolved(err)
}

// ConferenceInput is the part of a path that names a conference.
type ConferenceInput struct {
	TenantInput
	Conference string `path:"conference"`
}

func (in *ConferenceInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Conference}
}

type conferenceOutput struct{ Body ConferenceView }

// ConferenceStore reads conferences and their hosts.
type ConferenceStore interface {
	conference.Conferences
	host.Hosts
}

// AddConferences adds the operations on conferences.
func (a *API) AddConferences(licensing *licensing.Licensing, meetings *meeting.Meetings, store ConferenceStore) {
	const many, one = "/v1/tenants/{tenant}/conferences", "/v1/tenants/{tenant}/conferences/{conference}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	act(a, operation{id: "schedule-conference", method: http.MethodPost, path: many, summary: "Schedule a conference", status: http.StatusCreated, roles: admins},
		(*scheduleInput).target, func(ctx context.Context, in *scheduleInput) (*conferenceOutput, error) {
			return a.schedule(ctx, licensing, meetings, store, in)
		})
	register(a, operation{id: "list-conferences", method: http.MethodGet, path: many, summary: "List conferences", roles: admins},
		func(ctx context.Context, in *listConferencesInput) (*PageOutput[ConferenceView], error) {
			page, err := a.page(ctx, in.PageInput, in.name()...)
			if err != nil {
				return nil, err
			}
			if _, err := licensing.Get(ctx, tenant.ID(in.Tenant)); err != nil {
				return nil, err
			}
			return listConferences(ctx, store, in, page)
		})
	register(a, operation{id: "get-conference", method: http.MethodGet, path: one, summary: "Get a conference", roles: admins},
		func(ctx context.Context, in *ConferenceInput) (*conferenceOutput, error) {
			c, err := findConference(ctx, store, in)
			return &conferenceOutput{viewConference(c)}, err
		})
	act(a, operation{id: "change-conference", method: http.MethodPatch, path: one, summary: "Update a conference", roles: admins},
		(*changeConferenceInput).target, func(ctx context.Context, in *changeConferenceInput) (*conferenceOutput, error) {
			return a.changeConference(ctx, licensing, meetings, store, in)
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
			if c.State == conference.StateEnded { // even if reconciliation has to finish the end
				err = errors.Join(err, note(ctx, viewConference(was), viewConference(c)))
			}
			if err != nil {
				return nil, err
			}
			return &conferenceOutput{viewConference(c)}, nil
		})
}

type listConferencesInput struct {
	TenantInput
	PageInput
	State string `query:"state" enum:"scheduled,live,ended"`
}

// name identifies the list, so that its cursors are valid for it alone.
func (in *listConferencesInput) name() []string {
	name := []string{"list-conferences", in.Tenant}
	if in.State != "" {
		name = append(name, in.State)
	}
	return name
}

// mostScanned bounds the conferences that one page of a state reads, and
// scannedAtOnce the conferences of one read.
const (
	mostScanned   = 5000
	scannedAtOnce = 500
)

// listConferences lists conferences, all of them or those of a state. A page of a
// state ends after mostScanned conferences.
func listConferences(ctx context.Context, store conference.Conferences, in *listConferencesInput, page request) (*PageOutput[ConferenceView], error) {
	name := func(c conference.Conference) string { return string(c.ID) }
	if in.State == "" {
		list, err := store.Conferences(ctx, tenant.ID(in.Tenant), conference.ID(page.after), page.limit+1)
		return pageOf(page, list, name, viewConference), err //nolint:wrapcheck // the store's own
	}
	var found []conference.Conference
	after := conference.ID(page.after)
	for scanned := 0; scanned < mostScanned; scanned += scannedAtOnce {
		list, err := store.Conferences(ctx, tenant.ID(in.Tenant), after, scannedAtOnce)
		if err != nil {
			return nil, fmt.Errorf("list conferences: %w", err)
		}
		for _, c := range list {
			if string(c.State) == in.State {
				found = append(found, c)
			}
		}
		if len(found) > page.limit || len(list) < scannedAtOnce {
			return pageOf(page, found, name, viewConference), nil
		}
		after = list[len(list)-1].ID
	}
	out := pageOf(page, found, name, viewConference)
	out.Body.NextCursor = page.cursor(string(after))
	return out, nil
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

// schedule creates a conference. Safe to repeat: see meeting.Meetings.Schedule.
func (a *API) schedule(ctx context.Context, licensing *licensing.Licensing, meetings *meeting.Meetings, hosts ConferenceStore, in *scheduleInput) (*conferenceOutput, error) {
	t := tenant.ID(in.Tenant)
	c, err := in.Body.conference(t, callerOf(ctx).at)
	if err == nil {
		err = notPast(c.StartsAt, c.CreatedAt)
	}
	if err == nil {
		err = mayHost(ctx, licensing, hosts, t, c.Host)
	}
	if err == nil {
		err = allowChange(ctx)
	}
	if err == nil {
		c.HostPseudonym, err = a.people.Pseudonym(ctx, t, string(c.Host))
	}
	if err != nil {
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
		StartsAt: readTime(b.StartsAt), CreatedAt: now,
	}, nil
}
