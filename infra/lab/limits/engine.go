package limits

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo/memtable"
)

// The limits of one item, in units a second.
const (
	writeUnits = 1000
	readUnits  = 3000
)

// NewTableWrites is how many write units a second a new on-demand table takes.
const NewTableWrites = 4000

// Units counts consumed units and failed attempts.
type Units struct {
	Writes, Reads float64
	// Throttled counts throttled attempts, GivenUp the calls that the SDK gave
	// up, and Conflicts the attempts that met a transaction.
	Throttled, GivenUp, Conflicts int
	// Takes counts the attempts to take a seat, by Take or Swap.
	Takes int
}

// Engine is DynamoDB tables in memory, with a budget for each item and latencies.
type Engine struct {
	Clock *Clock
	// TableWrites is how many write units a second each table takes:
	// NewTableWrites after it was made. 0: no limit.
	TableWrites float64

	chance  *rand.Rand
	tables  *memtable.Tables
	budgets map[item]*budget
	// wholes has the units that each table has left.
	wholes map[string]*whole
}

// NewEngine makes an engine without items. The seed determines all its draws.
func NewEngine(clock *Clock, seed int) *Engine {
	drawn := uint64(seed) //nolint:gosec // any number is a seed
	return &Engine{Clock: clock, chance: rand.New(rand.NewPCG(drawn, drawn)), tables: memtable.New(), budgets: make(map[item]*budget), wholes: make(map[string]*whole)}
}

// budget is the units that an item has left: at most a second's. A transaction
// holds the item from its first phase to its second.
type budget struct {
	writes, reads float64
	at            time.Duration
	held          bool
}

func (e *Engine) budget(i item) *budget {
	b := e.budgets[i]
	if b == nil {
		b = &budget{writes: writeUnits, reads: readUnits, at: e.Clock.now}
		e.budgets[i] = b
	}
	passed := (e.Clock.now - b.at).Seconds()
	b.writes, b.reads = min(writeUnits, b.writes+passed*writeUnits), min(readUnits, b.reads+passed*readUnits)
	b.at = e.Clock.now
	return b
}

// whole is the write units that a table has left: at most a second's.
type whole struct {
	writes float64
	at     time.Duration
}

func (e *Engine) whole(table string) *whole {
	w := e.wholes[table]
	if w == nil {
		w = &whole{writes: e.TableWrites, at: e.Clock.now}
		e.wholes[table] = w
	}
	w.writes = min(e.TableWrites, w.writes+(e.Clock.now-w.at).Seconds()*e.TableWrites)
	w.at = e.Clock.now
	return w
}

// try makes one attempt at a request. It calls do after half the latency, if the
// budget of each item has the minimum that the request costs, and then charges
// the actual cost.
func (e *Engine) try(r request, units *Units, do action) error {
	latency := e.latency(r)
	e.Clock.Sleep(latency / 2)
	switch enough, held := e.state(r); {
	case !enough:
		units.Throttled++
		e.Clock.Sleep(e.draw(readMedian, readTail) / 2)
		return &types.ProvisionedThroughputExceededException{Message: aws.String("the item's")}
	case held:
		units.Conflicts++
		e.charge(r, r.totalMinUnits(), units)
		e.Clock.Sleep(latency / 2)
		return r.conflict()
	}
	if r.transaction {
		e.hold(r, true)
		e.Clock.Sleep(e.latency(r))
		e.hold(r, false)
	}
	err := e.perform(r, units, do)
	e.Clock.Sleep(latency / 2)
	return err
}

// state tells whether each of a request's items, and its table, has enough units left, and
// whether a transaction holds an item that the request writes.
func (e *Engine) state(r request) (enough, held bool) {
	enough = true
	for _, i := range r.items {
		b := e.budget(i)
		enough = enough && (r.Write && b.writes >= r.minUnits || !r.Write && b.reads >= r.minUnits)
		if r.Write && e.TableWrites > 0 {
			enough = enough && e.whole(i.table).writes >= r.minUnits
		}
		held = held || r.Write && b.held
	}
	return enough, held
}

func (e *Engine) hold(r request, held bool) {
	for _, i := range r.items {
		e.budget(i).held = held
	}
}

// action makes a call and returns the units that it consumed.
type action func() (units float64, err error)

// perform makes a call and charges it. DynamoDB does not return the units of a
// refused condition: it costs a write of the item that refused it.
func (e *Engine) perform(r request, units *Units, do action) error {
	consumed, err := do()
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		consumed = memtable.WriteUnits(failed.Item)
	}
	if _, canceled := errors.AsType[*types.TransactionCanceledException](err); canceled {
		consumed = r.totalMinUnits()
	}
	e.charge(r, consumed, units)
	return err
}

// charge spreads units evenly over a request's items.
func (e *Engine) charge(r request, consumed float64, units *Units) {
	each := consumed / float64(len(r.items))
	for _, i := range r.items {
		b := e.budget(i)
		if r.Write {
			b.writes -= each
			e.whole(i.table).writes -= each
		} else {
			b.reads -= each
		}
	}
	if r.Write {
		units.Writes += consumed
	} else {
		units.Reads += consumed
	}
}

// debt is how long the overdrawn budgets of a request's items take to recover.
func (e *Engine) debt(r request) time.Duration {
	var longest float64
	for _, i := range r.items {
		b := e.budget(i)
		longest = max(longest, -b.writes/writeUnits, -b.reads/readUnits)
	}
	return time.Duration(longest * float64(time.Second))
}

// Latencies as the caller sees them: see the package's comment.
const (
	readMedian  = 3 * time.Millisecond
	readTail    = 10 * time.Millisecond
	writeMedian = 5 * time.Millisecond
	writeTail   = 15 * time.Millisecond
)

func (e *Engine) latency(r request) time.Duration {
	if r.Write {
		return e.draw(writeMedian, writeTail)
	}
	return e.draw(readMedian, readTail)
}

// z99 is how many standard deviations above its mean a normal distribution's
// 99th percentile is.
const z99 = 2.3263

// draw draws a latency from a log-normal distribution; tail is the 99th
// percentile.
func (e *Engine) draw(median, tail time.Duration) time.Duration {
	sigma := math.Log(float64(tail)/float64(median)) / z99
	return time.Duration(float64(median) * math.Exp(sigma*e.chance.NormFloat64()))
}

// since is the difference from an earlier count.
func (u Units) since(before Units) Units {
	u.Writes -= before.Writes
	u.Reads -= before.Reads
	u.Throttled -= before.Throttled
	u.GivenUp -= before.GivenUp
	u.Conflicts -= before.Conflicts
	u.Takes -= before.Takes
	return u
}
