package limits

import (
	"container/heap"
	"context"
	"runtime"
	"time"
)

// Clock is simulated time. It runs one actor at a time: the one whose event is
// earliest, and among equals the one that was pushed first. So a run depends on
// its seed alone. When all actors wait, time jumps to the next event.
type Clock struct {
	now   time.Duration
	queue events
	order int
	idle  chan struct{}
}

// event wakes an actor at a time, or calls do, which must not wait.
type event struct {
	at    time.Duration
	order int
	wake  chan struct{}
	do    func()
}

// NewClock makes a clock at zero.
func NewClock() *Clock { return &Clock{idle: make(chan struct{}, 1)} }

// Now is the simulated time since the start.
func (c *Clock) Now() time.Duration { return c.now }

// startMillis is the start of the simulation, in Unix milliseconds.
const startMillis = 1_790_000_000_000

// Time is the simulated time as a date.
func (c *Clock) Time() time.Time { return time.UnixMilli(startMillis).Add(c.now) }

// At calls do at a time. The function do must not wait.
func (c *Clock) At(at time.Duration, do func()) { c.push(event{at: at, do: do}) }

// Go starts an actor.
func (c *Clock) Go(act func()) {
	wake := make(chan struct{}, 1)
	c.push(event{at: c.now, wake: wake})
	go func() {
		<-wake
		act()
		c.next()
	}()
}

// Together runs each step as an actor and waits for all of them.
func (c *Clock) Together(steps ...func()) {
	if len(steps) == 1 {
		steps[0]()
		return
	}
	wake, left := make(chan struct{}, 1), len(steps)
	for _, step := range steps {
		c.Go(func() {
			step()
			if left--; left == 0 {
				c.push(event{at: c.now, wake: wake})
			}
		})
	}
	c.next()
	<-wake
}

// Sleep makes the calling actor wait for d.
func (c *Clock) Sleep(d time.Duration) {
	wake := make(chan struct{}, 1)
	c.push(event{at: c.now + max(0, d), wake: wake})
	c.next()
	<-wake
}

// Pause is Sleep as a pool.Pause.
func (c *Clock) Pause(_ context.Context, d time.Duration) error {
	c.Sleep(d)
	return nil
}

// park makes the calling actor wait for an event with its channel. When the
// channel is closed, after Run, park ends the actor.
func (c *Clock) park(wake <-chan struct{}) {
	c.next()
	if _, ok := <-wake; !ok {
		runtime.Goexit()
	}
}

// Run advances time until no event is left. An actor must not call Run.
func (c *Clock) Run() {
	c.next()
	<-c.idle
}

func (c *Clock) push(e event) {
	e.order = c.order
	c.order++
	heap.Push(&c.queue, e)
}

// next runs the earliest event.
func (c *Clock) next() {
	for len(c.queue) > 0 {
		e, _ := heap.Pop(&c.queue).(event)
		c.now = e.at
		if e.do == nil {
			e.wake <- struct{}{}
			return
		}
		e.do()
	}
	c.idle <- struct{}{}
}

// events are a heap.
type events []event

func (q events) Len() int { return len(q) }

func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}

func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *events) Push(x any) {
	e, _ := x.(event)
	*q = append(*q, e)
}

func (q *events) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
