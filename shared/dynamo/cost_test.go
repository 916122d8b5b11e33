package dynamo_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/pool"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/rate"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// bill adds up what the engine says that calls consumed.
type bill struct {
	mu            sync.Mutex
	writes, reads float64
}

func (b *bill) add(consumed *types.ConsumedCapacity, write bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if write {
		b.writes += *consumed.CapacityUnits
	} else {
		b.reads += *consumed.CapacityUnits
	}
}

// One whole stay, join and leave, costs at most 4 write units and 1 read unit
// for licenses of up to 30 seats, on an empty pool and on one that lacks one
// member to be full, with ids as long as they come. With that one it reaches a percentage
// time and again, which this process then knows to be raised.
func TestAStayCostsFourWriteUnitsAndOneReadUnit(t *testing.T) {
	for _, model := range []license.Model{license.ModelConcurrent, license.ModelNamed} {
		for _, capacity := range []int{1, 25, seat.BlockSeats} {
			t.Run(fmt.Sprintf("%s/%d", model, capacity), func(t *testing.T) {
				w := newAlerting(t, model, capacity, license.DefaultAlertPercents)
				for _, others := range []int{0, capacity - 1} {
					for len(w.in) < others {
						w.join(t)
					}
					w.seen(t)
					w.join(t) // whatever this process has to look up first
					w.leave(t)
					*w.bill = bill{}
					w.join(t)
					w.leave(t)
					if w.bill.writes > 4 || w.bill.reads > 1 {
						t.Errorf("with %d others: %v write units, %v read units", others, w.bill.writes, w.bill.reads)
					}
					t.Logf("with %d others: %v write units, %v read units", others, w.bill.writes, w.bill.reads)
				}
			})
		}
	}
}

// A wait that opens the queue of a pool of one block, and closes it, costs at most 15
// write units and 7 read units beside the stay that it ends with. A sweep that finds
// no free seat costs at most 4 read units.
func TestAWaitCostsFifteenWriteUnits(t *testing.T) {
	for _, capacity := range []int{1, seat.BlockSeats} {
		t.Run(fmt.Sprint(capacity), func(t *testing.T) {
			w := newCostly(t, license.ModelConcurrent, capacity)
			for range capacity {
				w.join(t)
			}
			w.seen(t)
			ctx, v := t.Context(), admission.Visitor{Pass: w.pass, Connection: "Gd00000000wait1=", AtMillis: w.now + 1}
			served := w.door.Worker(alive{}, alive{}, func() time.Time { return time.UnixMilli(w.now) }, pool.Sleep)
			sweep := func() {
				t.Helper()
				w.now += 500
				if err := served.Sweep(ctx, seat.Pool{Tenant: w.pass.Tenant}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.door.EnterLobby(ctx, v); err != nil {
				t.Fatal(err)
			}
			*w.bill = bill{}
			w.now += 2
			if s, _, _, err := w.door.JoinOrWait(ctx, v.Connection, w.now); err != nil || !s.Waits() {
				t.Fatal(s, err)
			}
			writes, reads := w.bill.writes, w.bill.reads
			sweep() // this process has to look some things up first
			*w.bill = bill{}
			sweep()
			idleWrites, idleReads := w.bill.writes, w.bill.reads
			w.leave(t)
			*w.bill = bill{}
			sweep()
			w.in = append(w.in, v.Connection)
			w.leave(t)
			sweep()
			writes, reads = writes+w.bill.writes-4, reads+w.bill.reads-1 // the stay's
			t.Logf("a wait: %v write units, %v read units; an idle sweep: %v, %v", writes, reads, idleWrites, idleReads)
			if writes > 15 || reads > 7 || idleWrites > 0 || idleReads > 4 {
				t.Error("more than they may cost")
			}
		})
	}
}

// alive is a gateway whose connections are all there, and hear nothing.
type alive struct{}

func (alive) Alive(context.Context, seat.ConnectionID) (bool, error) { return true, nil }
func (alive) Admitted(context.Context, session.Session, int64) error { return nil }
func (alive) Refused(context.Context, queue.Waiter, error) error     { return nil }
func (alive) Queued(context.Context, queue.Waiter) error             { return nil }

// A storm of joins costs under a sixteenth of a write unit each for its count,
// and one that is refused nothing, beside the one read that a first refusal
// rests on.
func TestAStormCostsASixteenthWriteUnitAJoin(t *testing.T) {
	w := newCostly(t, license.ModelConcurrent, 1)
	w.join(t)
	limiter := rate.NewLimiter(w.store, slog.New(slog.DiscardHandler))
	key, limit, at := rate.OfTenant(rate.KindJoin, "storm"), rate.Calls(rate.DefaultPerSecond), time.UnixMilli(w.now)
	*w.bill = bill{}
	for range limit {
		if d := limiter.Allow(t.Context(), key, limit, at); !d.Allowed {
			t.Fatal("refused within the limit")
		}
	}
	if a16th := float64(limit) / 16; w.bill.writes == 0 || w.bill.writes > a16th || w.bill.reads != 0 {
		t.Errorf("%d joins: %v write units for their count, %v read units; want at most %v and 0", limit, w.bill.writes, w.bill.reads, a16th)
	}
	t.Logf("%d joins: %v write units for their count", limit, w.bill.writes)

	w.door = worldtest.NewProcess(w.store, worldtest.Deaf{}, worldtest.Limited(limiter, 1)) // 10 a window
	visit := func() error {
		return w.door.Connect(t.Context(), admission.Visitor{Pass: w.pass, Connection: "Gd00000000009d1=", AtMillis: w.now})
	}
	for !problem.Is(visit(), problem.RateLimited) {
	}
	*w.bill = bill{}
	for range 1000 {
		if err := visit(); !problem.Is(err, problem.RateLimited) {
			t.Fatal(err)
		}
	}
	if w.bill.writes != 0 || w.bill.reads != 0 {
		t.Errorf("1,000 refused joins: %v write units, %v read units", w.bill.writes, w.bill.reads)
	}
}

// A stay that is recorded hours after it began costs its note more, and one
// that is recorded in time does not.
func TestALateRecordCostsOneMoreWriteUnit(t *testing.T) {
	b, now := &bill{}, int64(1_790_000_000_000)
	store := open(t).Metered(b.add).WithClock(func() time.Time { return time.UnixMilli(now) })
	units := func(after int64) float64 {
		t.Helper()
		stay := usage.Stay{Tenant: "acme", Connection: "Gd00000000001d1=", JoinedAtMillis: now, LeftAtMillis: now + 1000, End: usage.EndVanished}
		now += after
		*b = bill{}
		if _, err := store.Record(t.Context(), stay); err != nil {
			t.Fatal(err)
		}
		return b.writes
	}
	if inTime, late := units(usage.LateMillis-1), units(usage.LateMillis); inTime != 1 || late != 2 {
		t.Errorf("%v write units in time, %v late; want 1 and 2", inTime, late)
	}
}

// costly is a tenant whose joins and leaves are metered.
type costly struct {
	bill  *bill
	store *dynamo.Store
	door  *worldtest.Process
	pass  jointoken.Pass
	now   int64
	in    []seat.ConnectionID
	next  int
}

func newCostly(t *testing.T, model license.Model, capacity int) *costly {
	t.Helper()
	return newAlerting(t, model, capacity, "")
}

func newAlerting(t *testing.T, model license.Model, capacity int, percents license.Percents) *costly {
	t.Helper()
	ctx, b := t.Context(), &bill{}
	w := &costly{bill: b, now: 1_790_000_000_000}
	store := open(t).Metered(b.add).WithClock(func() time.Time { return time.UnixMilli(w.now) })
	// As long as an id may be, since ids stand in the keys of blocks.
	id := tenant.ID(fmt.Sprintf("%064d", 1))
	l := license.License{Tenant: id, Model: model, Seats: capacity, QueueLimit: 10, AlertPercents: percents, HostAbsentMinutes: license.DefaultHostAbsentMinutes}
	if model == license.ModelNamed {
		l.Seats, l.Hosts, l.ParticipantsPerConference = 0, 5, capacity
	}
	limiter := rate.NewLimiter(store, slog.New(slog.DiscardHandler))
	w.store, w.door = store, worldtest.NewProcess(store, worldtest.Deaf{}, worldtest.Limited(limiter, rate.DefaultPerSecond))
	if _, _, err := w.door.Licensing.Put(ctx, l.WithDefaults(), licensing.AnyRevision); err != nil {
		t.Fatal(err)
	}
	email := host.Email("ann@example.org")
	if _, err := store.AddHost(ctx, id, host.Host{Email: email, Active: true}, host.Slots{}); err != nil {
		t.Fatal(err)
	}
	c := conference.Conference{
		Tenant: id, ID: conference.ID(fmt.Sprintf("%064d", 2)), Number: 99_999_999, Host: email, State: conference.StateScheduled,
	}
	if _, err := store.Schedule(ctx, c); err != nil {
		t.Fatal(err)
	}
	w.pass = jointoken.Pass{Tenant: id, Conference: c.ID, Number: c.Number, Identity: string(email), Role: jointoken.RoleHost}
	if model == license.ModelNamed {
		w.join(t) // the host, who takes the chair
		w.in = nil
	}
	w.pass.Identity, w.pass.Role = "bob@example.org", jointoken.RoleParticipant
	return w
}

func (w *costly) join(t *testing.T) {
	t.Helper()
	w.now++
	w.next++
	id := seat.ConnectionID(fmt.Sprintf("Gd%012d1=", w.next)) // 16 characters, as API Gateway's
	if err := w.door.Connect(t.Context(), admission.Visitor{Pass: w.pass, Connection: id, AtMillis: w.now}); err != nil {
		t.Fatal(err)
	}
	w.in = append(w.in, id)
}

// seen has reconciliation's mark put on the pool, which takes some room too.
func (w *costly) seen(t *testing.T) {
	t.Helper()
	for _, number := range []conference.Number{0, w.pass.Number} {
		if err := w.store.MarkAlive(t.Context(), seat.Block{Pool: seat.Pool{Tenant: w.pass.Tenant, Number: number}}, w.now+90_001); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *costly) leave(t *testing.T) {
	t.Helper()
	w.now++
	last := w.in[len(w.in)-1]
	w.in = w.in[:len(w.in)-1]
	if err := w.door.Leave(context.WithoutCancel(t.Context()), last, w.now, usage.EndClosed); err != nil {
		t.Fatal(err)
	}
}
