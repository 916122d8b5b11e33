package admission_test

import (
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/worldtest"
)

// replace makes somebody else the host of a scheduled conference.
func (w *world) replace(d *worldtest.Process, by host.Email) {
	w.t.Helper()
	w.now += 1000
	if _, is, err := d.Reschedule(w.t.Context(), acme, weekly, conference.Change{Host: &by}, at(w)); err != nil || is.Host != by {
		w.t.Fatalf("its host is %s, %v", is.Host, err)
	}
}

// A process may have read the conference when it had its host before.
func TestAReplacedHostDoesNotStartTheConference(t *testing.T) {
	const eve host.Email = "eve@example.org"
	for name, remembers := range map[string]bool{"by a process that remembers it": true, "by another process": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, named(5, 25))
			w.host(ann)
			w.host(eve)
			w.schedule(weekly, ann)
			old := w.visitor(0, weekly, jointoken.RoleHost)
			old.Identity, old.IssuedMillis = string(ann), old.AtMillis
			door := w.door()
			if remembers {
				w.connects(door, w.visitor(1, weekly, jointoken.RoleParticipant), problem.ConferenceNotLive)
			}
			w.replace(w.door(), eve)
			w.connects(door, old, problem.TokenInvalid)
			w.books(0)

			w.connects(door, w.visitor(2, weekly, jointoken.RoleParticipant), problem.ConferenceNotLive)
			next := w.visitor(3, weekly, jointoken.RoleHost)
			next.Identity, next.IssuedMillis = string(eve), next.AtMillis
			w.connects(door, next, "")
			c, err := w.store.Conference(t.Context(), acme, weekly, true)
			if err != nil || c.State != conference.StateLive || c.Host != eve {
				t.Errorf("it is %+v, %v", c, err)
			}
			s, err := w.store.Session(t.Context(), next.Connection, true)
			if err != nil || s == nil || s.Host != eve || !s.Block.Pool.Chair {
				t.Errorf("the session is %+v, %v", s, err)
			}
			// What ann was to run is eve's. She may run another.
			w.schedule("daily", ann)
			other := w.visitor(4, "daily", jointoken.RoleHost)
			other.Identity, other.IssuedMillis = string(ann), other.AtMillis
			w.connects(w.door(), other, "")
		})
	}
}

func TestAStayIsOfTheHostThatTheConferenceHasBeenGiven(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	door := w.door()
	waits := w.visitor(1, weekly, jointoken.RoleParticipant)
	if err := door.EnterLobby(t.Context(), waits); err != nil { // so the process remembers the conference
		t.Fatal(err)
	}
	w.replace(w.door(), "eve@example.org")
	v := w.visitor(2, weekly, jointoken.RoleParticipant)
	w.connects(door, v, "")
	if s, err := w.store.Session(t.Context(), v.Connection, true); err != nil || s == nil || s.Host != "eve@example.org" {
		t.Errorf("the session is %+v, %v", s, err)
	}
}

func TestAConferenceIsChangedOnlyBeforeItBegins(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	title, same := "Daily", ""
	change := func(title *string) error {
		_, _, err := w.door().Reschedule(t.Context(), acme, weekly, conference.Change{Title: title}, at(w))
		return err
	}
	w.connects(w.door(), w.visitor(1, weekly, jointoken.RoleParticipant), "")
	if err := change(&title); !problem.Is(err, problem.AlreadyExists) {
		t.Errorf("live: %v", err)
	}
	if err := change(&same); err != nil {
		t.Errorf("live, and nothing to change: %v", err)
	}
	if _, err := w.door().End(t.Context(), acme, weekly, at(w)); err != nil {
		t.Fatal(err)
	}
	if err := change(&title); !problem.Is(err, problem.ConferenceEnded) {
		t.Errorf("ended: %v", err)
	}
}
