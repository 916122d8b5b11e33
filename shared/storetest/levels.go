package storetest

import (
	"slices"
	"testing"

	"seatmeter/shared/crossing"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// levels: a level is written over what was read alone, and its events with it. It is
// listed while it is up.
func levels(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	own, shared := seat.Pool{Tenant: id, Number: 1000}, seat.Pool{Tenant: id}
	listed := func() []seat.Pool {
		var list []seat.Pool
		for shard := range crossing.Shards {
			pools := must(store.RaisedPools(ctx, shard))(t)
			list = append(list, slices.DeleteFunc(pools, func(p seat.Pool) bool { return p.Tenant != id })...)
		}
		slices.SortFunc(list, func(a, b seat.Pool) int { return int(a.Number - b.Number) })
		return list
	}
	save := func(what string, l crossing.Level, want bool, events int) {
		t.Helper()
		n := noteOf(id, what, 1000)
		equal(t, what, must(store.SaveLevel(ctx, l, n))(t), want)
		equal(t, what+": events", len(due(t, store, id, 1000)), events)
	}
	equal(t, "none", must(store.Level(ctx, own))(t), crossing.Level{Pool: own})
	first := crossing.Level{Pool: own, Conference: "weekly", Raised: "80 90", Version: 1}
	save("the second of none", crossing.Level{Pool: own, Version: 2}, false, 0)
	save("first", first, true, 1)
	save("first again", first, false, 1)
	save("another pool's", crossing.Level{Pool: shared, Exhausted: true, ClearedMillis: 5, Version: 1}, true, 2)
	equal(t, "read", must(store.Level(ctx, own))(t), first)
	equal(t, "read another", must(store.Level(ctx, shared))(t), crossing.Level{Pool: shared, Exhausted: true, ClearedMillis: 5, Version: 1})
	equal(t, "listed", listed(), []seat.Pool{shared, own})
	down := crossing.Level{Pool: own, Conference: "weekly", ClearedMillis: 7, Version: 2}
	save("one that skips a version", crossing.Level{Pool: own, Version: 3}, false, 2)
	save("down", down, true, 3)
	equal(t, "read again", must(store.Level(ctx, own))(t), down)
	equal(t, "listed again", listed(), []seat.Pool{shared})
	near := crossing.Level{Pool: own, Conference: "weekly", Near: true, ClearedMillis: 7, Version: 3}
	save("near", near, true, 4)
	equal(t, "read near", must(store.Level(ctx, own))(t), near)
	equal(t, "listed near", listed(), []seat.Pool{shared, own})
	equal(t, "on the agenda", len(entries(t, store, id)), 0)
}
