// Package reconcile repairs what no event reports: connections that died without
// a $disconnect, and work that a crashed process left half done. It gives seats
// back, completes the work, and reports counts as metrics.
//
// Terms: the agenda is reconciliation's work queue: the blocks that may have
// members, the conferences that are live or ending, and the hosts' locks. The
// store maintains it with each change, so that no table is ever scanned. A round
// works through the agenda; a run that is out of time saves where the next one
// continues. A ghost is a seat whose connection is dead. An orphan is a seat that
// was taken and whose session was never written. A connection's last proof of
// life is when it joined or, later, when it was last found alive.
//
// All of it is safe to run at any time, twice at once, and to abort between any
// two calls, since each step is idempotent. A connection younger than a minute is
// never judged: during its handshake, the platform says that it is gone.
package reconcile

import (
	"context"
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

const (
	// young is the age below which a connection is not judged, and an unfinished
	// step may be under way still: no invocation of a handler lasts longer than 29 s.
	young = session.YoungMillis * time.Millisecond
	// slack allows for clock differences where a connection is dead by its age alone.
	slack = time.Minute
	// recent is how long a round does not check a block again that was found alive,
	// and conferences and locks that were checked. There are two rounds a minute: each
	// connection is probed once a minute, and half a minute later if a round fails.
	recent = 45 * time.Second
	// fresh is how long refusals do not check a block again that was found alive.
	fresh = 2 * time.Second
	// samples is how many blocks of a refusing pool are checked if nobody in them is
	// dead. A pool that keeps refusing costs at most sixty probes a second, whatever
	// its size.
	samples = 4
	// scanFor is how long scans of large pools begin new checks: later refusals in
	// the stream wait for them. The claim on a pool lasts as long.
	scanFor = 3 * time.Second

	page   = 50 // entries of the agenda at a time
	blocks = 16 // checked in parallel
	probes = 32 // in parallel
	// reserve is how much of an invocation's time is kept for finishing.
	reserve = 10 * time.Second
	// claim is how long a run's claim lasts: less than the time between two rounds,
	// so that the next round follows one that crashed. A longer run may overlap with
	// the next, which costs reads and does no harm.
	claim = 25 * time.Second
)

// Store is everything that reconciliation reads and writes.
type Store interface {
	admission.Store
	Agenda
}

// Prober asks the platform for the state of connections.
type Prober interface {
	// Alive tells whether a connection is open. An error means that this is unknown;
	// after ErrThrottled the caller may retry soon.
	Alive(ctx context.Context, id seat.ConnectionID) (bool, error)
}

// Reconciler works through the agenda. Safe for use by many goroutines.
type Reconciler struct {
	store      Store
	licensing  *licensing.Licensing
	departures *departure.Departures
	meetings   *meeting.Meetings
	gateway    Prober
	log        *slog.Logger
	now        func() time.Time
	pace       *pace
}

// Config is what a Reconciler is made of. All fields are required.
type Config struct {
	Store      Store
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Meetings   *meeting.Meetings
	Gateway    Prober
	Log        *slog.Logger
	// Now is compared with times of the gateway's clock.
	Now func() time.Time
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	return &Reconciler{c.Store, c.Licensing, c.Departures, c.Meetings, c.Gateway, c.Log, c.Now, newPace()}
}
