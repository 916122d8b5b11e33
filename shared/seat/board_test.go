package seat_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"seatmeter/shared/seat"
)

// throttled is a store whose boards answer nobody, or take no word of a look.
type throttled struct {
	*billed
	reads, looks bool
}

func (b *throttled) Board(ctx context.Context, p seat.Pool) (seat.Board, error) {
	if b.reads {
		return seat.Board{}, seat.ErrBusy
	}
	return b.billed.Board(ctx, p)
}

func (b *throttled) BeginLook(ctx context.Context, p seat.Pool, l seat.Look, stale int64, reset bool) (bool, error) {
	if b.looks {
		return false, errThrottled
	}
	return b.billed.BeginLook(ctx, p, l, stale, reset)
}

func (b *throttled) EndLook(ctx context.Context, p seat.Pool, l seat.Look) (bool, error) {
	if b.looks {
		return false, errThrottled
	}
	return b.billed.EndLook(ctx, p, l)
}

var errThrottled = errors.New("throttled")

// In a storm a board may answer nobody. Who leaves then is counted all the same.
func TestWhoLeavesWhileTheBoardIsBusyIsCounted(t *testing.T) {
	const before, beyond = 10_000, 40
	c := newCrowd(t, before)
	c.fill(before)
	store := &throttled{billed: c.store}
	busy := seat.NewPools(store)
	c.terms = seat.Terms{Capacity: before - beyond, Revision: 2}
	if _, err := c.pools[0].Settle(t.Context(), c.pool, c.terms, true); err != nil {
		t.Fatal(err)
	}
	for range len(c.pools) * 4 {
		c.join()
	}
	store.reads = true
	for range beyond + 10 {
		one := c.in[len(c.in)-1]
		c.in = c.in[:len(c.in)-1]
		if back, err := busy.GiveBack(t.Context(), one.block, one.Connection, one.Member, false); err != nil || !back.Done {
			t.Fatal(back, err)
		}
	}
	if refusal := c.join(); refusal != seat.RefusalNone {
		t.Errorf("refusal %d with ten seats free", refusal)
	}
}

// What a look adds to the board is for others: who asked is told also where that
// fails.
func TestWhatIsInUseIsToldAlsoWhereTheBoardTakesNoWord(t *testing.T) {
	const seats = 10_000
	c := newCrowd(t, seats)
	c.fill(seats)
	c.now += 60_000
	store := &throttled{billed: c.store, looks: true}
	p := seat.NewPools(store)
	p.Pause = func(context.Context, time.Duration) error { return nil }
	if inUse, err := p.InUse(t.Context(), c.pool, "asks=", c.terms, c.now); err != nil || inUse != seats {
		t.Errorf("%d in use, %v", inUse, err)
	}
}

// elusive is a store whose board always lists room that others have taken.
type elusive struct{ *billed }

func (elusive) RemoveRoom(context.Context, seat.Block, int64) error { return nil }

func (e elusive) Board(ctx context.Context, p seat.Pool) (seat.Board, error) {
	board, err := e.billed.Board(ctx, p)
	board.Rooms = map[int]int64{0: 1}
	return board, err
}

// Where others are faster each time, nobody is told that the pool is full.
func TestWhoIsNeverFastEnoughIsToldToComeAgain(t *testing.T) {
	c := newCrowd(t, 300)
	c.fill(300)
	for range len(c.pools) * 4 {
		c.join()
	}
	_, err := seat.NewPools(elusive{c.store}).Take(t.Context(), c.pool, "slow=", seat.Member{JoinedAtMillis: c.now, Conference: 1}, c.terms)
	if !errors.Is(err, seat.ErrBusy) {
		t.Errorf("told %v, want %v", err, seat.ErrBusy)
	}
}

// deaf is a store whose process dies before it clears a board.
type deaf struct{ *billed }

func (deaf) ClearBoard(context.Context, seat.Pool) error { return errThrottled }

// Whoever completes a change of license clears the board, although another did all
// the rest of it.
func TestAChangeThatDiesBeforeTheBoardIsClearedIsCompletedWithThat(t *testing.T) {
	c := newCrowd(t, 300)
	c.fill(300)
	for range len(c.pools) * 4 {
		c.join()
	}
	terms := seat.Terms{Capacity: 400, Revision: 2}
	if _, err := seat.NewPools(deaf{c.store}).Settle(t.Context(), c.pool, terms, true); !errors.Is(err, errThrottled) {
		t.Fatal(err)
	}
	if _, err := c.pools[0].Settle(t.Context(), c.pool, terms, true); err != nil {
		t.Fatal(err)
	}
	if board, err := c.store.Board(t.Context(), c.pool); err != nil || board.UntilMillis != 0 {
		t.Errorf("%+v, %v", board, err)
	}
}
