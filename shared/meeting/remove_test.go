package meeting_test

import (
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
	"seatmeter/shared/worldtest"
)

var everyModel = map[string]license.License{"concurrent": worldtest.Concurrent(25), "named": worldtest.Named(5, 25)}

// staged is a world with a conference that is live, and a guest in it whose token
// was issued as it came.
func staged(t *testing.T, l license.License) (*worldtest.World, admission.Visitor) {
	t.Helper()
	w := worldtest.NewWorld(t, l)
	w.HostIn()
	guest := w.Guest()
	guest.IssuedMillis = guest.AtMillis
	w.Connects(w.NewProcess(), guest, "")
	return w, guest
}

// again is the guest on another connection, by a token that was issued then.
func again(w *worldtest.World, guest admission.Visitor, issuedMillis int64) admission.Visitor {
	v := w.Heir(guest)
	v.IssuedMillis = issuedMillis
	return v
}

// removals are the two ways to remove a guest.
var removals = map[string]func(w *worldtest.World, guest admission.Visitor) error{
	"the connection": func(w *worldtest.World, guest admission.Visitor) error {
		_, err := w.NewProcess().Remove(w.T.Context(), meeting.Removal{Tenant: worldtest.Acme, At: w.Now()}, guest.Connection)
		return err
	},
	"the person": func(w *worldtest.World, guest admission.Visitor) error {
		_, err := w.NewProcess().RemovePerson(w.T.Context(), meeting.Removal{Tenant: worldtest.Acme, Conference: worldtest.Weekly, At: w.Now()}, guest.Identity)
		return err
	},
}

// eachRemoval runs a test for each license model and each way to remove.
func eachRemoval(t *testing.T, test func(w *worldtest.World, guest admission.Visitor, remove func() error)) {
	t.Helper()
	for model, l := range everyModel {
		for how, remove := range removals {
			t.Run(fmt.Sprintf("%s license, %s", model, how), func(t *testing.T) {
				w, guest := staged(t, l)
				test(w, guest, func() error { return remove(w, guest) })
			})
		}
	}
}

func TestATokenIssuedBeforeARemovalAdmitsNobody(t *testing.T) {
	eachRemoval(t, func(w *worldtest.World, guest admission.Visitor, remove func() error) {
		waits := again(w, guest, guest.IssuedMillis)
		w.EntersLobby(waits)
		w.GuestIn() // so that this process has cached the conference
		w.Pass(time.Second)
		if err := remove(); err != nil {
			w.T.Fatal(err)
		}
		w.Books(2)
		for name, p := range map[string]*worldtest.Process{"a process that has cached the conference": w.Process, "another": w.NewProcess()} {
			w.Connects(p, again(w, guest, guest.IssuedMillis), problem.TokenInvalid)
			if err := p.EnterLobby(w.T.Context(), again(w, guest, guest.IssuedMillis)); !problem.Is(err, problem.TokenInvalid) {
				w.T.Errorf("%s: the lobby answers %v", name, err)
			}
		}
		if _, _, err := w.NewProcess().Join(w.T.Context(), waits.Connection, w.Millis()); !problem.Is(err, problem.TokenInvalid) && !problem.Is(err, problem.NotFound) {
			w.T.Errorf("a join from the lobby is answered %v", err)
		}
		w.Books(2)
		w.Connects(w.NewProcess(), again(w, guest, w.Millis()), "") // by a new token
		w.GuestIn()
		w.Books(4)
	})
}

// A removed person is told so, not that the seats are exhausted, and gets no place in the
// queue.
func TestATokenOfBeforeARemovalAdmitsNobodyToAQueue(t *testing.T) {
	for model, l := range map[string]license.License{"concurrent": worldtest.Concurrent(2), "named": worldtest.Named(1, 1)} {
		for how, remove := range removals {
			t.Run(fmt.Sprintf("%s license, %s", model, how), func(t *testing.T) {
				l.QueueLimit = 10
				w, guest := staged(t, l)
				full := w.NewProcess()
				w.Connects(full, w.Guest(), problem.As(l.Full(l.Capacity())).Code) // so that this process has cached the conference
				if err := remove(w, guest); err != nil {
					t.Fatal(err)
				}
				w.GuestIn()
				waits := again(w, guest, guest.IssuedMillis)
				waits.Wait = true
				w.Connects(full, waits, problem.TokenInvalid)
				w.Pass(2 * time.Second) // after which a refusal goes by a newer conference
				w.Connects(full, again(w, guest, guest.IssuedMillis), problem.TokenInvalid)
				w.Books(2)
			})
		}
	}
}

func TestARemovalOfAPersonCountsTheirConnections(t *testing.T) {
	for model, l := range everyModel {
		t.Run(model, func(t *testing.T) {
			w, guest := staged(t, l)
			w.EntersLobby(again(w, guest, guest.IssuedMillis))
			n, err := w.NewProcess().RemovePerson(t.Context(), meeting.Removal{Tenant: worldtest.Acme, Conference: worldtest.Weekly, At: w.Now()}, guest.Identity)
			if err != nil || n != 2 {
				t.Errorf("%d removed, %v, want 2", n, err)
			}
		})
	}
}

func TestARemovalByAnEarlierConnectionFindsTheStay(t *testing.T) {
	for model, l := range everyModel {
		t.Run(model, func(t *testing.T) {
			w, guest := staged(t, l)
			heir := w.Heir(guest)
			w.Resumes(heir, guest)
			removal := meeting.Removal{Tenant: worldtest.Acme, Conference: worldtest.Weekly, At: w.Now()}
			s, err := w.NewProcess().Remove(t.Context(), removal, guest.Connection)
			if err != nil || s.Connection != heir.Connection {
				t.Fatalf("removed %+v, %v", s, err)
			}
			w.Books(1)
			if _, _, err := w.NewProcess().SessionState(t.Context(), heir.Connection, w.Millis()); !problem.Is(err, problem.NotFound) {
				t.Errorf("the removed connection is %v, want it gone", err)
			}
			if _, err = w.NewProcess().Remove(t.Context(), removal, guest.Connection); !problem.Is(err, problem.NotFound) {
				t.Errorf("a repeat is answered %v", err)
			}
		})
	}
}

func TestAPersonRemovedDuringAHoldCannotResume(t *testing.T) {
	eachRemoval(t, func(w *worldtest.World, guest admission.Visitor, remove func() error) {
		w.Leaves(guest, usage.EndDropped)
		if err := remove(); err != nil {
			w.T.Fatal(err)
		}
		w.Books(1)
		heir := again(w, guest, guest.IssuedMillis)
		if err := w.NewProcess().Resume(w.T.Context(), heir, worldtest.ClaimOf(guest)); !problem.Is(err, problem.TokenInvalid) {
			w.T.Errorf("a resume is answered %v", err)
		}
		w.Books(1)
	})
}
