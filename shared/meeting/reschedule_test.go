package meeting_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/worldtest"
)

// replace makes somebody else the host of the scheduled conference, by another
// process.
func replace(w *worldtest.World, by host.Email) {
	w.T.Helper()
	w.Pass(time.Second)
	if _, is, err := w.NewProcess().Reschedule(w.T.Context(), worldtest.Acme, worldtest.Weekly, conference.Change{Host: &by}, w.Now()); err != nil || is.Host != by {
		w.T.Fatalf("its host is %s, %v", is.Host, err)
	}
}

const eve host.Email = "eve@example.org"

// by is a visitor of an identity, whose token was issued as the visitor came.
func by(v admission.Visitor, email host.Email) admission.Visitor {
	v.Identity, v.IssuedMillis = string(email), v.AtMillis
	return v
}

// A process may have read the conference when it had its host before.
func TestAReplacedHostCannotStartTheConference(t *testing.T) {
	for name, cached := range map[string]bool{"by a process that has cached it": true, "by another process": false} {
		t.Run(name, func(t *testing.T) {
			w := worldtest.NewWorld(t, worldtest.Named(5, 25))
			w.AddHost(eve)
			old := by(w.Host(), worldtest.Ann)
			if cached {
				w.Connects(w.Process, w.Guest(), problem.ConferenceNotLive)
			}
			replace(w, eve)
			w.Connects(w.Process, old, problem.TokenInvalid)
			w.Books(0)

			w.Connects(w.Process, w.Guest(), problem.ConferenceNotLive)
			next := by(w.Host(), eve)
			w.Connects(w.Process, next, "")
			if c := w.State(conference.StateLive); c.Host != eve {
				t.Errorf("it is %+v", c)
			}
			s, err := w.Store.Session(t.Context(), next.Connection, true)
			if err != nil || s == nil || s.Host != eve || !s.Block.Pool.Chair {
				t.Errorf("the session is %+v, %v", s, err)
			}
			w.Schedule("daily", worldtest.Ann) // the replaced host may run another
			w.Connects(w.Process, by(w.Visitor("daily", jointoken.RoleHost), worldtest.Ann), "")
		})
	}
}

func TestAStayNamesTheConferencesNewHost(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	w.Waits() // so that the process has cached the conference
	replace(w, eve)
	v := w.GuestIn()
	if s, err := w.Store.Session(t.Context(), v.Connection, true); err != nil || s == nil || s.Host != eve {
		t.Errorf("the session is %+v, %v", s, err)
	}
}

func TestAConferenceIsChangedOnlyBeforeItBegins(t *testing.T) {
	w := worldtest.NewWorld(t, worldtest.Concurrent(25))
	title, same := "Daily", ""
	change := func(title *string) error {
		_, _, err := w.NewProcess().Reschedule(t.Context(), worldtest.Acme, worldtest.Weekly, conference.Change{Title: title}, w.Now())
		return err
	}
	w.GuestIn()
	if err := change(&title); !problem.Is(err, problem.AlreadyExists) {
		t.Errorf("live: %v", err)
	}
	if err := change(&same); err != nil {
		t.Errorf("live, and nothing to change: %v", err)
	}
	if _, err := w.NewProcess().End(t.Context(), worldtest.Acme, worldtest.Weekly, w.Now()); err != nil {
		t.Fatal(err)
	}
	if err := change(&title); !problem.Is(err, problem.ConferenceEnded) {
		t.Errorf("ended: %v", err)
	}
}
