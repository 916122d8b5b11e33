package reconcile_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/worldtest"
)

// joinTenant makes a tenant with a concurrent license, and has a visitor join each
// of its conferences.
func joinTenant(w *worldtest.World, id tenant.ID, conferences int) (visitors []admission.Visitor) {
	w.T.Helper()
	l := worldtest.Concurrent(conferences)
	l.Tenant = id
	w.License(l)
	for n := range conferences {
		c, err := w.Process.Schedule(w.T.Context(), conference.Conference{
			Tenant: id, ID: conference.ID(fmt.Sprint(n)), Host: worldtest.Ann, State: conference.StateScheduled, CreatedAt: w.Now(),
		})
		if err != nil {
			w.T.Fatal(err)
		}
		v := w.Guest()
		v.Tenant, v.Conference, v.Number = id, c.ID, c.Number
		w.Connects(w.Process, v, "")
		visitors = append(visitors, v)
	}
	return visitors
}

// Each round has time for one shard of the agenda. Each entry is reached, whatever
// its shard.
func TestARoundContinuesWhereTheLastRanOutOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tenants, conferences = 40, 120
		w := worldtest.NewBubble(t, worldtest.Concurrent(1))
		joinTenant(w, "large", conferences) // all in one shard of the agenda
		name := func(n int) tenant.ID { return tenant.ID(fmt.Sprintf("tenant-%d", n)) }
		for n := range tenants {
			w.Gateway.Kill(joinTenant(w, name(n), 1)[0].Connection)
		}
		left := func() (ghosts int) {
			for n := range tenants {
				ghosts += len(w.Members(seat.Pool{Tenant: name(n)}))
			}
			return ghosts
		}
		w.Pass(time.Minute)
		w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
			if call.Name == "query busy" {
				w.Pass(36 * time.Second)
			}
			return faults.None
		}
		for n := range reconcile.Shards {
			timedRound(t, w)
			if n == 0 && left() == 0 {
				t.Fatal("one round had time for everything")
			}
		}
		if ghosts := left(); ghosts > 0 {
			t.Errorf("%d of %d ghosts were never reached", ghosts, tenants)
		}
	})
}
