package httpapi

import (
	"context"
	"net/http"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/typed"
)

// WaiterView is a connection that waits for a seat.
type WaiterView struct {
	Connection seat.ConnectionID `json:"connection"`
	Identity   string            `json:"identity"`
	Position   int               `json:"position"`
	Since      time.Time         `json:"since"`
}

// place is a waiter with its position in its pool's queue, from 1.
type place struct {
	queue.Waiter
	position int
}

// name returns the key of a place in the list.
func (p place) name() string { return moment(int64(p.Pool.Number), p.Order) }

func viewWaiter(p place) WaiterView {
	return WaiterView{p.Connection, p.Identity, p.position, time.UnixMilli(p.SinceMillis).UTC()}
}

// QueueStore reads what the operations on queues need.
type QueueStore interface {
	conference.Conferences
	// Session reads a connection's session; nil if there is none.
	Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error)
}

type waiterInput struct {
	ConferenceInput
	Connection string `path:"connection"`
}

func (in *waiterInput) target() (tenant.ID, audit.Target) {
	return tenant.ID(in.Tenant), audit.Target{Conference: in.Conference, Connection: in.Connection}
}

// AddQueue adds the operations on the connections that wait for a seat.
func (a *API) AddQueue(queues *queue.Queues, store QueueStore) {
	const path = "/v1/tenants/{tenant}/conferences/{conference}/queue"
	admins := []Role{RoleVendor, RoleTenantAdmin}
	register(a, operation{id: "list-queue", method: http.MethodGet, path: path, summary: "List the waiting connections of a conference", roles: admins},
		func(ctx context.Context, in *struct {
			ConferenceInput
			PageInput
		},
		) (*PageOutput[WaiterView], error) {
			page, err := a.page(ctx, in.PageInput, "list-queue", in.Tenant, in.Conference)
			if err != nil {
				return nil, err
			}
			c, err := findConference(ctx, store, &in.ConferenceInput)
			if err != nil {
				return nil, err
			}
			places, err := places(ctx, queues, c, page)
			if err != nil {
				return nil, err
			}
			texts := make([]*string, len(places))
			for i := range places {
				texts[i] = &places[i].Identity
			}
			if err := a.people.Names(c.Tenant).Resolve(ctx, texts...); err != nil {
				return nil, err
			}
			return pageOf(page, places, place.name, viewWaiter), nil
		})
	act(a, operation{id: "put-waiter-first", method: http.MethodPost, path: path + "/{connection}/first", summary: "Put a waiting connection first", roles: admins},
		(*waiterInput).target, func(ctx context.Context, in *waiterInput) (*struct{ Body WaiterView }, error) {
			view, err := putFirst(ctx, queues, store, in)
			return &struct{ Body WaiterView }{view}, err
		})
}

// places lists the waiters of a conference after those of the page before. After a
// change of the license's model some may wait in the queue of the model before, so
// both queues are read.
func places(ctx context.Context, queues *queue.Queues, c conference.Conference, page request) ([]place, error) {
	number, order, err := page.afterMoment()
	if err != nil {
		return nil, err
	}
	var list []place
	for _, pool := range []seat.Pool{{Tenant: c.Tenant}, {Tenant: c.Tenant, Number: c.Number}} {
		waiters, err := queues.Of(ctx, pool)
		if err != nil {
			return nil, err
		}
		known := make(map[seat.ConnectionID]bool) // putting a waiter first may leave its later place
		for n, w := range waiters {
			after := int64(pool.Number) > number || int64(pool.Number) == number && w.Order > order
			if w.Number == c.Number && after && !known[w.Connection] {
				list = append(list, place{w, n + 1})
			}
			known[w.Connection] = true
		}
	}
	return list, nil
}

// putFirst puts a waiter of a conference before all others of its pool.
func putFirst(ctx context.Context, queues *queue.Queues, store QueueStore, in *waiterInput) (WaiterView, error) {
	none := problem.New(problem.NotFound, "No such connection waits in this conference.")
	c, err := findConference(ctx, store, &in.ConferenceInput)
	if err != nil {
		return WaiterView{}, err
	}
	if typed.Fault(in.Connection, 1, maxConnectionID) != "" {
		return WaiterView{}, none
	}
	s, err := store.Session(ctx, seat.ConnectionID(in.Connection), true)
	if err != nil || s == nil || s.Tenant != c.Tenant || s.Number != c.Number {
		return WaiterView{}, orError(err, none)
	}
	position, err := queues.Position(ctx, *s)
	if err != nil || position == 0 {
		return WaiterView{}, orError(err, none)
	}
	if err := allowChange(ctx); err != nil {
		return WaiterView{}, err
	}
	pool, _ := queue.PoolOf(*s) // it has a position there
	if first, err := queues.First(ctx, pool, s.Connection, callerOf(ctx).at); err != nil || !first {
		return WaiterView{}, orError(err, none)
	}
	was := WaiterView{s.Connection, s.Identity, position, time.UnixMilli(s.QueuedMillis).UTC()}
	is := was
	is.Position = 1
	return is, note(ctx, was, is)
}
