package admission_test

import (
	"context"
	"testing"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
)

// An end that comes twice, and is slow, is over when the id has its next
// conference: who waits for that is none of its business.
func TestAnEndThatComesTwiceLeavesTheNextConferencesLobbyAlone(t *testing.T) {
	w := newWorld(t, concurrent(25))
	w.schedule(weekly, ann)
	if _, err := w.door().End(t.Context(), acme, weekly, at(w)); err != nil {
		t.Fatal(err)
	}
	d := w.door()
	w.faulty.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if call.Name == "query lobby" {
			w.faulty.Decide = nil
			w.schedule(weekly, ann)
			waits := w.visitor(1, weekly, jointoken.RoleParticipant)
			if err := w.door().EnterLobby(context.Background(), waits); err != nil {
				t.Error(err)
			}
		}
		return faults.None
	}
	if _, err := d.End(t.Context(), acme, weekly, at(w)); err != nil {
		t.Fatal(err)
	}
	if len(w.gateway.closed) > 0 || len(w.gateway.pushed) > 0 {
		t.Errorf("told %v, closed %v", w.gateway.pushed, w.gateway.closed)
	}
}
