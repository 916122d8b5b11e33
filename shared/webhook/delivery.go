package webhook

import (
	"context"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

var errChanging = problem.New(problem.Unavailable, "Others keep changing the webhooks. Try again.")

// State is how far a delivery is.
type State string

// The states.
const (
	StatePending   State = "pending"
	StateDelivered State = "delivered"
	StateFailed    State = "failed"
)

// Place is a webhook of a tenant.
type Place struct {
	Tenant  tenant.ID
	Webhook ID
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	Place
	// Event has no data once the delivery has ended.
	Event    signal.Event
	State    State
	Attempts int
	// SinceMillis is when it began: its last attempt is a day later. Unix time.
	SinceMillis int64
	// DueMillis is when the next attempt is due, while it is pending.
	DueMillis int64
	Last      Attempt
}

// Attempt is how an attempt ended; zero: there was none.
type Attempt struct {
	AtMillis int64
	// TookMillis is how long it took.
	TookMillis int64
	// Status is the HTTP status of the answer; zero: there was none.
	Status int
	// Detail says what failed; empty for an attempt that succeeded. It has nothing of the
	// answer.
	Detail string
}

// OK tells whether the receiver took the event.
func (a Attempt) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// GiveUpMillis is how long a delivery is tried.
const GiveUpMillis = int64(24 * time.Hour / time.Millisecond)

// waits are the pauses between attempts: after the first one, the second one, and so on.
// The last one repeats.
var waits = []time.Duration{
	5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// Wait is the pause after so many attempts that failed.
func Wait(attempts int) time.Duration { return waits[min(max(attempts, 1), len(waits))-1] }

// After is the delivery after an attempt.
func (d Delivery) After(a Attempt) Delivery {
	d.Attempts, d.Last = d.Attempts+1, a
	giveUp := d.SinceMillis + GiveUpMillis
	switch {
	case a.OK():
		d.State, d.DueMillis = StateDelivered, 0
	case a.AtMillis >= giveUp:
		d.State, d.DueMillis = StateFailed, 0
	default: // the last attempt comes when a day is over
		d.DueMillis = min(a.AtMillis+Wait(d.Attempts).Milliseconds(), giveUp)
	}
	return d
}

// Lane is the deliveries of one webhook that are pending.
type Lane struct {
	Place
	// DueMillis is when its turn comes. While a process has it, that is when its lease
	// ends.
	DueMillis int64
	// Failures counts the turns since the last attempt that succeeded.
	Failures int
	// Version counts what was added to it.
	Version int64
}

// Leaving is how a lane is left after its turn.
type Leaving struct {
	// UntilMillis is when the lease would have ended.
	UntilMillis int64
	// Empty: nothing is pending, and the lane goes.
	Empty bool
	// NextMillis is when the next turn is, and AddedMillis when it is if a delivery was
	// added meanwhile, which also keeps an empty lane.
	NextMillis, AddedMillis int64
	Failures                int
}

// Deliveries stores deliveries. Errors are the store's own.
type Deliveries interface {
	// Enqueue writes a pending delivery, and gives its webhook's lane a turn, now if it
	// has none. Safe to retry.
	Enqueue(ctx context.Context, d Delivery) error
	// Lanes lists the lanes of a shard whose turn has come, consistently.
	Lanes(ctx context.Context, shard int, nowMillis int64) ([]Lane, error)
	// TakeLane leases a lane, as it was read, until a moment. False: another process has
	// it.
	TakeLane(ctx context.Context, l Lane, untilMillis int64) (bool, error)
	// LeaveLane ends the lease of a lane, as it was read. Safe to retry; without effect
	// after the lease has ended.
	LeaveLane(ctx context.Context, l Lane, left Leaving) error
	// Pending lists the pending deliveries of a webhook, the oldest first, after one.
	Pending(ctx context.Context, of Place, after *Delivery, limit int) ([]Delivery, error)
	// SaveDelivery writes a delivery after an attempt; not one that is pending, if it is
	// not pending any more. Safe to retry.
	SaveDelivery(ctx context.Context, d Delivery) error
	// DropPending removes a pending delivery without a trace. Safe to retry.
	DropPending(ctx context.Context, d Delivery) error
	// Deliveries lists a webhook's deliveries, the newest event first, after one.
	Deliveries(ctx context.Context, of Place, afterMillis int64, afterID string, limit int) ([]Delivery, error)
}
