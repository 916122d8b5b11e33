package admission_test

import (
	"context"
	"fmt"
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
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// stage is a tenant with one conference, over tables in memory, and the time.
type stage struct {
	t          *testing.T
	tables     *memtable.Tables
	store      *dynamo.Store
	conference conference.Conference
	now        time.Time
}

func newStage(t *testing.T, l license.License) *stage {
	t.Helper()
	s := &stage{t: t, now: time.UnixMilli(1_790_000_000_000)}
	s.store, s.tables = memtable.NewStore()
	l.Tenant, l.HostAbsentMinutes, l.ReconnectGraceSeconds = acme, license.DefaultHostAbsentMinutes, 60
	d, _ := s.process()
	if _, _, err := d.Licensing.Put(t.Context(), l.WithDefaults(), licensing.AnyRevision); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.AddHost(t.Context(), acme, host.Host{Email: ann, Name: "Ann", Active: true}, host.Slots{}); err != nil {
		t.Fatal(err)
	}
	c, err := d.Schedule(t.Context(), conference.Conference{Tenant: acme, ID: weekly, Host: ann, State: conference.StateScheduled, CreatedAt: s.now})
	if err != nil {
		t.Fatal(err)
	}
	s.conference = c
	return s
}

// process is the door of a process that has just started, and what can have its
// calls go wrong.
func (s *stage) process() (*worldtest.Process, *faults.API) {
	api := faults.New(s.tables)
	return worldtest.NewProcess(s.over(api), unheard{}), api
}

func (s *stage) over(api dynamo.API) *dynamo.Store {
	return dynamo.New(api, memtable.Names).WithClock(func() time.Time { return s.now })
}

// unheard is a gateway that tells nobody anything.
type unheard struct{}

func (unheard) Push(context.Context, seat.ConnectionID, []byte) error { return nil }

func (unheard) Close(context.Context, seat.ConnectionID) error { return nil }

// comes is somebody who connects now, by a connection of that number.
func (s *stage) comes(n int, role jointoken.Role) admission.Visitor {
	return admission.Visitor{
		Pass:       jointoken.Pass{Tenant: acme, Conference: weekly, Number: s.conference.Number, Identity: "somebody", Role: role},
		Connection: seat.ConnectionID(fmt.Sprintf("on-stage-%03d=", n)), AtMillis: s.now.UnixMilli(),
	}
}

// connects is a visitor who is let in now.
func (s *stage) connects(d *worldtest.Process, n int, role jointoken.Role) admission.Visitor {
	s.t.Helper()
	v := s.comes(n, role)
	if err := d.Connect(s.t.Context(), v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

// joins has a visitor join from the lobby now.
func (s *stage) joins(d *worldtest.Process, v admission.Visitor) {
	s.t.Helper()
	if _, _, err := d.Join(s.t.Context(), v.Connection, s.now.UnixMilli()); err != nil {
		s.t.Fatal(err)
	}
}

// leaves has a connection end now.
func (s *stage) leaves(ctx context.Context, d *worldtest.Process, v admission.Visitor, end usage.End) {
	s.t.Helper()
	if err := d.Leave(ctx, v.Connection, s.now.UnixMilli(), end); err != nil {
		s.t.Fatal(err)
	}
}

// inUse is how many seats of all pools are.
func (s *stage) inUse() (total int) {
	s.t.Helper()
	number := s.conference.Number
	for _, of := range []seat.Pool{{Tenant: acme}, {Tenant: acme, Number: number}, {Tenant: acme, Number: number, Chair: true}} {
		states, err := s.store.Read(context.Background(), of)
		if err != nil {
			s.t.Fatal(err)
		}
		total += pool.InUse(states)
	}
	return total
}

// recorded are the stays in the ledger.
func (s *stage) recorded() (stays []usage.Stay) {
	s.t.Helper()
	for stay, err := range s.store.Stays(context.Background(), acme, 0, s.now.UnixMilli()+1) {
		if err != nil {
			s.t.Fatal(err)
		}
		stays = append(stays, stay)
	}
	return stays
}
