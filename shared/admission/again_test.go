package admission_test

import (
	"context"
	"slices"
	"testing"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
)

// A complete directory refuses without a look at the blocks, and does not know who
// is in them.
func TestARepeatThatAFullBoardRefusesIsAdmitted(t *testing.T) {
	const seats = 150
	s := newStage(t, concurrent(seats))
	d, api := s.process()
	first := s.connects(d, 0, jointoken.RoleParticipant)
	for n := 1; n < seats; n++ {
		s.connects(d, n, jointoken.RoleParticipant)
	}
	var calls []string
	api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		calls = append(calls, call.Name)
		return faults.None
	}
	refused := func(v admission.Visitor) {
		t.Helper()
		if err := d.Connect(t.Context(), v); !problem.Is(err, problem.SeatsExhausted) {
			t.Fatalf("%s is answered %v", v.Connection, err)
		}
	}
	refused(s.comes(seats, jointoken.RoleParticipant)) // looks, and completes the directory
	for n := range 3 {
		calls = nil
		if err := d.Connect(t.Context(), first); err != nil {
			t.Errorf("repeat %d is answered %v", n+1, err)
		}
		if !slices.Contains(calls, "get directory") || slices.Contains(calls, "query pool") || slices.Contains(calls, "take") {
			t.Errorf("repeat %d made the calls %v, want the board alone to decide", n+1, calls)
		}
	}
	refused(s.comes(seats+1, jointoken.RoleParticipant))
	if inUse := s.inUse(); inUse != seats {
		t.Errorf("%d seats in use", inUse)
	}
}
