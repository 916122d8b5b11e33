package storetest

import (
	"fmt"
	"testing"

	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// swapConditions: each condition of a swap refuses by itself, with a revision and
// without.
func swapConditions(t *testing.T, store Store, id tenant.ID) {
	ctx, block := t.Context(), blockOf(id, 0)
	ann, bob := seat.Place{Connection: connectionOf(id, 1), Member: member}, seat.Place{Connection: connectionOf(id, 2), Member: member}
	must(store.Create(ctx, block, seat.Share{Capacity: 2, Revision: 1}))(t)
	for _, one := range []seat.Place{ann, bob} {
		must(store.Take(ctx, block, one.Connection, one.Member, seat.Permit{Revision: 1}))(t)
	}
	before := read(t, store, block)
	heir := bob
	heir.Member.Mark++
	for _, revision := range []int64{0, 1} {
		equal(t, "to one who has a seat", must(store.Swap(ctx, block, ann, heir, seat.Permit{Revision: revision}))(t).Outcome, seat.OutcomeMember)
	}
	equal(t, "the block as it was", read(t, store, block), before)
	heir.Connection = connectionOf(id, 3)
	must(store.Close(ctx, block, instant(0)))(t)
	for _, revision := range []int64{0, 1} {
		equal(t, "when closed", must(store.Swap(ctx, block, ann, heir, seat.Permit{Revision: revision}))(t).Outcome, seat.OutcomeClosed)
	}
	equal(t, "who is in", read(t, store, block).Members, before.Members)
}

// resizeConditions: a block that differs in one attribute from the expected one is
// not resized, whether that was used beyond its capacity or not.
func resizeConditions(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	take := func(s seat.State) error {
		for n := range 2 { // more than are to be left
			must(store.Take(ctx, s.Block, connectionOf(id, 10+n), member, seat.Permit{Revision: 1}))(t)
		}
		return nil
	}
	leave := func(s seat.State) error {
		return second(store.GiveBack(ctx, s.Block, connectionOf(id, 0), member, false))
	}
	index := 0
	for capacity, use := range map[int]func(seat.State) error{6: take, 2: leave} {
		for what, change := range map[string]func(seat.State) error{
			"capacity": func(s seat.State) error { return second(store.Resize(ctx, s, seat.Share{Capacity: 1, Revision: 1})) },
			"revision": func(s seat.State) error {
				return second(store.Resize(ctx, s, seat.Share{Capacity: capacity, Revision: 2}))
			},
			"closed": func(s seat.State) error { return second(store.Close(ctx, s.Block, instant(0))) },
			"use":    use,
			"":       func(seat.State) error { return nil },
		} {
			block := blockOf(id, index)
			index++
			must(store.Create(ctx, block, seat.Share{Capacity: 6, Revision: 1}))(t)
			for n := range 3 {
				must(store.Take(ctx, block, connectionOf(id, n), member, seat.Permit{Revision: 1}))(t)
			}
			must(store.Resize(ctx, read(t, store, block), seat.Share{Capacity: capacity, Revision: 1}))(t)
			seen := read(t, store, block)
			if err := change(seen); err != nil {
				t.Fatal(err)
			}
			resized := must(store.Resize(ctx, seen, seat.Share{Capacity: 4, Revision: 1}))(t)
			equal(t, fmt.Sprintf("resized from %d, other than was seen: %q", capacity, what), resized, what == "")
		}
	}
}
