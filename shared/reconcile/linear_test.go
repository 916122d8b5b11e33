package reconcile_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/worldtest"
)

// One tenant runs so many conferences, each with its host and a participant.
func readsOfARound(t *testing.T, l license.License, conferences int) int {
	t.Helper()
	w := worldtest.NewWorld(t, l)
	for n := range conferences {
		email, id := host.Email(fmt.Sprintf("host-%d@example.org", n)), conference.ID(fmt.Sprintf("c%d", n))
		w.AddHost(email)
		w.Schedule(id, email)
		for _, role := range []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant} {
			w.Connects(w.Process, w.Visitor(id, role), "")
		}
	}
	w.Rounds(1)
	w.Pass(4 * time.Minute)
	var reads atomic.Int64 // probes run side by side
	w.Faults.Decide = func(_ context.Context, call dynamo.Call) faults.Fault {
		if !call.Write {
			reads.Add(1)
		}
		return faults.None
	}
	w.Round()
	return int(reads.Load())
}

// Neither the tenant's pool nor its locks are read for each part of the agenda.
func TestTheReadsOfARoundGrowNoFasterThanConferences(t *testing.T) {
	for _, l := range []license.License{worldtest.Concurrent(1000), worldtest.Named(200, 5)} {
		few, many := readsOfARound(t, l, 50), readsOfARound(t, l, 200)
		if most := 4*few + 4*few/20; many > most { // blocks are not always full
			t.Errorf("%s: %d reads for 50 conferences, and %d for 200, want at most %d", l.Model, few, many, most)
		}
	}
}
