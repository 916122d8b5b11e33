package simulation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/license"
	"seatmeter/shared/queue/worker"
	"seatmeter/shared/tenant"
	"seatmeter/shared/worldtest"
)

// What the platform promises, in milliseconds.
const (
	life           = 2 * 60 * 60 * 1000
	idle           = 10 * 60 * 1000 // until a connection that broke off is noticed
	handlerTime    = 29 * 1000
	reconcilerTime = 50 * 1000
	minute         = 60 * 1000
	hour           = 60 * minute
)

// begins is when every schedule begins.
const begins = 1_790_000_000_000

// customer is a tenant of the world.
type customer struct {
	id          tenant.ID
	conferences []conference.ID
	// revisions are the licenses as they were written; returned is the latest
	// whose change has returned to its caller.
	revisions map[int64]license.License
	returned  int64
	// ended are the conferences whose end has returned.
	ended map[conference.Number]bool
	// mixed: its license has had both models.
	mixed bool
}

// world is everything there is in one schedule.
type world struct {
	script  *script
	tables  *memtable.Tables
	plain   *dynamo.Store // what the checks read by
	store   *store        // what the handlers call
	bug     bug
	gateway *gateway
	// millis is the time. Processes read it whenever they like.
	millis atomic.Int64
	ahead  time.Duration // of reconciliation's clock
	mood   mood
	// faults is how often calls go wrong, of a hundred.
	faults int
	// calm: nothing goes wrong any more.
	calm bool

	tenants     map[tenant.ID]*customer
	order       []*customer
	connections []*connection
	processes   []*process // warm ones that wait
	running     []*invocation
	last        *invocation // to have had a turn
	pending     []event
	invocations int
	steps       int

	mu     sync.Mutex
	parked []*parked

	// effects guards what calls change beside the store.
	effects sync.Mutex
	doing   *invocation
	meant   any // the request that is being done, as the code has it
	lately  []change
	later   []effect
	records
	waited
	bells
	// turns counts turns, of which a later one is asked later.
	turns   int
	failure *failure

	told  bool // keep a trace
	trace []string
}

// failure is an invariant that was broken.
type failure struct{ rule, text string }

// event is something that the platform delivers, sooner or later.
type event struct {
	id      int
	what    string
	before  int64 // when it is too late to deliver it
	deliver func()
}

// effect is a write that lands later, but before an invocation's time is over.
type effect struct {
	what   string
	before int64
	land   func()
}

// process is where invocations run, one at a time. It remembers what its door
// has read, and has a clock of its own.
type process struct {
	id   int
	door *worldtest.Process
	// worker is its queues' worker, if it has been one.
	worker *worker.Worker
	skew   int64
}

// invocation is one event that is being handled.
type invocation struct {
	id       int
	number   int
	name     string
	process  *process
	deadline int64
	// dead: its process is no more, and what it still does has no effect.
	dead     bool
	faulty   bool
	finished bool
	after    func() // when it has answered
	died     func() // when its process died
	join     *join  // that it decides
	// began is when, and asked is the turn after which nobody can be overtaken by it.
	began int64
	asked int
}

// parked is a call that waits for its turn. Whoever lets it have its turn makes
// it, and answers.
type parked struct {
	request
	do     deed
	by     *invocation
	behind map[item]int // where it reads what was before
	out    any
	err    error
	answer chan struct{}
}

type invocationKey struct{}

func invocationOf(ctx context.Context) *invocation {
	i, _ := ctx.Value(invocationKey{}).(*invocation)
	return i
}

// lifetime is a context with a deadline by the world's clock.
type lifetime struct {
	context.Context
	deadline time.Time
}

func (l lifetime) Deadline() (time.Time, bool) { return l.deadline, true }

// newWorld makes a world in which nothing has happened yet.
func newWorld(s *script, v variant) *world {
	w := &world{script: s, tables: memtable.New(), bug: v.bug, ahead: v.ahead, tenants: make(map[tenant.ID]*customer), records: newRecords(), waited: newWaited(), bells: newBells()}
	w.millis.Store(begins)
	w.tables.Watch(w.watch)
	w.gateway = &gateway{w}
	w.plain = dynamo.New(w.tables, memtable.Names)
	faulty := dynamo.New(faults.Intercept(w.tables, w.around), memtable.Names)
	w.store = &store{faulty.WithClock(func() time.Time { return time.UnixMilli(w.now()) }), w}
	return w
}

func (w *world) say(format string, args ...any) {
	if w.told {
		w.trace = append(w.trace, fmt.Sprintf("%9.3f s  ", float64(w.now()-begins)/1000)+fmt.Sprintf(format, args...))
	}
}

// breaks notes the first invariant that is broken.
func (w *world) breaks(rule, format string, args ...any) {
	if w.failure == nil {
		w.failure = &failure{rule, fmt.Sprintf(format, args...)}
		w.say("BROKEN %s: %s", rule, w.failure.text)
	}
}

// --- processes and their turns -----------------------------------------------------------------

func (w *world) newProcess() *process {
	p := &process{id: w.script.name(), skew: one(w.script, []int64{0, 0, 300, -300, 2000, -2000})}
	p.door = worldtest.NewProcess(w.store, w.gateway, worldtest.Pausing(w.pauses))
	return p
}

// pauses waits for whoever reads a large pool: for a turn, as a call does.
func (w *world) pauses(ctx context.Context, _ time.Duration) error {
	return w.do(ctx, "pause", "", false, func() error { return nil })
}

func (w *world) now() int64 { return w.millis.Load() }

// clock is a process's own.
func (w *world) clock(p *process) time.Time { return time.UnixMilli(w.now() + p.skew) }

// begin invokes a handler: in a process that waits, or a new one. When it has
// answered, and its process is still alive then, after is called.
func (w *world) begin(name string, lasts int64, handle func(context.Context, *process), after func()) *invocation {
	var p *process
	if len(w.processes) > 0 && w.script.pick(1, 2) == 1 {
		n := named(w.script, w.processes, func(p *process) int { return p.id })
		p = w.processes[n]
		w.processes = slices.Delete(w.processes, n, n+1)
	} else {
		p = w.newProcess()
	}
	w.invocations++
	i := &invocation{id: w.script.name(), number: w.invocations, name: fmt.Sprintf("#%d %s", w.invocations, name), process: p, deadline: w.now() + lasts, after: after, began: w.now(), asked: w.turns}
	w.script.of(i.id)
	w.running = append(w.running, i)
	w.say("%s begins", i.name)
	ctx := lifetime{context.WithValue(context.Background(), invocationKey{}, i), time.UnixMilli(i.deadline)}
	go func() {
		handle(ctx, p)
		w.mu.Lock()
		defer w.mu.Unlock()
		i.finished = true
	}()
	return i
}

// turn waits for a call's turn and gives its answer.
func (w *world) turn(ctx context.Context, p *parked) (any, error) {
	w.mu.Lock()
	if p.by.dead || ctx.Err() != nil {
		w.mu.Unlock()
		return nil, faults.ErrFault
	}
	at, _ := slices.BinarySearchFunc(w.parked, p, func(a, b *parked) int {
		if a.by != b.by {
			return a.by.number - b.by.number
		}
		if a.compare(b.request) < 0 {
			return -1
		}
		return 1 // after its like
	})
	w.parked = slices.Insert(w.parked, at, p)
	w.mu.Unlock()
	<-p.answer
	return p.out, p.err
}

// run lets one call have its turn.
func (w *world) run(n int) {
	p := w.parked[n]
	w.turns++
	w.last = p.by
	w.script.of(p.by.id)
	w.parked = slices.Delete(w.parked, n, n+1)
	v := w.judge(p)
	if v != goesWell {
		w.say("%s: %s: %s", p.by.name, p.request, v)
	} else {
		w.say("%s: %s", p.by.name, p.request)
	}
	if v != goesWell && v != isBehind {
		p.by.faulty = true
	}
	if v == diesBefore || v == diesAfter {
		p.by.dead = true
	}
	w.become(p, v)
	p.answer <- struct{}{}
	w.settle()
}

// judge decides what becomes of a call.
func (w *world) judge(p *parked) verdict {
	if w.calm {
		return goesWell
	}
	if list := w.outdated(p.request); len(list) > 0 && w.script.pick(3, 1) == 1 {
		p.behind = w.chooses(list)
		return isBehind
	}
	if w.faults == 0 || w.script.pick(100-w.faults, w.faults) == 0 {
		return goesWell
	}
	if !p.Write {
		return []verdict{failsBefore, diesBefore}[w.script.pick(3, 1)]
	}
	return []verdict{failsAfter, failsBefore, diesAfter, diesBefore, landsLater}[w.script.pick(3, 2, 2, 1, 2)]
}

// settle waits until every invocation waits for a turn or has answered, and
// sees to those that have.
func (w *world) settle() {
	for synctest.Wait(); w.released() || w.answered(); {
		synctest.Wait()
	}
	for _, i := range w.running {
		if i.join != nil {
			w.look(i.join)
		}
	}
}

// released lets a call of a dead process fail, if there is one.
func (w *world) released() bool {
	n := slices.IndexFunc(w.parked, func(p *parked) bool { return p.by.dead })
	if n < 0 {
		return false
	}
	p := w.parked[n]
	w.parked = slices.Delete(w.parked, n, n+1)
	w.become(p, failsBefore)
	p.answer <- struct{}{}
	return true
}

// answered sees to an invocation that has answered, if there is one.
func (w *world) answered() bool {
	n := slices.IndexFunc(w.running, func(i *invocation) bool { return i.finished })
	if n < 0 {
		return false
	}
	i := w.running[n]
	w.running = slices.Delete(w.running, n, n+1)
	then := i.after
	if i.dead {
		w.say("%s is no more", i.name)
		then = i.died
	} else {
		w.processes = append(w.processes, i.process)
	}
	if then != nil {
		then()
	}
	return true
}

// kill ends the process of an invocation.
func (w *world) kill(i *invocation) {
	i.dead = true
	w.settle()
}

// passes lets time go by: invocations run out of time, connections of life.
func (w *world) passes(millis int64) {
	for n := 0; n < len(w.later); n++ {
		if w.later[n].before <= w.now()+millis {
			w.land(n)
			n--
		}
	}
	w.millis.Add(millis)
	w.say("%d ms pass", millis)
	w.effects.Lock()
	w.tables.Expire(w.now() / 1000)
	w.effects.Unlock()
	w.pending = slices.DeleteFunc(w.pending, func(e event) bool { return e.before <= w.now() })
	for _, i := range slices.Clone(w.running) {
		if i.deadline <= w.now() {
			w.kill(i)
		}
	}
	for _, c := range w.connections {
		switch {
		case c.state != open || c.ofServer():
		case c.at+life <= w.now():
			w.closes(c, c.at+life, lost)
		case c.away > 0 && c.away+idle <= w.now():
			w.closes(c, c.away+idle, lost)
		}
	}
	w.settle()
}
