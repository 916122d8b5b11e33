// Package wiring puts the functions together. The Lambda mains and the local stack
// both call it, so that the end-to-end tests run production's wiring.
//
// This package has the functions of the WebSocket API and the scheduled ones.
// Package wiring/api has those of the HTTP API, so that connect does not carry them.
package wiring

import (
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jobs"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/pool"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/rollup"
	"seatmeter/shared/wsapi"
)

// Process is what every function has.
type Process struct {
	Store *dynamo.Store
	Log   *slog.Logger
	Now   func() time.Time
}

// Gateway reaches connections.
type Gateway interface {
	meeting.Gateway
	reconcile.Prober
}

// Rooms are the packages that a seat's life goes through, over one store.
type Rooms struct {
	Pools      *pool.Pools
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Occupancy  *occupancy.Reader
	Meetings   *meeting.Meetings

	store admission.Store
	log   *slog.Logger
}

// NewRooms makes the rooms of one process, but for the way in. The pause is
// pool.Sleep but in a simulation.
func NewRooms(store admission.Store, gateway meeting.Gateway, pause pool.Pause, log *slog.Logger) Rooms {
	pools := pool.New(store, pause)
	r := Rooms{
		Pools: pools, Licensing: licensing.New(store, pools), Departures: departure.New(store, pools, log), store: store, log: log,
	}
	r.Occupancy = occupancy.New(store, pools, r.Licensing)
	r.Meetings = meeting.New(meeting.Config{
		Store: store, Pools: pools, Licensing: r.Licensing, Departures: r.Departures, Occupancy: r.Occupancy,
		Gateway: gateway, Log: log,
	})
	return r
}

// Admissions makes the way in. Together is admission.Together but in a simulation.
func (r Rooms) Admissions(limits admission.Limits, together func(steps ...func())) *admission.Admissions {
	return admission.New(admission.Config{
		Store: r.store, Pools: r.Pools, Licensing: r.Licensing, Departures: r.Departures, Meetings: r.Meetings,
		Limits: limits, Together: together, Log: r.log,
	})
}

// Rooms makes the rooms of this process.
func (p Process) Rooms(gateway Gateway) Rooms { return NewRooms(p.Store, gateway, pool.Sleep, p.Log) }

// admissions makes the way in, for so many joins a second of each tenant.
func (p Process) admissions(r Rooms, joinsPerSecond int) *admission.Admissions {
	limits := admission.Limits{Limiter: rate.NewLimiter(p.Store, p.Log), JoinsPerSecond: joinsPerSecond}
	return r.Admissions(limits, admission.Together)
}

// Authorize is the function that checks join tokens before connect runs. It has no
// store.
func Authorize(signer *jointoken.Signer, now func() time.Time, log *slog.Logger) any {
	return wsapi.NewAuthorizer(signer, now, log).Handle
}

// Connect is the function of the $connect route.
func Connect(p Process, gateway Gateway, joinsPerSecond int) any {
	return wsapi.NewConnector(p.admissions(p.Rooms(gateway), joinsPerSecond), p.Log).Handle
}

// Disconnect is the function of the $disconnect route.
func Disconnect(p Process) any {
	departures := departure.New(p.Store, pool.New(p.Store, pool.Sleep), p.Log)
	return wsapi.NewDisconnector(departures, p.Log).Handle
}

// Message is the function of the $default route.
func Message(p Process, gateway Gateway, joinsPerSecond int, signer *jointoken.Signer) any {
	r := p.Rooms(gateway)
	return wsapi.NewMessenger(wsapi.MessengerConfig{
		Admissions: p.admissions(r, joinsPerSecond), Departures: r.Departures, Occupancy: r.Occupancy, Gateway: gateway, Signer: signer, Log: p.Log,
	}).Handle
}

// Reconcile is the function that gives back the seats of dead connections.
func Reconcile(p Process, gateway Gateway) any {
	r := p.Rooms(gateway)
	return jobs.NewReconciler(reconcile.New(reconcile.Config{
		Store: p.Store, Licensing: r.Licensing, Departures: r.Departures, Meetings: r.Meetings, Gateway: gateway, Log: p.Log, Now: p.Now,
	}), p.Log).Handle
}

// Rollup is the function that adds usage up.
func Rollup(p Process) any { return jobs.NewRollup(rollup.New(p.Store, p.Log, p.Now)).Handle }
