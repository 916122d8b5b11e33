package reconcile_test

import (
	"context"
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
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/licensing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// stage is a process over tables in memory, with a clock of its own, and a
// platform on which those connections are dead that a test, or a close, has
// ended.
type stage struct {
	t     *testing.T
	api   *faults.API
	store *dynamo.Store
	door  *worldtest.Process
	now   func() time.Time

	mu   sync.Mutex
	dead map[seat.ConnectionID]bool
}

func newStage(t *testing.T, now func() time.Time) *stage {
	s := &stage{t: t, api: faults.New(memtable.New()), now: now, dead: make(map[seat.ConnectionID]bool)}
	s.store = dynamo.New(s.api, memtable.Names).WithClock(now)
	s.door = s.process()
	return s
}

// process is the door of a process that has just started.
func (s *stage) process() *worldtest.Process {
	return worldtest.NewProcess(s.store, s)
}

func (s *stage) round(ctx context.Context) {
	s.t.Helper()
	if err := s.door.Reconciler(s.store, s, slog.New(slog.DiscardHandler), s.now).Round(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// Alive implements reconcile.Prober.
func (s *stage) Alive(_ context.Context, id seat.ConnectionID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.dead[id], nil
}

// Push implements meeting.Gateway.
func (s *stage) Push(context.Context, seat.ConnectionID, []byte) error { return nil }

// Close implements meeting.Gateway.
func (s *stage) Close(_ context.Context, id seat.ConnectionID) error {
	s.die(id)
	return nil
}

func (s *stage) die(id seat.ConnectionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[id] = true
}

// license gives a tenant so many concurrent seats, held for a minute.
func (s *stage) license(id tenant.ID, seats int) {
	s.t.Helper()
	l := license.License{
		Tenant: id, Model: license.ModelConcurrent, Seats: seats,
		ReconnectGraceSeconds: 60, HostAbsentMinutes: license.DefaultHostAbsentMinutes,
	}
	if _, _, err := s.door.Licensing.Put(s.t.Context(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) schedule(id tenant.ID, name conference.ID) conference.Conference {
	s.t.Helper()
	c, err := s.door.Schedule(s.t.Context(), conference.Conference{
		Tenant: id, ID: name, Host: "host@example.org", State: conference.StateScheduled, CreatedAt: s.now(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// join admits somebody by a door.
func (s *stage) join(ctx context.Context, d *worldtest.Process, c conference.Conference, n int) seat.ConnectionID {
	s.t.Helper()
	id := seat.ConnectionID(fmt.Sprintf("%s-%d=", c.Tenant, n))
	err := d.Connect(ctx, admission.Visitor{
		Pass:       jointoken.Pass{Tenant: c.Tenant, Conference: c.ID, Number: c.Number, Identity: fmt.Sprint(n), Role: jointoken.RoleParticipant},
		Connection: id, AtMillis: s.now().UnixMilli(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// drop has the platform tell that a connection was lost.
func (s *stage) drop(id seat.ConnectionID) {
	s.t.Helper()
	s.die(id)
	if err := s.door.Leave(s.t.Context(), id, s.now().UnixMilli(), usage.EndDropped); err != nil {
		s.t.Fatal(err)
	}
}

// members are the connections in a tenant's pool, held or not.
func (s *stage) members(id tenant.ID) map[seat.ConnectionID]seat.Member {
	s.t.Helper()
	state, err := s.store.Get(context.Background(), seat.Block{Pool: seat.Pool{Tenant: id}})
	if err != nil || state == nil {
		s.t.Fatal(state, err)
	}
	return state.Members
}
