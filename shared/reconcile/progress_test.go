package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/tenant"
)

// Each round has time for one page of the agenda. What comes late on it, by its
// part or by its page, has its turn all the same.
func TestARoundGoesOnWhereTheLastOneRanOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tenants, conferences, pages = 40, 120, 3
		s := newStage(t, time.Now)
		s.license("large", conferences)
		for n := range conferences { // of one tenant: they are in one part of the agenda
			s.join(t.Context(), s.door, s.schedule("large", conference.ID(fmt.Sprint(n))), n)
		}
		name := func(n int) tenant.ID { return tenant.ID(fmt.Sprintf("tenant-%d", n)) }
		for n := range tenants {
			s.license(name(n), 1)
			ghost := s.join(t.Context(), s.door, s.schedule(name(n), "standup"), 1)
			s.die(ghost)
		}
		left := func() (ghosts int) {
			for n := range tenants {
				ghosts += len(s.members(name(n)))
			}
			return ghosts
		}
		time.Sleep(time.Minute)
		s.api.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "query busy" {
				time.Sleep(46 * time.Second)
			}
			return faults.None
		}
		for n := range reconcile.Shards + pages {
			ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
			s.round(ctx)
			cancel()
			if n == 0 && left() == 0 {
				t.Fatal("one round had time for everything")
			}
		}
		if ghosts := left(); ghosts > 0 {
			t.Errorf("%d of %d ghosts were never looked at", ghosts, tenants)
		}
	})
}
