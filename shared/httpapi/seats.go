package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/lease"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/metrics"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// SeatBody is the body of take-seat.
type SeatBody struct {
	Identity   string `json:"identity" minLength:"1" maxLength:"254"`
	Role       string `json:"role" enum:"host,participant"`
	TTLSeconds *int   `json:"ttl_seconds,omitempty" minimum:"10" maximum:"3600"`
	Wait       bool   `json:"wait,omitempty"`
}

// Resolve implements huma.Resolver. It reports the faults that a schema cannot
// express.
func (b *SeatBody) Resolve(huma.Context) []error {
	_, err := jointoken.ParseIdentity(b.Identity, "#/identity")
	return resolved(err)
}

// SeatView is a seat that a server has taken.
type SeatView struct {
	Seat       seat.ConnectionID `json:"seat"`
	Conference conference.ID     `json:"conference"`
	ExpiresAt  time.Time         `json:"expires_at"`
	Limit      int               `json:"limit"`
	InUse      int               `json:"in_use"`
}

// SeatStateView is a seat that a server waits for or has.
type SeatStateView struct {
	Seat       seat.ConnectionID `json:"seat"`
	Conference conference.ID     `json:"conference"`
	State      string            `json:"state" enum:"queued,admitted"`
	Position   int               `json:"position,omitempty"`
	Since      *time.Time        `json:"since,omitempty"`
	ExpiresAt  time.Time         `json:"expires_at"`
	Limit      *int              `json:"limit,omitempty"`
	InUse      *int              `json:"in_use,omitempty"`
}

// The values of SeatStateView.State.
const (
	seatQueued   = "queued"
	seatAdmitted = "admitted"
)

// RenewBody is the body of the operations that renew one seat.
type RenewBody struct {
	TTLSeconds *int `json:"ttl_seconds,omitempty" minimum:"10" maximum:"3600"`
}

// RenewedView is a seat that was renewed, or a wait for one.
type RenewedView struct {
	Seat      seat.ConnectionID `json:"seat"`
	ExpiresAt time.Time         `json:"expires_at"`
	// Position is that in the queue; absent for a seat.
	Position int `json:"position,omitempty"`
}

// RenewManyBody is the body of the operations that renew many seats.
type RenewManyBody struct {
	Seats      []string `json:"seats" maxItems:"100"`
	TTLSeconds *int     `json:"ttl_seconds,omitempty" minimum:"10" maximum:"3600"`
}

// RenewedManyView has the seats that were renewed, those that are still waited for, and
// those that have lapsed.
type RenewedManyView struct {
	Renewed []seat.ConnectionID `json:"renewed" nullable:"false"`
	Queued  []seat.ConnectionID `json:"queued,omitempty"`
	Lapsed  []seat.ConnectionID `json:"lapsed" nullable:"false"`
	// ExpiresAt is when the first of those that were renewed lapses.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

type takeSeatInput struct {
	ConferenceInput
	Body SeatBody
}

// takeSeatOutput is a seat, or a place in the queue.
type takeSeatOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location"`
	Body        []byte
}

type (
	getSeatInput struct {
		TenantInput
		Seat string `path:"seat"`
	}
	getSeatInConferenceInput struct {
		ConferenceInput
		Seat string `path:"seat"`
	}
	renewSeatInput struct {
		TenantInput
		Seat string `path:"seat"`
		Body *RenewBody
	}
	renewSeatInConferenceInput struct {
		ConferenceInput
		Seat string `path:"seat"`
		Body *RenewBody
	}
	renewSeatsInput struct {
		TenantInput
		Body RenewManyBody
	}
	renewSeatsInConferenceInput struct {
		ConferenceInput
		Body RenewManyBody
	}
	releaseSeatInput struct {
		TenantInput
		Seat string `path:"seat"`
	}
	releaseSeatInConferenceInput struct {
		ConferenceInput
		Seat string `path:"seat"`
	}
)

func (in *TenantInput) scope() lease.Scope { return lease.Scope{Tenant: tenant.ID(in.Tenant)} }

func (in *ConferenceInput) scope() lease.Scope {
	return lease.Scope{Tenant: tenant.ID(in.Tenant), Conference: conference.ID(in.Conference)}
}

// Seats is what the operations on servers' seats need.
type Seats struct {
	Admissions *admission.Admissions
	Leases     *lease.Leases
	Licensing  *licensing.Licensing
	Occupancy  *occupancy.Reader
	Crossings  *crossing.Watch
	Store      conference.Conferences
	// NewID draws the id of a seat: seat.NewServerID, except in a test.
	NewID func() seat.ConnectionID
}

// AddSeats adds the operations of conference servers, which take, renew and release
// seats. They are not in the audit log: the ledger has their stays.
func (a *API) AddSeats(s Seats) {
	const ofTenant, ofConference = "/v1/tenants/{tenant}/seats", "/v1/tenants/{tenant}/conferences/{conference}/seats"
	servers := []Role{RoleServer}
	register(a, operation{id: "take-seat", method: http.MethodPost, path: ofConference, summary: "Take a seat for a server", status: http.StatusCreated, roles: servers},
		func(ctx context.Context, in *takeSeatInput) (*takeSeatOutput, error) {
			return s.take(ctx, a.people, in)
		})
	a.describeTakenSeat(ofConference)
	register(a, operation{id: "get-seat", method: http.MethodGet, path: ofTenant + "/{seat}", summary: "Get a server's seat, or its place in the queue", roles: servers},
		func(ctx context.Context, in *getSeatInput) (*struct{ Body SeatStateView }, error) {
			return s.get(ctx, in.scope(), in.Seat)
		})
	register(a, operation{id: "get-seat-of-conference", method: http.MethodGet, path: ofConference + "/{seat}", summary: "Get a server's seat, or its place in the queue, in a conference", roles: servers},
		func(ctx context.Context, in *getSeatInConferenceInput) (*struct{ Body SeatStateView }, error) {
			return s.get(ctx, in.scope(), in.Seat)
		})
	register(a, operation{id: "renew-seat", method: http.MethodPut, path: ofTenant + "/{seat}", summary: "Renew a server's seat", roles: servers},
		func(ctx context.Context, in *renewSeatInput) (*struct{ Body RenewedView }, error) {
			return s.renew(ctx, in.scope(), in.Seat, in.Body)
		})
	register(a, operation{id: "renew-seat-of-conference", method: http.MethodPut, path: ofConference + "/{seat}", summary: "Renew a server's seat in a conference", roles: servers},
		func(ctx context.Context, in *renewSeatInConferenceInput) (*struct{ Body RenewedView }, error) {
			return s.renew(ctx, in.scope(), in.Seat, in.Body)
		})
	register(a, operation{id: "renew-seats", method: http.MethodPost, path: ofTenant + "/renew", summary: "Renew a server's seats", roles: servers},
		func(ctx context.Context, in *renewSeatsInput) (*struct{ Body RenewedManyView }, error) {
			return s.renewMany(ctx, in.scope(), in.Body)
		})
	register(a, operation{id: "renew-seats-of-conference", method: http.MethodPost, path: ofConference + "/renew", summary: "Renew a server's seats in a conference", roles: servers},
		func(ctx context.Context, in *renewSeatsInConferenceInput) (*struct{ Body RenewedManyView }, error) {
			return s.renewMany(ctx, in.scope(), in.Body)
		})
	register(a, operation{id: "release-seat", method: http.MethodDelete, path: ofTenant + "/{seat}", summary: "Release a server's seat", status: http.StatusNoContent, roles: servers},
		func(ctx context.Context, in *releaseSeatInput) (*struct{}, error) {
			return nil, s.release(ctx, in.scope(), in.Seat)
		})
	register(a, operation{id: "release-seat-of-conference", method: http.MethodDelete, path: ofConference + "/{seat}", summary: "Release a server's seat in a conference", status: http.StatusNoContent, roles: servers},
		func(ctx context.Context, in *releaseSeatInConferenceInput) (*struct{}, error) {
			return nil, s.release(ctx, in.scope(), in.Seat)
		})
}

// describeTakenSeat has the document show both answers to take-seat.
func (a *API) describeTakenSeat(path string) {
	responses := a.OpenAPI().Paths[path].Post.Responses
	created := responses[strconv.Itoa(http.StatusCreated)]
	responses[strconv.Itoa(http.StatusAccepted)] = &huma.Response{
		Description: "No seat is free, and the server waits for one. Read at `Location` how it stands.",
		Headers:     created.Headers,
		Content:     map[string]*huma.MediaType{formatJSON.media: {Schema: a.schema(reflect.TypeFor[SeatStateView]())}},
	}
	created.Headers = nil
	created.Content = map[string]*huma.MediaType{formatJSON.media: {Schema: a.schema(reflect.TypeFor[SeatView]())}}
}

// take takes a seat, or waits for one. A lost answer leaves a seat or a place that lapses,
// since nobody renews it.
func (s Seats) take(ctx context.Context, book *people.Book, in *takeSeatInput) (*takeSeatOutput, error) {
	c, err := findConference(ctx, s.Store, &in.ConferenceInput)
	if err != nil {
		return nil, err
	}
	v, err := s.visitor(ctx, c, in.Body)
	if err == nil {
		err = allowChange(ctx)
	}
	if err == nil {
		v.Pseudonym, err = book.Pseudonym(ctx, c.Tenant, v.Identity)
	}
	if err != nil {
		return nil, err
	}
	taken, position, err := s.Admissions.TakeSeat(ctx, v, c)
	if err != nil {
		metrics.Count(ctx, metrics.Refused(problem.As(err).Code), 1)
		return nil, err //nolint:wrapcheck // a problem of its own
	}
	out := &takeSeatOutput{Status: http.StatusCreated, ContentType: formatJSON.contentType}
	if position > 0 {
		out.Status = http.StatusAccepted
		out.Location = fmt.Sprintf("%sconferences/%s/seats/%s", tenantURL(c.Tenant), url.PathEscape(string(c.ID)), taken.Connection)
		lease := seat.Lease{RenewedAtMillis: v.AtMillis, Seconds: v.LeaseSeconds}
		out.Body, err = json.Marshal(viewQueued(taken, lease, position))
		return out, err //nolint:wrapcheck // never fails
	}
	view, err := s.view(ctx, taken)
	if err != nil {
		return nil, err
	}
	out.Body, err = json.Marshal(view)
	return out, err //nolint:wrapcheck // never fails
}

func viewQueued(s session.Session, l seat.Lease, position int) SeatStateView {
	since := time.UnixMilli(s.QueuedMillis).UTC()
	return SeatStateView{
		Seat: s.Connection, Conference: s.Conference, State: seatQueued, Position: position, Since: &since, ExpiresAt: expiry(l),
	}
}

// get tells how a server's seat stands. Asking keeps a place in the queue.
func (s Seats) get(ctx context.Context, in lease.Scope, text string) (*struct{ Body SeatStateView }, error) {
	at := callerOf(ctx).at.UnixMilli()
	for _, id := range seatIDs([]string{text}) {
		its, standing, has, err := s.Leases.Get(ctx, in, id, at)
		switch {
		case err != nil:
			return nil, err //nolint:wrapcheck // its own
		case has && standing.Position > 0:
			return &struct{ Body SeatStateView }{viewQueued(*its, standing.Lease, standing.Position)}, nil
		case has:
			pool, err := s.Occupancy.PoolUsage(ctx, *its, at)
			return &struct{ Body SeatStateView }{SeatStateView{
				Seat: id, Conference: its.Conference, State: seatAdmitted, ExpiresAt: expiry(standing.Lease), Limit: &pool.Limit, InUse: &pool.InUse,
			}}, err //nolint:wrapcheck // its own
		case its != nil && its.State != session.StateSeated:
			if err := s.Admissions.Refused(ctx, *its, at); err != nil {
				return nil, err //nolint:wrapcheck // a problem of its own
			}
		}
	}
	return nil, s.elseUnknown(ctx, in, lapsed())
}

func lapsed() error {
	return problem.New(problem.SeatLapsed, "The server does not have this seat any more.")
}

// visitor is the person whom a server takes a seat for.
func (s Seats) visitor(ctx context.Context, c conference.Conference, body SeatBody) (admission.Visitor, error) {
	identity, err := jointoken.ParseIdentity(body.Identity, "#/identity")
	if err != nil {
		return admission.Visitor{}, err //nolint:wrapcheck // a problem of its own
	}
	l, err := s.Licensing.Get(ctx, c.Tenant)
	if err == nil {
		err = mayBe(l, c, identity, body.Role)
	}
	return admission.Visitor{
		Pass:       jointoken.Pass{Tenant: c.Tenant, Conference: c.ID, Number: c.Number, Identity: identity, Role: jointoken.Role(body.Role)},
		Connection: s.NewID(), AtMillis: callerOf(ctx).at.UnixMilli(), LeaseSeconds: orDefault(body.TTLSeconds, seat.DefaultLeaseSeconds), Wait: body.Wait,
	}, err //nolint:wrapcheck // problems of their own
}

// mayBe refuses the role host to anybody but the conference's own host, under a named
// license.
func mayBe(l license.License, c conference.Conference, identity, role string) error {
	if l.Model == license.ModelNamed && role == string(jointoken.RoleHost) && identity != string(c.Host) {
		return problem.InvalidFields(problem.Field{Pointer: "#/identity", Detail: "must be the conference's host for the role host"})
	}
	return nil
}

// view is a seat that was taken just now, with its pool's figures. The session has them
// where the pool is a block, and not the chair.
func (s Seats) view(ctx context.Context, taken session.Session) (SeatView, error) {
	v := SeatView{
		Seat: taken.Connection, Conference: taken.Conference, Limit: taken.Limit, InUse: taken.InUse,
		ExpiresAt: expiry(seat.Lease{RenewedAtMillis: taken.JoinedAtMillis, Seconds: taken.LeaseSeconds}),
	}
	if taken.InUse > 0 && !taken.Block.Pool.Chair {
		return v, nil
	}
	pool, err := s.Occupancy.PoolUsage(ctx, taken, taken.JoinedAtMillis)
	if err == nil {
		s.Crossings.Seen(ctx, pool.Pool, taken.Conference, pool.Use(), taken.JoinedAtMillis)
	}
	v.Limit, v.InUse = pool.Limit, pool.InUse
	return v, err //nolint:wrapcheck // its own
}

func expiry(l seat.Lease) time.Time { return time.UnixMilli(l.UntilMillis()).UTC() }

// orDefault is what was given or, if nothing was, the default.
func orDefault(given *int, otherwise int) int {
	if given == nil {
		return otherwise
	}
	return *given
}

func (s Seats) renew(ctx context.Context, in lease.Scope, text string, body *RenewBody) (*struct{ Body RenewedView }, error) {
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	r := lease.Renewal{Scope: in, AtMillis: callerOf(ctx).at.UnixMilli()}
	if body != nil {
		r.Seconds = orDefault(body.TTLSeconds, 0)
	}
	ids := seatIDs([]string{text})
	renewed, err := s.Leases.Renew(ctx, r, ids)
	if err != nil {
		return nil, err //nolint:wrapcheck // its own
	}
	for id, standing := range renewed {
		return &struct{ Body RenewedView }{RenewedView{id, expiry(standing.Lease), standing.Position}}, nil
	}
	return nil, s.elseUnknown(ctx, in, lapsed())
}

// elseUnknown is an answer about seats that are not there, unless there is no such tenant.
func (s Seats) elseUnknown(ctx context.Context, in lease.Scope, answer error) error {
	if _, err := s.Licensing.Get(ctx, in.Tenant); err != nil {
		return err //nolint:wrapcheck // a problem of its own
	}
	return answer
}

// seatIDs are the ids of texts that can be one, each of them once.
func seatIDs(texts []string) []seat.ConnectionID {
	var ids []seat.ConnectionID
	known := make(map[string]bool, len(texts))
	for _, text := range texts {
		if !known[text] && typed.Fault(text, 1, maxConnectionID) == "" {
			ids = append(ids, seat.ConnectionID(text))
		}
		known[text] = true
	}
	return ids
}

func (s Seats) renewMany(ctx context.Context, in lease.Scope, body RenewManyBody) (*struct{ Body RenewedManyView }, error) {
	if err := allowChange(ctx); err != nil {
		return nil, err
	}
	r := lease.Renewal{Scope: in, AtMillis: callerOf(ctx).at.UnixMilli(), Seconds: orDefault(body.TTLSeconds, 0)}
	renewed, err := s.Leases.Renew(ctx, r, seatIDs(body.Seats))
	if err != nil {
		return nil, err //nolint:wrapcheck // its own
	}
	if len(renewed) == 0 {
		if err := s.elseUnknown(ctx, in, nil); err != nil {
			return nil, err
		}
	}
	view := RenewedManyView{Renewed: []seat.ConnectionID{}, Lapsed: []seat.ConnectionID{}}
	known := make(map[string]bool, len(body.Seats))
	for _, text := range body.Seats {
		id := seat.ConnectionID(text)
		standing, is := renewed[id]
		switch {
		case known[text]:
		case !is:
			view.Lapsed = append(view.Lapsed, id)
		case standing.Position > 0:
			view.Queued = append(view.Queued, id)
		default:
			view.Renewed = append(view.Renewed, id)
		}
		if until := expiry(standing.Lease); is && (view.ExpiresAt == nil || until.Before(*view.ExpiresAt)) {
			view.ExpiresAt = &until
		}
		known[text] = true
	}
	return &struct{ Body RenewedManyView }{view}, nil
}

func (s Seats) release(ctx context.Context, in lease.Scope, text string) error {
	if err := allowChange(ctx); err != nil {
		return err
	}
	for _, id := range seatIDs([]string{text}) {
		known, err := s.Leases.Release(ctx, in, id, callerOf(ctx).at.UnixMilli())
		if known || err != nil {
			return err //nolint:wrapcheck // its own
		}
	}
	return s.elseUnknown(ctx, in, nil)
}
