package reconcile_test

import (
	"testing"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// A connection that was replaced is closed also where the one that has its seat is
// replaced itself before a round comes.
func TestEachOfAChainOfReplacedConnectionsIsClosed(t *testing.T) {
	w := newWorld(t, concurrent(25))
	pass := jointoken.Pass{Tenant: acme, Conference: weekly, Number: w.number, Identity: "p", Role: jointoken.RoleParticipant}
	visit := func(id seat.ConnectionID) admission.Visitor {
		w.pass(time.Second)
		return admission.Visitor{Pass: pass, Connection: id, AtMillis: w.now.UnixMilli()}
	}
	c1 := visit("c1=")
	if err := w.door.Connect(t.Context(), c1); err != nil {
		t.Fatal(err)
	}
	stay := string(usage.NewStayID(c1.Connection, c1.AtMillis))
	if err := w.door.Resume(t.Context(), visit("c2="), jointoken.Claim{Connection: "c1=", Stay: stay}); err != nil {
		t.Fatal(err)
	}
	w.pass(5 * time.Second)
	if err := w.door.Resume(t.Context(), visit("c3="), jointoken.Claim{Connection: "c2=", Stay: stay}); err != nil {
		t.Fatal(err)
	}
	w.pass(10 * time.Second)
	w.round()
	if !w.dead["c1="] || !w.dead["c2="] || w.dead["c3="] {
		t.Errorf("closed: %v", w.dead)
	}
}
