// Package worldtest is what the tests of the domain stand on. It is linked into no
// command.
package worldtest

import (
	"context"
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/crossing"
	"seatmeter/shared/departure"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/lease"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/queue/worker"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/wiring"
	"seatmeter/shared/wsapi"
)

// Process has the domain's services of one process, wired as in production.
type Process struct {
	*admission.Admissions
	*departure.Departures
	*meeting.Meetings
	*occupancy.Reader
	Licensing *licensing.Licensing
	Crossings *crossing.Watch

	store admission.Store
	pools *pool.Pools
	log   *slog.Logger
}

// Option changes how a process is made.
type Option func(*options)

type options struct {
	limits admission.Limits
	pause  pool.Pause
	log    *slog.Logger
}

// Limited bounds the joins of a tenant by a limiter.
func Limited(limiter *rate.Limiter, joinsPerSecond int) Option {
	return func(o *options) { o.limits = admission.Limits{Limiter: limiter, JoinsPerSecond: joinsPerSecond} }
}

// Pausing has the process wait by another clock than the machine's.
func Pausing(pause func(context.Context, time.Duration) error) Option {
	return func(o *options) { o.pause = pause }
}

// Logging has the process log.
func Logging(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// NewProcess makes the domain of a process that has just started.
func NewProcess(store admission.Store, gateway meeting.Gateway, opts ...Option) *Process {
	o := options{
		limits: admission.Limits{Limiter: new(rate.Limiter)}, pause: pool.Sleep,
		log: slog.New(slog.DiscardHandler),
	}
	for _, opt := range opts {
		opt(&o)
	}
	domain := wiring.NewDomain(store, gateway, o.pause, o.log)
	return &Process{
		domain.Admissions(o.limits, admission.Together), domain.Departures, domain.Meetings, domain.Occupancy, domain.Licensing, domain.Crossings,
		store, domain.Pools, o.log,
	}
}

// Messenger handles the process's messages.
func (p *Process) Messenger(gateway meeting.Gateway, signer *jointoken.Signer, log *slog.Logger) *wsapi.Messenger {
	return wsapi.NewMessenger(wsapi.MessengerConfig{
		Admissions: p.Admissions, Departures: p.Departures, Occupancy: p.Reader, Crossings: p.Crossings, Gateway: gateway, Signer: signer, Log: log,
	})
}

// Reconciler is that of the process, by a clock. It works alone.
func (p *Process) Reconciler(store reconcile.Store, gateway reconcile.Prober, log *slog.Logger, now func() time.Time) *reconcile.Reconciler {
	return reconcile.New(p.Reconciliation(store, gateway, log, now))
}

// Reconciliation is what Reconciler is made of.
func (p *Process) Reconciliation(store reconcile.Store, gateway reconcile.Prober, log *slog.Logger, now func() time.Time) reconcile.Config {
	return reconcile.Config{
		Store: store, Licensing: p.Licensing, Departures: p.Departures, Meetings: p.Meetings, Crossings: p.Crossings, Gateway: gateway, Log: log, Now: now,
		Share: reconcile.Share,
	}
}

// Queues are the process's.
func (p *Process) Queues() *queue.Queues { return queue.New(p.store, p.pools, p.store) }

// Leases are those of the process's servers.
func (p *Process) Leases() *lease.Leases { return lease.New(p.store, p.Departures, p.Queues()) }

// Worker is that of the process's queues, by a clock.
func (p *Process) Worker(gateway reconcile.Prober, teller worker.Teller, now func() time.Time, pause pool.Pause) *worker.Worker {
	return worker.New(worker.Config{
		Store: p.store, Pools: p.pools, Queues: p.Queues(), Admissions: p.Admissions, Departures: p.Departures,
		Prober: gateway, Teller: teller, Log: p.log, Now: now, Pause: pause,
	})
}

// Deaf is a gateway whose connections are all gone.
type Deaf struct{}

// Push implements meeting.Gateway.
func (Deaf) Push(context.Context, seat.ConnectionID, []byte) error { return meeting.ErrGone }

// Close implements meeting.Gateway.
func (Deaf) Close(context.Context, seat.ConnectionID) error { return nil }

// Refusals are refusals of pools, at no time.
func Refusals(pools ...seat.Pool) []crossing.Refusal {
	list := make([]crossing.Refusal, len(pools))
	for n, pool := range pools {
		list[n].Pool = pool
	}
	return list
}
