package limits

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The limits of one item, in units a second.
const (
	writeUnits = 1000
	readUnits  = 3000
)

// Units is what was consumed, and how often the engine said no.
type Units struct {
	Writes, Reads float64
	// Throttled counts the tries that were, GivenUp the calls that the SDK gave
	// up, and Conflicts the transactions that were cancelled for one.
	Throttled, GivenUp, Conflicts int
	// Takes counts the seats that were tried for, by Take or Swap.
	Takes int
}

// Engine is the items' budgets, and what calls on them take.
type Engine struct {
	Clock *Clock

	chance *rand.Rand
	items  map[item]*budget
}

// NewEngine makes an engine whose chance is drawn by a seed.
func NewEngine(clock *Clock, seed int) *Engine {
	drawn := uint64(seed) //nolint:gosec // any number is a seed
	return &Engine{Clock: clock, chance: rand.New(rand.NewPCG(drawn, drawn)), items: make(map[item]*budget)}
}

// item names one item, or one page of a pool.
type item struct {
	kind   string
	name   string
	number int64
	index  int
}

// budget is what an item has left: at most a second's units. A transaction
// holds it from its first phase to its end.
type budget struct {
	writes, reads float64
	at            time.Duration
	held          bool
	// version is for peers that keep one; count for those that count.
	version, count int
}

func (e *Engine) budget(i item) *budget {
	b := e.items[i]
	if b == nil {
		b = &budget{writes: writeUnits, reads: readUnits, at: e.Clock.now}
		e.items[i] = b
	}
	passed := (e.Clock.now - b.at).Seconds()
	b.writes, b.reads = min(writeUnits, b.writes+passed*writeUnits), min(readUnits, b.reads+passed*readUnits)
	b.at = e.Clock.now
	return b
}

// call is one request for one item.
type call struct {
	on            item
	writes, reads float64
}

func write(on item) call { return call{on: on, writes: 1} }

func read(on item, consistent bool) call {
	if consistent {
		return call{on: on, reads: 1}
	}
	return call{on: on, reads: eventual}
}

const eventual = 0.5

// try is one try of a call: do happens half way, if the item's budget has the
// units. Units of a refused condition are consumed as well.
func (e *Engine) try(c call, units *Units, do func(*budget)) error {
	median, tail := readMedian, readTail
	if c.writes > 0 {
		median, tail = writeMedian, writeTail
	}
	latency := e.draw(median, tail)
	e.Clock.Sleep(latency / 2)
	b := e.budget(c.on)
	// A call goes through while anything is left, as long as it is not more
	// than that: what is too large for the rest of a second waits.
	if b.writes < c.writes || b.reads < min(c.reads, readUnits) {
		units.Throttled++
		e.Clock.Sleep(e.draw(readMedian, readTail) / 2)
		return &types.ProvisionedThroughputExceededException{Message: aws.String("the item's")}
	}
	if c.writes > 0 && b.held {
		units.Conflicts++
		units.consume(b, c)
		e.Clock.Sleep(latency / 2)
		return &types.TransactionConflictException{Message: aws.String("the item's")}
	}
	units.consume(b, c)
	do(b)
	e.Clock.Sleep(latency / 2)
	return nil
}

func (u *Units) consume(b *budget, c call) {
	b.writes -= c.writes
	b.reads -= c.reads
	u.Writes += c.writes
	u.Reads += c.reads
}

// draw draws a latency from a log-normal distribution.
func (e *Engine) draw(median, tail time.Duration) time.Duration {
	sigma := math.Log(float64(tail)/float64(median)) / z99
	return time.Duration(float64(median) * math.Exp(sigma*e.chance.NormFloat64()))
}

// Latencies as the caller sees them: see the package's comment.
const (
	readMedian  = 3 * time.Millisecond
	readTail    = 10 * time.Millisecond
	writeMedian = 5 * time.Millisecond
	writeTail   = 15 * time.Millisecond
)

// z99 is how many standard deviations above its mean a normal distribution's
// 99th percentile is.
const z99 = 2.3263

// client is the SDK's client of one process: its attempts, its quota of
// retries, and its delays.
type client struct {
	engine  *Engine
	units   *Units
	retryer *retry.Standard

	// What was called side by side: see beside.
	mu           sync.Mutex
	sum, longest time.Duration
}

func (e *Engine) client(units *Units) *client {
	return &client{engine: e, units: units, retryer: retry.NewStandard(func(o *retry.StandardOptions) {
		// The SDK's own formula, but by our chance.
		o.Backoff = retry.BackoffDelayerFunc(e.backoff)
	})}
}

const (
	throttledBase = time.Second
	otherBase     = 50 * time.Millisecond
)

var throttles = retry.IsErrorThrottles(retry.DefaultThrottles)

// backoff is retry.ExponentialJitterBackoff's.
func (e *Engine) backoff(attempt int, err error) (time.Duration, error) {
	base := otherBase
	if throttles.IsErrorThrottle(err) == aws.TrueTernary {
		base = throttledBase
	}
	most := min(float64(retry.DefaultMaxBackoff), float64(base)*math.Pow(2, float64(max(0, attempt-1))))
	return time.Duration(e.chance.Float64() * most), nil
}

// parallel is how many blocks the seats' settling writes at the same time.
const parallel = 32

// beside makes a call that others of the same process may be made at the same
// time with, from goroutines that the clock does not know of: while they run,
// whoever waits for them has the turn, and nobody else. They are done at once,
// and the process's next call waits for as long as they would have taken. They
// are charged, and not throttled.
func (c *client) beside(what call, do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.units.consume(c.engine.budget(what.on), what)
	do()
	took := c.engine.draw(writeMedian, writeTail)
	c.sum, c.longest = c.sum+took, max(c.longest, took)
}

// catchUp waits for what was called side by side.
func (c *client) catchUp() {
	c.mu.Lock()
	owed := max(c.longest, c.sum/parallel)
	c.sum, c.longest = 0, 0
	c.mu.Unlock()
	if owed > 0 {
		c.engine.Clock.Sleep(owed)
	}
}

// call makes a call as the SDK does.
func (c *client) call(ctx context.Context, what call, do func(*budget)) error {
	c.catchUp()
	return c.repeat(ctx, func() error { return c.engine.try(what, c.units, do) })
}

// once makes a call that is not repeated.
func (c *client) once(what call, do func(*budget)) error {
	c.catchUp()
	return c.engine.try(what, c.units, do)
}

// repeat tries as the SDK does.
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
	return fmt.Errorf("the SDK gave up: %w", err)
}

// since is what was consumed since.
func (u Units) since(before Units) Units {
	u.Writes -= before.Writes
	u.Reads -= before.Reads
	u.Throttled -= before.Throttled
	u.GivenUp -= before.GivenUp
	u.Conflicts -= before.Conflicts
	u.Takes -= before.Takes
	return u
}
