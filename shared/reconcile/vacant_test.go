package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
)

// A hold that is over and cannot be given back for now keeps no conference live.
func TestAConferenceWithNothingButAnExpiredHoldIsVacant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, time.Now)
		s.license("acme", 25)
		c := s.schedule("acme", "standup")
		lost := s.join(t.Context(), s.door, c, 1)
		s.drop(lost)
		vacant := func() bool {
			t.Helper()
			s.round(t.Context())
			now, err := s.store.Conference(t.Context(), c.Tenant, c.ID, true)
			if err != nil || now == nil {
				t.Fatal(now, err)
			}
			return !now.VacantSince.IsZero()
		}
		time.Sleep(59 * time.Second)
		if vacant() {
			t.Error("vacant while the seat is held")
		}
		s.api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "give back" {
				return faults.Before
			}
			return faults.None
		}
		time.Sleep(time.Minute)
		if !vacant() {
			t.Error("not vacant when the hold is over")
		}
		if _, still := s.members("acme")[lost]; !still {
			t.Error("the hold was given back: nothing is tested here")
		}
	})
}
