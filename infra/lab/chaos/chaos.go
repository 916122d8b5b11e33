// Package chaos puts Seatmeter's promises to the test while everything around
// it fails: real clients contend for the seats of several tenants on a local
// stack whose $disconnect events are lost, repeated, delayed and reordered,
// whose functions die between two calls, and whose DynamoDB Local is killed
// once. It looks on from outside, by the two APIs alone, and counts.
//
// What must hold: no pool is ever used beyond its limit (oversold), when
// everybody has gone every seat comes back (lost) and the books balance, and a
// ghost, which is a seat that has outlived its connection, is reclaimed within
// two minutes of being observable. A seat is observable as a ghost once its
// connection is dead, its hold, if it has one, is over, and it is a minute old,
// since reconciliation probes nothing younger.
//
// That minute is also what bounds the load: where one close in five is lost,
// every five joins cost a seat for a minute or more, so that a pool sustains
// about one join a second per fifteen seats, whatever the machine.
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

// The bounds of what is promised.
const (
	// unprobed is the age below which reconciliation probes no connection.
	unprobed = time.Minute
	// reclaimWithin is how soon a ghost is gone once it is observable.
	reclaimWithin = 2 * time.Minute
	// drainWithin is how long the last seats may take after everybody has left.
	drainWithin = unprobed + reclaimWithin
)

// patience bounds one call or handshake, and stalled the time without a join
// after which the load is given up.
const (
	patience = 40 * time.Second
	stalled  = 2 * time.Minute
)

// Options says how much chaos there is. Template, DataDir and Joins or For are
// required.
type Options struct {
	// Template is the path of the SAM template.
	Template string
	// DataDir is the stack's data directory.
	DataDir string
	// Store is local.StoreDynamoDB unless set: one of the run's own, whatever
	// DYNAMODB_ENDPOINT names, so that it can be restarted.
	Store local.Store
	// Joins is how many admissions to stop after, and For how long to go on at
	// the most; 0: no bound.
	Joins int
	For   time.Duration
	// Seed makes the decisions repeatable, as far as their order is.
	Seed uint64
	// Faults are those of the stack; their seed is set from Seed.
	Faults apigateway.Faults
	// Deaths is the share of calls at which a process dies, as package deaths has it.
	Deaths float64
	// Restart kills DynamoDB Local once and starts it again.
	Restart bool
	// Log is the stack's; Progress hears a line every few seconds. Nil: nowhere.
	Log      *slog.Logger
	Progress io.Writer
}

// Usual is the chaos that ./scripts/chaos makes, but for how much of it.
func Usual() Options {
	return Options{
		Faults: apigateway.Faults{
			LoseDisconnect: 0.2, RepeatDisconnect: 0.1, DelayDisconnect: 0.05, ReorderDisconnect: 0.05,
		},
		Deaths:  0.005,
		Restart: true,
	}
}

// run is one run.
type run struct {
	options   Options
	reaper    *deaths.Reaper
	stack     *local.Stack
	api       *client.Admin
	customers []*customer
	began     time.Time
	// over is closed when no more joins are to be made; end closes it.
	over context.Context
	end  context.CancelFunc

	lastJoin    atomic.Int64  // Unix milliseconds
	restartTook time.Duration // 0: there was no restart

	mu           sync.Mutex
	breaches     []string
	breachesMore int
}

// Run makes the chaos and reports what came of it. The error is of the run
// itself: that promises were broken is in the report.
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
		// The report is complete; what a stack in chaos says at its end is not.
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
	if err := r.settleIn(ctx); err != nil {
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

// say tells of progress.
func (r *run) say(format string, args ...any) {
	fmt.Fprintf(r.options.Progress, "%4.0f s  "+format+"\n", append([]any{time.Since(r.began).Seconds()}, args...)...)
}

// maxBreaches bounds those that are kept in words.
const maxBreaches = 20

// breach notes a broken promise.
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

// again makes a call until it is answered: what a function's death or the lack
// of a store cause is tried again, for as long as a store may be away and a
// function run out of its time for want of it.
func again(ctx context.Context, call func(ctx context.Context) error) error {
	deadline := time.Now().Add(stalled)
	for {
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := call(attempt)
		cancel()
		p, answered := errors.AsType[*client.Problem](err)
		if err == nil || answered && p.Status < 500 || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// has tells whether an error is a problem with a code.
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
