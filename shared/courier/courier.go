// Package courier tells other systems of the events in the outbox: the account's event
// bus, and the tenants' webhooks.
//
// A run first empties the outbox: each event that is due goes to the bus, and becomes a
// delivery for each webhook that wants it. Then every webhook with pending deliveries has
// its turn. Each is a lane of its own, which one process has at a time, by a lease, so a
// receiver that hangs delays no other. A run may die anywhere: a note of the outbox goes
// only once it was passed on, and a delivery only once its attempt is written down. So an
// event may be told twice, by the same id, and none is lost.
package courier

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
	"seatmeter/shared/webhook"
)

// Store is what a courier reads and writes.
type Store interface {
	signal.Outbox
	webhook.Webhooks
	webhook.Deliveries
	audit.Log
	License(ctx context.Context, t tenant.ID) (*license.License, error)
	Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error)
}

// Bus is the account's event bus.
type Bus interface {
	// Publish puts events on the bus, at most MaxPublish of them. It gives those that the
	// bus has not taken; an error says why, and also that it may have taken some. Safe to
	// retry: an event may come twice.
	Publish(ctx context.Context, events []signal.Event) (failed []signal.Event, err error)
}

// MaxPublish is the number of events that a bus takes at a time.
const MaxPublish = 10

// Sender makes one attempt to tell a webhook of an event.
type Sender interface {
	Send(ctx context.Context, w webhook.Webhook, e signal.Event) webhook.Attempt
}

const (
	// lanesAtOnce is how many webhooks have their turn at the same time, and sendsAtOnce
	// how many events are sent to one of them.
	lanesAtOnce = 200
	sendsAtOnce = 4
	// sendsPerTurn is how many events are sent to a webhook before others have a turn.
	sendsPerTurn = 40
	// window is how many pending deliveries a turn looks at.
	window = 200
	// lease is longer than a turn: two waves of attempts, each of at most
	// webhook.AttemptTimeout.
	lease = 30 * time.Second
	// reserve is how much of an invocation's time is kept for what is begun: an attempt
	// and what is written after it.
	reserve = webhook.AttemptTimeout + 3*time.Second
	// longestPause is the longest that a webhook that does not answer is left alone.
	longestPause = 15 * time.Minute
	// waitForFact is how long a note is kept whose fact is not so yet: its process may
	// be about to write it.
	waitForFact = time.Minute
)

// Courier tells of events. Safe for use by many goroutines.
type Courier struct {
	store  Store
	bus    Bus
	sender Sender
	log    *slog.Logger
	now    func() time.Time
}

// Config is what a Courier is made of. Bus may be nil: there is none.
type Config struct {
	Store  Store
	Bus    Bus
	Sender Sender
	Log    *slog.Logger
	Now    func() time.Time
}

// New makes a Courier.
func New(c Config) *Courier { return &Courier{c.Store, c.Bus, c.Sender, c.Log, c.Now} }

// run is one run of a courier.
type run struct{ *Courier }

// Run does what is due, as far as there is time for before ctx ends. Safe to run at any
// time, and several at once. What fails is left to the next run.
func (c *Courier) Run(ctx context.Context) error {
	r := &run{c}
	failed := make([]error, signal.Shards)
	var all errgroup.Group
	for shard := range signal.Shards {
		all.Go(func() error {
			failed[shard] = r.emptyOutbox(ctx, shard)
			return nil
		})
	}
	_ = all.Wait() // its functions return nil
	return problem.Wrap("tell of events", errors.Join(errors.Join(failed...), r.turns(ctx)))
}

// outOfTime tells whether too little time is left to begin anything.
func (r *run) outOfTime(ctx context.Context) bool {
	return timeleft.Of(ctx, r.now()) < reserve
}
