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
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// ConnectionView is a connection that holds a seat.
type ConnectionView struct {
	ConnectionID seat.ConnectionID `json:"connection_id"`
	Kind         string            `json:"kind" enum:"websocket,server"`
	Conference   conference.ID     `json:"conference"`
	Identity     string            `json:"identity"`
	Role         jointoken.Role    `json:"role"`
	JoinedAt     time.Time         `json:"joined_at"`
	ConnectedAt  time.Time         `json:"connected_at"`
}

func viewConnection(s session.Session) ConnectionView {
	kind, began, connected := "websocket", s.StayBeganMillis(), s.BeganMillis
	if s.Connection.OfServer() {
		kind, connected = "server", began
	}
	return ConnectionView{
		s.Connection, kind, s.Conference, s.Identity, s.Role, time.UnixMilli(began).UTC(), time.UnixMilli(connected).UTC(),
	}
}

// TokenBody is the body of create-join-token.
type TokenBody struct {
	Identity         string `json:"identity" minLength:"1" maxLength:"254"`
	Role             string `json:"role" enum:"host,participant"`
	ExpiresInSeconds *int   `json:"expires_in_seconds,omitempty" minimum:"10" maximum:"86400"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *TokenBody) Resolve(huma.Context) []error {
	_, err := b.identity()
	return resolved(err)
}

func (b *TokenBody) identity() (string, error) {
	return jointoken.ParseIdentity(b.Identity, "#/identity")
}

// lifetime returns the time for which the token is valid.
func (b *TokenBody) lifetime() time.Duration {
	if b.ExpiresInSeconds == nil {
		return jointoken.DefaultLifetime
	}
	return time.Duration(*b.ExpiresInSeconds) * time.Second
}

// TokenView is a join token with the address to use it at.
type TokenView struct {
	Token     string    `json:"token"`
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// SeatsView has the seats that a tenant uses now.
type SeatsView struct {
	Tenant      tenant.ID             `json:"tenant"`
	Model       license.Model         `json:"model"`
	Limit       *int                  `json:"limit,omitempty"`
	InUse       int                   `json:"in_use"`
	Held        int                   `json:"held"`
	Waiting     int                   `json:"waiting"`
	Conferences []ConferenceSeatsView `json:"conferences" nullable:"false"`
	Hosts       *HostSlotsView        `json:"hosts,omitempty"`
	HostChanges *HostChangesView      `json:"host_changes,omitempty"`
}

// HostSlotsView has a named license's slots, and how many are used.
type HostSlotsView struct {
	Used    int `json:"used"`
	Allowed int `json:"allowed"`
}

// HostChangesView has the changes of hosts under a named license.
type HostChangesView struct {
	Month       host.Month `json:"month"`
	Made        int        `json:"made"`
	Allowed     int        `json:"allowed"`
	UnusedSlots int        `json:"unused_slots"`
}

// ConferenceSeatsView has the seats that one conference uses now.
type ConferenceSeatsView struct {
	Conference conference.ID `json:"conference"`
	Host       host.Email    `json:"host"`
	Limit      int           `json:"limit"`
	InUse      int           `json:"in_use"`
	Waiting    *int          `json:"waiting,omitempty"`
}

// AddConnections adds the operations on connections, removals, join tokens and seats
// in use.
func (a *API) AddConnections(licensing *licensing.Licensing, meetings *meeting.Meetings, occupied *occupancy.Reader, store conference.Conferences, tokens JoinTokens) {
	const tenantPath = "/v1/tenants/{tenant}"
	const one = tenantPath + "/conferences/{conference}"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	register(a, operation{id: "list-connections", method: http.MethodGet, path: one + "/connections", summary: "List the connections of a conference", roles: admins},
		func(ctx context.Context, in *struct {
			ConferenceInput
			PageInput
		},
		) (*PageOutput[ConnectionView], error) {
			page, err := a.page(ctx, in.PageInput, "list-connections", in.Tenant, in.Conference)
			if err != nil {
				return nil, err
			}
			return connections(ctx, occupied, store, &in.ConferenceInput, page)
		})
	act(a, operation{id: "remove-connection", method: http.MethodDelete, path: tenantPath + "/connections/{connection}", summary: "Remove a connection", status: http.StatusNoContent, roles: admins},
		(*removeInput).target, func(ctx context.Context, in *removeInput) (*struct{}, error) {
			return nil, remove(ctx, meetings, in.Tenant, "", in.RemovalInput)
		})
	act(a, operation{id: "remove-connection-of-conference", method: http.MethodDelete, path: one + "/connections/{connection}", summary: "Remove a connection from a conference", status: http.StatusNoContent, roles: admins},
		(*removeFromInput).target, func(ctx context.Context, in *removeFromInput) (*struct{}, error) {
			return nil, remove(ctx, meetings, in.Tenant, in.Conference, in.RemovalInput)
		})
	act(a, operation{id: "remove-participant", method: http.MethodDelete, path: one + "/participants/{identity}", summary: "Remove a person from a conference", status: http.StatusNoContent, roles: admins},
		(*removePersonInput).target, func(ctx context.Context, in *removePersonInput) (*struct{}, error) {
			return nil, removePerson(ctx, meetings, in)
		})
	register(a, operation{id: "create-join-token", method: http.MethodPost, path: one + "/join-tokens", summary: "Create a join token", status: http.StatusCreated, roles: admins},
		func(ctx context.Context, in *struct {
			ConferenceInput
			Body TokenBody
		},
		) (*struct{ Body TokenView }, error) {
			c, err := findConference(ctx, store, &in.ConferenceInput)
			if err != nil {
				return nil, err
			}
			l, err := licensing.Get(ctx, c.Tenant)
			if err == nil {
				err = allowChange(ctx)
			}
			if err != nil {
				return nil, err
			}
			pass, err := passOf(c, l, in.Body)
			if err != nil {
				return nil, err
			}
			if pass.Pseudonym, err = a.people.Pseudonym(ctx, c.Tenant, pass.Identity); err != nil {
				return nil, err
			}
			token, err := tokens.create(ctx, pass, in.Body.lifetime(), callerOf(ctx).at)
			return &struct{ Body TokenView }{token}, err
		})
	register(a, operation{id: "get-seats", method: http.MethodGet, path: tenantPath + "/seats", summary: "Get the seats in use", roles: []Role{RoleVendor, RoleTenantAdmin, RoleFinance}},
		func(ctx context.Context, in *TenantInput) (*struct{ Body SeatsView }, error) {
			at := callerOf(ctx).at
			o, err := occupied.Occupancy(ctx, tenant.ID(in.Tenant), at.UnixMilli())
			return &struct{ Body SeatsView }{viewSeats(o, at)}, err
		})
}

// byAdministrator is the reason of a removal that names none.
const byAdministrator = "An administrator removed you."

// RemovalInput names the connection to remove, and the reason.
type RemovalInput struct {
	Connection string `path:"connection"`
	ReasonInput
}

// ReasonInput is the reason of a removal.
type ReasonInput struct {
	Reason string `query:"reason" minLength:"1" maxLength:"200"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (in *ReasonInput) Resolve(huma.Context) []error {
	if fault := typed.Fault(in.Reason, 0, maxReasonBytes); fault != "" {
		return []error{problem.InvalidFields(problem.Field{Pointer: "#/reason", Detail: fault})}
	}
	return nil
}

const (
	// maxConnectionID bounds the gateway's connection ids, in bytes.
	maxConnectionID = 128
	maxReasonBytes  = 200
)

type removeInput struct {
	TenantInput
	RemovalInput
}

func (in *removeInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Connection: in.Connection, Reason: in.Reason}
}

type removeFromInput struct {
	ConferenceInput
	RemovalInput
}

func (in *removeFromInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Conference, Connection: in.Connection, Reason: in.Reason}
}

// removed describes the removed connections in an audit record.
type removed struct {
	Conference conference.ID  `json:"conference"`
	Identity   string         `json:"identity"`
	Role       jointoken.Role `json:"role,omitempty"`
}

func remove(ctx context.Context, meetings *meeting.Meetings, t, c string, in RemovalInput) error {
	if typed.Fault(in.Connection, 1, maxConnectionID) != "" {
		return problem.New(problem.NotFound, "There is no such connection.")
	}
	if err := allowChange(ctx); err != nil { // the removal itself reports a missing connection
		return err
	}
	reason := cmp.Or(in.Reason, byAdministrator)
	order := meeting.Removal{Tenant: tenant.ID(t), Conference: conference.ID(c), Reason: reason, At: callerOf(ctx).at}
	s, err := meetings.Remove(ctx, order, seat.ConnectionID(in.Connection))
	if s.Connection == "" {
		return err
	}
	return errors.Join(err, note(ctx, removed{s.Conference, s.Identity, s.Role}, nil))
}

type removePersonInput struct {
	ConferenceInput
	Identity string `path:"identity"`
	ReasonInput
}

func (in *removePersonInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Conference, Reason: in.Reason}
}

func removePerson(ctx context.Context, meetings *meeting.Meetings, in *removePersonInput) error {
	id, err := conference.ParseID(in.Conference)
	if err != nil {
		return err
	}
	identity, err := jointoken.ParseIdentity(in.Identity, "#/identity")
	if err != nil {
		return err
	}
	if err := allowChange(ctx); err != nil { // the removal itself reports a missing conference
		return err
	}
	order := meeting.Removal{Tenant: tenant.ID(in.Tenant), Conference: id, Reason: cmp.Or(in.Reason, byAdministrator), At: callerOf(ctx).at}
	if _, err := meetings.RemovePerson(ctx, order, identity); err != nil {
		return err
	}
	return note(ctx, removed{Conference: id, Identity: identity}, nil)
}

func connections(ctx context.Context, occupied *occupancy.Reader, store conference.Conferences, in *ConferenceInput, page request) (*PageOutput[ConnectionView], error) {
	c, err := findConference(ctx, store, in)
	if err != nil {
		return nil, err
	}
	at, id, err := page.afterMoment()
	if err != nil {
		return nil, err
	}
	after := seat.Place{Connection: seat.ConnectionID(id), Member: seat.Member{JoinedAtMillis: at}}
	members, err := occupied.Members(ctx, c.Tenant, c.Number, occupancy.Page{After: after, Most: page.limit + 1, AtMillis: callerOf(ctx).at.UnixMilli()})
	if err != nil {
		return nil, err
	}
	name := func(s session.Session) string { return moment(s.JoinedAtMillis, string(s.Connection)) }
	return pageOf(page, members, name, viewConnection), nil
}

// JoinTokens creates join tokens and the URLs to use them at.
type JoinTokens struct {
	Signer       *jointoken.Signer
	WebSocketURL string
}

// passOf is what a token for a conference is to prove.
func passOf(c conference.Conference, l license.License, body TokenBody) (jointoken.Pass, error) {
	identity, err := body.identity()
	if err != nil {
		return jointoken.Pass{}, err
	}
	if c.State == conference.StateEnded {
		return jointoken.Pass{}, conference.Ended(c.ID)
	}
	if err := mayBe(l, c, identity, body.Role); err != nil {
		return jointoken.Pass{}, err
	}
	return jointoken.Pass{Tenant: c.Tenant, Conference: c.ID, Number: c.Number, Identity: identity, Role: jointoken.Role(body.Role)}, nil
}

func (j JoinTokens) create(ctx context.Context, pass jointoken.Pass, lifetime time.Duration, now time.Time) (TokenView, error) {
	expiry := jointoken.Expiry(now.Add(lifetime))
	token, err := j.Signer.Sign(ctx, pass, now, expiry)
	return TokenView{Token: token, URL: j.WebSocketURL + "?token=" + url.QueryEscape(token), ExpiresAt: expiry.UTC()}, err
}

func viewSeats(o occupancy.Occupancy, at time.Time) SeatsView {
	v := SeatsView{
		Tenant: o.License.Tenant, Model: o.License.Model, InUse: o.InUse, Held: o.Held, Waiting: o.Waiting,
		Conferences: make([]ConferenceSeatsView, 0, len(o.Conferences)),
	}
	if o.License.Model == license.ModelConcurrent {
		v.Limit = &o.License.Seats
	} else {
		v.Hosts, v.HostChanges = &HostSlotsView{o.Hosts.Hosts, o.License.Hosts}, viewHostChanges(o.Hosts, slotsOf(o.License, at))
	}
	for _, c := range o.Conferences {
		seats := ConferenceSeatsView{Conference: c.Conference, Host: c.Host, Limit: c.Limit, InUse: c.InUse}
		if o.License.Model == license.ModelNamed {
			seats.Waiting = &c.Waiting
		}
		v.Conferences = append(v.Conferences, seats)
	}
	return v
}

// viewHostChanges returns the changes of the current month. The tally has those of
// the latest month with changes.
func viewHostChanges(tally host.Tally, slots host.Slots) *HostChangesView {
	v := &HostChangesView{Month: slots.Month, Allowed: slots.Changes, UnusedSlots: max(0, slots.Limit-tally.Used)}
	if tally.Month >= slots.Month {
		v.Made = tally.Changes
	}
	return v
}
