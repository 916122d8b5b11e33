package storetest

import (
	"testing"

	"seatmeter/shared/pool"
	"seatmeter/shared/tenant"
)

func directories(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), blockOf(id, 0).Pool
	directory := func() pool.Directory { return must(store.Directory(ctx, of))(t) }
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	list := func(index int, version int64) {
		t.Helper()
		listed := must(store.ListBlock(ctx, blockOf(id, index), version))(t)
		if now := directory(); len(now.WithRoom)+len(listed.WithRoom) > 0 || listed.PublishesVacancies() {
			equal(t, "the answer to a listing", listed, now)
		}
	}
	const now, stale = 1_790_000_000_000, 1_790_000_000_000 - 2000
	ann := pool.Scan{By: connectionOf(id, 1), Count: pool.Count{AtMillis: now}, Revision: 3}
	bob := pool.Scan{By: connectionOf(id, 2), Count: pool.Count{AtMillis: now + 1}}

	equal(t, "no directory", directory(), pool.Directory{})
	list(5, 1)
	ok(store.UnlistBlock(ctx, blockOf(id, 5), 9))
	ok(store.ClearDirectory(ctx, of))
	ok(store.AddLeft(ctx, of, 1))
	equal(t, "without a scan nothing is kept", directory(), pool.Directory{})
	equal(t, "a scan that never began", must(store.EndScan(ctx, of, ann))(t), false)

	equal(t, "a scan", must(store.BeginScan(ctx, of, ann, stale, true))(t), true)
	equal(t, "a repeat", must(store.BeginScan(ctx, of, ann, stale, true))(t), true)
	equal(t, "another meanwhile", must(store.BeginScan(ctx, of, bob, stale, true))(t), false)
	list(5, 10)
	for _, version := range []int64{18, 20, 19} {
		list(6, version)
	}
	equal(t, "a late repeat", must(store.BeginScan(ctx, of, ann, stale, true))(t), true)
	found := ann
	found.UntilMillis, found.InUse, found.Opened, found.Beyond, found.WithRoom = now+1000, 299, 10, 17, map[int]int64{5: 4, 7: 30}
	late, stranger := bob, ann
	late.By, stranger.By = ann.By, bob.By
	for _, other := range []pool.Scan{bob, late, stranger} {
		equal(t, "another cannot end it", must(store.EndScan(ctx, of, other))(t), false)
	}
	equal(t, "its end", must(store.EndScan(ctx, of, found))(t), true)
	equal(t, "a repeat", must(store.EndScan(ctx, of, found))(t), false)
	complete := pool.Directory{Revision: 3, UntilMillis: now + 1000, Count: found.Count, Beyond: 17, WithRoom: map[int]int64{5: 10, 6: 20, 7: 30}}
	equal(t, "published vacancies stay, the scan adds its result", directory(), complete)

	ok(store.UnlistBlock(ctx, blockOf(id, 6), 20))
	equal(t, "a later version stays", directory(), complete)
	ok(store.UnlistBlock(ctx, blockOf(id, 6), 21))
	delete(complete.WithRoom, 6)
	equal(t, "a full block is unlisted", directory(), complete)
	ok(store.AddLeft(ctx, of, 3))
	ok(store.AddLeft(ctx, of, 4))
	complete.Left = 7
	equal(t, "leaves are counted", directory(), complete)
	equal(t, "a scan of a complete directory", must(store.BeginScan(ctx, of, bob, stale, false))(t), true)
	complete.ScanningMillis = bob.AtMillis
	equal(t, "all stays meanwhile", directory(), complete)
	third := pool.Scan{By: ann.By, Count: pool.Count{AtMillis: now + 5000}}
	equal(t, "a third beside both", must(store.BeginScan(ctx, of, third, bob.AtMillis-1, false))(t), false)
	equal(t, "one that takes over", must(store.BeginScan(ctx, of, third, bob.AtMillis, false))(t), true)
	ok(store.ClearDirectory(ctx, of))
	complete.ScanningMillis, complete.UntilMillis = 0, 0
	equal(t, "cleared", directory(), complete)
	equal(t, "the scan is over", must(store.EndScan(ctx, of, bob))(t), false)

	equal(t, "one that would go on with what was cleared", must(store.BeginScan(ctx, of, bob, stale, false))(t), false)
	equal(t, "a scan", must(store.BeginScan(ctx, of, bob, stale, true))(t), true)
	equal(t, "one that takes over", must(store.BeginScan(ctx, of, ann, bob.AtMillis, true))(t), true)
	equal(t, "which lists only its own blocks", directory().WithRoom, map[int]int64{})
	equal(t, "the one before", must(store.EndScan(ctx, of, bob))(t), false)
	plenty := ann
	plenty.WithRoom = make(map[int]int64)
	for i := range 48 {
		plenty.WithRoom[i] = int64(1000 + i)
	}
	equal(t, "more blocks than are listed", must(store.EndScan(ctx, of, plenty))(t), true)
	equal(t, "is not complete", directory(), pool.Directory{Revision: 3, Count: plenty.Count, Left: 7, WithRoom: plenty.WithRoom})
}
