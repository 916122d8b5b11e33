// Package wiring builds the functions. The Lambda mains and the local stack both use
// it, so that the end-to-end tests run production's wiring.
//
// This package has the functions of the WebSocket API and the scheduled ones. Package
// wiring/api has those of the HTTP API, so that connect does not link them.
package wiring

import (
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/books"
	"seatmeter/shared/crossing"
	"seatmeter/shared/deletion"
	"seatmeter/shared/departure"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jobs"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/people"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/queue/worker"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/retention"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
	"seatmeter/shared/wsapi"
)

// Process has what every function needs.
type Process struct {
	Store *dynamo.Store
	// Log's handler is a metrics.Handler, or no metrics are written.
	Log *slog.Logger
	Now func() time.Time
	// Stack is the dimension that tells the metrics of this stack from those of others.
	Stack string
}

// Gateway pushes to, closes and probes connections.
type Gateway interface {
	meeting.Gateway
	reconcile.Prober
}

// Domain has the domain's services over one store, except admissions.
type Domain struct {
	Pools      *pool.Pools
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Occupancy  *occupancy.Reader
	Meetings   *meeting.Meetings
	Crossings  *crossing.Watch

	store admission.Store
	log   *slog.Logger
}

// NewDomain builds the services. The pause is pool.Sleep, except in a simulation.
func NewDomain(store admission.Store, gateway meeting.Gateway, pause pool.Pause, log *slog.Logger) Domain {
	pools := pool.New(store, pause)
	d := Domain{
		Pools: pools, Licensing: licensing.New(store, pools), Departures: departure.New(store, pools, log), Crossings: crossing.New(store, log),
		store: store, log: log,
	}
	d.Occupancy = occupancy.New(store, pools, d.Licensing)
	d.Meetings = meeting.New(meeting.Config{
		Store: store, Pools: pools, Licensing: d.Licensing, Departures: d.Departures, Occupancy: d.Occupancy,
		Gateway: gateway, Log: log,
	})
	return d
}

// Admissions builds the admissions. The function together is admission.Together,
// except in a simulation.
func (d Domain) Admissions(limits admission.Limits, together func(steps ...func())) *admission.Admissions {
	return admission.New(admission.Config{
		Store: d.store, Pools: d.Pools, Licensing: d.Licensing, Departures: d.Departures, Meetings: d.Meetings, Crossings: d.Crossings,
		Limits: limits, Together: together, Log: d.log,
	})
}

// Domain builds the services of this process.
func (p Process) Domain(gateway Gateway) Domain {
	return NewDomain(p.Store, gateway, pool.Sleep, p.Log)
}

// Admissions builds the admissions, with a limit on each tenant's joins per second.
func (p Process) Admissions(d Domain, joinsPerSecond int) *admission.Admissions {
	limits := admission.Limits{Limiter: rate.NewLimiter(p.Store, p.Log), JoinsPerSecond: joinsPerSecond}
	return d.Admissions(limits, admission.Together)
}

// Authorize builds the function that verifies tokens before $connect. It needs no
// store.
func Authorize(p Process, signer *jointoken.Signer) Function {
	return p.Function("authorize", wsapi.NewAuthorizer(signer, p.Now, p.Log).Handle)
}

// Connect builds the function of the $connect route.
func Connect(p Process, gateway Gateway, joinsPerSecond int) Function {
	return p.Function("connect", wsapi.NewConnector(p.Admissions(p.Domain(gateway), joinsPerSecond), p.Log).Handle)
}

// Disconnect builds the function of the $disconnect route.
func Disconnect(p Process) Function {
	departures := departure.New(p.Store, pool.New(p.Store, pool.Sleep), p.Log)
	return p.Function("disconnect", wsapi.NewDisconnector(departures, p.Log).Handle)
}

// Message builds the function of the $default route.
func Message(p Process, gateway Gateway, joinsPerSecond int, signer *jointoken.Signer) Function {
	d := p.Domain(gateway)
	return p.Function("message", p.messenger(d, p.Admissions(d, joinsPerSecond), gateway, signer).Handle)
}

func (p Process) messenger(d Domain, admissions *admission.Admissions, gateway Gateway, signer *jointoken.Signer) *wsapi.Messenger {
	return wsapi.NewMessenger(wsapi.MessengerConfig{
		Admissions: admissions, Departures: d.Departures, Occupancy: d.Occupancy, Crossings: d.Crossings, Gateway: gateway, Signer: signer, Log: p.Log,
	})
}

// Queue builds the function that gives free seats to those who wait.
func Queue(p Process, gateway Gateway, signer *jointoken.Signer) Function {
	d := p.Domain(gateway)
	admissions := p.Admissions(d, 1) // which counts no waiter: it was counted when it came
	return p.Function("queue", jobs.NewQueueWorker(worker.New(worker.Config{
		Store: p.Store, Pools: d.Pools, Queues: queue.New(p.Store, d.Pools, p.Store), Admissions: admissions, Departures: d.Departures,
		Prober: gateway, Teller: p.messenger(d, admissions, gateway, signer), Log: p.Log, Now: p.Now, Pause: pool.Sleep,
	})).Handle)
}

// Reconcile builds the function that frees the seats of dead connections.
func Reconcile(p Process, gateway Gateway, queue reconcile.Queue) Function {
	d := p.Domain(gateway)
	return p.Function("reconcile", jobs.NewReconciler(reconcile.New(reconcile.Config{
		Store: p.Store, Licensing: d.Licensing, Departures: d.Departures, Meetings: d.Meetings, Crossings: d.Crossings, Gateway: gateway, Log: p.Log, Now: p.Now,
		Queue: queue, Share: reconcile.Share,
	}), p.Log).Handle)
}

// Rollup builds the function that rolls up usage, audits the books, and goes on with
// closings, erasures and deletions. It closes months by itself so many days after their end; zero: never.
// It removes records so many days after the end of their month; zero: never.
func Rollup(p Process, closeAfterDays, retentionDays int) Function {
	work := jobs.Rollup{
		"roll usage up":       p.Roller(),
		"audit the books":     books.NewAuditor(p.Store, p.Log, p.Now),
		"close periods":       p.Closer(closeAfterDays),
		"go on with erasures": people.NewEraser(p.Store, p.Log, p.Now),
		"delete tenants":      deletion.NewRemover(p.Store, p.Log, p.Now),
	}
	if retentionDays > 0 {
		work["remove old records"] = retention.NewKeeper(p.Store, p.Closer(0), retentionDays, p.Log, p.Now)
	}
	return p.Function("rollup", work.Handle)
}

// Roller rolls the ledger up, with a pseudonym for each person.
func (p Process) Roller() *rollup.Roller { return rollup.New(p.pseudonymous(), p.Log, p.Now) }

// Closer builds what closes billing periods: see Rollup.
func (p Process) Closer(closeAfterDays int) *statement.Closer {
	return statement.NewCloser(statement.Config{
		Store: p.pseudonymous(), Roller: p.Roller(), Log: p.Log, Now: p.Now, Pause: pool.Sleep, CloseAfterDays: closeAfterDays,
	})
}
