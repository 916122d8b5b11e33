package admission_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// pass has time go by, and what has expired by then removed.
func (s *stage) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.tables.Expire(s.now.Unix())
}

func TestAConnectADayAfterItsDisconnectIsRefused(t *testing.T) {
	s := newStage(t, concurrent(25))
	d, _ := s.process()
	v := s.comes(1, jointoken.RoleParticipant)
	s.leaves(t.Context(), d, v, usage.EndClosed)
	s.pass(25 * time.Hour)
	if err := d.Connect(t.Context(), v); !problem.Is(err, problem.ConferenceEnded) && !problem.Is(err, problem.NotFound) {
		t.Errorf("answered %v, want that the connection was closed", err)
	}
	if inUse := s.inUse(); inUse != 0 {
		t.Errorf("%d seats in use", inUse)
	}
}

// The platform closes a connection after two hours. A session that came by the
// lobby, or that goes on with a stay of more than a day, is kept as long as any
// other.
func TestASessionOutlastsItsConnection(t *testing.T) {
	const life = 2 * time.Hour
	for name, enter := range map[string]func(s *stage, d *worldtest.Process) admission.Visitor{
		"connected": func(s *stage, d *worldtest.Process) admission.Visitor {
			return s.connects(d, 1, jointoken.RoleParticipant)
		},
		"from the lobby": func(s *stage, d *worldtest.Process) admission.Visitor {
			v := s.comes(1, jointoken.RoleParticipant)
			if err := d.EnterLobby(s.t.Context(), v); err != nil {
				s.t.Fatal(err)
			}
			s.joins(d, v)
			return v
		},
		"resumed": func(s *stage, d *worldtest.Process) admission.Visitor {
			v := s.connects(d, 1, jointoken.RoleParticipant)
			stay := string(usage.NewStayID(v.Connection, v.AtMillis))
			for n := range 14 {
				s.pass(life)
				next := s.comes(n+2, jointoken.RoleParticipant)
				if err := d.Resume(s.t.Context(), next, jointoken.Claim{Connection: v.Connection, Stay: stay}); err != nil {
					s.t.Fatalf("resume %d: %v", n+1, err)
				}
				v = next
			}
			return v
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, concurrent(25))
			d, _ := s.process()
			v := enter(s, d)
			s.pass(life)
			s.leaves(t.Context(), d, v, usage.EndClosed)
			stays := s.recorded()
			if len(stays) == 0 || stays[len(stays)-1].Connection != v.Connection || stays[len(stays)-1].LeftAtMillis != s.now.UnixMilli() {
				t.Errorf("recorded %+v, want as the last one that of %s until %d", stays, v.Connection, s.now.UnixMilli())
			}
			if inUse := s.inUse(); inUse != 0 {
				t.Errorf("%d seats in use", inUse)
			}
		})
	}
}

// A process may remember for days that a conference is live.
func TestAClosedPoolLetsNobodyInSixDaysLater(t *testing.T) {
	s := newStage(t, named(5, 25))
	d, _ := s.process()
	s.connects(d, 1, jointoken.RoleHost)
	other, _ := s.process()
	if _, err := other.End(t.Context(), acme, weekly, s.now); err != nil {
		t.Fatal(err)
	}
	s.pass(6 * 24 * time.Hour)
	for n, role := range []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant} {
		if err := d.Connect(t.Context(), s.comes(n+2, role)); !problem.Is(err, problem.ConferenceEnded) {
			t.Errorf("a %s is answered %v", role, err)
		}
	}
	states, err := s.store.Read(t.Context(), seat.Pool{Tenant: acme, Number: s.conference.Number})
	if err != nil || len(states) != 1 || !states[0].Closed {
		t.Errorf("its pool is %+v (%v), want it closed", states, err)
	}
}
