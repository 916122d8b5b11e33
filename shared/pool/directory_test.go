package pool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/pool"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/seat"
)

var errThrottled = errors.New("throttled")

// throttles answers nobody.
func throttles(context.Context, any, faults.Next) (any, error) {
	return nil, fmt.Errorf("%w: %w", errThrottled, &types.ProvisionedThroughputExceededException{})
}

// In a storm a directory may answer nobody. Who leaves then is counted all the same.
func TestALeaveWhileTheDirectoryIsBusyIsCounted(t *testing.T) {
	const before, beyond = 10_000, 40
	c := newCrowd(t, before)
	c.fill(before)
	c.terms = pool.Terms{Capacity: before - beyond, Revision: 2}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, true); err != nil {
		t.Fatal(err)
	}
	for range len(c.pools) * 4 {
		c.join()
	}
	busy := pool.New(c.over(faults.On(c.api, "get directory", throttles)), pool.Sleep)
	for range beyond + 10 {
		one := c.in[len(c.in)-1]
		c.in = c.in[:len(c.in)-1]
		if back, err := busy.GiveBack(t.Context(), one.block, one.Connection, one.Member, false); err != nil || !back.Done {
			t.Fatal(back, err)
		}
	}
	if refusal := c.join(); refusal != pool.RefusalNone {
		t.Errorf("refusal %d with ten seats free", refusal)
	}
}

// What a look adds to the directory is for others: who asked is told also where that
// fails.
func TestSeatsAreCountedAlsoWhereTheDirectoryIsUnwritable(t *testing.T) {
	const seats = 10_000
	c := newCrowd(t, seats)
	c.fill(seats)
	c.now += 60_000
	p := pool.New(c.over(faults.On(faults.On(c.api, "begin scan", throttles), "end scan", throttles)), func(context.Context, time.Duration) error { return nil })
	if inUse, err := p.InUse(t.Context(), c.of, "asks=", c.terms, c.now); err != nil || inUse != seats {
		t.Errorf("%d in use, %v", inUse, err)
	}
}

// While joins are refused by the directory, a leave writes to it, and need not read it.
func TestLeavesDuringAStormWriteTheDirectoryWithoutReadingIt(t *testing.T) {
	const seats, leaves = 10_000, 400
	c := newCrowd(t, seats)
	c.fill(seats)
	calls := make(map[string]int)
	counted := pool.New(c.over(faults.Intercept(c.api, func(ctx context.Context, in any, next faults.Next) (any, error) {
		calls[dynamo.Describe(in).Name]++
		return next(ctx, in)
	})), pool.Sleep)
	leave := func() {
		t.Helper()
		one := c.in[len(c.in)-1]
		c.in = c.in[:len(c.in)-1]
		if back, err := counted.GiveBack(t.Context(), one.block, one.Connection, one.Member, false); err != nil || !back.Done {
			t.Fatal(back, err)
		}
	}
	for range leaves {
		c.now += 20
		for range 3 {
			c.join()
		}
		leave()
		c.join()
	}
	if calls["list block"] < leaves/2 || calls["get directory"] > leaves/10 {
		t.Errorf("%d leaves wrote %d times and read %d times", leaves, calls["list block"], calls["get directory"])
	}
	// When the storm is over, leaves write to it no more.
	for range leaves {
		c.in = c.in[:len(c.in)-1]
	}
	if err := c.store.ClearDirectory(t.Context(), c.of); err != nil {
		t.Fatal(err)
	}
	clear(calls)
	for range 40 {
		leave()
	}
	if calls["list block"] > 1 {
		t.Errorf("after the storm, 40 leaves wrote %d times", calls["list block"])
	}
}

// Where others are faster each time, nobody is told that the pool is full.
func TestAJoinThatLosesEveryRaceIsBusy(t *testing.T) {
	c := newCrowd(t, 300)
	c.fill(300)
	for range len(c.pools) * 4 {
		c.join()
	}
	const always = 1 << 40
	if _, err := c.store.ListBlock(t.Context(), seat.Block{Pool: c.of}, always); err != nil { // where there is none
		t.Fatal(err)
	}
	elusive := pool.New(c.over(faults.On(c.api, "unlist block", faults.Skip)), pool.Sleep)
	_, err := elusive.Take(t.Context(), c.of, "slow=", seat.Member{JoinedAtMillis: c.now, Conference: 1}, c.terms)
	if !errors.Is(err, pool.ErrBusy) {
		t.Errorf("told %v, want %v", err, pool.ErrBusy)
	}
}

// Whoever completes a change of license clears the directory, although another did all
// the rest of it.
func TestACrashBeforeClearingTheDirectoryIsCompleted(t *testing.T) {
	c := newCrowd(t, 300)
	c.fill(300)
	for range len(c.pools) * 4 {
		c.join()
	}
	terms := pool.Terms{Capacity: 400, Revision: 2}
	if _, err := pool.New(c.over(faults.On(c.api, "clear directory", throttles)), pool.Sleep).Rebalance(t.Context(), c.of, terms, true); !errors.Is(err, errThrottled) {
		t.Fatal(err)
	}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, terms, true); err != nil {
		t.Fatal(err)
	}
	if board, err := c.store.Directory(t.Context(), c.of); err != nil || board.UntilMillis != 0 {
		t.Errorf("%+v, %v", board, err)
	}
}
