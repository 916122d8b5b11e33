package limits

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// The crowd that both engines carry: more than there are seats for come, so many
// at a time, and then all who are in leave.
const (
	crowdSeats   = 180
	crowdPeople  = 300
	crowdAtATime = 8
)

// crowd is what became of it. Its workers may be goroutines of any kind.
type crowd struct {
	mu               sync.Mutex
	next             int
	in               []seat.ConnectionID
	joining, leaving Units
	refused          int
	failed           error
}

func (c *crowd) join(ctx context.Context, door *Entrance, pass jointoken.Pass, now func() int64) {
	for {
		c.mu.Lock()
		n := c.next
		c.next++
		c.mu.Unlock()
		if n >= crowdPeople {
			return
		}
		v := admission.Visitor{Pass: pass, Connection: seat.ConnectionID(fmt.Sprintf("Crowd%09d1=", n)), AtMillis: now()}
		err := door.Connect(ctx, v)
		c.mu.Lock()
		switch {
		case err == nil:
			c.in = append(c.in, v.Connection)
		case problem.Is(err, problem.SeatsExhausted):
			c.refused++
		default:
			c.failed = err
		}
		c.mu.Unlock()
	}
}

func (c *crowd) leave(ctx context.Context, door *Entrance, now func() int64) {
	for {
		c.mu.Lock()
		if len(c.in) == 0 {
			c.mu.Unlock()
			return
		}
		id := c.in[0]
		c.in = c.in[1:]
		c.mu.Unlock()
		if err := door.Leave(ctx, id, now(), usage.EndClosed); err != nil {
			c.mu.Lock()
			c.failed = err
			c.mu.Unlock()
		}
	}
}

// simulated runs the crowd on this engine.
func simulated(t *testing.T) *crowd {
	t.Helper()
	w, c := newWorld(1), &crowd{}
	tenant, err := w.customer(t.Context(), "crowd", crowdSeats, 1)
	if err != nil {
		t.Fatal(err)
	}
	var doors []*Entrance
	units := &Units{}
	for range crowdAtATime {
		doors = append(doors, w.engine.process(units).Door)
	}
	each := func(do func(*Entrance)) Units {
		before := *units
		for _, door := range doors {
			w.engine.Clock.Go(func() { do(door) })
		}
		w.engine.Clock.Run()
		return units.since(before)
	}
	c.joining = each(func(d *Entrance) { c.join(t.Context(), d, tenant.passes[0], w.millis) })
	c.leaving = each(func(d *Entrance) { c.leave(t.Context(), d, w.millis) })
	return c
}

// local runs it on DynamoDB Local.
func local(t *testing.T) *crowd {
	t.Helper()
	ctx, c := t.Context(), &crowd{}
	var mu sync.Mutex
	var units Units
	store := open(t).Metered(func(consumed *types.ConsumedCapacity, write bool) {
		mu.Lock()
		defer mu.Unlock()
		if write {
			units.Writes += *consumed.CapacityUnits
		} else {
			units.Reads += *consumed.CapacityUnits
		}
	})
	newDoor := func() *Entrance { return NewEntrance(store) }
	l := license.License{Tenant: "crowd", Model: license.ModelConcurrent, Seats: crowdSeats, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if _, _, err := newDoor().Licensing.Put(ctx, l.WithDefaults(), licensing.AnyRevision); err != nil {
		t.Fatal(err)
	}
	pass := jointoken.Pass{Tenant: "crowd", Conference: "room-0", Number: 1, Identity: "p", Role: jointoken.RoleParticipant}
	room := conference.Conference{Tenant: "crowd", ID: "room-0", Number: 1, Host: "host@example.org", State: conference.StateScheduled}
	if _, err := store.Schedule(ctx, room); err != nil {
		t.Fatal(err)
	}
	var doors []*Entrance
	for range crowdAtATime {
		doors = append(doors, newDoor())
	}
	each := func(do func(*Entrance)) Units {
		before := units
		var group sync.WaitGroup
		for _, door := range doors {
			group.Go(func() { do(door) })
		}
		group.Wait()
		return units.since(before)
	}
	now := func() int64 { return time.Now().UnixMilli() }
	c.joining = each(func(d *Entrance) { c.join(ctx, d, pass, now) })
	c.leaving = each(func(d *Entrance) { c.leave(ctx, d, now) })
	return c
}

// open makes the template's tables, and drops them when the test is over.
func open(t *testing.T) *dynamo.Store {
	t.Helper()
	return dynamo.New(tablestest.Make(t, "../../../template.yaml"))
}

// How far apart the two may be: who tries which block when is chance on both.
const (
	writesApart = 0.1
	readsApart  = 0.25
)

// The units agree within a tenth for writes and a quarter for reads, those of
// refused conditions with them. The number of refused joins agrees exactly.
func TestTheSameCrowdCostsTheSameOnDynamoDBLocal(t *testing.T) {
	ours, theirs := simulated(t), local(t)
	for _, c := range []*crowd{ours, theirs} {
		if c.failed != nil {
			t.Fatal(c.failed)
		}
		if want := crowdPeople - crowdSeats; c.refused != want {
			t.Errorf("refused %d, want %d", c.refused, want)
		}
	}
	for _, c := range []struct {
		what         string
		ours, theirs float64
		apart        float64
	}{
		{"write units of joins", ours.joining.Writes, theirs.joining.Writes, writesApart},
		{"read units of joins", ours.joining.Reads, theirs.joining.Reads, readsApart},
		{"write units of leaves", ours.leaving.Writes, theirs.leaving.Writes, writesApart},
		{"read units of leaves", ours.leaving.Reads, theirs.leaving.Reads, readsApart},
	} {
		t.Logf("%s: %v simulated, %v on DynamoDB Local", c.what, c.ours, c.theirs)
		if math.Abs(c.ours-c.theirs) > c.apart*c.theirs {
			t.Errorf("%s: %v simulated, %v on DynamoDB Local", c.what, c.ours, c.theirs)
		}
	}
}
