package seat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// occupy puts so many members into a block.
func occupy(t *testing.T, blocks seat.Blocks, block seat.Block, members int) {
	t.Helper()
	for n := range members {
		id, m := seat.ConnectionID(fmt.Sprintf("in-%d-%d=", block.Index, n)), seat.Member{JoinedAtMillis: 1, Conference: block.Pool.Number}
		attempt, err := blocks.Take(t.Context(), block, id, m, 1)
		if err != nil || attempt.Outcome != seat.OutcomeTaken {
			t.Fatalf("block %d: outcome %d, %v", block.Index, attempt.Outcome, err)
		}
	}
}

// A conference may end while somebody settles its pool. The process that ends it
// closes the blocks that it has read; the block that the other process has made
// since, or is giving capacity to, must let nobody in.
func TestAPoolThatIsBeingClosedHandsOutNoCapacity(t *testing.T) {
	for _, before := range []string{"put block", "resize"} {
		t.Run("closed before "+before, func(t *testing.T) {
			ctx, pool := t.Context(), seat.Pool{Tenant: "acme", Number: 1}
			store, tables := memtable.NewStore()
			first := seat.Block{Pool: pool}
			if made, err := store.Create(ctx, first, seat.Share{Capacity: seat.BlockSeats, Revision: 1}); err != nil || !made {
				t.Fatal(made, err)
			}
			occupy(t, store, first, seat.BlockSeats)
			read, err := store.Read(ctx, pool)
			if err != nil {
				t.Fatal(err)
			}
			const mostCalls = 50
			calls, closed := 0, false
			faulty := faults.New(tables)
			faulty.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
				if calls++; calls > mostCalls {
					return faults.Before
				}
				if call.Name == before && !closed {
					closed = true
					if err := seat.NewPools(store).Close(ctx, pool, read, time.Now().Add(time.Hour)); err != nil {
						t.Error(err)
					}
				}
				return faults.None
			}
			terms := seat.Terms{Capacity: 2 * seat.BlockSeats, Revision: 1}
			if _, err := seat.NewPools(dynamo.New(faulty, memtable.Names)).Settle(ctx, pool, terms, true); err != nil {
				t.Fatalf("after %d calls: %v", calls, err)
			}
			if !closed {
				t.Fatalf("no call was to %s", before)
			}
			door := seat.NewPools(store)
			for n := range 20 {
				id := seat.ConnectionID(fmt.Sprintf("late-%d=", n))
				seated, err := door.Take(ctx, pool, id, seat.Member{JoinedAtMillis: 2, Conference: 1}, terms)
				if err != nil || seated.Refusal != seat.RefusalClosed {
					t.Errorf("%s: refusal %d (%v), in block %d, want it refused as closed", id, seated.Refusal, err, seated.Block.Index)
				}
			}
		})
	}
}
