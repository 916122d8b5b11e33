package simulation

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/lease"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// ofServer tells whether a connection is one that a server holds: its seat has a lease.
func (c *connection) ofServer() bool { return c.seconds > 0 }

// mayLapse tells whether a server's seat or place may be lost because its lease is over,
// by any process's clock.
func (c *connection) mayLapse(now int64) bool { return c.ofServer() && c.until <= now+skew }

func (c *connection) scope() lease.Scope { return lease.Scope{Tenant: c.pass.Tenant} }

// lends has a server ask for a seat.
func (w *world) lends(t *customer) {
	id := one(w.script, t.conferences)
	c := w.newConnection(jointoken.Pass{Tenant: t.id, Conference: id, Number: w.number(t, id), Identity: "caller", Role: jointoken.RoleParticipant})
	c.id, c.seconds = seat.ConnectionID(fmt.Sprintf("~s%02d", len(w.connections))), one(w.script, []int{30, 10, 60})
	c.wait = w.script.pick(1, 1) == 1
	var s session.Session
	var position int
	var err error
	i := w.begin("take "+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		now, failed := w.store.Conference(ctx, t.id, id, true)
		if failed != nil || now == nil {
			err = problem.New(problem.NotFound, "There is no such conference.")
			return
		}
		c.pass.Number = now.Number
		s, position, err = p.door.TakeSeat(ctx, c.visitor(), *now)
	}, nil)
	i.join = &join{pass: c.pass, at: c.at}
	i.after = func() {
		w.say("%s: position %d, %s", i.name, position, answer(err))
		w.denied(i, err)
		c.took = w.now() - c.at
		switch {
		case err != nil:
			c.state, c.gone = over, w.now()
		case position > 0:
			c.state, c.until = open, c.at+int64(c.seconds)*1000
			w.queues(c, s.QueuedMillis)
		default:
			c.state = open
			w.admits(c, s, s.JoinedAtMillis+int64(c.seconds)*1000)
		}
	}
	i.died = func() { c.state, c.gone = over, w.now() }
}

// admits notes that a server was told that it has a seat, until some time.
func (w *world) admits(c *connection, s session.Session, until int64) {
	if c.until = until; !slices.Contains(c.stays, s.JoinedAtMillis) {
		w.seats(c, s.JoinedAtMillis, s.Claim())
	}
}

// renews has a server renew its seats, or one of them alone.
func (w *world) renews(c *connection) {
	all := []*connection{c}
	if w.script.pick(1, 1) == 1 {
		all = w.which(func(other *connection) bool {
			return other.ofServer() && other.state == open && other.pass.Tenant == c.pass.Tenant
		})
	}
	r := lease.Renewal{Scope: c.scope(), AtMillis: w.now(), Seconds: one(w.script, []int{0, 10, 60})}
	var ids []seat.ConnectionID
	owed := make(map[*connection]bool)
	for _, one := range all {
		ids = append(ids, one.id)
		owed[one] = w.owes(one)
		if r.Seconds > 0 { // its answer may be lost
			one.until = min(one.until, r.AtMillis+int64(r.Seconds)*1000)
		}
	}
	var renewed map[seat.ConnectionID]lease.Standing
	var err error
	w.begin(fmt.Sprintf("renew %v for %d s", ids, r.Seconds), handlerTime, func(ctx context.Context, p *process) {
		renewed, err = p.door.Leases().Renew(ctx, r, ids)
	}, func() {
		w.say("renewed %v: %v", renewed, err)
		for _, c := range all {
			standing, is := renewed[c.id]
			w.stands(c, standing, is, owed[c], err)
		}
	})
}

// polls has a server ask how a seat stands.
func (w *world) polls(c *connection) {
	owed, at := w.owes(c), w.now()
	var standing lease.Standing
	var is bool
	var err error
	w.begin("poll "+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		_, standing, is, err = p.door.Leases().Get(ctx, c.scope(), c.id, at)
	}, func() {
		w.say("%s stands as %+v, %t: %v", c.id, standing, is, err)
		w.stands(c, standing, is, owed, err)
	})
}

// owes tells whether a server must be told that it has its seat or its place still.
func (w *world) owes(c *connection) bool { return w.entitled(c) || w.waits(c) }

// stands notes what a server was told of its seat. Owed: that it had it when it asked.
func (w *world) stands(c *connection, standing lease.Standing, is, owed bool, err error) {
	switch {
	case err != nil || c.state != open:
	case !is:
		if owed && w.owes(c) {
			w.breaks("I2", "%s is told that it has lapsed, %d ms before its lease ends", c.id, c.until-w.now())
		}
		c.state, c.gone, c.seated, c.queued = over, w.now(), false, 0
	case standing.Position > 0:
		if !c.seated { // else it is an answer to an older question
			c.until = standing.Lease.UntilMillis()
		}
	default:
		its, _ := w.plain.Session(context.Background(), c.id, true)
		if its != nil && its.State == session.StateSeated {
			w.admits(c, *its, standing.Lease.UntilMillis())
		}
	}
}

// releases has a server give a seat or a place back.
func (w *world) releases(c *connection) {
	c.leaving, c.seated, c.queued = true, false, 0
	at := w.now()
	var err error
	w.begin("release "+string(c.id), handlerTime, func(ctx context.Context, p *process) {
		_, err = p.door.Leases().Release(ctx, c.scope(), c.id, at)
	}, func() {
		w.say("release %s: %v", c.id, err)
		if err == nil {
			c.state, c.gone = over, w.now()
		}
	})
}

// silence is when no server has renewed anything for longer than any lease lasts.
func (w *world) silence() {
	for _, c := range w.connections {
		if c.ofServer() {
			c.state, c.seated, c.queued = over, false, 0
		}
	}
}

// hasPlace tells whether a connection has a place in a pool's queue.
func (w *world) hasPlace(of seat.Pool, id seat.ConnectionID) bool {
	for _, waiter := range w.places[of] {
		if waiter.Connection == id {
			return true
		}
	}
	return false
}

// since is since when a connection waits: as its client was told or, for a server whose
// answer may have been lost, as its place says.
func (w *world) since(c *connection) int64 {
	if c.ofServer() {
		for _, waiter := range w.places[w.poolOf(c)] {
			if waiter.Connection == c.id {
				return waiter.SinceMillis
			}
		}
	}
	return c.queued
}

// speaks checks that a server's waiter gets a seat only while its lease lasts.
func (w *world) speaks(of seat.Pool, id seat.ConnectionID, i *invocation) {
	for _, waiter := range w.places[of] {
		if waiter.Connection == id && id.OfServer() && waiter.Lease.UntilMillis()+skew <= i.began && !w.tenants[of.Tenant].mixed {
			w.breaks("queue", "%s gets a seat, and its lease was over for %d ms when %s began", id, i.began-waiter.Lease.UntilMillis(), i.name)
		}
	}
}

// wroteLeases checks that no lease is ended before its time, and that none is renewed
// after it.
func (w *world) wroteLeases(was, is seat.State) {
	for id, before := range was.Members {
		after, in := is.Members[id]
		if !in || !before.Leased() || before.WithoutLease() != after.WithoutLease() || before.Lease == after.Lease {
			continue
		}
		switch until := before.Lease.UntilMillis(); {
		case before.Lease.Seconds == 0:
			w.breaks("leases", "the lease of %s had ended, and is %+v", id, after.Lease)
		case after.Lease.Seconds == 0 && w.now()+skew < until:
			w.breaks("leases", "the lease of %s is ended, %d ms before its time", id, until-w.now())
		case after.Lease.Seconds > 0 && after.Lease.RenewedAtMillis >= until:
			w.breaks("leases", "the lease of %s is renewed, %d ms after its end", id, after.Lease.RenewedAtMillis-until)
		}
	}
}

// wroteServers checks that the stay of a lapsed seat ends at the last renewal.
func (w *world) wroteServers(s usage.Stay) {
	if !s.Connection.OfServer() || s.End != usage.EndVanished {
		return
	}
	for _, b := range w.blocks[s.Block.Pool] {
		m, in := b.Members[s.Connection]
		if in && b.Block == s.Block && m.JoinedAtMillis == s.JoinedAtMillis && s.LeftAtMillis != max(m.Lease.RenewedAtMillis, s.JoinedAtMillis) {
			w.breaks("I4", "the stay of %s ends %d ms off its last renewal: %+v", s.Connection, s.LeftAtMillis-m.Lease.RenewedAtMillis, s)
		}
	}
}

// neverEnded is a bug by which a lease that is over is never ended, so that its seat
// counts as taken still.
func neverEnded(in any, call func(in any) (any, error)) (any, error) {
	update, is := in.(*dynamodb.UpdateItemInput)
	if !is || dynamo.Describe(in).Name != "renew" || !ends(update.ExpressionAttributeValues[":to_aa"]) {
		return call(in)
	}
	return call(rewritten(in, func(update, _ string) (string, string) { return update, "attribute_exists(#never)" }, nil))
}

// ends tells whether a member's lease has no seconds, which come last.
func ends(member types.AttributeValue) bool {
	packed, is := member.(*types.AttributeValueMemberB)
	return is && packed.Value[len(packed.Value)-1] == 0
}

// endsLate is a bug by which the record of a lapsed seat ends a moment after the last
// renewal.
func endsLate(in any, call func(in any) (any, error)) (any, error) {
	if put, is := in.(*dynamodb.PutItemInput); is && dynamo.Describe(in).Name == "put stay" {
		value, _ := dynamo.Decode(put.Item)
		if s, is := value.(usage.Stay); is && s.Connection.OfServer() && s.End == usage.EndVanished {
			next := *put
			next.Item = cloneWith(put.Item, "left_at", number(fmt.Sprint(s.LeftAtMillis+5000)))
			return call(&next)
		}
	}
	return call(in)
}

// neverSilent is a bug by which the worker takes each server's place for renewed just now.
func neverSilent(in any, call func(in any) (any, error)) (any, error) {
	out, err := call(in)
	if found, is := out.(*dynamodb.QueryOutput); is && err == nil {
		for n, i := range found.Items {
			if i["renewed_at"] != nil {
				found.Items[n] = cloneWith(i, "renewed_at", number("4000000000000"))
			}
		}
	}
	return out, err
}

func cloneWith(i map[string]types.AttributeValue, name string, value types.AttributeValue) map[string]types.AttributeValue {
	next := make(map[string]types.AttributeValue, len(i))
	for k, v := range i {
		next[k] = v
	}
	next[name] = value
	return next
}
