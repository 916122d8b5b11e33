// Package worker gives a full pool's free seats to its waiters, the longest waiter
// first.
//
// One process at a time has the lease and sweeps all open queues twice a second. A
// second process at the same time does no harm: each step is safe to repeat. A waiter
// is seated if its connection was found open within the last second. If the connection
// is gone when the worker tells the client of the seat, the stay is ended. A server's
// waiter is seated while its lease lasts; the server asks how it stands, and is told
// nothing.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/meeting"
	"seatmeter/shared/metrics"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

const (
	// interval is the time from one sweep of a queue to the next.
	interval = 500 * time.Millisecond
	// runTime is how long one invocation works: longer than the minute after which
	// the next one is scheduled, so that there is no time between them.
	runTime = 65 * time.Second
	// leaseTime is how long a worker that died keeps others from working.
	leaseTime = 5 * time.Second
	// After sweepTime a sweep serves no further waiter. waiterTime bounds the work for
	// one waiter, which a shorter deadline of the sweep does not interrupt.
	sweepTime, waiterTime = 2 * time.Second, 10 * time.Second
	// parallel is how many queues are swept, or waiters told, at the same time.
	parallel = 32
	// maxSweeps bounds the queues that are being swept.
	maxSweeps = 256
	// front is how many waiters a sweep reads. The whole queue is read every
	// walkMillis.
	front      = 64
	walkMillis = 5000
	// tellMillis is the least time between two positions that a waiter is told.
	tellMillis = 5000
	// Up to position near every change is told. Behind it, a change must be at least a
	// twentieth of the position.
	near, farShare = 100, 20
	// askMillis is how long the answer to a probe of a waiter's connection is used.
	askMillis = 1000
	// youngMillis is how long a connection may take to be established: as long as an
	// invocation lasts. Until then its waiter is skipped, and keeps its place.
	youngMillis = 30_000
	// countMillis is how long a waiter may take to enter: longer than an invocation.
	countMillis = 30_000
	// maxKept bounds what a worker keeps of connections and queues.
	maxKept = 100_000
)

// Teller tells waiters how they stand. The error is meeting.ErrGone for a connection
// that is no more, or is not established yet.
type Teller interface {
	Admitted(ctx context.Context, s session.Session, atMillis int64) error
	Queued(ctx context.Context, w queue.Waiter) error
	// Refused tells a waiter why it cannot have a seat and waits no more.
	Refused(ctx context.Context, w queue.Waiter, why error) error
}

// Worker serves queues. Safe for use by many goroutines.
type Worker struct {
	Config
	id string

	mu sync.Mutex
	// asked is the last probe of each waiter, and walked when each queue was last read
	// whole. busy are the queues that are being swept.
	asked  map[seat.ConnectionID]probe
	walked map[seat.Pool]int64
	busy   map[seat.Pool]bool
}

// probe is the answer to a question for a connection.
type probe struct {
	atMillis int64
	alive    bool
}

// Config is what a Worker is made of. All of it is needed.
type Config struct {
	Store      queue.Store
	Pools      *pool.Pools
	Queues     *queue.Queues
	Admissions *admission.Admissions
	Departures *departure.Departures
	Prober     reconcile.Prober
	Teller     Teller
	Log        *slog.Logger
	Now        func() time.Time
	Pause      pool.Pause
}

// New makes a Worker.
func New(c Config) *Worker {
	return &Worker{Config: c, id: rand.Text(), asked: make(map[seat.ConnectionID]probe), walked: make(map[seat.Pool]int64), busy: make(map[seat.Pool]bool)}
}

// Run serves all queues until none is open, or for a little more than a minute. While
// another worker has the lease, a standby waits for its turn; others wait until that
// worker would have lost its lease if it had died. A call that fails is made again by
// the next sweep.
func (w *Worker) Run(ctx context.Context, standby bool) error {
	end := w.Now().Add(runTime)
	giveUp := end
	if !standby {
		giveUp = w.Now().Add(leaseTime + time.Second)
	}
	var sweeps sync.WaitGroup
	defer sweeps.Wait()
	mine := false
	for none := 0; none < 2 && w.Now().Before(end) && (mine || w.Now().Before(giveUp)); {
		pools, err := w.Store.OpenQueues(ctx)
		if none++; len(pools) > 0 || err != nil {
			none = 0
		}
		if standby && none > 0 && !mine {
			return nil // the first waiter of a queue wakes a worker
		}
		if err == nil {
			mine, err = w.Store.Lease(ctx, w.id, w.Now(), w.Now().Add(leaseTime))
		}
		if err != nil {
			w.Log.ErrorContext(ctx, "the queues are left to the next sweep", "error", err)
		}
		if mine && err == nil {
			w.begin(ctx, &sweeps, pools)
		}
		if mine && none == 2 && w.opened(ctx) {
			none = 0
		}
		if err := w.Pause(ctx, interval); err != nil {
			return problem.Wrap("wait for the next sweep", err)
		}
	}
	w.opened(ctx)
	return nil
}

// opened releases the lease, and reports whether a queue was opened meanwhile. The
// worker that this queue woke may have found the lease taken.
func (w *Worker) opened(ctx context.Context) bool {
	if _, err := w.Store.Lease(ctx, w.id, w.Now(), w.Now()); err != nil {
		w.Log.WarnContext(ctx, "the lease lapses by itself", "error", err)
	}
	pools, err := w.Store.OpenQueues(ctx)
	return len(pools) > 0 || err != nil
}

// begin begins a sweep of each queue that is not being swept, so that a slow queue
// keeps no other waiting.
func (w *Worker) begin(ctx context.Context, sweeps *sync.WaitGroup, pools []seat.Pool) {
	for _, of := range pools {
		w.mu.Lock()
		busy := w.busy[of] || len(w.busy) >= maxSweeps
		if !busy {
			w.busy[of] = true
		}
		w.mu.Unlock()
		if busy {
			continue
		}
		sweeps.Go(func() {
			_ = w.sweep(ctx, of) // logged; the next sweep is its retry
			w.mu.Lock()
			defer w.mu.Unlock()
			delete(w.busy, of)
		})
	}
}

// Round sweeps each open queue once.
func (w *Worker) Round(ctx context.Context) error {
	pools, err := w.Store.OpenQueues(ctx)
	if err != nil {
		return problem.Wrap("list the open queues", err)
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, of := range pools {
		group.Go(func() error { return w.sweep(ctx, of) })
	}
	return group.Wait() //nolint:wrapcheck // Sweep's
}

func (w *Worker) sweep(ctx context.Context, of seat.Pool) error {
	err := w.Sweep(ctx, of)
	if err != nil {
		w.Log.ErrorContext(ctx, "a queue is left to the next sweep", "tenant", of.Tenant, "error", err)
	}
	return err
}

// Sweep serves one queue: it gives the free seats to the first waiters, removes the
// places of connections that no longer wait, tells positions, and closes an empty queue. Safe to repeat, to run twice at once, and to break off.
func (w *Worker) Sweep(ctx context.Context, of seat.Pool) error {
	now := w.Now().UnixMilli()
	whole, limit := w.walks(of, now), front
	if whole {
		limit = 0
	}
	head, waiters, err := w.Store.Queue(ctx, of, limit)
	if err != nil {
		return problem.Wrap("read the queue", err)
	}
	if len(waiters) == 0 {
		return w.close(ctx, head, now)
	}
	if err := w.Queues.Gate(ctx, head); err != nil { // the process that opened it may have died
		return problem.Wrap("gate a queue", err)
	}
	left, err := w.serve(ctx, waiters)
	if err != nil {
		return err
	}
	if whole && head.Waiting != len(waiters) && now-head.EnteredMillis > countMillis {
		if err := w.Store.Recount(ctx, head, len(waiters)); err != nil {
			return problem.Wrap("recount the queue", err)
		}
	}
	return w.tell(ctx, left, now)
}

// close closes a queue that is empty, unless somebody may be entering.
func (w *Worker) close(ctx context.Context, head queue.Head, now int64) error {
	if head.Waiting > 0 && now-head.EnteredMillis <= countMillis {
		return nil
	}
	closed, err := w.Store.CloseQueue(ctx, head)
	if !closed || err != nil {
		return problem.Wrap("close the queue", err)
	}
	return problem.Wrap("open the gates", w.Pools.Ungate(ctx, head.Pool, head.Gate()))
}

// serve seats the first waiters while seats are free, and returns the other waiters.
// When the pool is full it still tries hosts, who have a seat of their own.
func (w *Worker) serve(ctx context.Context, waiters []queue.Waiter) (left []queue.Waiter, err error) {
	var telling errgroup.Group
	telling.SetLimit(parallel)
	defer func() {
		if told := telling.Wait(); err == nil {
			err = told
		}
	}()
	until, full := w.Now().Add(sweepTime), false
	known := make(map[seat.ConnectionID]bool, len(waiters))
	for n, waiter := range waiters {
		if w.Now().After(until) {
			return append(left, waiters[n:]...), nil
		}
		if known[waiter.Connection] { // it was put first, by a process that died
			if _, err := w.Store.Remove(ctx, waiter); err != nil {
				return nil, problem.Wrap("remove a place", err)
			}
			continue
		}
		known[waiter.Connection] = true
		if full && !waiter.Lapsed(w.Now().UnixMilli()) && (waiter.Role != jointoken.RoleHost || waiter.Pool.Number == 0) {
			left = append(left, waiter)
			continue
		}
		outcome, err := w.serveOne(ctx, waiter, &telling)
		if err != nil {
			return nil, err
		}
		if outcome != removed {
			left = append(left, waiter)
		}
		full = full || outcome == isFull
	}
	return left, nil
}

// outcome is what became of a waiter in a sweep.
type outcome int

const (
	stays   outcome = iota // it keeps its place, and the next one may be served
	isFull                 // it keeps its place, and there is no seat for the next one either
	removed                // it has lost its place, perhaps for a seat
)

// unbroken is a context for the work for one waiter, which must not end between two
// writes because the sweep's time is over.
func unbroken(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), waiterTime)
}

// serveOne seats a waiter if it can.
func (w *Worker) serveOne(ctx context.Context, waiter queue.Waiter, telling *errgroup.Group) (outcome, error) {
	ctx, cancel := unbroken(ctx)
	defer cancel()
	now := w.Now().UnixMilli()
	if waiter.Lapsed(now) {
		if became, seated, err := w.lapse(ctx, waiter); !seated {
			return became, err
		}
	}
	if !waiter.Connection.OfServer() && !w.alive(ctx, waiter, now) {
		if now-waiter.SinceMillis < youngMillis {
			return stays, nil // it is not established yet
		}
		if err := w.Departures.Leave(ctx, waiter.Connection, now, usage.EndVanished); err != nil {
			return stays, problem.Wrap("end a waiter's connection", err)
		}
		return removed, w.end(ctx, waiter, now, usage.WaitGone)
	}
	s, err := w.Admissions.Serve(ctx, waiter, now)
	switch code := problem.As(err).Code; {
	case err == nil && s.State == session.StateSeated:
		telling.Go(func() error {
			ctx, cancel := unbroken(ctx)
			defer cancel()
			return w.admitted(ctx, waiter, s, now)
		})
		return removed, nil
	case err == nil:
		return removed, w.end(ctx, waiter, max(s.MovedAtMillis, waiter.SinceMillis), usage.WaitLeft)
	case code == problem.NotFound && s.Connection == "":
		return removed, w.end(ctx, waiter, now, usage.WaitGone)
	case code == problem.SeatsExhausted || code == problem.ParticipantsExhausted:
		if pool, _ := (usage.Refusal{Tenant: waiter.Tenant, Number: waiter.Number, Code: code}).Pool(); pool != waiter.Pool {
			return stays, nil // the license has another model since: others draw on other pools
		}
		return isFull, nil
	case code == problem.RateLimited || code == problem.LicenseSuspended || code == problem.LicenseExpired:
		return isFull, nil
	case code == problem.Unavailable || code == problem.Internal:
		return isFull, problem.Wrap("seat a waiter", err)
	}
	return removed, w.refuse(ctx, waiter, now, err)
}

// lapse ends the wait of a waiter that has lapsed, unless it was renewed meanwhile.
// Seated: a process that died has given it a seat before.
func (w *Worker) lapse(ctx context.Context, waiter queue.Waiter) (became outcome, seated bool, err error) {
	if ended, err := w.Queues.Lapse(ctx, waiter); !ended || err != nil {
		return stays, false, problem.Wrap("end a lease", err)
	}
	gone, err := w.Departures.EndWait(ctx, waiter.Connection, waiter.SinceMillis)
	if !gone || err != nil {
		return stays, err == nil, problem.Wrap("end a lapsed wait", err)
	}
	return removed, false, w.end(ctx, waiter, waiter.Lease.RenewedAtMillis, usage.WaitGone)
}

// refuse ends the wait of a waiter that a free seat would not help, and tells the
// client why. If the process dies before that, the client's status says that it is in
// the lobby.
func (w *Worker) refuse(ctx context.Context, waiter queue.Waiter, now int64, why error) error {
	if err := w.end(ctx, waiter, now, usage.WaitLeft); err != nil {
		return err
	}
	if waiter.Connection.OfServer() {
		_, err := w.Departures.EndWait(ctx, waiter.Connection, waiter.SinceMillis)
		return problem.Wrap("end a wait", err)
	}
	if _, err := w.Departures.ToLobby(ctx, waiter.Connection, waiter.SinceMillis); err != nil && !problem.Is(err, problem.NotFound) {
		return problem.Wrap("end a wait", err)
	}
	if err := w.Teller.Refused(ctx, waiter, why); err != nil && !errors.Is(err, meeting.ErrGone) {
		w.Log.WarnContext(ctx, "a waiter was not told that it is refused", "tenant", waiter.Tenant, "connection", waiter.Connection, "error", err)
	}
	return nil
}

// admitted tells a client that it has a seat, and then removes its place. If the
// process dies in between, the next sweep tells the client again. If the connection is
// gone, its stay is ended.
func (w *Worker) admitted(ctx context.Context, waiter queue.Waiter, s session.Session, now int64) error {
	var err error
	if !s.Connection.OfServer() {
		err = w.Teller.Admitted(ctx, s, now)
	}
	if errors.Is(err, meeting.ErrGone) {
		err = w.Departures.Leave(ctx, s.Connection, now, usage.EndVanished)
	}
	if err != nil {
		w.Log.WarnContext(ctx, "a waiter is told of its seat by the next sweep", "tenant", s.Tenant, "connection", s.Connection, "error", err)
		return nil
	}
	err = w.end(ctx, waiter, s.JoinedAtMillis, usage.WaitAdmitted)
	if err == nil {
		metrics.Observe(ctx, metrics.SeatWaitMillis, max(0, s.JoinedAtMillis-waiter.SinceMillis))
	}
	return err
}

func (w *Worker) end(ctx context.Context, waiter queue.Waiter, untilMillis int64, outcome usage.WaitOutcome) error {
	return problem.Wrap("end a wait", w.Queues.End(ctx, waiter, untilMillis, outcome))
}

// alive probes a waiter's connection, unless the last probe is less than a second old.
// If the probe fails, the connection counts as open: the message to it shows whether it
// is.
func (w *Worker) alive(ctx context.Context, waiter queue.Waiter, now int64) bool {
	w.mu.Lock()
	last, known := w.asked[waiter.Connection]
	w.mu.Unlock()
	if known && now-last.atMillis < askMillis {
		return last.alive
	}
	alive, err := w.Prober.Alive(ctx, waiter.Connection)
	if err != nil {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) > maxKept {
		clear(w.asked)
	}
	w.asked[waiter.Connection] = probe{now, alive}
	return alive
}

// walks tells whether it is time to read a queue whole.
func (w *Worker) walks(of seat.Pool, now int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, known := w.walked[of]; known && now-at < walkMillis {
		return false
	}
	if len(w.walked) > maxKept {
		clear(w.walked)
	}
	w.walked[of] = now
	return true
}

// tell tells waiters their changed positions, each waiter at most every five seconds.
func (w *Worker) tell(ctx context.Context, waiters []queue.Waiter, now int64) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for n, waiter := range waiters {
		position := n + 1
		moved := max(position-waiter.Told, waiter.Told-position)
		if moved == 0 || position <= near && waiter.Connection.OfServer() || position > near && moved*farShare < position || now-waiter.ToldMillis < tellMillis {
			continue
		}
		waiter.Told, waiter.ToldMillis = position, now
		group.Go(func() error {
			var err error
			if !waiter.Connection.OfServer() { // whose server asks
				err = w.Teller.Queued(ctx, waiter)
			}
			if errors.Is(err, meeting.ErrGone) && now-waiter.SinceMillis >= youngMillis {
				err = w.Departures.Leave(ctx, waiter.Connection, now, usage.EndVanished)
				return problem.Wrap("end a waiter's connection", err)
			}
			if errors.Is(err, meeting.ErrGone) {
				return nil // it is not established yet
			}
			if err == nil {
				err = w.Store.Tell(ctx, waiter)
			}
			return problem.Wrap("tell a position", err)
		})
	}
	return group.Wait() //nolint:wrapcheck // wrapped above
}
