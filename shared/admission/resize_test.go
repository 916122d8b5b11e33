package admission_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const (
	few = 25
	// processes let in and out at the same time, each with what it remembers.
	processes = 8
)

// A webinar's license grows from 25 seats to 100,000 and shrinks back while
// people come and go. Each change dies half way, and is completed as
// reconciliation completes it. Never are more people in than the larger license
// has; when a change is complete, no more than the new one has are let in, and
// everybody of these.
func TestALicenseIsResizedFrom25To100000AndBackUnderLoad(t *testing.T) {
	w := newWorld(t, concurrent(few))
	w.schedule(weekly, ann)
	many := 100_000
	if testing.Short() {
		many /= 20
	}
	c := &rush{world: w, most: many, began: w.now}
	for range processes {
		c.doors = append(c.doors, w.door())
	}
	c.joinUntil(few)
	c.refuses(100)

	var load sync.WaitGroup
	load.Go(func() { c.joinUntil(many) })
	c.breaksOff(concurrent(many), 10)
	c.complete()
	load.Wait()
	c.refuses(100)
	c.books(many)

	var stopped atomic.Bool
	load.Go(func() { c.churn(&stopped) })
	c.breaksOff(concurrent(few), int64(many/seat.BlockSeats/2))
	c.complete()
	stopped.Store(true)
	load.Wait()
	c.leaveUntil(few)
	c.refuses(100)
	c.leaveUntil(few - 1)
	c.joinUntil(few)
	c.refuses(100)
	c.books(few)
}

// rush is a crowd at the doors of several processes.
type rush struct {
	*world
	doors []*worldtest.Process
	most  int
	// Everybody comes a millisecond after the one before.
	began int64
	last  atomic.Int64

	mu sync.Mutex
	in []admission.Visitor
}

// breaksOff changes the license by a process that dies after so many writes of
// blocks.
func (c *rush) breaksOff(l license.License, writes int64) {
	c.t.Helper()
	var wrote atomic.Int64
	dying := faults.New(c.tables)
	dying.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if (call.Name == "resize" || call.Name == "put block") && wrote.Add(1) > writes || wrote.Load() > writes {
			return faults.Before
		}
		return faults.None
	}
	l.Tenant, l.HostAbsentMinutes = acme, license.DefaultHostAbsentMinutes
	if _, _, err := c.doorOver(dying).Licensing.Put(context.Background(), l.WithDefaults(), licensing.AnyRevision); err == nil {
		c.t.Errorf("the change did not die; it wrote %d blocks", wrote.Load())
	}
}

// complete does what reconciliation does about a change that broke off.
func (c *rush) complete() {
	c.t.Helper()
	l, err := c.store.License(context.Background(), acme)
	if err != nil {
		c.t.Fatal(err)
	}
	if completed, err := c.door().Licensing.Complete(context.Background(), *l, time.UnixMilli(l.ChangedAtMillis).Add(time.Minute)); err != nil || !completed {
		c.t.Errorf("completed: %t, %v", completed, err)
	}
}

// each has every process do something, and again for as long as it likes.
func (c *rush) each(do func(*worldtest.Process) (again bool)) {
	var group sync.WaitGroup
	for _, door := range c.doors {
		group.Go(func() {
			for do(door) {
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

// join lets one more in, or tells that it was refused in a way that may be.
func (c *rush) join(door *worldtest.Process) bool {
	n := c.last.Add(1)
	v := admission.Visitor{
		Pass:       jointoken.Pass{Tenant: acme, Conference: weekly, Number: c.numbers[weekly], Identity: fmt.Sprint(n), Role: jointoken.RoleParticipant},
		Connection: seat.ConnectionID(fmt.Sprintf("connection-%07d=", n)), AtMillis: c.began + n,
	}
	err := door.Connect(context.Background(), v)
	switch code(err) {
	case "":
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.in = append(c.in, v); len(c.in) > c.most {
			c.t.Errorf("%d are in", len(c.in))
		}
		return true
	case problem.SeatsExhausted, problem.RateLimited, problem.Unavailable:
	default:
		c.t.Error(err)
	}
	return false
}

// leave lets one out, if more than so many are in.
func (c *rush) leave(door *worldtest.Process, keep int) bool {
	c.mu.Lock()
	if len(c.in) <= keep {
		c.mu.Unlock()
		return false
	}
	v := c.in[len(c.in)-1]
	c.in = c.in[:len(c.in)-1]
	c.mu.Unlock()
	if err := door.Leave(context.Background(), v.Connection, c.began+c.last.Load(), usage.EndClosed); err != nil {
		c.t.Error(err)
	}
	return true
}

// joinUntil has people come until so many are in.
func (c *rush) joinUntil(want int) {
	before := c.last.Load()
	c.each(func(door *worldtest.Process) bool {
		c.join(door)
		return c.count() < want && c.last.Load()-before < int64(10*c.most) && !c.t.Failed()
	})
	if in := c.count(); in < want {
		c.t.Fatalf("%d got in, of %d", in, want)
	}
}

// leaveUntil has people leave until so many are in. Others ask all the while,
// and are not let in.
func (c *rush) leaveUntil(keep int) {
	c.each(func(door *worldtest.Process) bool {
		if !c.leave(door, keep) {
			return false
		}
		if c.last.Add(1)%1000 == 0 && c.count() > few && c.join(door) {
			c.t.Error("somebody was let in above the limit")
		}
		return true
	})
}

// churn has people leave, and others come.
func (c *rush) churn(stopped *atomic.Bool) {
	c.each(func(door *worldtest.Process) bool {
		c.leave(door, few)
		c.join(door)
		return !stopped.Load()
	})
}

// books closes them as of when the last has come.
func (c *rush) books(inUse int) {
	c.t.Helper()
	c.now = c.began + c.last.Load()
	c.world.books(inUse)
}

// refuses has so many people come, whom nobody lets in.
func (c *rush) refuses(people int) {
	c.t.Helper()
	for n := range people {
		if c.join(c.doors[n%len(c.doors)]) {
			c.t.Errorf("%d are in, and there are no seats for them", c.count())
		}
	}
}
