package pool_test

import (
	"testing"

	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
)

const lostAt = 10_000

// reclaims has somebody who comes at a moment ask for a chair that is held, and
// tells whether the chair's hold gave way.
func reclaims(t *testing.T, hold seat.Hold, atMillis int64) bool {
	t.Helper()
	ctx, of := t.Context(), seat.Pool{Tenant: "acme", Number: 1, Chair: true}
	store, _ := memtable.NewStore()
	pools, terms := pool.New(store, pool.Sleep), pool.Terms{Capacity: 1, Revision: 1}
	if _, err := pools.Rebalance(ctx, of, terms, true); err != nil {
		t.Fatal(err)
	}
	first := seat.Member{JoinedAtMillis: 1, Conference: 1, Host: true}
	taken, err := pools.Take(ctx, of, "first=", first, terms)
	if err != nil || taken.Refusal != pool.RefusalNone {
		t.Fatal(taken, err)
	}
	if held, err := pools.Hold(ctx, taken.Block, "first=", first, hold); err != nil || !held.Done {
		t.Fatal(held, err)
	}
	again, err := pools.Reclaim(ctx, of, "second=", seat.Member{JoinedAtMillis: atMillis, Conference: 1, Host: true}, terms)
	if err != nil {
		t.Fatal(err)
	}
	after, err := store.Get(ctx, taken.Block)
	if err != nil {
		t.Fatal(err)
	}
	_, in := after.Members["second="]
	if in != (again.Refusal == pool.RefusalNone) {
		t.Errorf("told refusal %d, and the block has %v", again.Refusal, after.Members)
	}
	if _, still := after.Members["first="]; still == in {
		t.Errorf("the chair has %v", after.Members)
	}
	return in
}

func TestAHoldGivesWayToItsHostWhoComesAnew(t *testing.T) {
	if !reclaims(t, seat.Hold{LostAtMillis: lostAt, Seconds: 60}, lostAt) {
		t.Error("the chair stays held")
	}
}

// A stay that begins before the lost connection's has ended would bill one chair
// twice for the time between.
func TestAnEarlierJoinNeverReplacesALaterHold(t *testing.T) {
	if reclaims(t, seat.Hold{LostAtMillis: lostAt, Seconds: 60}, lostAt-1) {
		t.Error("it gave way")
	}
}
