package limits

import (
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// Process is one execution environment of a function: it serves one event at a
// time, and its domain keeps its caches between events.
type Process struct {
	Domain *Domain
	client *client
	events chan func(*Process)
	wake   chan struct{}
}

// Function starts processes for events as Lambda does, up to Lambda's limits.
// Further events wait.
type Function struct {
	engine  *Engine
	idle    []*Process
	waiting []func(*Process)
	count   int
	// starts is how many processes could be started at startsAt.
	starts   float64
	startsAt time.Duration
	all      []*Process
	// Units is the consumption of all its processes.
	Units *Units
}

// Lambda's scaling: see the package's comment.
const (
	concurrency     = 1000
	startsAtOnce    = 1000
	startsPerSecond = 100
	coldStart       = 100 * time.Millisecond
)

// NewFunction makes a function without processes.
func (e *Engine) NewFunction() *Function {
	return &Function{engine: e, starts: startsAtOnce, Units: &Units{}}
}

// Invoke has a process handle an event, now or when a process is free.
func (f *Function) Invoke(handle func(*Process)) {
	if last := len(f.idle) - 1; last >= 0 {
		// Lambda prefers the process that was busy last.
		p := f.idle[last]
		f.idle = f.idle[:last]
		p.events <- handle
		f.engine.Clock.push(event{at: f.engine.Clock.now, wake: p.wake})
		return
	}
	now := f.engine.Clock.now
	f.starts = min(startsAtOnce, f.starts+(now-f.startsAt).Seconds()*startsPerSecond)
	f.startsAt = now
	if f.count >= concurrency || f.starts < 1 {
		f.waiting = append(f.waiting, handle)
		return
	}
	f.starts--
	f.start(handle, coldStart)
}

// Warm starts processes without a cold start.
func (f *Function) Warm(n int) {
	for range n {
		f.start(func(*Process) {}, 0)
	}
}

func (f *Function) start(handle func(*Process), cold time.Duration) {
	f.count++
	p := f.engine.process(f.Units)
	f.all = append(f.all, p)
	f.engine.Clock.Go(func() {
		f.engine.Clock.Sleep(cold)
		f.serve(p, handle)
	})
}

// serve handles events one after the other until Stop.
func (f *Function) serve(p *Process, handle func(*Process)) {
	for {
		handle(p)
		if len(f.waiting) > 0 {
			handle, f.waiting = f.waiting[0], f.waiting[1:]
			continue
		}
		f.idle = append(f.idle, p)
		f.engine.Clock.park(p.wake)
		handle = <-p.events
	}
}

func (e *Engine) process(units *Units) *Process {
	client := e.client(units)
	store := dynamo.New(client, memtable.Names).WithClock(e.Clock.Time)
	p := &Process{client: client}
	p.Domain = newDomain(store, e.Clock.Pause, func(steps ...func()) {
		client.allowed.Store(int64(len(steps)))
		e.Clock.Together(steps...)
		client.allowed.Store(1)
	})
	p.events, p.wake = make(chan func(*Process), 1), make(chan struct{}, 1)
	return p
}

// peer joins through the process's client. Before another attempt it waits as
// long as the SDK after an error other than throttling.
func (p *Process) peer(blocks int) Peer {
	e := p.client.engine
	return Peer{API: p.client, Table: memtable.Names.Live, Blocks: blocks, Pause: func(attempt int) { e.Clock.Sleep(e.backoff(attempt, nil)) }}
}

// Stop ends the processes. Call it after Run, when all of them are idle.
func (f *Function) Stop() {
	for _, p := range f.all {
		close(p.wake)
	}
}
