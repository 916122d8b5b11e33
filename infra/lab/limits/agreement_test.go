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

// The same crowd runs on both engines: more people join than there are seats,
// crowdAtATime at once; then all that were admitted leave.
const (
	crowdSeats   = 180
	crowdPeople  = 300
	crowdAtATime = 8
)

// crowd counts the crowd's joins and leaves. It is safe for concurrent use.
type crowd struct {
	mu               sync.Mutex
	next             int
	in               []seat.ConnectionID
	joining, leaving Units
	refused          int
	failed           error
}

func (c *crowd) join(ctx context.Context, domain *Domain, pass jointoken.Pass, now func() int64) {
	for {
		c.mu.Lock()
		n := c.next
		c.next++
		c.mu.Unlock()
		if n >= crowdPeople {
			return
		}
		v := admission.Visitor{Pass: pass, Connection: seat.ConnectionID(fmt.Sprintf("Crowd%09d1=", n)), AtMillis: now()}
		err := domain.Connect(ctx, v)
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

func (c *crowd) leave(ctx context.Context, domain *Domain, now func() int64) {
	for {
		c.mu.Lock()
		if len(c.in) == 0 {
			c.mu.Unlock()
			return
		}
		id := c.in[0]
		c.in = c.in[1:]
		c.mu.Unlock()
		if err := domain.Leave(ctx, id, now(), usage.EndClosed); err != nil {
			c.mu.Lock()
			c.failed = err
			c.mu.Unlock()
		}
	}
}

// simulated runs the crowd on the simulated engine.
func simulated(t *testing.T) *crowd {
	t.Helper()
	w, c := newWorld(1), &crowd{}
	tenant, err := w.customer(t.Context(), "crowd", crowdSeats, 1)
	if err != nil {
		t.Fatal(err)
	}
	var domains []*Domain
	units := &Units{}
	for range crowdAtATime {
		domains = append(domains, w.engine.process(units).Domain)
	}
	each := func(do func(*Domain)) Units {
		before := *units
		for _, domain := range domains {
			w.engine.Clock.Go(func() { do(domain) })
		}
		w.engine.Clock.Run()
		return units.since(before)
	}
	c.joining = each(func(d *Domain) { c.join(t.Context(), d, tenant.passes[0], w.millis) })
	c.leaving = each(func(d *Domain) { c.leave(t.Context(), d, w.millis) })
	return c
}

// local runs the crowd on DynamoDB Local.
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
	newLocal := func() *Domain { return NewDomain(store) }
	l := license.License{Tenant: "crowd", Model: license.ModelConcurrent, Seats: crowdSeats, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if _, _, err := newLocal().Licensing.Put(ctx, l.WithDefaults(), licensing.AnyRevision); err != nil {
		t.Fatal(err)
	}
	pass := jointoken.Pass{Tenant: "crowd", Conference: "room-0", Number: 1, Identity: "p", Role: jointoken.RoleParticipant}
	room := conference.Conference{Tenant: "crowd", ID: "room-0", Number: 1, Host: "host@example.org", State: conference.StateScheduled}
	if _, err := store.Schedule(ctx, room); err != nil {
		t.Fatal(err)
	}
	var domains []*Domain
	for range crowdAtATime {
		domains = append(domains, newLocal())
	}
	each := func(do func(*Domain)) Units {
		before := units
		var group sync.WaitGroup
		for _, domain := range domains {
			group.Go(func() { do(domain) })
		}
		group.Wait()
		return units.since(before)
	}
	now := func() int64 { return time.Now().UnixMilli() }
	c.joining = each(func(d *Domain) { c.join(ctx, d, pass, now) })
	c.leaving = each(func(d *Domain) { c.leave(ctx, d, now) })
	return c
}

// open makes the template's tables, and drops them after the test.
func open(t *testing.T) *dynamo.Store {
	t.Helper()
	return dynamo.New(tablestest.Make(t, "../../../template.yaml"))
}

// The engines may differ by these shares, since the order of the joins, and so
// the blocks that they try, is random on both.
const (
	writesApart = 0.1
	readsApart  = 0.25
)

// The units include those of refused conditions. The number of refused joins is
// the same on both.
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
