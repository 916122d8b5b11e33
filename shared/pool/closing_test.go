package pool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
)

// occupy puts so many members into a block.
func occupy(t *testing.T, blocks seat.Blocks, block seat.Block, members int) {
	t.Helper()
	for n := range members {
		id, m := seat.ConnectionID(fmt.Sprintf("in-%d-%d=", block.Index, n)), seat.Member{JoinedAtMillis: 1, Conference: block.Pool.Number}
		attempt, err := blocks.Take(t.Context(), block, id, m, seat.Permit{Revision: 1})
		if err != nil || attempt.Outcome != seat.OutcomeTaken {
			t.Fatalf("block %d: outcome %d, %v", block.Index, attempt.Outcome, err)
		}
	}
}

// A conference may end while somebody settles its pool: is about to make a block
// that its end has not read, or to give it capacity. From then on nobody gets in,
// not even for a moment.
func TestAPoolClosedDuringARebalanceAdmitsNobody(t *testing.T) {
	for _, before := range []string{"put block", "resize"} {
		t.Run("closed before "+before, func(t *testing.T) {
			ctx, of := t.Context(), seat.Pool{Tenant: "acme", Number: 1}
			store, tables := memtable.NewStore()
			first, terms := seat.Block{Pool: of}, pool.Terms{Capacity: 2 * seat.BlockSeats, Revision: 1}
			if made, err := store.Create(ctx, first, seat.Share{Capacity: seat.BlockSeats, Revision: 1}); err != nil || !made {
				t.Fatal(made, err)
			}
			occupy(t, store, first, seat.BlockSeats)
			read, err := store.Read(ctx, of)
			if err != nil {
				t.Fatal(err)
			}
			shut := func() {
				for n := range 20 { // each begins to look at a block of its own choice
					id := seat.ConnectionID(fmt.Sprintf("late-%d=", n))
					seated, err := pool.New(store, pool.Sleep).Take(ctx, of, id, seat.Member{JoinedAtMillis: 2, Conference: 1}, terms)
					if err != nil || seated.Refusal != pool.RefusalClosed {
						t.Errorf("%s: refusal %d (%v), in block %d, want it refused as closed", id, seated.Refusal, err, seated.Block.Index)
					}
				}
			}
			const mostCalls = 50
			calls, closed := 0, false
			faulty := faults.New(tables)
			faulty.Decide = func(ctx context.Context, call dynamo.Call) faults.Fault {
				if calls++; calls > mostCalls {
					return faults.Before
				}
				switch {
				case closed:
					shut()
				case call.Name == before:
					closed = true
					if err := pool.New(store, pool.Sleep).Close(ctx, of, read, time.Now().Add(time.Hour)); err != nil {
						t.Error(err)
					}
				}
				return faults.None
			}
			if _, err := pool.New(dynamo.New(faulty, memtable.Names), pool.Sleep).Rebalance(ctx, of, terms, true); err != nil || !closed {
				t.Fatalf("closed %t, after %d calls %v", closed, calls, err)
			}
			shut()
		})
	}
}
