// Package reconcile repairs what no event reports: connections that died without
// a $disconnect, and work that a crashed process left half done. It gives seats
// back, completes the work, and reports counts as metrics.
//
// Terms: the agenda is reconciliation's work queue: the blocks that may have
// members, the conferences that are live or ending, the hosts' locks, and licenses
// that are not rolled out. The store maintains it with each change, so that no table
// is ever scanned. A round works through the agenda; what is too much for one process
// it hands on, in parts. A ghost is a seat whose connection is dead. An orphan is a
// seat that was taken and whose session was never written. A connection's last proof
// of life is when it joined or, later, when all members of its block were found alive.
//
// What is promised, with a round each minute, once a death is observable:
//   - in a block of which at most a fifth is free, and so in any full pool, and of a
//     connection that alone keeps its conference live: the seat is given back within
//     two minutes, and one more for each round that fails;
//   - in any other: within five minutes, though a round fails;
//   - in a pool that refuses a join: within seconds (Refused).
//
// A death is observable a minute after the join at the earliest. An estimated end of a
// stay is too early by at most the license's EstimatedEndWithinMinutes, five by default:
// all members are asked after one minute more often than that, and those who joined
// within the last minute have the next turn. Each round that fails or is late adds its delay.
//
// The work is linear in what is live: a round reads each block once and writes it every
// four minutes. Tenants are checked side by side, with bounded shares of the probes.
//
// All of it is safe to run at any time, twice at once, and to abort between any
// two calls, since each step is idempotent. A connection younger than a minute is
// never judged: during its handshake, the platform says that it is gone.
package reconcile

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/crossing"
	"seatmeter/shared/departure"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/meeting"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"

	"golang.org/x/time/rate"
)

const (
	// young is the age below which a connection is not judged, and an unfinished
	// step may be under way still: no invocation of a handler lasts longer than 29 s.
	young = session.YoungMillis * time.Millisecond
	// slack allows for clock differences where a connection is dead by its age alone.
	slack = time.Minute
	// checkEvery is how often all members of a block are asked after, unless the license
	// asks for closer estimates. There is a round each minute, which may come a little early.
	checkEvery = license.DefaultEstimatedEndWithinMinutes*time.Minute - young
	early      = 15 * time.Second
	// fresh is how long refusals do not check a block again that was found alive.
	fresh = 2 * time.Second
	// samples is how many blocks of a refusing pool are checked if nobody in them is
	// dead.
	samples = 4
	// scanFor is how long scans begin new checks, first of small pools and then as long
	// of large ones: later refusals in the stream wait for them. The claim on a large
	// pool lasts as long.
	scanFor = 2 * time.Second

	// What is done in parallel: tenants checked, blocks or conferences of each of them,
	// probes of one of them, and probes in all.
	tenants      = 16
	blocks       = 8
	tenantProbes = 8
	probes       = 32
	// reserve is how much of an invocation's time is kept for finishing what is begun,
	// and toWork how much more for working on what is read.
	reserve = 10 * time.Second
	toWork  = 10 * time.Second
	// claim is how long a round's claim lasts: less than the time between two rounds,
	// so that the next round follows one that crashed. A longer run may overlap with
	// the next, which costs reads and does no harm.
	claim = 45 * time.Second
	// late is the age of a round from which its parts have the next one wait, and
	// givenUp that from which they are left to the next one.
	late    = 45 * time.Second
	givenUp = 10 * time.Minute
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
	crossings  *crossing.Watch
	gateway    Prober
	log        *slog.Logger
	now        func() time.Time
	pace       *pace
	queue      Queue
	share      int
	restraint  *restraint
}

// Share is how many entries of the agenda one process has time for.
const Share = 4000

// Config is what a Reconciler is made of. All fields but Queue and ProbesPerSecond are required.
type Config struct {
	Store      Store
	Licensing  *licensing.Licensing
	Departures *departure.Departures
	Meetings   *meeting.Meetings
	Crossings  *crossing.Watch
	Gateway    Prober
	Log        *slog.Logger
	// Now is compared with times of the gateway's clock.
	Now func() time.Time
	// Queue takes what is more than a process's share. Nil: there is one process only.
	Queue Queue
	// Share is how many entries of the agenda a process takes at a time.
	Share int
	// ProbesPerSecond bounds the probes of a process; zero: 2,000.
	ProbesPerSecond int
}

// New makes a Reconciler.
func New(c Config) *Reconciler {
	return &Reconciler{
		c.Store, c.Licensing, c.Departures, c.Meetings, c.Crossings, c.Gateway, c.Log, c.Now, newPace(rate.Limit(cmp.Or(c.ProbesPerSecond, maxPerSecond))), c.Queue, c.Share, newRestraint(),
	}
}
