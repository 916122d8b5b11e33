package admission_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const (
	acme   tenant.ID  = "acme"
	ann    host.Email = "ann@example.org"
	weekly            = conference.ID("weekly")
)

// world is a tenant with a conference, and the doors of as many processes as a
// test wants. The doors' calls of the tables can go wrong.
type world struct {
	t       testing.TB
	tables  *memtable.Tables
	store   *dynamo.Store
	faulty  *faults.API
	gateway *gatewayFake
	now     int64
	next    int
	numbers map[conference.ID]conference.Number
}

// gatewayFake remembers what was pushed and closed.
type gatewayFake struct {
	mu     sync.Mutex
	pushed map[seat.ConnectionID][]string
	closed map[seat.ConnectionID]bool
}

func (g *gatewayFake) Push(_ context.Context, id seat.ConnectionID, message []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pushed[id] = append(g.pushed[id], string(message))
	return nil
}

func (g *gatewayFake) Close(_ context.Context, id seat.ConnectionID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed[id] = true
	return nil
}

func newWorld(t testing.TB, l license.License) *world {
	t.Helper()
	store, tables := memtable.NewStore()
	w := &world{
		t: t, tables: tables, store: store, now: 1_790_000_000_000, numbers: make(map[conference.ID]conference.Number),
		gateway: &gatewayFake{pushed: make(map[seat.ConnectionID][]string), closed: make(map[seat.ConnectionID]bool)},
		faulty:  faults.New(tables),
	}
	w.put(l)
	return w
}

func concurrent(seats int) license.License {
	return license.License{Model: license.ModelConcurrent, Seats: seats}
}

func named(hosts, participants int) license.License {
	return license.License{Model: license.ModelNamed, Hosts: hosts, ParticipantsPerConference: participants}
}

// door is the door of a process that has just started.
func (w *world) door(opts ...worldtest.Option) *worldtest.Process {
	return w.doorOver(w.faulty, opts...)
}

// doorOver is the door of a process that calls the tables through something
// else.
func (w *world) doorOver(api dynamo.API, opts ...worldtest.Option) *worldtest.Process {
	return worldtest.NewProcess(dynamo.New(api, memtable.Names), w.gateway, opts...)
}

func (w *world) put(l license.License) {
	w.t.Helper()
	l.Tenant, l.HostAbsentMinutes = acme, license.DefaultHostAbsentMinutes
	if _, _, err := w.door().Licensing.Put(context.Background(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) host(email host.Email) {
	w.t.Helper()
	if _, err := w.store.AddHost(context.Background(), acme, host.Host{Email: email, Active: true}, host.Slots{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) schedule(id conference.ID, email host.Email) {
	w.t.Helper()
	number, err := w.store.NextNumber(context.Background(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	c := conference.Conference{Tenant: acme, ID: id, Number: number, Host: email, State: conference.StateScheduled}
	if there, err := w.store.Schedule(context.Background(), c); err != nil || there != nil {
		w.t.Fatalf("schedule %s: %v, %v", id, there, err)
	}
	w.numbers[id] = number
}

// visitor is somebody who connects now.
func (w *world) visitor(n int, id conference.ID, role jointoken.Role) admission.Visitor {
	w.now += 1000
	return admission.Visitor{
		Pass: jointoken.Pass{
			Tenant: acme, Conference: id, Number: w.numbers[id], Identity: fmt.Sprintf("person-%d", n), Role: role,
		},
		Connection: seat.ConnectionID(fmt.Sprintf("connection-%03d=", n)), AtMillis: w.now,
	}
}

func (w *world) leave(d *worldtest.Process, v admission.Visitor) error {
	w.now += 1000
	return d.Leave(context.Background(), v.Connection, w.now, usage.EndClosed)
}

// pools are all the pools that the tenant can have had.
func (w *world) pools() []seat.Pool {
	pools := []seat.Pool{{Tenant: acme}}
	for number := conference.Number(1); number <= 20; number++ {
		pools = append(pools, seat.Pool{Tenant: acme, Number: number}, seat.Pool{Tenant: acme, Number: number, Chair: true})
	}
	return pools
}

func (w *world) stays() []usage.Stay {
	w.t.Helper()
	var list []usage.Stay
	for stay, err := range w.store.Stays(context.Background(), acme, 0, w.now+1) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, stay)
	}
	return list
}

// books checks, for each block, that counts equal members and that the seats
// ever taken are the ledger's records, the open ones and the voids.
func (w *world) books(wantInUse int) {
	w.t.Helper()
	recorded := make(map[seat.Block]int64)
	for _, stay := range w.stays() {
		recorded[stay.Block]++
	}
	inUse := 0
	for _, pool := range w.pools() {
		blocks, err := w.store.Read(context.Background(), pool)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range blocks {
			inUse += b.InUse
			if b.InUse != len(b.Members) {
				w.t.Errorf("%+v: in_use %d, %d members", b.Block, b.InUse, len(b.Members))
			}
			if b.Taken != recorded[b.Block]+int64(b.InUse)+b.Voids {
				w.t.Errorf("%+v: taken %d, recorded %d, open %d, voids %d", b.Block, b.Taken, recorded[b.Block], b.InUse, b.Voids)
			}
		}
	}
	if inUse != wantInUse {
		w.t.Errorf("%d seats in use, want %d", inUse, wantInUse)
	}
}

func at(w *world) time.Time { return time.UnixMilli(w.now) }
