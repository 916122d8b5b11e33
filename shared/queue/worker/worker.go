// Package worker gives the seats that come free in full pools to those who wait
// longest.
//
// One process at a time has the lease and goes over all open queues, twice a second.
// Others may do the same at the same time: each step is safe to repeat. A waiter is
// seated if it was found connected within a second before. If it is gone when it is
// told of its seat, its stay is ended.
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
	"seatmeter/shared/meeting"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

const (
	// interval is the time between two sweeps of a queue.
	interval = 500 * time.Millisecond
	// runTime is how long one invocation works: longer than the minute after which
	// the next one is scheduled, so that there is no time between them.
	runTime = 65 * time.Second
	// leaseTime is how long a worker that died keeps others from working.
	leaseTime = 5 * time.Second
	// sweepTime bounds one sweep of one queue, lest it keep the others waiting.
	sweepTime = 2 * time.Second
	// parallel is how many queues are swept at the same time.
	parallel = 32
	// front is how many waiters a sweep reads. The whole queue is read every
	// walkMillis.
	front      = 64
	walkMillis = 5000
	// tellMillis is the least time between two positions that a waiter is told.
	tellMillis = 5000
	// near is up to which position each change is told. Beyond it, one of less than
	// a twentieth is not.
	near, farShare = 100, 20
	// askMillis is how long a waiter counts as connected after it was asked after.
	askMillis = 1000
	// youngMillis is how long a connection may take to be established: as long as an
	// invocation lasts. Until then it is passed over, and keeps its place.
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
}

// Worker serves queues. Safe for use by many goroutines.
type Worker struct {
	Config
	id string

	mu sync.Mutex
	// asked is when each waiter was last found connected, and walked when each queue
	// was last read whole.
	asked  map[seat.ConnectionID]int64
	walked map[seat.Pool]int64
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
	return &Worker{Config: c, id: rand.Text(), asked: make(map[seat.ConnectionID]int64), walked: make(map[seat.Pool]int64)}
}

// Run serves all queues until none is open, or for a little more than a minute. A
// standby waits for its turn while another worker has the lease; others end at once.
func (w *Worker) Run(ctx context.Context, standby bool) error {
	end := w.Now().Add(runTime)
	for none := 0; none < 2 && w.Now().Before(end); {
		pools, err := w.Store.OpenQueues(ctx)
		if err != nil {
			return problem.Wrap("list the open queues", err)
		}
		if none++; len(pools) > 0 {
			none = 0
		}
		mine, err := w.Store.Lease(ctx, w.id, w.Now(), w.Now().Add(leaseTime))
		if err != nil {
			return problem.Wrap("take the lease", err)
		}
		if !mine && !standby {
			return nil
		}
		if mine {
			_ = w.sweepAll(ctx, pools) // logged; the next sweep is its retry
		}
		if mine && none == 2 { // a queue that was opened meanwhile may have found the lease taken
			if none, err = w.release(ctx, none); err != nil {
				return err
			}
		}
		if err := w.Pause(ctx, interval); err != nil {
			return problem.Wrap("wait for the next sweep", err)
		}
	}
	_, err := w.release(ctx, 0)
	return err
}

// release gives the lease up, and tells whether there is still nothing to do.
func (w *Worker) release(ctx context.Context, none int) (int, error) {
	if _, err := w.Store.Lease(ctx, w.id, w.Now(), w.Now()); err != nil {
		return none, problem.Wrap("release the lease", err)
	}
	pools, err := w.Store.OpenQueues(ctx)
	if len(pools) > 0 {
		none = 0
	}
	return none, problem.Wrap("list the open queues", err)
}

// Round sweeps each open queue once.
func (w *Worker) Round(ctx context.Context) error {
	pools, err := w.Store.OpenQueues(ctx)
	if err != nil {
		return problem.Wrap("list the open queues", err)
	}
	return w.sweepAll(ctx, pools)
}

func (w *Worker) sweepAll(ctx context.Context, pools []seat.Pool) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, of := range pools {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, sweepTime)
			defer cancel()
			err := w.Sweep(ctx, of)
			if err != nil {
				w.Log.ErrorContext(ctx, "a queue is left to the next sweep", "tenant", of.Tenant, "error", err)
			}
			return err
		})
	}
	return group.Wait() //nolint:wrapcheck // Sweep's
}

// Sweep serves one queue: it gives what seats are free to the first waiters, removes
// the places of those who do not wait any more, tells positions, and closes a queue
// in which nobody waits. Safe to repeat, to run twice at once, and to break off.
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
	left, err := w.serve(ctx, waiters, now)
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

// serve seats the first waiters while seats are free, and gives those who wait on.
func (w *Worker) serve(ctx context.Context, waiters []queue.Waiter, now int64) (left []queue.Waiter, err error) {
	for n, waiter := range waiters {
		stays, full, err := w.serveOne(ctx, waiter, now)
		if err != nil {
			return nil, err
		}
		if stays {
			left = append(left, waiter)
		}
		if full {
			return append(left, waiters[n+1:]...), nil
		}
	}
	return left, nil
}

// serveOne seats a waiter if it can, and tells whether its place stays, and whether
// the pool is full.
func (w *Worker) serveOne(ctx context.Context, waiter queue.Waiter, now int64) (stays, full bool, err error) {
	alive, err := w.alive(ctx, waiter, now)
	if err != nil {
		return true, true, err
	}
	if !alive && now-waiter.SinceMillis < youngMillis {
		return true, false, nil // it is not established yet
	}
	if !alive {
		if err := w.Departures.Leave(ctx, waiter.Connection, now, usage.EndVanished); err != nil {
			return true, true, problem.Wrap("end a waiter's connection", err)
		}
		return false, false, w.end(ctx, waiter, now, usage.WaitGone)
	}
	s, err := w.Admissions.Serve(ctx, waiter, now)
	switch {
	case problem.Is(err, problem.NotFound) && s.Connection == "":
		return false, false, w.end(ctx, waiter, now, usage.WaitGone)
	case problem.Is(err, problem.SeatsExhausted), problem.Is(err, problem.ParticipantsExhausted), problem.Is(err, problem.RateLimited):
		return true, true, nil
	case err != nil && refuses(err):
		return true, false, nil // it cannot have a seat now: the next one may
	case err != nil:
		return true, true, problem.Wrap("seat a waiter", err)
	case s.State != session.StateSeated:
		return false, false, w.end(ctx, waiter, max(s.MovedAtMillis, waiter.SinceMillis), usage.WaitLeft)
	}
	return false, false, w.admitted(ctx, waiter, s, now)
}

// admitted tells a waiter that it has a seat, and then removes its place: if the
// process dies between, another one tells it again. The stay of a waiter that turns
// out to be gone is ended.
func (w *Worker) admitted(ctx context.Context, waiter queue.Waiter, s session.Session, now int64) error {
	err := w.Teller.Admitted(ctx, s, now)
	if errors.Is(err, meeting.ErrGone) {
		err = w.Departures.Leave(ctx, s.Connection, now, usage.EndVanished)
	}
	if err != nil {
		w.Log.WarnContext(ctx, "a waiter is told of its seat by the next sweep", "tenant", s.Tenant, "connection", s.Connection, "error", err)
		return nil
	}
	return w.end(ctx, waiter, s.JoinedAtMillis, usage.WaitAdmitted)
}

func (w *Worker) end(ctx context.Context, waiter queue.Waiter, untilMillis int64, outcome usage.WaitOutcome) error {
	return problem.Wrap("end a wait", w.Queues.End(ctx, waiter, untilMillis, outcome))
}

// refuses tells a refusal of this one waiter from a failure.
func refuses(err error) bool {
	p, refused := errors.AsType[*problem.Error](err)
	return refused && p.Code != problem.Unavailable && p.Code != problem.Internal
}

// alive asks after a waiter's connection, unless that was done within a second.
func (w *Worker) alive(ctx context.Context, waiter queue.Waiter, now int64) (bool, error) {
	w.mu.Lock()
	at, known := w.asked[waiter.Connection]
	w.mu.Unlock()
	if known && now-at < askMillis {
		return true, nil
	}
	alive, err := w.Prober.Alive(ctx, waiter.Connection)
	if err != nil {
		return false, problem.Wrap("ask after a waiter", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) > maxKept {
		clear(w.asked)
	}
	if delete(w.asked, waiter.Connection); alive {
		w.asked[waiter.Connection] = now
	}
	return alive, nil
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

// tell tells waiters their positions where these have changed: each at most every
// five seconds.
func (w *Worker) tell(ctx context.Context, waiters []queue.Waiter, now int64) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for n, waiter := range waiters {
		position := n + 1
		moved := max(position-waiter.Told, waiter.Told-position)
		if moved == 0 || position > near && moved*farShare < position || now-waiter.ToldMillis < tellMillis {
			continue
		}
		waiter.Told, waiter.ToldMillis = position, now
		group.Go(func() error {
			err := w.Teller.Queued(ctx, waiter)
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
