package simulation

import (
	"slices"

	"seatmeter/shared/usage"
)

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
	lobby, resumes, closes, rounds, ends, licenses, minutes, queue, servers int
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
	{lobby: 3, resumes: 1, closes: 3, rounds: 1, ends: 0, licenses: 1, minutes: 1, queue: 6},
	{lobby: 1, resumes: 0, closes: 1, rounds: 1, ends: 1, licenses: 1, minutes: 1, queue: 2, servers: 6},
	{lobby: 0, resumes: 0, closes: 1, rounds: 3, ends: 0, licenses: 0, minutes: 1, sticky: 3, vacant: true},
}

// act begins something new.
func (w *world) act() {
	seated := w.sockets(func(c *connection) bool { return c.state == open && c.seated })
	waiting := w.sockets(func(c *connection) bool { return c.state == open && !c.seated && !c.excused && c.away == 0 })
	opened := w.sockets(func(c *connection) bool { return c.state == open && c.away == 0 })
	shaking := w.sockets(func(c *connection) bool { return c.state == shaking })
	resumable := w.sockets(func(c *connection) bool { return c.was })
	queued := w.which(func(c *connection) bool { return c.queued != 0 })
	removable := w.which(func(c *connection) bool { return c.state == open && c.away == 0 })
	lent := w.which(func(c *connection) bool { return c.ofServer() && c.state == open })
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
		when(4*m.resumes, resumable), when(2*m.resumes, shaking), 2*m.rounds, 2*m.licenses, 2*m.ends, m.ends, when(m.ends, removable), when(2+4*m.queue, queued), when(m.queue, queued),
		2*m.servers, when(2*m.servers, lent), when(2*m.servers, lent), when(m.servers, lent)) {
	case 0:
		w.connects(t)
	case 1:
		w.asks(w.oneOf(waiting), true)
	case 2:
		w.asks(w.oneOf(seated), false)
	case 3:
		w.closes(w.oneOf(opened), w.now(), closed)
	case 4:
		w.closes(w.oneOf(opened), w.now(), one(w.script, []usage.End{lost, left}))
	case 5:
		c := w.oneOf(opened)
		c.away = w.now()
		w.say("%s breaks off, unnoticed", c.id)
	case 6:
		w.resumes(w.oneOf(resumable))
	case 7:
		w.closes(w.oneOf(shaking), w.now(), lost)
	case 8:
		if w.script.pick(2, 1) == 1 && w.up > 0 {
			w.looks()
		} else {
			w.reconciles()
		}
	case 9:
		w.changes(t)
	case 10:
		w.ends(t, one(w.script, t.conferences))
	case 11:
		w.schedules(t, one(w.script, t.conferences))
	case 12:
		w.removes(w.oneOf(removable))
	case 13:
		w.serves()
	case 14:
		w.putsFirst(w.oneOf(queued))
	case 15:
		w.lends(t)
	case 16:
		w.renews(w.oneOf(lent))
	case 17:
		w.polls(w.oneOf(lent))
	case 18:
		w.releases(w.oneOf(lent))
	}
	w.settle()
}

func (w *world) oneOf(list []*connection) *connection {
	return list[named(w.script, list, func(c *connection) int { return c.name })]
}

// sockets is which, of connections that are WebSockets.
func (w *world) sockets(is func(*connection) bool) []*connection {
	return w.which(func(c *connection) bool { return !c.ofServer() && is(c) })
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
