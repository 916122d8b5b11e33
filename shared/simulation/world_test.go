package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/memory"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
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
	// mixed: its license has had both models.
	mixed bool
}

// world is everything there is in one schedule.
type world struct {
	script  *script
	memory  *memory.Store
	store   *store
	backend reconcile.Store // the store as handlers see it, perhaps with a bug
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
	later   []effect
	books
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
	door *admission.Door
	skew int64
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
}

// parked is a call that waits for its turn.
type parked struct {
	by     *invocation
	kind   kind
	what   string
	answer chan verdict
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
func newWorld(s *script, variant variant) *world {
	w := &world{script: s, memory: memory.New(), tenants: make(map[tenant.ID]*customer), books: newBooks()}
	w.millis.Store(begins)
	w.store = &store{
		Store: w.memory, w: w,
		sessions:    make(map[seat.ConnectionID]before[sessionOf]),
		conferences: make(map[conferenceKey]before[conference.Conference]),
	}
	w.backend = w.store
	w.gateway, w.ahead = &gateway{w}, variant.ahead
	if variant.store != nil {
		w.backend = variant.store(w.store)
	}
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
	p.door = admission.NewDoor(w.backend, w.gateway, slog.New(slog.DiscardHandler))
	return p
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
	i := &invocation{id: w.script.name(), number: w.invocations, name: fmt.Sprintf("#%d %s", w.invocations, name), process: p, deadline: w.now() + lasts, after: after}
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

// turn waits for a call's turn and tells what becomes of it.
func (w *world) turn(ctx context.Context, i *invocation, k kind, what string) verdict {
	w.mu.Lock()
	if i.dead || ctx.Err() != nil {
		w.mu.Unlock()
		return failsBefore
	}
	p := &parked{i, k, what, make(chan verdict)}
	at, _ := slices.BinarySearchFunc(w.parked, p, func(a, b *parked) int {
		if a.by != b.by {
			return a.by.number - b.by.number
		}
		if a.what < b.what {
			return -1
		}
		return 1 // after its like
	})
	w.parked = slices.Insert(w.parked, at, p)
	w.mu.Unlock()
	return <-p.answer
}

// run lets one call have its turn.
func (w *world) run(n int) {
	p := w.parked[n]
	w.last = p.by
	w.script.of(p.by.id)
	w.parked = slices.Delete(w.parked, n, n+1)
	v := w.judge(p)
	if v != goesWell {
		w.say("%s: %s: %s", p.by.name, p.what, v)
	} else {
		w.say("%s: %s", p.by.name, p.what)
	}
	if v != goesWell && v != readsTheLast {
		p.by.faulty = true
	}
	if v == diesBefore || v == diesAfter {
		p.by.dead = true
	}
	p.answer <- v
	w.settle()
}

// judge decides what becomes of a call.
func (w *world) judge(p *parked) verdict {
	if w.calm {
		return goesWell
	}
	if p.kind == readingOld && w.script.pick(3, 1) == 1 {
		return readsTheLast
	}
	if w.faults == 0 || w.script.pick(100-w.faults, w.faults) == 0 {
		return goesWell
	}
	if p.kind != writing {
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
	p.answer <- failsBefore
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
	w.pending = slices.DeleteFunc(w.pending, func(e event) bool { return e.before <= w.now() })
	for _, i := range slices.Clone(w.running) {
		if i.deadline <= w.now() {
			w.kill(i)
		}
	}
	for _, c := range w.connections {
		switch {
		case c.state != open:
		case c.at+life <= w.now():
			w.closes(c, c.at+life, lost)
		case c.away > 0 && c.away+idle <= w.now():
			w.closes(c, c.away+idle, lost)
		}
	}
	w.settle()
}

// --- what happens ------------------------------------------------------------------------------

// most is how many steps a schedule has at the most before it comes to rest.
const most = 400

// play is the part of a schedule in which anything may happen.
func (w *world) play() {
	budget := most // of a given script
	if w.script.random != nil {
		budget = 1 + w.script.random.IntN(20)
	}
	for ; w.steps < most && w.failure == nil; w.steps++ {
		w.script.step()
		weights := []int{0, 0, 0, 1, 0} // a call's turn, an event, something new, time, a late write
		if len(w.parked) > 0 {
			weights[0] = 14
		} else {
			weights[3] = w.mood.minutes
		}
		if len(w.pending) > 0 {
			weights[1] = 3
		}
		if budget > 0 {
			weights[2] = 4
		}
		if len(w.later) > 0 {
			weights[4] = 2
		}
		switch choice := w.script.pick(weights...); {
		case choice == 1:
			w.deliver(named(w.script, w.pending, func(e event) int { return e.id }))
		case choice == 2:
			budget--
			w.act()
		case choice == 3 && w.script.random != nil && budget == 0 && len(w.parked)+len(w.pending) == 0:
			return
		case choice == 3:
			w.wait()
		case choice == 4:
			w.land(w.script.below(len(w.later)))
		case len(w.parked) > 0:
			w.run(w.whose())
		case len(w.pending) > 0:
			w.deliver(0)
		default:
			return
		}
	}
}

// whose call is to have its turn: that of the invocation that had the last one
// comes first.
func (w *world) whose() int {
	var waiting []*invocation
	for _, p := range w.parked { // they are in order
		if len(waiting) == 0 || waiting[len(waiting)-1] != p.by {
			waiting = append(waiting, p.by)
		}
	}
	if last := slices.Index(waiting, w.last); last > 0 {
		waiting[0], waiting[last] = waiting[last], waiting[0]
	}
	waiting = append(slices.Repeat(waiting[:1], w.mood.sticky*(len(waiting)-1)), waiting...)
	by := waiting[named(w.script, waiting, func(i *invocation) int { return i.id })]
	first := slices.IndexFunc(w.parked, func(p *parked) bool { return p.by == by })
	calls := 1
	for first+calls < len(w.parked) && w.parked[first+calls].by == by {
		calls++
	}
	return first + w.script.below(calls)
}

// putOff has an event delivered later, or never, if nobody does in time.
func (w *world) putOff(what string, lasts int64, deliver func()) {
	w.pending = append(w.pending, event{w.script.name(), what, w.now() + lasts, deliver})
}

func (w *world) deliver(n int) {
	e := w.pending[n]
	w.pending = slices.Delete(w.pending, n, n+1)
	e.deliver()
	w.settle()
}

func (w *world) land(n int) {
	e := w.later[n]
	w.later = slices.Delete(w.later, n, n+1)
	w.say("%s lands", e.what)
	e.land()
}

// wait lets time pass: moments while something is under way, else also hours.
func (w *world) wait() {
	moments := []int64{1, 100, 1000, 5000, 12_000}
	spans := []int64{31_000, 61_000, 61_000, 3 * minute, 6 * minute, 16 * minute, life}
	if w.script.pick(3, w.mood.minutes) == 0 || len(w.running) > 0 && w.script.pick(9, 1) == 0 {
		w.passes(one(w.script, moments))
		return
	}
	w.passes(one(w.script, spans))
	if w.script.pick(1, 2) == 1 {
		w.reconciles()
		w.settle()
	}
}

// mood is what happens more often in a schedule than in others: what takes
// several unlikely things is found in schedules that do little else.
type mood struct {
	lobby, resumes, closes, rounds, ends, licenses, minutes int
	// vacant: the first conference has been vacant for as long as it may be.
	vacant bool
	// sticky: an invocation often goes on without another's turn in between.
	sticky int
}

var moods = []mood{
	{lobby: 1, resumes: 1, closes: 1, rounds: 1, ends: 1, licenses: 1, minutes: 1},
	{lobby: 1, resumes: 1, closes: 1, rounds: 1, ends: 1, licenses: 3, minutes: 1, sticky: 1},
	{lobby: 1, resumes: 1, closes: 1, rounds: 2, ends: 4, licenses: 0, minutes: 1},
	{lobby: 4, resumes: 1, closes: 1, rounds: 1, ends: 1, licenses: 0, minutes: 1},
	{lobby: 3, resumes: 5, closes: 1, rounds: 1, ends: 0, licenses: 0, minutes: 1},
	{lobby: 0, resumes: 0, closes: 1, rounds: 3, ends: 0, licenses: 0, minutes: 1, sticky: 3, vacant: true},
}

// act begins something new.
func (w *world) act() {
	seated := w.which(func(c *connection) bool { return c.state == open && c.seated })
	waiting := w.which(func(c *connection) bool { return c.state == open && !c.seated && !c.excused && c.away == 0 })
	opened := w.which(func(c *connection) bool { return c.state == open && c.away == 0 })
	shaking := w.which(func(c *connection) bool { return c.state == shaking })
	resumable := w.which(func(c *connection) bool { return c.was })
	when := func(weight int, among ...[]*connection) int {
		for _, list := range among {
			if len(list) == 0 {
				return 0
			}
		}
		return weight
	}
	t := w.order[w.script.below(len(w.order))]
	m := w.mood
	switch w.script.pick(9, when(4*m.lobby, waiting), when(3*m.lobby, seated), when(3*m.closes, opened), when(4, opened), when(2, opened),
		when(4*m.resumes, resumable), when(2*m.resumes, shaking), 2*m.rounds, 2*m.licenses, 2*m.ends, m.ends, when(m.ends, opened)) {
	case 0:
		w.connects(t)
	case 1:
		w.asks(w.oneOf(waiting), true)
	case 2:
		w.asks(w.oneOf(seated), false)
	case 3:
		w.closes(w.oneOf(opened), w.now(), closed)
	case 4:
		w.closes(w.oneOf(opened), w.now(), lost)
	case 5:
		c := w.oneOf(opened)
		c.away = w.now()
		w.say("%s breaks off, unnoticed", c.id)
	case 6:
		w.resumes(w.oneOf(resumable))
	case 7:
		w.closes(w.oneOf(shaking), w.now(), lost)
	case 8:
		w.reconciles()
	case 9:
		w.changes(t)
	case 10:
		w.ends(t, one(w.script, t.conferences))
	case 11:
		w.schedules(t, one(w.script, t.conferences))
	case 12:
		w.removes(w.oneOf(opened))
	}
	w.settle()
}

func (w *world) oneOf(list []*connection) *connection {
	return list[named(w.script, list, func(c *connection) int { return c.name })]
}

func (w *world) which(is func(*connection) bool) []*connection {
	var list []*connection
	for _, c := range w.connections {
		if !c.always && is(c) {
			list = append(list, c)
		}
	}
	return list
}

// --- the vendor and the admins -----------------------------------------------------------------

// draws makes a license.
func (w *world) draws(t *customer, model license.Model, size int) license.License {
	l := license.License{
		Tenant: t.id, Model: model, HostAbsentMinutes: one(w.script, []int{2, 1, 3}),
		ReconnectGraceSeconds: one(w.script, []int{30, 0, 5, 60}),
	}
	if model == license.ModelNamed {
		l.Hosts, l.ParticipantsPerConference = 1+w.script.below(2), size
	} else {
		l.Seats = size
	}
	return l.WithDefaults()
}

// changes replaces a tenant's license.
func (w *world) changes(t *customer) {
	l := *w.license(t)
	switch w.script.pick(6, 2, 1, 1) {
	case 0:
		size := max(1, l.Limit()+one(w.script, []int{1, -1, -2, 3}))
		l = w.draws(t, l.Model, size)
	case 1:
		l.Overage, l.Burst = license.OverageAllow, 1+w.script.below(2)
	case 2:
		if l.Status == license.StatusActive {
			l.Status = license.StatusSuspended
		} else {
			l.Status = license.StatusActive
		}
	case 3:
		other := license.ModelNamed
		if l.Model == license.ModelNamed {
			other = license.ModelConcurrent
		}
		l, t.mixed = w.draws(t, other, 1+w.script.below(3)), true
	}
	var put license.License
	var err error
	w.begin(fmt.Sprintf("license %s of %s %d", l.Model, t.id, l.Capacity()), handlerTime, func(ctx context.Context, p *process) {
		_, put, err = p.door.PutLicense(ctx, l, admission.AnyRevision)
	}, func() {
		w.say("license r%d is put: %v", put.Revision, err)
		if err == nil {
			t.returned = max(t.returned, put.Revision)
		}
	})
}

func (w *world) license(t *customer) *license.License {
	l, _ := w.memory.License(context.Background(), t.id)
	return l
}

func (w *world) conference(t tenant.ID, id conference.ID) *conference.Conference {
	c, _ := w.memory.Conference(context.Background(), t, id, true)
	return c
}

func (w *world) ends(t *customer, id conference.ID) {
	var err error
	w.begin("end "+string(id), handlerTime, func(ctx context.Context, p *process) {
		_, err = p.door.End(ctx, t.id, id, w.clock(p))
	}, func() { w.say("end %s: %v", id, err) })
}

func (w *world) schedules(t *customer, id conference.ID) {
	var err error
	w.begin("schedule "+string(id), handlerTime, func(ctx context.Context, p *process) {
		c := conference.Conference{Tenant: t.id, ID: id, Host: hostOf(id), State: conference.StateScheduled, CreatedAt: w.clock(p)}
		_, err = p.door.Schedule(ctx, c)
	}, func() { w.say("schedule %s: %v", id, err) })
}

func (w *world) removes(c *connection) {
	c.excused = true
	var err error
	w.begin("remove "+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		_, err = p.door.Remove(ctx, c.pass.Tenant, "", c.id, "removed", w.clock(p))
	}, func() { w.say("remove %s: %v", c.id, err) })
}

// reconciles begins a round.
func (w *world) reconciles() {
	var err error
	w.begin("round", reconcilerTime, func(ctx context.Context, p *process) {
		err = w.reconciler(p).Round(ctx)
	}, func() { w.say("round: %v", err) })
}

func (w *world) reconciler(p *process) *reconcile.Reconciler {
	return reconcile.New(w.backend, p.door, w.gateway, slog.New(slog.DiscardHandler), func() time.Time { return w.clock(p).Add(w.ahead) })
}

// hostOf is a conference's host: each conference of a tenant's first two has
// the same.
func hostOf(id conference.ID) host.Email {
	return host.Email("host-of-" + string(id[0]) + "@example.org")
}

// create makes the tenants and their conferences, and sometimes a pool of two
// blocks that is nearly full.
func (w *world) create() {
	ctx := context.Background()
	w.faults, w.mood = one(w.script, []int{0, 3, 3, 10}), one(w.script, moods)
	for n := range 1 + w.script.pick(5, 1) {
		t := &customer{id: tenant.ID([]string{"acme", "globex"}[n]), revisions: make(map[int64]license.License)}
		w.tenants[t.id], w.order = t, append(w.order, t)
		ids := []conference.ID{"a1", "a2", "b1"}
		t.conferences = ids[:1+w.script.pick(3, 2, 1)]
		model := license.ModelConcurrent
		if w.script.pick(3, 2) == 1 {
			model = license.ModelNamed
		}
		size := 1 + w.script.pick(3, 4, 2)
		large := model == license.ModelConcurrent && w.script.pick(19, 1) == 1
		if large {
			size = seat.BlockSeats + 1 + w.script.below(5)
		}
		_, l, err := w.newProcess().door.PutLicense(ctx, w.draws(t, model, size), admission.AnyRevision)
		if err != nil {
			w.breaks("setup", "%v", err)
		}
		t.returned = l.Revision
		for _, id := range t.conferences {
			_, _ = w.memory.AddHost(ctx, t.id, host.Host{Email: hostOf(id), Active: true}, host.Slots{})
			c := conference.Conference{Tenant: t.id, ID: id, Host: hostOf(id), State: conference.StateScheduled, CreatedAt: time.UnixMilli(w.now())}
			if _, err := w.newProcess().door.Schedule(ctx, c); err != nil {
				w.breaks("setup", "%v", err)
			}
		}
		w.say("%s: %+v, conferences %v, %d faults of 100", t.id, l, t.conferences, w.faults)
		switch {
		case large:
			w.fill(t, size-1-w.script.below(3))
		case w.mood.vacant:
			w.vacate(t)
		}
	}
}

// vacate has a tenant's first conference be live, and then vacant.
func (w *world) vacate(t *customer) {
	ctx, p, id := context.Background(), w.newProcess(), t.conferences[0]
	c := w.newConnection(jointoken.Pass{
		Tenant: t.id, Conference: id, Number: w.conference(t.id, id).Number, Identity: string(hostOf(id)), Role: jointoken.RoleHost,
	})
	c.state, c.gone = over, w.now()
	for _, err := range []error{p.door.Connect(ctx, c.visitor()), p.door.Leave(ctx, c.id, w.now(), closed), w.reconciler(p).Round(ctx)} {
		if err != nil {
			w.breaks("setup", "%v", err)
		}
	}
	w.passes(6 * minute)
	w.say("conference %s is vacant", id)
}

// fill seats as many connections as that, which stay to the end.
func (w *world) fill(t *customer, seats int) {
	door := w.newProcess().door
	for range seats {
		c := w.newConnection(jointoken.Pass{
			Tenant: t.id, Conference: t.conferences[0], Number: w.conference(t.id, t.conferences[0]).Number,
			Identity: "guest", Role: jointoken.RoleParticipant,
		})
		c.always = true
		if err := door.Connect(context.Background(), c.visitor()); err != nil {
			w.breaks("setup", "%v", err)
		}
		c.state, c.seated, c.was, c.joined = open, true, true, c.at
	}
	w.say("%d guests are in", seats)
}
