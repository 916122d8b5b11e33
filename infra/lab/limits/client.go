package limits

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"seatmeter/shared/problem"
)

// client makes the calls of one process as the SDK's client does: with its
// attempts, its retry quota and its delays.
type client struct {
	engine           *Engine
	units            *Units
	retryer          *retry.Standard
	calling, allowed atomic.Int64 // calls under way, and how many may be

	// The latencies and the debt of parallel calls, for which catchUp waits.
	mu                 sync.Mutex
	sum, longest, debt time.Duration
}

// client makes the client of a process, which adds up its consumption in units.
func (e *Engine) client(units *Units) *client {
	return &client{engine: e, units: units, retryer: retry.NewStandard(func(o *retry.StandardOptions) {
		// The SDK's formula, drawn from the engine's seed.
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) { return e.backoff(attempt, err), nil })
	})}
}

const (
	throttledBase = time.Second
	otherBase     = 50 * time.Millisecond
)

var throttles = retry.IsErrorThrottles(retry.DefaultThrottles)

// backoff draws a delay as retry.ExponentialJitterBackoff does.
func (e *Engine) backoff(attempt int, err error) time.Duration {
	base := otherBase
	if throttles.IsErrorThrottle(err) == aws.TrueTernary {
		base = throttledBase
	}
	most := min(float64(retry.DefaultMaxBackoff), float64(base)*math.Pow(2, float64(max(0, attempt-1))))
	return time.Duration(e.chance.Float64() * most)
}

// call makes a call as the SDK does; once: without retries.
func (c *client) call(ctx context.Context, r request, once bool, do action) error {
	if r.Name == "take" || r.Name == "swap" {
		c.units.Takes++
	}
	if r.parallel {
		return c.callParallel(r, do)
	}
	if c.calling.Add(1) > max(1, c.allowed.Load()) {
		panic("a process made two calls at the same time outside Together: " + r.Name)
	}
	defer c.calling.Add(-1)
	c.catchUp()
	try := func() error { return c.engine.try(r, c.units, do) }
	if once {
		return try()
	}
	return c.repeat(ctx, try)
}

// parallelCalls is how many blocks a rebalance writes, and how many pages the
// store reads, at the same time.
const parallelCalls = 32

// callParallel makes one of a process's parallel calls, from a goroutine that is
// no actor of the clock. The call takes no simulated time and is never throttled;
// the process's next call waits for as long as all parallel calls would have
// taken, and until the budgets that they overdrew have recovered.
func (c *client) callParallel(r request, do action) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.engine.perform(r, c.units, do)
	took := c.engine.latency(r)
	c.sum, c.longest, c.debt = c.sum+took, max(c.longest, took), max(c.debt, c.engine.debt(r))
	return err
}

// catchUp waits for as long as the parallel calls since the last call take.
func (c *client) catchUp() {
	c.mu.Lock()
	owed := max(c.longest, c.sum/parallelCalls) + c.debt
	c.sum, c.longest, c.debt = 0, 0, 0
	c.mu.Unlock()
	if owed > 0 {
		c.engine.Clock.Sleep(owed)
	}
}

// repeat makes attempts as the SDK does.
func (c *client) repeat(ctx context.Context, try func() error) error {
	succeeded, err := c.retryer.GetAttemptToken(ctx)
	if err != nil {
		return fmt.Errorf("begin a call: %w", err)
	}
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil {
			return succeeded(nil)
		}
		if !c.retryer.IsErrorRetryable(err) {
			return err //nolint:wrapcheck // as the SDK gives it
		}
		if attempt >= c.retryer.MaxAttempts() {
			return c.giveUp(err)
		}
		returned, refused := c.retryer.GetRetryToken(ctx, err)
		if refused != nil {
			return c.giveUp(errors.Join(err, refused))
		}
		delay, failed := c.retryer.RetryDelay(attempt, err)
		if failed != nil {
			return fmt.Errorf("back off: %w", failed)
		}
		c.engine.Clock.Sleep(delay)
		succeeded = returned
	}
}

func (c *client) giveUp(err error) error {
	c.units.GivenUp++
	return fmt.Errorf("the SDK gave up: %w: %w", problem.ErrBusy, err)
}
