package licensing_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const (
	few = 25
	// processes work at the same time, each with its own caches.
	processes = 8
)

// A webinar's license grows from 25 seats to 100,000 and shrinks back while people
// come and go. Each change breaks off half way, and is completed as reconciliation
// completes it. Never are more people in than the larger license has; when a change
// is complete, exactly as many as the new one has are admitted.
func TestALicenseIsResizedFrom25To100000AndBackUnderLoad(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(few))
	many := 100_000
	if testing.Short() || worldtest.Raced {
		many /= 20
	}
	c := &rush{World: w, most: many}
	for range processes {
		c.processes = append(c.processes, w.NewProcess())
	}
	c.joinUntil(few)
	c.refuses(100)

	var load sync.WaitGroup
	load.Go(func() { c.joinUntil(many) })
	c.breaksOff(worldtest.Concurrent(many), 10)
	c.complete()
	load.Wait()
	c.refuses(100)
	c.Books(many)

	var stopped atomic.Bool
	load.Go(func() { c.churn(&stopped) })
	c.breaksOff(worldtest.Concurrent(few), int64(many/seat.BlockSeats/2))
	c.complete()
	stopped.Store(true)
	load.Wait()
	c.leaveUntil(few)
	c.refuses(100)
	c.leaveUntil(few - 1)
	c.joinUntil(few)
	c.refuses(100)
	c.Books(few)
}

// rush is a crowd of people who join and leave by several processes.
type rush struct {
	*worldtest.World
	processes []*worldtest.Process
	most      int
	tries     atomic.Int64

	mu sync.Mutex
	in []admission.Visitor
}

// breaksOff changes the license by a process that dies after so many writes of
// blocks.
func (c *rush) breaksOff(l license.License, writes int64) {
	c.T.Helper()
	var wrote atomic.Int64
	dying := faults.New(c.Tables)
	dying.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if (call.Name == "resize" || call.Name == "put block") && wrote.Add(1) > writes || wrote.Load() > writes {
			return faults.Before
		}
		return faults.None
	}
	if err := c.PutLicense(c.ProcessOver(dying), l); err == nil {
		c.T.Errorf("the change did not break off; it wrote %d blocks", wrote.Load())
	}
}

// complete completes a change that broke off, as reconciliation does.
func (c *rush) complete() {
	c.T.Helper()
	l, err := c.Store.License(context.Background(), worldtest.Acme)
	if err != nil {
		c.T.Fatal(err)
	}
	if completed, err := c.NewProcess().Licensing.Complete(context.Background(), *l, time.UnixMilli(l.ChangedAtMillis).Add(time.Minute)); err != nil || !completed {
		c.T.Errorf("completed: %t, %v", completed, err)
	}
}

// each has every process do something, and again until it says no.
func (c *rush) each(do func(*worldtest.Process) (again bool)) {
	var group sync.WaitGroup
	for _, p := range c.processes {
		group.Go(func() {
			for do(p) {
			}
		})
	}
	group.Wait()
}

func (c *rush) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.in)
}

// join has one more person connect, and tells whether that person was admitted.
func (c *rush) join(p *worldtest.Process) bool {
	c.tries.Add(1)
	v := c.Guest()
	err := p.Connect(context.Background(), v)
	switch worldtest.Code(err) {
	case "":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.in = append(c.in, v); len(c.in) > c.most {
			c.T.Errorf("%d are in", len(c.in))
		}
		return true
	case problem.SeatsExhausted, problem.RateLimited, problem.Unavailable:
	default:
		c.T.Error(err)
	}
	return false
}

// leave has one person leave, if more than so many are in.
func (c *rush) leave(p *worldtest.Process, keep int) bool {
	c.mu.Lock()
	if len(c.in) <= keep {
		c.mu.Unlock()
		return false
	}
	v := c.in[len(c.in)-1]
	c.in = c.in[:len(c.in)-1]
	c.mu.Unlock()
	if err := p.Leave(context.Background(), v.Connection, c.Tick(), usage.EndClosed); err != nil {
		c.T.Error(err)
	}
	return true
}

// joinUntil has people connect until so many are in.
func (c *rush) joinUntil(want int) {
	before := c.tries.Load()
	c.each(func(p *worldtest.Process) bool {
		c.join(p)
		return c.count() < want && c.tries.Load()-before < int64(10*c.most) && !c.T.Failed()
	})
	if in := c.count(); in < want {
		c.T.Fatalf("%d were admitted, of %d", in, want)
	}
}

// leaveUntil has people leave until so many are in. Others connect meanwhile, and
// are refused.
func (c *rush) leaveUntil(keep int) {
	var left atomic.Int64
	c.each(func(p *worldtest.Process) bool {
		if !c.leave(p, keep) {
			return false
		}
		if left.Add(1)%1000 == 0 && c.count() > few && c.join(p) {
			c.T.Error("somebody was admitted above the limit")
		}
		return true
	})
}

// churn has people leave, and others connect.
func (c *rush) churn(stopped *atomic.Bool) {
	c.each(func(p *worldtest.Process) bool {
		c.leave(p, few)
		c.join(p)
		return !stopped.Load()
	})
}

// refuses has so many people connect, all of whom are refused.
func (c *rush) refuses(people int) {
	c.T.Helper()
	for n := range people {
		if c.join(c.processes[n%len(c.processes)]) {
			c.T.Errorf("%d are in, and there are no seats for them", c.count())
		}
	}
}

// While the license grows and shrinks, and people come and go, nobody is
// admitted beyond the capacity in force; once it stands, exactly that many are.
func TestResizingNeverOversells(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := worldtest.NewWorld(t, worldtest.Concurrent(1))
		capacity, inside, next := 1, make(map[int]admission.Visitor), 1
		doors := []*worldtest.Process{w.NewProcess(), w.NewProcess()}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			door := doors[rapid.IntRange(0, len(doors)-1).Draw(r, "process")]
			switch rapid.SampledFrom([]string{"join", "leave", "resize"}).Draw(r, "step") {
			case "resize":
				capacity = rapid.IntRange(1, 200).Draw(r, "capacity")
				w.License(worldtest.Concurrent(capacity))
			case "join":
				for range rapid.IntRange(1, 50).Draw(r, "many") {
					v := w.Guest()
					err := door.Connect(context.Background(), v)
					want := problem.Code("")
					if len(inside) >= capacity {
						want = problem.SeatsExhausted
					}
					if got := worldtest.Code(err); got != want {
						r.Fatalf("join with %d of %d in use: %q (%v), want %q", len(inside), capacity, got, err, want)
					}
					if err == nil {
						inside[next] = v
					}
					next++
				}
			case "leave":
				for n := range next {
					if v, in := inside[n]; in && rapid.Bool().Draw(r, "leaves") {
						if err := door.Leave(t.Context(), v.Connection, w.Tick(), usage.EndClosed); err != nil {
							r.Fatal(err)
						}
						delete(inside, n)
					}
				}
			}
			w.Books(len(inside))
			if t.Failed() {
				r.Fatal("the books do not balance")
			}
		}
	})
}
