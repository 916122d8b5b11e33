package storetest

import (
	"context"
	"sync/atomic"
	"testing"

	"seatmeter/shared/pool"

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
	must(store.Create(t.Context(), block, seat.Share{Capacity: seat.BlockSeats, Revision: 1}))(t)
	var taken atomic.Int64
	parallel(t, manyCallers, func(ctx context.Context, n int) error {
		attempt, err := store.Take(ctx, block, connectionOf(id, n), member, seat.Permit{Revision: 1})
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
		return must(store.Take(ctx, block, connection, member, seat.Permit{Revision: revision}))(t)
	}
	equal(t, "no block", take(ann, 1).Outcome, seat.OutcomeMissing)
	equal(t, "created", must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t), true)
	equal(t, "created again", must(store.Create(ctx, block, seat.Share{Capacity: 9, Revision: 9}))(t), false)
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
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
	other := member
	other.Mark++
	held, none := seat.Returned{Done: true}, seat.Returned{}
	equal(t, "another take's seat", must(store.GiveBack(ctx, block, ann, other, false))(t), seat.Returned{Instead: &member})
	equal(t, "still in use", read(t, store, block).InUse, 1)
	equal(t, "its own", must(store.GiveBack(ctx, block, ann, member, false))(t), held)
	equal(t, "a repeat", must(store.GiveBack(ctx, block, ann, member, false))(t), none)
	equal(t, "of a block that is not there", must(store.GiveBack(ctx, blockOf(id, 1), ann, member, false))(t), none)
	state := read(t, store, block)
	equal(t, "in use, taken, voids", []int64{int64(state.InUse), state.Taken, state.Voids}, []int64{0, 1, 0})
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
	equal(t, "unused", must(store.GiveBack(ctx, block, ann, member, true))(t), held)
	equal(t, "voids", read(t, store, block).Voids, int64(1))
}

// A lost connection's seat stays in use until another connection resumes it, or the
// seat is given back after its hold.
func hold(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann, bob := t.Context(), blockOf(id, 0), connectionOf(id, 1), connectionOf(id, 2)
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
	lost := seat.Hold{LostAtMillis: member.JoinedAtMillis + 5000, Seconds: 300}
	other := member
	other.Mark++
	equal(t, "another take's", must(store.Hold(ctx, block, ann, other, lost))(t), seat.Returned{Instead: &member})
	done := seat.Returned{Done: true}
	equal(t, "its own", must(store.Hold(ctx, block, ann, member, lost))(t), done)
	equal(t, "a repeat", must(store.Hold(ctx, block, ann, member, lost))(t), done)
	held := member.Lost(lost)
	later := seat.Hold{LostAtMillis: lost.LostAtMillis + 1, Seconds: 300}
	equal(t, "another hold", must(store.Hold(ctx, block, ann, member, later))(t), seat.Returned{Instead: &held})
	equal(t, "still in use", read(t, store, block).Members, map[seat.ConnectionID]seat.Member{ann: held})
	equal(t, "a stranger", must(store.Take(ctx, block, bob, member, seat.Permit{Revision: 1}))(t).Outcome, seat.OutcomeFull)
	equal(t, "nobody's", must(store.Hold(ctx, block, bob, member, lost))(t), seat.Returned{})
	equal(t, "given back", must(store.GiveBack(ctx, block, ann, held, false))(t), done)
	equal(t, "in use", read(t, store, block).InUse, 0)
}

func swap(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann, bob, eve := t.Context(), blockOf(id, 0), connectionOf(id, 1), connectionOf(id, 2), connectionOf(id, 3)
	from, to := seat.Place{Connection: ann, Member: member}, seat.Place{Connection: bob, Member: member.Resumed(member.JoinedAtMillis+1, 9)}
	swapped := func(from, to seat.Place, revision int64) seat.Attempt {
		return must(store.Swap(ctx, block, from, to, seat.Permit{Revision: revision}))(t)
	}
	equal(t, "no block", swapped(from, to, 0).Outcome, seat.OutcomeMissing)
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
	equal(t, "a join under another revision", swapped(from, to, 2).Outcome, seat.OutcomeOtherRevision)
	strange := from
	strange.Member.Mark++
	equal(t, "not as seen", swapped(strange, to, 0).Outcome, seat.OutcomeFull)
	first := swapped(from, to, 1)
	equal(t, "swapped", first.Outcome, seat.OutcomeTaken)
	equal(t, "number, in use", []int64{first.State.Taken, int64(first.State.InUse)}, []int64{2, 1})
	equal(t, "who is in", read(t, store, block).Members, map[seat.ConnectionID]seat.Member{bob: to.Member})
	equal(t, "a repeat", swapped(from, to, 1).Outcome, seat.OutcomeMember)
	equal(t, "a second heir", swapped(from, seat.Place{Connection: eve, Member: member}, 0).Outcome, seat.OutcomeFull)
	must(store.Resize(ctx, read(t, store, block), seat.Share{Capacity: 0, Revision: 1}))(t)
	equal(t, "a join above the capacity", swapped(to, from, 1).Outcome, seat.OutcomeFull)
	equal(t, "a stay that goes on above it", swapped(to, from, 0).Outcome, seat.OutcomeTaken)
	must(store.Close(ctx, block, instant(0)))(t)
	equal(t, "when closed", swapped(from, to, 0).Outcome, seat.OutcomeClosed)
	next := seat.Place{Connection: ann, Member: member.Resumed(member.JoinedAtMillis+2, 8)}
	equal(t, "the next part of a stay, when closed", swapped(from, next, 0).Outcome, seat.OutcomeTaken)
	equal(t, "the same again", swapped(from, next, 0).Outcome, seat.OutcomeFull)
	state := read(t, store, block)
	equal(t, "in use, taken", []int64{int64(state.InUse), state.Taken}, []int64{1, 4})
	equal(t, "who is in at last", state.Members, map[seat.ConnectionID]seat.Member{ann: next.Member})
}

// Of many concurrent takes of one seat, one succeeds.
func parallelSwaps(t *testing.T, store Store, id tenant.ID) {
	block, ann := blockOf(id, 0), connectionOf(id, manyCallers)
	must(store.Create(t.Context(), block, seat.Share{Capacity: 1, Revision: 1}))(t)
	must(store.Take(t.Context(), block, ann, member, seat.Permit{Revision: 1}))(t)
	var swapped atomic.Int64
	parallel(t, manyCallers, func(ctx context.Context, n int) error {
		a, err := store.Swap(ctx, block, seat.Place{Connection: ann, Member: member}, seat.Place{Connection: connectionOf(id, n), Member: member}, seat.Permit{Revision: 1})
		if a.Outcome == seat.OutcomeTaken && err == nil {
			swapped.Add(1)
		}
		return err
	})
	equal(t, "swapped", swapped.Load(), int64(1))
	equal(t, "in use", read(t, store, block).InUse, 1)
}

func seen(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	if b := must(store.Get(ctx, block))(t); b != nil {
		t.Fatalf("a block that was not made: %+v", b)
	}
	if err := store.MarkAlive(ctx, block, 5); err != nil {
		t.Fatal(err)
	}
	if b := must(store.Get(ctx, block))(t); b != nil {
		t.Fatalf("a block that was seen is made: %+v", b)
	}
	must(store.Create(ctx, block, seat.Share{Capacity: 1, Revision: 1}))(t)
	for _, at := range []int64{5000, 7999, 6000} {
		if err := store.MarkAlive(ctx, block, at); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "the latest", must(store.Get(ctx, block))(t).SeenAtMillis, int64(7000))
}

func renumber(t *testing.T, store Store, id tenant.ID) {
	ctx, block, ann := t.Context(), blockOf(id, 0), connectionOf(id, 1)
	must(store.Create(ctx, block, seat.Share{Capacity: 2, Revision: 1}))(t)
	if _, in, err := store.Renumber(ctx, block, ann); err != nil || in {
		t.Fatalf("renumbered who is not in: %v, %v", in, err)
	}
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
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
	must(store.Create(t.Context(), block, seat.Share{Capacity: seat.BlockSeats, Revision: 1}))(t)
	var taken, returned atomic.Int64
	parallel(t, manyCallers/2, func(ctx context.Context, n int) error {
		connection := connectionOf(id, n)
		for range rounds {
			attempt, err := store.Take(ctx, block, connection, member, seat.Permit{Revision: 1})
			if err != nil || attempt.Outcome != seat.OutcomeTaken {
				return err
			}
			taken.Add(1)
			if attempt.State.InUse > seat.BlockSeats {
				t.Errorf("%d in use of %d", attempt.State.InUse, seat.BlockSeats)
			}
			if n%4 == 0 {
				return nil // this one keeps its seat
			}
			if back, err := store.GiveBack(ctx, block, connection, member, false); err != nil || !back.Done {
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
	must(store.Create(ctx, block, seat.Share{Capacity: 2, Revision: 1}))(t)
	must(store.Take(ctx, block, ann, member, seat.Permit{Revision: 1}))(t)
	state := must(store.Close(ctx, block, instant(0)))(t)
	equal(t, "members stay", state.Members, map[seat.ConnectionID]seat.Member{ann: member})
	equal(t, "a join", must(store.Take(ctx, block, connectionOf(id, 2), member, seat.Permit{Revision: 1}))(t).Outcome, seat.OutcomeClosed)
	equal(t, "a resize", must(store.Resize(ctx, state, seat.Share{Capacity: 5, Revision: 2}))(t), false)
	equal(t, "a leave", must(store.GiveBack(ctx, block, ann, member, false))(t).Done, true)
	equal(t, "a repeat", must(store.Close(ctx, block, instant(0)))(t).Closed, true)
	unborn := blockOf(id, 1)
	equal(t, "one not there", must(store.Close(ctx, unborn, instant(0)))(t).Closed, true)
	equal(t, "cannot be made any more", must(store.Create(ctx, unborn, seat.Share{Capacity: 5, Revision: 1}))(t), false)
}

func resize(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	must(store.Create(ctx, block, seat.Share{Capacity: 2, Revision: 1}))(t)
	seen := read(t, store, block)
	equal(t, "as seen", must(store.Resize(ctx, seen, seat.Share{Capacity: 5, Revision: 2}))(t), true)
	equal(t, "not as seen", must(store.Resize(ctx, seen, seat.Share{Capacity: 9, Revision: 3}))(t), false)
	state := read(t, store, block)
	equal(t, "capacity, revision", []int64{int64(state.Capacity), state.Revision}, []int64{5, 2})

	for n := range 3 {
		must(store.Take(ctx, block, connectionOf(id, n), member, seat.Permit{Revision: 2}))(t)
	}
	room := read(t, store, block)
	must(store.GiveBack(ctx, block, connectionOf(id, 0), member, false))(t)
	equal(t, "who leaves room changes nothing", must(store.Resize(ctx, room, seat.Share{Capacity: 1, Revision: 2}))(t), true)
	overused := read(t, store, block)
	must(store.GiveBack(ctx, block, connectionOf(id, 1), member, false))(t)
	equal(t, "raised to a use that is not so any more", must(store.Resize(ctx, overused, seat.Share{Capacity: 2, Revision: 2}))(t), false)
	equal(t, "lowered all the same", must(store.Resize(ctx, overused, seat.Share{Capacity: 0, Revision: 2}))(t), true)
	equal(t, "raised as it is used", must(store.Resize(ctx, read(t, store, block), seat.Share{Capacity: 2, Revision: 2}))(t), true)
}

func manyBlocks(t *testing.T, store Store, id tenant.ID) {
	const blocks = 70
	for i := range blocks {
		must(store.Create(t.Context(), blockOf(id, i), seat.Share{Capacity: i % seat.BlockSeats, Revision: 1}))(t)
	}
	states := must(store.Read(t.Context(), blockOf(id, 0).Pool))(t)
	equal(t, "blocks", len(states), blocks)
	for i, s := range states {
		equal(t, "index, capacity", []int{s.Block.Index, s.Capacity}, []int{i, i % seat.BlockSeats})
	}
	chair := seat.Block{Pool: seat.Pool{Tenant: id, Number: 3, Chair: true}}
	must(store.Create(t.Context(), chair, seat.Share{Capacity: 1, Revision: 1}))(t)
	equal(t, "the chair is a pool of its own", len(must(store.Read(t.Context(), chair.Pool))(t)), 1)
}

func parallelPool(t *testing.T, store Store, id tenant.ID) {
	const capacity = 3*seat.BlockSeats + 10
	pools, of := pool.New(store, pool.Sleep), blockOf(id, 0).Pool
	terms := pool.Terms{Capacity: capacity, Revision: 1}
	equal(t, "a pool that is not open", must(pools.Take(t.Context(), of, connectionOf(id, 0), member, terms))(t).Refusal, pool.RefusalMissing)
	must(pools.Rebalance(t.Context(), of, terms, true))(t)
	var taken atomic.Int64
	parallel(t, manyCallers, func(ctx context.Context, n int) error {
		seated, err := pools.Take(ctx, of, connectionOf(id, n), member, terms)
		if seated.Refusal == pool.RefusalNone && err == nil {
			taken.Add(1)
		}
		return err
	})
	equal(t, "admitted", taken.Load(), int64(capacity))
	equal(t, "in use", pool.InUse(must(store.Read(t.Context(), of))(t)), capacity)
}
