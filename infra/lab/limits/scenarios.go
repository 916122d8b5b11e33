package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Result counts the answers of a scenario.
type Result struct {
	// Took is the time until the last admission.
	Took time.Duration
	// Admitted, Refused and Failed count answers; one person may have several.
	Admitted, Refused, Failed int
	Units                     Units
}

// PerSecond is the number of admissions per simulated second.
func (r Result) PerSecond() float64 { return float64(r.Admitted) / r.Took.Seconds() }

func (r *Result) answer(now time.Duration, err error) {
	switch {
	case err == nil:
		r.Admitted++
		r.Took = now
	case problem.Is(err, problem.SeatsExhausted):
		r.Refused++
	default:
		r.Failed++
	}
}

// Contestants of a rush.
const (
	Ours    = "ours"
	First   = "ours, the first ever"
	Counter = "counter"
)

const (
	// arrivalWindow is the time in which everybody of a rush arrives.
	arrivalWindow = time.Second
	// retryAfter is the mean wait of a person before another attempt; it varies
	// by half.
	retryAfter = time.Second
	// rushTimeout is the time after which nobody of a rush tries again.
	rushTimeout = 10 * time.Minute
	// conferenceSize is the number of people in a conference of a large tenant.
	conferenceSize = 500
)

// Rush simulates that a number of people join a tenant within a second and fill
// 90 % of its seats. Each tries again until admitted. The blocks of the tenant are
// open from earlier use, except for contestant First.
func Rush(ctx context.Context, seed int, people int, contestant string) (Result, error) {
	w := newWorld(seed)
	large, err := w.customer(ctx, "large", people*hundred/ninety, max(1, people/conferenceSize))
	if err != nil {
		return Result{}, err
	}
	if contestant == Ours {
		if err := errors.Join(large.fill(ctx, people*hundred/ninety), large.empty(ctx)); err != nil {
			return Result{}, err
		}
	}
	if err := w.peers(ctx, 0); err != nil {
		return Result{}, err
	}
	var result Result
	for n := range people {
		v := large.visitor(0)
		var come func()
		come = func() {
			w.connect.Invoke(func(p *Process) {
				v.AtMillis = w.millis()
				var err error
				if contestant == Counter {
					err = p.peer(0).Count(ctx, n)
				} else {
					err = p.Domain.Connect(ctx, v)
				}
				now := w.engine.Clock.Now()
				result.answer(now, err)
				if err != nil && now < rushTimeout && ctx.Err() == nil {
					w.engine.Clock.At(now+retryAfter/2+time.Duration(w.engine.chance.Float64()*float64(retryAfter)), come)
				}
			})
		}
		w.engine.Clock.At(arrivalWindow*time.Duration(n)/time.Duration(people), come)
	}
	err = w.run(ctx)
	result.Units = *w.connect.Units
	return result, err
}

// StormResult is what other clients experience during a storm of refusals.
type StormResult struct {
	// Join is the 99th percentile of a small tenant's joins, Leave that of the
	// large tenant's leaves.
	Join, Leave time.Duration
	// Refusals counts the answers to the storm itself.
	Refusals Result
	// Processes is how many processes the function connect had.
	Processes int
}

const (
	calm     = 2 * time.Second
	measured = 5 * time.Second
	p99      = 99
	ninety   = 90
	hundred  = 100
	small    = 25
	warm     = 50
)

// Storm simulates perSecond joins to a full large tenant, while people of a small
// tenant join and leave, and some of the large tenant's leave. The first two
// seconds are not measured.
func Storm(ctx context.Context, seed int, seats, perSecond int) (StormResult, error) {
	w := newWorld(seed)
	large, err := w.customer(ctx, "large", seats, max(1, seats/conferenceSize))
	if err != nil {
		return StormResult{}, err
	}
	if err := large.fill(ctx, seats); err != nil {
		return StormResult{}, err
	}
	little, err := w.customer(ctx, "small", small, 1)
	if err != nil {
		return StormResult{}, err
	}
	w.connect.Warm(warm)
	w.disconnect.Warm(warm)
	var result StormResult
	var joins, leaves []time.Duration
	end := calm + measured
	for n := range int(end.Seconds() * float64(perSecond)) {
		w.engine.Clock.At(time.Second*time.Duration(n)/time.Duration(perSecond), func() {
			v := large.visitor(w.millis())
			w.connect.Invoke(func(p *Process) { result.Refusals.answer(w.engine.Clock.Now(), p.Domain.Connect(ctx, v)) })
		})
	}
	const (
		between = 5 * time.Millisecond
		stay    = 60 * time.Millisecond
		goes    = 20 * time.Millisecond
	)
	for at := time.Duration(0); at < end; at += between {
		w.engine.Clock.At(at, func() { little.comeAndGo(ctx, stay, at >= calm, &joins) })
	}
	for n, at := 0, calm; at < end; n, at = n+1, at+goes {
		w.engine.Clock.At(at, func() { large.leave(ctx, large.in[n], &leaves) })
	}
	if err := w.run(ctx); err != nil {
		return result, err
	}
	result.Join, result.Leave = percentile(joins, p99), percentile(leaves, p99)
	result.Refusals.Units, result.Processes = *w.connect.Units, w.connect.count
	return result, nil
}

// comeAndGo joins, stays and leaves. It appends the duration of the join, failed
// or not, to took if noted.
func (c *customer) comeAndGo(ctx context.Context, stay time.Duration, noted bool, took *[]time.Duration) {
	w := c.world
	began, v := w.engine.Clock.Now(), c.visitor(w.millis())
	w.connect.Invoke(func(p *Process) {
		err := p.Domain.Connect(ctx, v)
		if noted {
			*took = append(*took, w.engine.Clock.Now()-began)
		}
		if err == nil {
			w.engine.Clock.At(w.engine.Clock.Now()+stay, func() { c.leave(ctx, v.Connection, nil) })
		}
	})
}

// leave ends a connection and appends the duration to took, if not nil.
func (c *customer) leave(ctx context.Context, id seat.ConnectionID, took *[]time.Duration) {
	w := c.world
	began := w.engine.Clock.Now()
	w.disconnect.Invoke(func(p *Process) {
		// Reconciliation would repeat a failed departure.
		_ = p.Domain.Leave(ctx, id, w.millis(), usage.EndClosed)
		if took != nil {
			*took = append(*took, w.engine.Clock.Now()-began)
		}
	})
}

func percentile(values []time.Duration, of int) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, len(values)*of/hundred)]
}

// Churn simulates perSecond leaves and as many joins, of a pool whose use stays at
// a percentage of its seats.
func Churn(ctx context.Context, seed int, seats, percent, perSecond int, lasts time.Duration) (Result, error) {
	w := newWorld(seed)
	pool, err := w.customer(ctx, "large", seats, max(1, seats/conferenceSize))
	if err != nil {
		return Result{}, err
	}
	if err := pool.fill(ctx, seats*percent/hundred); err != nil {
		return Result{}, err
	}
	w.connect.Warm(warm)
	w.disconnect.Warm(warm)
	var result Result
	var before Units
	w.engine.Clock.At(calm, func() { before, result = *w.connect.Units, Result{} })
	for n := range int((calm + lasts).Seconds() * float64(perSecond)) {
		w.engine.Clock.At(time.Second*time.Duration(n)/time.Duration(perSecond), func() {
			goes := w.engine.chance.IntN(len(pool.in))
			pool.leave(ctx, pool.in[goes], nil)
			pool.in = slices.Delete(pool.in, goes, goes+1)
			v := pool.visitor(w.millis())
			w.connect.Invoke(func(p *Process) {
				err := p.Domain.Connect(ctx, v)
				result.answer(w.engine.Clock.Now(), err)
				if err == nil {
					pool.in = append(pool.in, v.Connection)
				}
			})
		})
	}
	err = w.run(ctx)
	result.Units = w.connect.Units.since(before)
	return result, err
}

// Peers of a contest, beside Ours.
const (
	Bare        = "bare"
	Transaction = "transaction"
	Lock        = "lock"
)

// Contest has each worker, a process of its own, make joins one after the other
// without a pause.
func Contest(ctx context.Context, seed int, joins, workers int, contestant string) (Result, error) {
	w := newWorld(seed)
	c, err := w.customer(ctx, "bench", joins*2, max(1, joins/conferenceSize))
	if err != nil {
		return Result{}, err
	}
	blocks := joins * 2 / seat.BlockSeats
	if err := w.peers(ctx, blocks); err != nil {
		return Result{}, err
	}
	var result Result
	var units Units
	var failed error
	next := 0
	for range workers {
		p := w.engine.process(&units)
		w.engine.Clock.Go(func() {
			for next < joins && failed == nil {
				n := next
				next++
				var err error
				switch contestant {
				case Bare:
					err = p.peer(blocks).Write(ctx, n)
				case Transaction:
					err = p.peer(0).Transact(ctx, n)
				case Lock:
					err = p.peer(0).Lock(ctx, n)
				default:
					err = p.Domain.Connect(ctx, c.visitor(w.millis()))
				}
				result.answer(w.engine.Clock.Now(), err)
				if err != nil {
					failed = fmt.Errorf("%s: %w", contestant, err)
				}
			}
		})
	}
	err = w.run(ctx)
	result.Units = units
	return result, errors.Join(failed, err)
}
