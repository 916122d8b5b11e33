package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/lease"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
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

// RenewBody is the body of the operations that renew one seat.
type RenewBody struct {
	TTLSeconds *int `json:"ttl_seconds,omitempty" minimum:"10" maximum:"3600"`
}

// RenewedView is a seat that was renewed.
type RenewedView struct {
	Seat      seat.ConnectionID `json:"seat"`
	ExpiresAt time.Time         `json:"expires_at"`
}

// RenewManyBody is the body of the operations that renew many seats.
type RenewManyBody struct {
	Seats      []string `json:"seats" maxItems:"100"`
	TTLSeconds *int     `json:"ttl_seconds,omitempty" minimum:"10" maximum:"3600"`
}

// RenewedManyView has the seats that were renewed, and those that have lapsed.
type RenewedManyView struct {
	Renewed []seat.ConnectionID `json:"renewed" nullable:"false"`
	Lapsed  []seat.ConnectionID `json:"lapsed" nullable:"false"`
	// ExpiresAt is when the first of the renewed seats lapses.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

type takeSeatInput struct {
	ConferenceInput
	Body SeatBody
}

type (
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
		func(ctx context.Context, in *takeSeatInput) (*struct{ Body SeatView }, error) {
			view, err := s.take(ctx, a.people, in)
			return &struct{ Body SeatView }{view}, err
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

// take takes a seat. A lost answer leaves a seat that lapses, since nobody renews it.
func (s Seats) take(ctx context.Context, book *people.Book, in *takeSeatInput) (SeatView, error) {
	c, err := findConference(ctx, s.Store, &in.ConferenceInput)
	if err != nil {
		return SeatView{}, err
	}
	v, err := s.visitor(ctx, c, in.Body)
	if err == nil {
		err = allowChange(ctx)
	}
	if err == nil {
		v.Pseudonym, err = book.Pseudonym(ctx, c.Tenant, v.Identity)
	}
	if err != nil {
		return SeatView{}, err
	}
	taken, err := s.Admissions.TakeSeat(ctx, v, c)
	if err != nil {
		return SeatView{}, err //nolint:wrapcheck // a problem of its own
	}
	return s.view(ctx, taken)
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
		Connection: s.NewID(), AtMillis: callerOf(ctx).at.UnixMilli(), LeaseSeconds: orDefault(body.TTLSeconds, seat.DefaultLeaseSeconds),
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
	for id, lease := range renewed {
		return &struct{ Body RenewedView }{RenewedView{id, expiry(lease)}}, nil
	}
	return nil, s.elseUnknown(ctx, in, problem.New(problem.SeatLapsed, "The server does not have this seat any more."))
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
		lease, is := renewed[id]
		switch {
		case known[text]:
		case !is:
			view.Lapsed = append(view.Lapsed, id)
		default:
			view.Renewed = append(view.Renewed, id)
			if until := expiry(lease); view.ExpiresAt == nil || until.Before(*view.ExpiresAt) {
				view.ExpiresAt = &until
			}
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
