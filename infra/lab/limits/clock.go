package limits

import (
	"container/heap"
	"context"
	"runtime"
	"time"
)

// Clock is simulated time, and decides who runs: one actor at a time, the one
// whose time comes first, and among equals the one that asked first. So a run
// depends on nothing but its seed. When all wait, time goes on at once.
type Clock struct {
	now   time.Duration
	queue events
	order int
	idle  chan struct{}
}

// event is something to be done at a time: an actor goes on, or do is called,
// which must not wait.
type event struct {
	at    time.Duration
	order int
	wake  chan struct{}
	do    func()
}

// NewClock makes a clock at zero.
func NewClock() *Clock { return &Clock{idle: make(chan struct{}, 1)} }

// Now is the time since the clock began.
func (c *Clock) Now() time.Duration { return c.now }

// begins is when the clock is at zero, in Unix milliseconds.
const begins = 1_790_000_000_000

// Time is the time of day.
func (c *Clock) Time() time.Time { return time.UnixMilli(begins).Add(c.now) }

// At calls do at a time. It must not wait.
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

// Together has actors do some steps, and lets the caller wait for all.
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

// Sleep lets an actor wait.
func (c *Clock) Sleep(d time.Duration) {
	wake := make(chan struct{}, 1)
	c.push(event{at: c.now + max(0, d), wake: wake})
	c.next()
	<-wake
}

// Pause is Sleep for those who pass a context.
func (c *Clock) Pause(_ context.Context, d time.Duration) error {
	c.Sleep(d)
	return nil
}

// park lets an actor wait until somebody pushes its channel. It ends the actor
// if the channel is closed, which is for when the clock has run.
func (c *Clock) park(wake <-chan struct{}) {
	c.next()
	if _, ok := <-wake; !ok {
		runtime.Goexit()
	}
}

// Run lets time go on until nothing is left to do. Not from within an actor.
func (c *Clock) Run() {
	c.next()
	<-c.idle
}

func (c *Clock) push(e event) {
	e.order = c.order
	c.order++
	heap.Push(&c.queue, e)
}

// next hands the turn to whoever is next.
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
