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

// Result is what a scenario came to.
type Result struct {
	// Took is until the last admission.
	Took time.Duration
	// Admitted, Refused and Failed count answers; who was not admitted may have
	// come again.
	Admitted, Refused, Failed int
	Units                     Units
}

// PerSecond is the admissions per simulated second.
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
	// arrive is how long it takes until everybody of a rush has come.
	arrive = time.Second
	// again is how long somebody waits who was not let in, give or take half.
	again = time.Second
	// patience is how long a rush may take.
	patience = 10 * time.Minute
	// room is how many people a conference of a large tenant is for.
	room = 500
)

// Rush has so many people come to a tenant whose seats they fill to 90 %, all
// within a second. Who is not let in comes again, until everybody is in. The tenant's
// blocks were opened when as many were in before, except where it is the first
// time ever.
func Rush(ctx context.Context, seed int, people int, contestant string) (Result, error) {
	w := newWorld(seed)
	large, err := w.customer(ctx, "large", people*hundred/ninety, max(1, people/room))
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
					err = p.Door.Connect(ctx, v)
				}
				now := w.engine.Clock.Now()
				result.answer(now, err)
				if err != nil && now < patience && ctx.Err() == nil {
					w.engine.Clock.At(now+again/2+time.Duration(w.engine.chance.Float64()*float64(again)), come)
				}
			})
		}
		w.engine.Clock.At(arrive*time.Duration(n)/time.Duration(people), come)
	}
	err = w.run(ctx)
	result.Units = *w.connect.Units
	return result, err
}

// Weather is what others see of a storm.
type Weather struct {
	// Join and Leave are the 99th percentiles of a small tenant's joins, and of
	// the large one's leaves.
	Join, Leave time.Duration
	// Storm is what the storm came to.
	Storm Result
	// Processes is how many of the function that lets in there were.
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

// Storm has so many people a second come to a large tenant that is full, while
// a small tenant's people come and go, and some of the large one's leave. The
// first two seconds are not measured.
func Storm(ctx context.Context, seed int, seats, perSecond int) (Weather, error) {
	w := newWorld(seed)
	large, err := w.customer(ctx, "large", seats, max(1, seats/room))
	if err != nil {
		return Weather{}, err
	}
	if err := large.fill(ctx, seats); err != nil {
		return Weather{}, err
	}
	little, err := w.customer(ctx, "small", small, 1)
	if err != nil {
		return Weather{}, err
	}
	w.connect.Warm(warm)
	w.disconnect.Warm(warm)
	var weather Weather
	var joins, leaves []time.Duration
	end := calm + measured
	for n := range int(end.Seconds() * float64(perSecond)) {
		w.engine.Clock.At(time.Second*time.Duration(n)/time.Duration(perSecond), func() {
			v := large.visitor(w.millis())
			w.connect.Invoke(func(p *Process) { weather.Storm.answer(w.engine.Clock.Now(), p.Door.Connect(ctx, v)) })
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
		return weather, err
	}
	weather.Join, weather.Leave = percentile(joins, p99), percentile(leaves, p99)
	weather.Storm.Units, weather.Processes = *w.connect.Units, w.connect.count
	return weather, nil
}

// comeAndGo lets somebody in, and out again. How long the join took is noted;
// one that failed took until it was told.
func (c *customer) comeAndGo(ctx context.Context, stay time.Duration, noted bool, took *[]time.Duration) {
	w := c.world
	began, v := w.engine.Clock.Now(), c.visitor(w.millis())
	w.connect.Invoke(func(p *Process) {
		err := p.Door.Connect(ctx, v)
		if noted {
			*took = append(*took, w.engine.Clock.Now()-began)
		}
		if err == nil {
			w.engine.Clock.At(w.engine.Clock.Now()+stay, func() { c.leave(ctx, v.Connection, nil) })
		}
	})
}

// leave lets somebody out.
func (c *customer) leave(ctx context.Context, id seat.ConnectionID, took *[]time.Duration) {
	w := c.world
	began := w.engine.Clock.Now()
	w.disconnect.Invoke(func(p *Process) {
		// What fails is left to reconciliation.
		_ = p.Door.Leave(ctx, id, w.millis(), usage.EndClosed)
		if took != nil {
			*took = append(*took, w.engine.Clock.Now()-began)
		}
	})
}

func percentile(values []time.Duration, of int) time.Duration {
	slices.Sort(values)
	return values[min(len(values)-1, len(values)*of/hundred)]
}

// Churn has people leave and others come, so many a second, while a pool is so
// full, in percent.
func Churn(ctx context.Context, seed int, seats, percent, perSecond int, lasts time.Duration) (Result, error) {
	w := newWorld(seed)
	pool, err := w.customer(ctx, "large", seats, max(1, seats/room))
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
				err := p.Door.Connect(ctx, v)
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

// Contest has workers join one after the other, each as soon as it can, as one
// process each.
func Contest(ctx context.Context, seed int, joins, workers int, contestant string) (Result, error) {
	w := newWorld(seed)
	c, err := w.customer(ctx, "bench", joins*2, max(1, joins/room))
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
					err = p.Door.Connect(ctx, c.visitor(w.millis()))
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
