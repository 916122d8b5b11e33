package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// state is how far a connection has come, as the gateway sees it.
type state int

const (
	shaking state = iota // its $connect has not been answered
	open
	over
)

// The ends of a connection.
const (
	closed = usage.EndClosed
	lost   = usage.EndDropped
	left   = usage.EndGoingAway // a page that is reloaded or closed
)

// connection is one WebSocket, and what its client knows.
type connection struct {
	name  int
	id    seat.ConnectionID
	pass  jointoken.Pass
	at    int64 // when it connected
	took  int64 // until that was answered
	lobby bool
	wait  bool            // where no seat is free
	from  *connection     // whose seat it is to go on in
	claim jointoken.Claim // by which token
	state state
	// away is when its client was lost, unnoticed; gone, when the gateway
	// noticed its end.
	away, gone int64
	how        usage.End // it ended, as far as the gateway knows
	always     bool      // it belongs to the setting
	// seconds is how long the lease of a server's seat was asked for; until, when the
	// lease ends at the earliest, as far as the server was told.
	seconds int
	until   int64

	// asked counts what it asked for; an answer to an older question says
	// nothing about where it is now.
	asked   int
	seated  bool  // it was told so, and has done nothing about it since
	joined  int64 // the stay's begin, if it was told
	was     bool  // it was seated once
	removed bool  // by an admin
	// leaving: it has asked to leave, and was not told that it has left.
	leaving bool
	// excused: something has been done that may end its stay.
	excused bool
	// owed: it resumes an open connection whose seat nothing but this may end, as
	// long as that one asks for no more than it had then.
	owed      bool
	askedThen int
	// early: a push found it gone, which ends its stay at an earlier event.
	early bool
	// queued is since when it waits, if it was told so and has done nothing about it
	// since, and queuedAt the turn in which it was told. waits are all its waits.
	queued   int64
	queuedAt int
	waits    []int64
	// first: an admin puts it before all others.
	first bool
	// stays are those it was told of: when they began, and when it asked to
	// leave, if it did.
	stays []int64
	// claims are what it was given to resume them by.
	claims []jointoken.Claim
}

func (c *connection) visitor() admission.Visitor {
	return admission.Visitor{Pass: c.pass, Connection: c.id, AtMillis: c.at, Wait: c.wait, LeaseSeconds: c.seconds}
}

func (w *world) newConnection(pass jointoken.Pass) *connection {
	c := &connection{name: w.script.name(), id: seat.ConnectionID(fmt.Sprintf("c%02d", len(w.connections)+1)), pass: pass, at: w.now()}
	w.connections = append(w.connections, c)
	return c
}

// connects has a new client connect to a conference, to the lobby or a seat.
func (w *world) connects(t *customer) {
	id := one(w.script, t.conferences)
	pass := jointoken.Pass{Tenant: t.id, Conference: id, Number: w.number(t, id), Identity: "somebody", Role: jointoken.RoleParticipant}
	if w.licenses[t.id].Model == license.ModelNamed && w.script.pick(1, 1) == 0 {
		pass.Role, pass.Identity = jointoken.RoleHost, string(hostOf(id))
	}
	one := w.newConnection(pass)
	one.lobby = w.script.pick(2, 1) == 1
	one.wait = !one.lobby && w.script.pick(2, w.mood.queue) == 1
	w.shakes(one)
}

// resumes has a client connect again with what it was given for an earlier
// connection.
func (w *world) resumes(from *connection) {
	c := w.newConnection(from.pass)
	c.from, c.claim = from, one(w.script, from.claims)
	if c.claim == from.claims[len(from.claims)-1] {
		c.owed, c.askedThen = w.entitled(from) && from.away == 0, from.asked
		from.excused = true
	}
	w.shakes(c)
}

// shakes delivers a $connect at once, and sometimes once more some time.
func (w *world) shakes(c *connection) {
	if w.script.pick(5, 1) == 1 {
		w.putOff("$connect of "+string(c.id), handlerTime, func() { w.handshake(c, false) })
	}
	w.handshake(c, true)
}

// handshake handles a $connect. The first one's answer is the client's.
func (w *world) handshake(c *connection, first bool) {
	what := "$connect " + string(c.id) + " " + string(c.pass.Role) + " " + string(c.pass.Conference)
	enter := (*worldtest.Process).Connect
	switch {
	case c.from != nil:
		what += " resuming " + string(c.from.id)
		enter = func(d *worldtest.Process, ctx context.Context, v admission.Visitor) error {
			return d.Resume(ctx, v, c.claim)
		}
	case c.lobby:
		what += " to the lobby"
		enter = (*worldtest.Process).EnterLobby
	}
	var err error
	var i *invocation
	i = w.begin(what, handlerTime, func(ctx context.Context, p *process) { err = enter(p.door, ctx, c.visitor()) }, func() {
		w.say("%s: %s", i.name, answer(err))
		w.denied(i, err)
		w.resumed(c, i, err)
		if !first || c.state != shaking {
			return
		}
		if err != nil {
			c.state, c.gone, c.took = over, w.now(), w.now()-c.at
			return
		}
		c.state, c.took = open, w.now()-c.at
		its, _ := w.plain.Session(context.Background(), c.id, true)
		switch {
		case c.lobby || its == nil:
		case its.State == session.StateSeated:
			w.seats(c, its.JoinedAtMillis, its.Claim())
		case its.Waits():
			w.queues(c, its.QueuedMillis)
		}
	})
	if c.from == nil && !c.lobby {
		i.join = &join{pass: c.pass, at: c.at}
	}
	if first {
		i.died = func() {
			if c.state == shaking {
				c.state, c.gone, c.took = over, w.now(), w.now()-c.at
			}
		}
	}
}

// resumed checks that a connection which takes over an open one's seat gets it.
func (w *world) resumed(c *connection, i *invocation, err error) {
	if !c.owed || i.faulty || c.state == over || c.from.state != open || c.from.away != 0 || c.from.asked != c.askedThen || c.from.removed {
		return
	}
	now, there := w.conferences[conferenceKey{c.pass.Tenant, c.pass.Conference}]
	live := there && now.Number == c.pass.Number && now.State != conference.StateEnded
	again := slices.ContainsFunc(w.connections, func(other *connection) bool { return other != c && other.from == c.from })
	if err != nil && live && !again && problem.Is(err, problem.TokenInvalid) {
		w.breaks("I2", "%s was refused the seat that it takes over from %s: %v", c.id, c.from.id, err)
	}
}

func answer(err error) string {
	if err == nil {
		return "ok"
	}
	return string(problem.As(err).Code) + ": " + err.Error()
}

// reply is what a client is told of where it is.
type reply struct {
	Asked  int
	Failed bool
	Seated bool
	Joined int64
	Claim  jointoken.Claim
	// Queued is since when it waits.
	Queued int64
}

// asks sends a client's message: to join, or to leave for the lobby.
func (w *world) asks(c *connection, toJoin bool) {
	wait := toJoin && w.script.pick(1, w.mood.queue) == 1
	w.millis.Add(1) // so that a client's messages are in order
	c.asked++
	c.seated = c.seated && toJoin
	if !toJoin {
		c.queued = 0
	}
	at, asked := w.now(), c.asked
	deliver := func() { w.message(c, toJoin, wait, at, asked) }
	what := "leave of " + string(c.id)
	if toJoin {
		what = "join of " + string(c.id)
	}
	if w.script.pick(5, 1) == 1 {
		w.putOff(what, handlerTime, deliver)
	}
	c.leaving = c.leaving || !toJoin
	if w.script.pick(3, 1) == 1 {
		w.putOff(what, handlerTime, deliver)
		return
	}
	deliver()
}

// message handles one, as wsapi does: it is answered, and if the connection
// turns out to be gone, its stay is ended.
func (w *world) message(c *connection, toJoin, wait bool, at int64, asked int) {
	var err error
	var i *invocation
	what := "leave "
	if toJoin {
		what = "join "
	}
	i = w.begin(what+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		var s session.Session
		began := false
		switch {
		case toJoin && wait:
			s, began, _, err = p.door.JoinOrWait(ctx, c.id, at)
		case toJoin:
			s, began, err = p.door.Join(ctx, c.id, at)
		default:
			s, err = p.door.ToLobby(ctx, c.id, at)
		}
		r := reply{Asked: asked, Failed: err != nil, Seated: err == nil && s.State == session.StateSeated, Joined: s.JoinedAtMillis, Claim: s.Claim()}
		if err == nil && s.Waits() {
			r.Queued = s.QueuedMillis
		}
		text, _ := json.Marshal(r)
		pushed := w.gateway.Push(ctx, c.id, text)
		if errors.Is(pushed, meeting.ErrGone) {
			c.early = true
			end := usage.EndDropped
			if began {
				end = usage.EndClosed
			}
			_ = p.door.Leave(ctx, c.id, at, end)
		}
	}, func() {
		w.say("%s: %s", i.name, answer(err))
		w.denied(i, err)
	})
	if toJoin {
		i.join = &join{pass: c.pass, at: at}
	}
}

// seats notes that a client was told that it has a seat.
func (w *world) seats(c *connection, joined int64, claim jointoken.Claim) {
	c.was, c.joined, c.queued = true, joined, 0
	c.claims = append(c.claims, claim)
	c.stays = append(c.stays, joined)
	if !c.excused && !c.leaving {
		c.seated = true
		w.mustBeIn(c)
	}
}

// closes ends a connection, and has its $disconnect delivered at some time,
// sometimes twice, sometimes never. That of a handshake is reported or not.
func (w *world) closes(c *connection, at int64, end usage.End) {
	if c.state == over {
		return
	}
	if c.state == shaking {
		c.took = at - c.at
	}
	c.state, c.gone, c.how = over, at, end
	w.say("%s is over: %s", c.id, end)
	var i *invocation
	deliver := func() {
		var err error
		i = w.begin("$disconnect "+string(c.id)+" "+string(end), handlerTime, func(ctx context.Context, p *process) {
			err = p.door.Leave(ctx, c.id, at, end)
		}, func() { w.say("%s: %v", i.name, err) })
	}
	if w.calm {
		return // from now on nothing is reported
	}
	for range []int{1, 0, 2}[w.script.pick(6, 2, 2)] {
		w.putOff("$disconnect of "+string(c.id), hour, deliver)
	}
}

// gateway is our side's way to connections.
type gateway struct{ w *world }

func (g *gateway) find(id seat.ConnectionID) *connection {
	for _, c := range g.w.connections {
		if c.id == id {
			return c
		}
	}
	return nil
}

// Push implements meeting.Gateway.
func (g *gateway) Push(ctx context.Context, id seat.ConnectionID, message []byte) error {
	if id.OfServer() {
		g.w.breaks("leases", "%s is told something", id)
	}
	return g.w.do(ctx, "push to", id, true, func() error {
		c := g.find(id)
		if c == nil || c.state != open {
			return meeting.ErrGone
		}
		var r reply
		read := json.Unmarshal(message, &r) == nil
		switch {
		case !read || r.Asked != c.asked && r.Asked != unasked || c.away > 0:
		case r.Seated:
			g.w.seats(c, r.Joined, r.Claim)
		case r.Queued != 0:
			g.w.queues(c, r.Queued)
		case r.Asked == unasked:
			c.queued = 0 // it was refused
		default:
			c.leaving = c.leaving && r.Failed
		}
		return nil
	})
}

// Close implements meeting.Gateway.
func (g *gateway) Close(ctx context.Context, id seat.ConnectionID) error {
	return g.w.do(ctx, "close", id, true, func() error {
		if c := g.find(id); c != nil && c.state == open {
			g.w.closes(c, g.w.now(), closed)
		}
		return nil
	})
}

// Alive implements reconcile.Prober. A connection whose handshake is under way
// is gone, to the platform.
func (g *gateway) Alive(ctx context.Context, id seat.ConnectionID) (alive bool, err error) {
	if id.OfServer() {
		g.w.breaks("leases", "the gateway is asked after %s", id)
	}
	err = g.w.do(ctx, "probe", id, false, func() error {
		c := g.find(id)
		alive = c != nil && c.state == open
		return nil
	})
	return alive && err == nil, err
}
