package admission_test

import (
	"fmt"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

var everyModel = map[string]license.License{"concurrent": concurrent(25), "named": named(5, 25)}

// staged is a world with a conference that is live, and a guest in it whose token
// was issued as it came.
func staged(t *testing.T, l license.License) (*world, admission.Visitor) {
	t.Helper()
	w := newWorld(t, l)
	w.host(ann)
	w.schedule(weekly, ann)
	w.connects(w.door(), w.visitor(0, weekly, jointoken.RoleHost), "")
	guest := w.visitor(1, weekly, jointoken.RoleParticipant)
	guest.IssuedMillis = guest.AtMillis
	w.connects(w.door(), guest, "")
	return w, guest
}

// again is the guest on another connection, by a token that was issued then.
func (w *world) again(guest admission.Visitor, n int, issuedMillis int64) admission.Visitor {
	v := w.visitor(n, weekly, guest.Role)
	v.Identity, v.IssuedMillis = guest.Identity, issuedMillis
	return v
}

func TestATokenIssuedBeforeARemovalLetsNobodyIn(t *testing.T) {
	for model, l := range everyModel {
		for how, remove := range map[string]func(w *world, guest admission.Visitor) error{
			"the connection": func(w *world, guest admission.Visitor) error {
				_, err := w.door().Remove(w.t.Context(), meeting.Removal{Tenant: acme, At: at(w)}, guest.Connection)
				return err
			},
			"the person": func(w *world, guest admission.Visitor) error {
				n, err := w.door().RemovePerson(w.t.Context(), meeting.Removal{Tenant: acme, Conference: weekly, At: at(w)}, guest.Identity)
				if n != 2 {
					w.t.Errorf("%d removed, want 2", n)
				}
				return err
			},
		} {
			t.Run(fmt.Sprintf("%s license, %s", model, how), func(t *testing.T) {
				w, guest := staged(t, l)
				waits := w.again(guest, 2, guest.IssuedMillis)
				if err := w.door().EnterLobby(t.Context(), waits); err != nil {
					t.Fatal(err)
				}
				warm := w.door()
				w.connects(warm, w.visitor(3, weekly, jointoken.RoleParticipant), "")
				w.now += 1000
				if err := remove(w, guest); err != nil {
					t.Fatal(err)
				}
				w.books(2)
				for name, d := range map[string]int{"a process that remembers the conference": 10, "another": 20} {
					process := warm
					if d == 20 {
						process = w.door()
					}
					w.connects(process, w.again(guest, d, guest.IssuedMillis), problem.TokenInvalid)
					if err := process.EnterLobby(t.Context(), w.again(guest, d+1, guest.IssuedMillis)); !problem.Is(err, problem.TokenInvalid) {
						t.Errorf("%s: the lobby answers %v", name, err)
					}
				}
				if _, _, err := w.door().Join(t.Context(), waits.Connection, w.now); !problem.Is(err, problem.TokenInvalid) && !problem.Is(err, problem.NotFound) {
					t.Errorf("a join from the lobby is answered %v", err)
				}
				w.books(2)
				w.connects(w.door(), w.again(guest, 30, w.now), "") // let in again
				w.connects(w.door(), w.visitor(31, weekly, jointoken.RoleParticipant), "")
				w.books(4)
			})
		}
	}
}

func TestARemovalByAnEarlierConnectionFindsTheStay(t *testing.T) {
	for model, l := range everyModel {
		t.Run(model, func(t *testing.T) {
			w, guest := staged(t, l)
			heir := w.again(guest, 2, guest.IssuedMillis)
			if err := w.door().Resume(t.Context(), heir, claimOf(guest)); err != nil {
				t.Fatal(err)
			}
			s, err := w.door().Remove(t.Context(), meeting.Removal{Tenant: acme, Conference: weekly, At: at(w)}, guest.Connection)
			if err != nil || s.Connection != heir.Connection {
				t.Fatalf("removed %+v, %v", s, err)
			}
			w.books(1)
			if s, err := w.store.Session(t.Context(), heir.Connection, true); err != nil || s.State == session.StateSeated {
				seated, _ := w.door().HoldsSeat(t.Context(), *s)
				if seated || err != nil {
					t.Errorf("%+v is in still, %v", s, err)
				}
			}
			_, err = w.door().Remove(t.Context(), meeting.Removal{Tenant: acme, Conference: weekly, At: at(w)}, guest.Connection)
			if !problem.Is(err, problem.NotFound) {
				t.Errorf("a repeat is answered %v", err)
			}
		})
	}
}

func TestAPersonWhoIsRemovedWhileTheirSeatIsHeldCannotResume(t *testing.T) {
	for model, l := range everyModel {
		for how, remove := range map[string]func(w *world, guest admission.Visitor) error{
			"the connection": func(w *world, guest admission.Visitor) error {
				_, err := w.door().Remove(w.t.Context(), meeting.Removal{Tenant: acme, At: at(w)}, guest.Connection)
				return err
			},
			"the person": func(w *world, guest admission.Visitor) error {
				_, err := w.door().RemovePerson(w.t.Context(), meeting.Removal{Tenant: acme, Conference: weekly, At: at(w)}, guest.Identity)
				return err
			},
		} {
			t.Run(fmt.Sprintf("%s license, %s", model, how), func(t *testing.T) {
				l.ReconnectGraceSeconds = 30
				w, guest := staged(t, l)
				w.now += 1000
				if err := w.door().Leave(t.Context(), guest.Connection, w.now, usage.EndDropped); err != nil {
					t.Fatal(err)
				}
				if err := remove(w, guest); err != nil {
					t.Fatal(err)
				}
				w.books(1)
				if err := w.door().Resume(t.Context(), w.again(guest, 2, guest.IssuedMillis), claimOf(guest)); !problem.Is(err, problem.TokenInvalid) {
					t.Errorf("a resume is answered %v", err)
				}
				w.books(1)
			})
		}
	}
}
