package limits

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// world is a store and the functions over it.
type world struct {
	engine              *Engine
	store               *dynamo.Store // without limits
	connect, disconnect *Function
	setup               *Domain
	next                int
}

func newWorld(seed int) *world {
	w := &world{engine: NewEngine(NewClock(), seed)}
	w.store = dynamo.New(w.engine.tables, memtable.Names).WithClock(w.engine.Clock.Time)
	w.connect, w.disconnect = w.engine.NewFunction(), w.engine.NewFunction()
	w.setup = NewDomain(w.store)
	return w
}

// run runs the clock until no event is left. A cancelled context is an error,
// since the SDK does not retry under it.
func (w *world) run(ctx context.Context) error {
	w.engine.Clock.Run()
	w.connect.Stop()
	w.disconnect.Stop()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	return nil
}

func (w *world) millis() int64 { return w.engine.Clock.Time().UnixMilli() }

// customer is a tenant with its conferences and its connections.
type customer struct {
	world  *world
	passes []jointoken.Pass
	in     []seat.ConnectionID
}

// customer makes a tenant with a concurrent license, before the clock starts.
func (w *world) customer(ctx context.Context, id tenant.ID, seats, conferences int) (*customer, error) {
	l := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: seats, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if _, _, err := w.setup.Licensing.Put(ctx, l.WithDefaults(), licensing.AnyRevision); err != nil {
		return nil, fmt.Errorf("license %s: %w", id, err)
	}
	c := &customer{world: w}
	for n := range conferences {
		number, err := w.store.NextNumber(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("number a conference: %w", err)
		}
		room := conference.Conference{
			Tenant: id, ID: conference.ID(fmt.Sprintf("room-%d", n)), Number: number, Host: "host@example.org",
			State: conference.StateScheduled, CreatedAt: time.UnixMilli(startMillis),
		}
		if _, err := w.store.Schedule(ctx, room); err != nil {
			return nil, fmt.Errorf("schedule a conference: %w", err)
		}
		c.passes = append(c.passes, jointoken.Pass{
			Tenant: id, Conference: room.ID, Number: number, Identity: "p", Role: jointoken.RoleParticipant,
		})
	}
	return c, nil
}

// visitor is a new person who joins at a time.
func (c *customer) visitor(atMillis int64) admission.Visitor {
	c.world.next++
	return admission.Visitor{
		Pass:       c.passes[c.world.next%len(c.passes)],
		Connection: seat.ConnectionID(fmt.Sprintf("Limits%08d1=", c.world.next)), AtMillis: atMillis,
	}
}

// fill admits people one after the other, before the clock starts.
func (c *customer) fill(ctx context.Context, people int) error {
	const apart = 10
	for n := range people {
		v := c.visitor(startMillis - int64(people-n)*apart)
		if err := c.world.setup.Connect(ctx, v); err != nil {
			return fmt.Errorf("fill the pool: %w", err)
		}
		c.in = append(c.in, v.Connection)
	}
	return nil
}

// empty ends all connections, before the clock starts.
func (c *customer) empty(ctx context.Context) error {
	for _, id := range c.in {
		if err := c.world.setup.Leave(ctx, id, startMillis-1, usage.EndClosed); err != nil {
			return fmt.Errorf("empty the pool: %w", err)
		}
	}
	c.in = nil
	return nil
}

// peers makes the peers' items, before the clock starts.
func (w *world) peers(ctx context.Context, blocks int) error {
	return Peer{API: w.engine.tables, Table: memtable.Names.Live, Blocks: blocks}.Prepare(ctx)
}
