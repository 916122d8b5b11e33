package pool_test

import (
	"testing"

	"seatmeter/shared/pool"

	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// No write tells that a hold has ended. A directory refuses people without a read of
// the blocks, and must not do so after that moment.
func TestADirectoryRefusesNobodyOnceAHoldIsOver(t *testing.T) {
	const seats, cameAt, ends = 5 * seat.BlockSeats, 1_790_000_000_000, 500
	ctx, of, terms := t.Context(), seat.Pool{Tenant: "acme"}, pool.Terms{Capacity: seats, Revision: 1}
	store, _ := memtable.NewStore()
	pools := pool.New(store, pool.Sleep)
	blocks, err := pools.Rebalance(ctx, of, terms, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		occupy(t, store, b.Block, seat.BlockSeats)
	}
	last, err := store.Get(ctx, blocks[len(blocks)-1].Block)
	if err != nil {
		t.Fatal(err)
	}
	hold := seat.Hold{LostAtMillis: cameAt + ends - 1000, Seconds: 1}
	for id, m := range last.Members {
		if held, err := pools.Hold(ctx, last.Block, id, m, hold); err != nil || !held.Done {
			t.Fatal(held, err)
		}
		break
	}
	join := func(id seat.ConnectionID, atMillis int64, want pool.Refusal) pool.Seated {
		t.Helper()
		seated, err := pools.Take(ctx, of, id, seat.Member{JoinedAtMillis: atMillis, Conference: 1}, terms)
		if err != nil || seated.Refusal != want {
			t.Fatalf("%s is told %d (%v), want %d", id, seated.Refusal, err, want)
		}
		return seated
	}
	join("before=", cameAt, pool.RefusalFull) // looks through the pool, and fills in the directory
	if soon := join("soon=", cameAt+1, pool.RefusalFull); !soon.Unsearched {
		t.Fatal("refused after a look at the blocks: the board is not complete")
	}
	join("after=", cameAt+ends, pool.RefusalNone)
}
