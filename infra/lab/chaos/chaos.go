// Package chaos tests Seatmeter's guarantees under faults: real clients contend
// for the seats of several tenants on a local stack whose $disconnect events are
// lost, repeated, delayed and reordered, whose functions end between two calls,
// and whose DynamoDB Local is killed once. The test observes the stack through
// its two APIs alone.
//
// The guarantees: a pool is never used beyond its limit (oversold); after all
// clients have left, every seat comes back (lost) and the books balance; and a
// ghost, a seat that has outlived its connection, is reclaimed within three minutes
// of being observable. Some clients are conference servers, whose seats lapse when they
// fall silent. A ghost is observable once its connection is closed, its
// hold, if any, has expired, and the connection is a minute old, since
// reconciliation probes no younger one.
//
// That minute also bounds the load: with one close in five lost, every five joins
// cost a seat for a minute or more, so that a pool sustains about one join a
// second per fifteen seats on any machine.
package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/lab/deaths"
	"seatmeter/infra/local"
	"seatmeter/infra/local/apigateway"
)

// The bounds of the guarantees.
const (
	// unprobed is the age from which reconciliation probes a connection.
	unprobed = time.Minute
	// reclaimWithin is the time in which an observable ghost is reclaimed: two minutes, and
	// one more for a round that dies.
	reclaimWithin = 3 * time.Minute
	// drainWithin is the time in which every seat comes back after all have left.
	drainWithin = unprobed + reclaimWithin
)

// callTimeout bounds one call or handshake. After loadTimeout without a join the
// load ends.
const (
	callTimeout = 40 * time.Second
	loadTimeout = 2 * time.Minute
)

// Options configures a run. Template, DataDir, and Joins or For are required.
type Options struct {
	// Template is the path of the SAM template.
	Template string
	// DataDir is the stack's data directory.
	DataDir string
	// Store defaults to local.StoreDynamoDB: an engine of the run's own, which
	// the run can restart, even if DYNAMODB_ENDPOINT names another.
	Store local.Store
	// The load stops after this number of Joins, or after For; 0: no bound.
	Joins int
	For   time.Duration
	// Seed makes the decisions repeatable, as far as their order is.
	Seed uint64
	// Faults are those of the stack; their seed is set from Seed.
	Faults apigateway.Faults
	// Deaths is the share of calls at which a process ends: see package deaths.
	Deaths float64
	// Restart kills DynamoDB Local once and starts it again.
	Restart bool
	// Log is the stack's; Progress gets a line every few seconds. Nil: none.
	Log      *slog.Logger
	Progress io.Writer
}

// Usual is the configuration of ./scripts/chaos, without bounds.
func Usual() Options {
	return Options{
		Faults: apigateway.Faults{
			LoseDisconnect: 0.2, RepeatDisconnect: 0.1, DelayDisconnect: 0.05, ReorderDisconnect: 0.05,
		},
		Deaths:  0.005,
		Restart: true,
	}
}

type run struct {
	options   Options
	reaper    *deaths.Reaper
	stack     *local.Stack
	api       *client.Admin
	serverAPI *client.Admin
	customers []*customer
	began     time.Time
	// loading is the context of the load; end cancels it.
	loading context.Context
	end     context.CancelFunc

	lastJoinMillis atomic.Int64
	restartTook    time.Duration // 0: there was no restart

	mu           sync.Mutex
	breaches     []string
	breachesMore int
}

// Run runs the load under faults and reports the results. An error means that the
// run failed; broken guarantees are in the report.
func Run(ctx context.Context, o Options) (report Report, err error) {
	o.Faults.Seed = o.Seed
	o.Store = cmp.Or(o.Store, local.StoreDynamoDB)
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Joins <= 0 && o.For <= 0 {
		return Report{}, errors.New("neither a number of joins nor a time to stop after")
	}
	reaper, err := deaths.New(o.Deaths, o.Seed)
	if err != nil {
		return Report{}, err
	}
	r := &run{options: o, reaper: reaper, began: time.Now()}
	r.stack, err = local.Start(ctx, local.Options{
		Template: o.Template, DataDir: o.DataDir, Store: o.Store, OwnEngine: true,
		Faults: o.Faults, Processes: reaper, Log: o.Log, Progress: o.Progress,
	})
	if err != nil {
		return Report{}, fmt.Errorf("start the stack: %w", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		// The report is complete by now, so a failure to close is only logged.
		if closed := r.stack.Close(closing); closed != nil && o.Log != nil {
			o.Log.Warn("the stack did not close cleanly", "error", closed)
		}
	}()
	if err := r.run(ctx); err != nil {
		return Report{}, err
	}
	return r.report(), nil
}

func (r *run) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-r.stack.Failed():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	bearer, err := r.stack.Issuer.Mint("vendor", "", 12*time.Hour, time.Now())
	if err != nil {
		return err
	}
	r.api = client.NewAdmin(r.stack.Endpoints.HTTP, bearer)
	if bearer, err = r.stack.Issuer.Mint("server", "", 12*time.Hour, time.Now()); err != nil {
		return err
	}
	r.serverAPI = r.api.As(bearer)
	if err := r.setUp(ctx); err != nil {
		return err
	}

	watching, rest := context.WithCancel(ctx)
	defer rest()
	var watchers sync.WaitGroup
	r.watch(watching, &watchers)
	r.load(ctx)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.drain(ctx)
	rest()
	watchers.Wait()
	r.reaper.Spare()
	if err := r.books(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// say prints a line of progress.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.options.Progress, "%4.0f s  "+format+"\n", append([]any{time.Since(r.began).Seconds()}, args...)...)
}

// maxBreaches bounds the breaches of a report; others are counted.
const maxBreaches = 20

// breach records a broken guarantee.
func (r *run) breach(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.say("BREACH: %s", text)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.breaches) < maxBreaches {
		r.breaches = append(r.breaches, text)
	} else {
		r.breachesMore++
	}
}

// retried repeats a call after errors of the server, for longer than a restart of
// the store and a function's timeout take together.
func retried(ctx context.Context, call func(ctx context.Context) error) error {
	deadline := time.Now().Add(loadTimeout)
	for {
		attempt, cancel := context.WithTimeout(ctx, callTimeout)
		err := call(attempt)
		cancel()
		p, answered := errors.AsType[*client.Problem](err)
		if err == nil || answered && p.Status < 500 || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// has tells whether an error is a problem with that code.
func has(err error, code client.Code) bool {
	p, ok := errors.AsType[*client.Problem](err)
	return ok && p.Code == code
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
