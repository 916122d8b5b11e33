package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

const (
	acme   tenant.ID     = "acme"
	ann    host.Email    = "ann@example.org"
	weekly conference.ID = "weekly"
)

// world is a tenant with a conference, and a platform whose connections live and
// die as a test says. The calls of the door and of the reconcilers can go wrong.
type world struct {
	t      *testing.T
	tables *memtable.Tables
	store  *dynamo.Store
	faulty *faults.API
	door   *worldtest.Process
	number conference.Number

	mu     sync.Mutex
	now    time.Time
	dead   map[seat.ConnectionID]bool
	told   map[seat.ConnectionID]bool
	probed map[seat.ConnectionID]int
	broken error         // what a probe answers with, if anything
	takes  time.Duration // that a probe takes
	people int
	nobody bool // all connections are dead
}

func newWorld(t *testing.T, l license.License) *world {
	t.Helper()
	store, tables := memtable.NewStore()
	w := &world{
		t: t, tables: tables, store: store, faulty: faults.New(tables), now: time.Now().Truncate(time.Second), dead: make(map[seat.ConnectionID]bool), told: make(map[seat.ConnectionID]bool), probed: make(map[seat.ConnectionID]int),
	}
	w.door = w.newDoor()
	w.put(l)
	if _, err := store.AddHost(t.Context(), acme, host.Host{Email: ann, Active: true}, host.Slots{}); err != nil {
		t.Fatal(err)
	}
	w.schedule()
	return w
}

func concurrent(seats int) license.License {
	return license.License{Model: license.ModelConcurrent, Seats: seats}
}

func named(hosts, participants int) license.License {
	return license.License{Model: license.ModelNamed, Hosts: hosts, ParticipantsPerConference: participants}
}

func (w *world) put(l license.License) {
	w.t.Helper()
	l.Tenant, l.HostAbsentMinutes, l.ReconnectGraceSeconds = acme, license.DefaultHostAbsentMinutes, license.DefaultReconnectGraceSeconds
	if _, _, err := w.door.Licensing.Put(w.t.Context(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) schedule() {
	w.t.Helper()
	c, err := w.door.Schedule(w.t.Context(), conference.Conference{Tenant: acme, ID: weekly, Host: ann, State: conference.StateScheduled, CreatedAt: w.clock()})
	if err != nil {
		w.t.Fatal(err)
	}
	w.number = c.Number
}

// reconciler is one of a process that has just started.
func (w *world) reconciler() *reconcile.Reconciler { return w.as(w.door) }

// as is a reconciler of the process that has a door.
func (w *world) as(d *worldtest.Process) *reconcile.Reconciler {
	return d.Reconciler(w.failing(), w, w.log(), w.clock)
}

// newDoor is the door of a process that has just started.
func (w *world) newDoor(opts ...worldtest.Option) *worldtest.Process {
	return worldtest.NewProcess(w.failing(), w, opts...)
}

// failing is the store whose calls can go wrong.
func (w *world) failing() *dynamo.Store { return dynamo.New(w.faulty, memtable.Names) }

func (w *world) log() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (w *world) round() {
	w.t.Helper()
	if err := w.reconciler().Round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// decide says what happens to each call, of the store and of the gateway, which
// may come from several goroutines.
func (w *world) decide(next func() faults.Fault) {
	var mu sync.Mutex
	w.faulty.Decide = func(context.Context, dynamo.Call) faults.Fault {
		mu.Lock()
		defer mu.Unlock()
		return next()
	}
}

// call makes a call of the gateway, or what is to become of it.
func (w *world) call(name string, effect func()) error {
	fault := faults.None
	if w.faulty.Decide != nil {
		fault = w.faulty.Decide(context.Background(), dynamo.Call{Name: name})
	}
	if fault == faults.Before {
		return faults.ErrFault
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	effect()
	if fault == faults.After {
		return faults.ErrFault
	}
	return nil
}

// Alive implements reconcile.Prober.
func (w *world) Alive(_ context.Context, id seat.ConnectionID) (alive bool, err error) {
	err = w.call("Alive", func() {
		w.probed[id]++
		w.now = w.now.Add(w.takes)
		alive = !w.dead[id] && !w.nobody
	})
	return alive, errors.Join(err, w.broken)
}

// Push and Close implement meeting.Gateway.
func (w *world) Push(_ context.Context, id seat.ConnectionID, _ []byte) error {
	return w.call("Push", func() { w.told[id] = true })
}

func (w *world) Close(_ context.Context, id seat.ConnectionID) error {
	return w.call("Close", func() { w.dead[id] = true })
}

func (w *world) everybodyDead() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nobody = true
}

func (w *world) visitor(role jointoken.Role) admission.Visitor {
	w.people++
	return admission.Visitor{
		Pass: jointoken.Pass{
			Tenant: acme, Conference: weekly, Number: w.number, Identity: fmt.Sprintf("person-%d", w.people), Role: role,
		},
		Connection: seat.ConnectionID(fmt.Sprintf("connection-%06d=", w.people)), AtMillis: w.clock().UnixMilli(),
	}
}

// in admits somebody.
func (w *world) in(role jointoken.Role) admission.Visitor {
	w.t.Helper()
	v := w.visitor(role)
	if err := w.door.Connect(w.t.Context(), v); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// die ends a connection without a word to anybody.
func (w *world) die(v admission.Visitor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead[v.Connection] = true
}

func (w *world) refused(want problem.Code) {
	w.t.Helper()
	if err := w.door.Connect(w.t.Context(), w.visitor(jointoken.RoleParticipant)); !problem.Is(err, want) {
		w.t.Errorf("a join is answered %v, want %s", err, want)
	}
}

func (w *world) pools() []seat.Pool {
	pools := []seat.Pool{{Tenant: acme}}
	for number := conference.Number(1); number <= w.number; number++ {
		pools = append(pools, seat.Pool{Tenant: acme, Number: number}, seat.Pool{Tenant: acme, Number: number, Chair: true})
	}
	return pools
}

func (w *world) stays() []usage.Stay {
	w.t.Helper()
	var list []usage.Stay
	for stay, err := range w.store.Stays(context.Background(), acme, 0, 1<<60) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, stay)
	}
	return list
}

// books checks the seats in use, and that for each block the seats ever taken
// are the ledger's records, the open ones and the voids.
func (w *world) books(wantInUse int) {
	w.t.Helper()
	records := make(map[seat.Block]int64)
	for _, stay := range w.stays() {
		records[stay.Block]++
	}
	inUse := 0
	for _, pool := range w.pools() {
		states, err := w.store.Read(context.Background(), pool)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range states {
			inUse += b.InUse
			open := int64(0)
			for _, m := range b.Members {
				if !m.Held() {
					open++
				}
			}
			if b.Taken != records[b.Block]+open+b.Voids {
				w.t.Errorf("%+v: taken %d, recorded %d, open %d, voids %d", b.Block, b.Taken, records[b.Block], open, b.Voids)
			}
		}
	}
	if inUse != wantInUse {
		w.t.Errorf("%d seats in use, want %d", inUse, wantInUse)
	}
}

func (w *world) state(want conference.State) conference.Conference {
	w.t.Helper()
	c, err := w.store.Conference(context.Background(), acme, weekly, true)
	if err != nil || c == nil || c.State != want {
		w.t.Fatalf("the conference is %+v (%v), want it %s", c, err, want)
	}
	return *c
}

var errThrottled = errors.New("too many requests")

// claim is what a visitor who came by $connect was given to resume its seat by.
func (w *world) claim(v admission.Visitor) jointoken.Claim {
	return jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
}
