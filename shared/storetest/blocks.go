package storetest

import (
	"context"
	"sync/atomic"
	"testing"

	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

const manyCallers = 200

func blockOf(id tenant.ID, index int) seat.Block {
	return seat.Block{Pool: seat.Pool{Tenant: id, Number: 3}, Index: index}
}

var member = seat.Member{JoinedAtMillis: 1_790_000_000_123, Conference: 3, Mark: 7}

func read(t *testing.T, store Store, block seat.Block) seat.State {
	t.Helper()
	for _, s := range must(store.Read(t.Context(), block.Pool))(t) {
		if s.Block == block {
			return s
		}
	}
	t.Fatalf("no block %+v", block)
	return seat.State{}
}

func parallelTakes(t *testing.T, store Store, id tenant.ID) {
	block := blockOf(id, 0)
	must(store.Create(t.Context(), block, seat.BlockSeats, 1))(t)
	var taken atomic.Int64
	parallel(t, manyCallers, func(ctx context.Context, n int) error {
		attempt, err := store.Take(ctx, block, connectionOf(id, n), member, 1)
		if attempt.Outcome == seat.OutcomeTaken && err == nil {
			taken.Add(1)
		}
		return err
	})
	state := read(t, store, block)
	equal(t, "admitted", taken.Load(), int64(seat.BlockSeats))
	equal(t, "in use", state.InUse, seat.BlockSeats)
	equal(t, "members", len(state.Members), seat.BlockSeats)
	equal(t, "taken", state.Taken, int64(seat.BlockSeats))
}

func outcomes(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann, bob := t.Context(), blockOf(id, 0), connectionOf(id, 1), connectionOf(id, 2)
	take := func(connection seat.ConnectionID, revision int64) seat.Attempt {
		return must(store.Take(ctx, block, connection, member, revision))(t)
	}
	equal(t, "no block", take(ann, 1).Outcome, seat.OutcomeMissing)
	equal(t, "created", must(store.Create(ctx, block, 1, 1))(t), true)
	equal(t, "created again", must(store.Create(ctx, block, 9, 9))(t), false)
	equal(t, "other revision", take(ann, 2).Outcome, seat.OutcomeOtherRevision)
	first := take(ann, 1)
	equal(t, "taken", first.Outcome, seat.OutcomeTaken)
	equal(t, "first seat", []int64{first.State.Taken, int64(first.State.InUse)}, []int64{1, 1})
	equal(t, "a repeat", take(ann, 1).Outcome, seat.OutcomeMember)
	full := take(bob, 1)
	equal(t, "full", full.Outcome, seat.OutcomeFull)
	equal(t, "what filled it", full.State.Members, map[seat.ConnectionID]seat.Member{ann: member})
}

func giveBack(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann := t.Context(), blockOf(id, 0), connectionOf(id, 1)
	must(store.Create(ctx, block, 1, 1))(t)
	must(store.Take(ctx, block, ann, member, 1))(t)
	other := member
	other.Mark++
	held, none := seat.Returned{Held: true}, seat.Returned{}
	equal(t, "another take's seat", must(store.GiveBack(ctx, block, ann, other, false))(t), seat.Returned{Instead: &member})
	equal(t, "still in use", read(t, store, block).InUse, 1)
	equal(t, "its own", must(store.GiveBack(ctx, block, ann, member, false))(t), held)
	equal(t, "a repeat", must(store.GiveBack(ctx, block, ann, member, false))(t), none)
	equal(t, "of a block that is not there", must(store.GiveBack(ctx, blockOf(id, 1), ann, member, false))(t), none)
	state := read(t, store, block)
	equal(t, "in use, taken, voids", []int64{int64(state.InUse), state.Taken, state.Voids}, []int64{0, 1, 0})
	must(store.Take(ctx, block, ann, member, 1))(t)
	equal(t, "unused", must(store.GiveBack(ctx, block, ann, member, true))(t), held)
	equal(t, "voids", read(t, store, block).Voids, int64(1))
}

func renumber(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann := t.Context(), blockOf(id, 0), connectionOf(id, 1)
	must(store.Create(ctx, block, 2, 1))(t)
	if _, in, err := store.Renumber(ctx, block, ann); err != nil || in {
		t.Fatalf("renumbered who is not in: %v, %v", in, err)
	}
	must(store.Take(ctx, block, ann, member, 1))(t)
	state, in, err := store.Renumber(ctx, block, ann)
	if err != nil || !in {
		t.Fatalf("not renumbered: %v, %v", in, err)
	}
	equal(t, "in use, taken, voids", []int64{int64(state.InUse), state.Taken, state.Voids}, []int64{1, 2, 1})
	equal(t, "the member as it was", state.Members[ann], member)
}

func churn(t *testing.T, store Store, id tenant.ID) {
	const rounds = 3
	block := blockOf(id, 0)
	must(store.Create(t.Context(), block, seat.BlockSeats, 1))(t)
	var taken, returned atomic.Int64
	parallel(t, manyCallers/2, func(ctx context.Context, n int) error {
		connection := connectionOf(id, n)
		for range rounds {
			attempt, err := store.Take(ctx, block, connection, member, 1)
			if err != nil || attempt.Outcome != seat.OutcomeTaken {
				return err
			}
			taken.Add(1)
			if attempt.State.InUse > seat.BlockSeats {
				t.Errorf("%d in use of %d", attempt.State.InUse, seat.BlockSeats)
			}
			if n%4 == 0 {
				return nil // stays
			}
			if back, err := store.GiveBack(ctx, block, connection, member, false); err != nil || !back.Held {
				return err
			}
			returned.Add(1)
		}
		return nil
	})
	state := read(t, store, block)
	equal(t, "in use", int64(state.InUse), taken.Load()-returned.Load())
	equal(t, "members", len(state.Members), state.InUse)
	equal(t, "taken", state.Taken, taken.Load())
}

func closed(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann := t.Context(), blockOf(id, 0), connectionOf(id, 1)
	must(store.Create(ctx, block, 2, 1))(t)
	must(store.Take(ctx, block, ann, member, 1))(t)
	state := must(store.Close(ctx, block, instant(0)))(t)
	equal(t, "members stay", state.Members, map[seat.ConnectionID]seat.Member{ann: member})
	equal(t, "a join", must(store.Take(ctx, block, connectionOf(id, 2), member, 1))(t).Outcome, seat.OutcomeClosed)
	equal(t, "a resize", must(store.Resize(ctx, state, 5, 2))(t), false)
	equal(t, "a leave", must(store.GiveBack(ctx, block, ann, member, false))(t).Held, true)
	equal(t, "a repeat", must(store.Close(ctx, block, instant(0)))(t).Closed, true)
	unborn := blockOf(id, 1)
	equal(t, "one not there", must(store.Close(ctx, unborn, instant(0)))(t).Closed, true)
	equal(t, "cannot be made any more", must(store.Create(ctx, unborn, 5, 1))(t), false)
}

func resize(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	must(store.Create(ctx, block, 2, 1))(t)
	seen := read(t, store, block)
	equal(t, "as seen", must(store.Resize(ctx, seen, 5, 2))(t), true)
	equal(t, "not as seen", must(store.Resize(ctx, seen, 9, 3))(t), false)
	state := read(t, store, block)
	equal(t, "capacity, revision", []int64{int64(state.Capacity), state.Revision}, []int64{5, 2})
}

func manyBlocks(t *testing.T, store Store, id tenant.ID) {
	const blocks = 70
	for i := range blocks {
		must(store.Create(t.Context(), blockOf(id, i), i%seat.BlockSeats, 1))(t)
	}
	states := must(store.Read(t.Context(), blockOf(id, 0).Pool))(t)
	equal(t, "blocks", len(states), blocks)
	for i, s := range states {
		equal(t, "index, capacity", []int{s.Block.Index, s.Capacity}, []int{i, i % seat.BlockSeats})
	}
	chair := seat.Block{Pool: seat.Pool{Tenant: id, Number: 3, Chair: true}}
	must(store.Create(t.Context(), chair, 1, 1))(t)
	equal(t, "the chair is a pool of its own", len(must(store.Read(t.Context(), chair.Pool))(t)), 1)
}

func parallelPool(t *testing.T, store Store, id tenant.ID) {
	const capacity = 3*seat.BlockSeats + 10
	pools, pool := seat.NewPools(store), blockOf(id, 0).Pool
	terms := seat.Terms{Capacity: capacity, Revision: 1}
	equal(t, "a pool that is not open", must(pools.Take(t.Context(), pool, connectionOf(id, 0), member, terms))(t).Refusal, seat.RefusalMissing)
	must(pools.Settle(t.Context(), pool, terms, true))(t)
	var taken atomic.Int64
	parallel(t, manyCallers, func(ctx context.Context, n int) error {
		seated, err := pools.Take(ctx, pool, connectionOf(id, n), member, terms)
		if seated.Refusal == seat.RefusalNone && err == nil {
			taken.Add(1)
		}
		return err
	})
	equal(t, "admitted", taken.Load(), int64(capacity))
	equal(t, "in use", seat.InUse(must(store.Read(t.Context(), pool))(t)), capacity)
}
