package admission_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

// claims is what a visitor who came by $connect was given to resume its seat by.
func claims(v admission.Visitor) jointoken.Claim {
	return jointoken.Claim{Connection: v.Connection, Stay: string(usage.NewStayID(v.Connection, v.AtMillis))}
}

// lively is a platform on which everybody is alive.
type lively struct{}

func (lively) Alive(context.Context, seat.ConnectionID) (bool, error) { return true, nil }

// A round whose clock is ahead takes a host's hold for over, and notes that the
// conference is vacant. The note must not outlast the host's return: a round ends
// the conference by it some minutes later.
func TestAHostWhoResumesTakesBackTheNoteOfVacancy(t *testing.T) {
	s := newStage(t, named(5, 25))
	d, api := s.process()
	old := s.connects(d, 1, jointoken.RoleHost)
	s.leaves(t.Context(), d, old, usage.EndDropped)
	s.now = s.now.Add(59 * time.Second)
	back := s.comes(2, jointoken.RoleHost)
	s.now = s.now.Add(time.Second)
	api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "give back" { // else the hold is gone
			return faults.Before
		}
		return faults.None
	}
	vacant := func() bool {
		t.Helper()
		c, err := s.store.Conference(t.Context(), acme, weekly, true)
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		return !c.VacantSince.IsZero()
	}
	s.round(d, api)
	if !vacant() {
		t.Fatal("the round found the host in")
	}
	if err := d.Resume(t.Context(), back, claims(old)); err != nil {
		t.Fatal(err)
	}
	if vacant() {
		t.Error("it is noted vacant with its host in")
	}
}

func (s *stage) round(d *worldtest.Process, api *faults.API) {
	s.t.Helper()
	clock := func() time.Time { return s.now }
	if err := d.Reconciler(s.over(api), lively{}, slog.New(slog.DiscardHandler), clock).Round(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// Nobody is admitted to a conference that is marked as ended: neither before its
// pools are closed nor, where it has none of its own, after it has listed who is
// to be told.
func TestAResumeIsRefusedOnceItsConferenceIsMarkedAsEnded(t *testing.T) {
	for _, test := range []struct {
		name    string
		license license.License
		role    jointoken.Role
		before  string
	}{
		{"a host, before the pools are closed", named(5, 25), jointoken.RoleHost, "query pool"},
		{"anybody, after those who are in were listed", concurrent(25), jointoken.RoleParticipant, "query lobby"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStage(t, test.license)
			d, _ := s.process()
			old := s.connects(d, 1, test.role)
			s.leaves(t.Context(), d, old, usage.EndDropped)
			s.now = s.now.Add(10 * time.Second)
			ending, api := s.process()
			asked, answer := false, error(nil)
			api.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
				if call.Name == test.before && !asked {
					asked, answer = true, d.Resume(ctx, s.comes(2, test.role), claims(old))
				}
				return faults.None
			}
			if _, err := ending.End(t.Context(), acme, weekly, s.now); err != nil {
				t.Fatal(err)
			}
			if !asked || !problem.Is(answer, problem.ConferenceEnded) {
				t.Errorf("asked %t, answered %v, want that it has ended", asked, answer)
			}
			if inUse := s.inUse(); inUse != 0 {
				t.Errorf("%d seats in use", inUse)
			}
		})
	}
}
