package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/removal"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

func live(t *testing.T, store Store, id tenant.ID) conference.Conference {
	t.Helper()
	c := conference.Conference{Tenant: id, ID: "weekly", Number: 1, Host: "ann@example.org", State: conference.StateScheduled, CreatedAt: instant(0)}
	must(store.Schedule(t.Context(), c))(t)
	return *must(store.GoLive(t.Context(), c, instant(1), false))(t)
}

func vacancy(t *testing.T, store Store, id tenant.ID) {
	ctx, c := t.Context(), live(t, store, id)
	vacate := func(at int64) conference.Conference {
		t.Helper()
		if err := store.Vacate(ctx, id, c.ID, 1, instant(at)); err != nil {
			t.Fatal(err)
		}
		return *must(store.Conference(ctx, id, c.ID, true))(t)
	}
	expire := func(since int64) conference.State {
		return must(store.Expire(ctx, id, c.ID, 1, instant(since), instant(90)))(t).State
	}
	other := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	other(store.Vacate(ctx, id, c.ID, 2, instant(5)))
	equal(t, "vacant since", vacate(10).VacantSince, instant(10))
	equal(t, "an earlier note stays", vacate(20).VacantSince, instant(10))
	other(second(store.Occupy(ctx, id, c.ID, 2)))
	other(second(store.Expire(ctx, id, c.ID, 2, instant(10), instant(90))))
	after := must(store.Conference(ctx, id, c.ID, true))(t)
	equal(t, "of another number nothing is occupied or expired", []any{after.VacantSince, after.State}, []any{instant(10), conference.StateLive})
	equal(t, "occupied", must(store.Occupy(ctx, id, c.ID, 1))(t).VacantSince, time.Time{})
	equal(t, "expired although somebody is back", expire(10), conference.StateLive)
	equal(t, "vacant again", vacate(30).VacantSince, instant(30))
	equal(t, "expired as of before", expire(10), conference.StateLive)
	equal(t, "expired", expire(30), conference.StateEnded)
	equal(t, "expired again", expire(30), conference.StateEnded)
	equal(t, "back too late", must(store.Occupy(ctx, id, c.ID, 1))(t).State, conference.StateEnded)
	c.Number = 2
	c.State = conference.StateScheduled
	there := must(store.Schedule(ctx, c))(t)
	if there == nil || !there.Ending {
		t.Fatalf("scheduled over one that is ending: %+v", there)
	}
	if err := store.Finish(ctx, id, c.ID, 1); err != nil {
		t.Fatal(err)
	}
	if there := must(store.Schedule(ctx, c))(t); there != nil {
		t.Fatalf("not scheduled after it is finished: %+v", there)
	}
	other(store.Vacate(ctx, id, c.ID, 2, instant(95)))
	equal(t, "not vacant before it is live", must(store.Conference(ctx, id, c.ID, true))(t).VacantSince, time.Time{})
}

// removals tests the notes of removals, of a conference and of a host.
func removals(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	first := removal.Notes{"ann": 5}
	both := first.With("bob", 7)
	c := conference.Conference{Tenant: id, ID: "weekly", Number: 1, Host: "ann@example.org", State: conference.StateScheduled}
	equal(t, "of no conference", must(store.NoteRemoved(ctx, id, c.ID, 1, nil, first))(t), false)
	must(store.Schedule(ctx, c))(t)
	equal(t, "of another number", must(store.NoteRemoved(ctx, id, c.ID, 2, nil, first))(t), false)
	equal(t, "the first", must(store.NoteRemoved(ctx, id, c.ID, 1, nil, first))(t), true)
	equal(t, "another first", must(store.NoteRemoved(ctx, id, c.ID, 1, nil, both))(t), false)
	equal(t, "the second", must(store.NoteRemoved(ctx, id, c.ID, 1, first, both))(t), true)
	equal(t, "after what has changed", must(store.NoteRemoved(ctx, id, c.ID, 1, first, first))(t), false)
	equal(t, "of another number, as read", must(store.NoteRemoved(ctx, id, c.ID, 2, both, first))(t), false)
	equal(t, "in the conference", must(store.Conference(ctx, id, c.ID, true))(t).Removed, both)
	must(store.End(ctx, id, c.ID, 1, instant(10)))(t)
	if err := store.Finish(ctx, id, c.ID, 1); err != nil {
		t.Fatal(err)
	}
	c.Number = 2
	must(store.Schedule(ctx, c))(t)
	equal(t, "in the one that has its id next", must(store.Conference(ctx, id, c.ID, true))(t).Removed, removal.Notes(nil))

	h := host.Host{Email: "ann@example.org", Name: "Ann", Active: true}
	equal(t, "of no host", must(store.NoteRemovedOfHost(ctx, id, h.Email, nil, first))(t), false)
	must(store.AddHost(ctx, id, h, host.Slots{Limit: 5}))(t)
	equal(t, "the host's first", must(store.NoteRemovedOfHost(ctx, id, h.Email, nil, first))(t), true)
	equal(t, "another first of the host", must(store.NoteRemovedOfHost(ctx, id, h.Email, nil, both))(t), false)
	equal(t, "the host's second", must(store.NoteRemovedOfHost(ctx, id, h.Email, first, both))(t), true)
	equal(t, "of the host, after what has changed", must(store.NoteRemovedOfHost(ctx, id, h.Email, first, first))(t), false)
	equal(t, "in the host", must(store.Host(ctx, id, h.Email, true))(t).Removed, both)
}

func second[T any](_ T, err error) error { return err }

// entries reads the agenda of one tenant, a few entries at a time.
func entries(t *testing.T, store Store, id tenant.ID) []reconcile.Entry {
	t.Helper()
	var all []reconcile.Entry
	for shard := range reconcile.Shards {
		for after := tenant.ID(""); ; {
			page, next, err := store.Agenda(t.Context(), shard, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if e.Tenant == id {
					all = append(all, e)
				}
			}
			if next == "" {
				break
			}
			after = next
		}
	}
	return all
}

// wantAgenda waits for an index that follows its table.
func wantAgenda(t *testing.T, what string, store Store, id tenant.ID, want ...reconcile.Entry) {
	t.Helper()
	sorted := cmpopts.SortSlices(func(a, b reconcile.Entry) bool {
		return fmt.Sprint(a) < fmt.Sprint(b)
	})
	eventually(t, "the agenda lists "+what, func() bool {
		return cmp.Equal(want, entries(t, store, id), sorted, cmpopts.EquateEmpty())
	})
}

func poolClaims(t *testing.T, store Store, id tenant.ID) {
	claim := func(number, now, until int64) bool {
		t.Helper()
		pool := seat.Pool{Tenant: id, Number: conference.Number(number)}
		return must(store.ClaimPool(t.Context(), pool, instant(now), instant(until)))(t)
	}
	equal(t, "the first", claim(1, 10, 15), true)
	equal(t, "another meanwhile", claim(1, 14, 19), false)
	equal(t, "of another pool", claim(2, 14, 19), true)
	equal(t, "when it is over", claim(1, 15, 20), true)
	equal(t, "that is one again", claim(1, 19, 24), false)
}

func agenda(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	block := reconcile.Entry{Tenant: id, Block: blockOf(id, 40)}
	must(store.Create(ctx, block.Block, seat.Share{Capacity: 2, Revision: 1}))(t)
	wantAgenda(t, "an empty block", store, id)
	must(store.Take(ctx, block.Block, connectionOf(id, 1), member, seat.Permit{Revision: 1}))(t)
	wantAgenda(t, "a block with a member", store, id, block)
	if err := store.Dequeue(ctx, block.Block); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, "a block that may not rest", store, id, block)
	must(store.GiveBack(ctx, block.Block, connectionOf(id, 1), member, false))(t)
	if err := store.Dequeue(ctx, block.Block); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, "a block at rest", store, id)
	must(store.Take(ctx, block.Block, connectionOf(id, 2), member, seat.Permit{Revision: 1}))(t)
	wantAgenda(t, "taken again", store, id, block)

	chair := reconcile.Entry{Tenant: id, Block: seat.Block{Pool: seat.Pool{Tenant: id, Number: 3, Chair: true}}}
	must(store.Create(ctx, chair.Block, seat.Share{Capacity: 1, Revision: 1}))(t)
	must(store.Take(ctx, chair.Block, connectionOf(id, 3), member, seat.Permit{Revision: 1}))(t)
	c := live(t, store, id)
	meeting := reconcile.Entry{Tenant: id, Conference: c.ID, Number: 1}
	lock := reconcile.Entry{Tenant: id, Host: "ann@example.org", Number: 1}
	must(store.Lock(ctx, id, host.Lock{Host: lock.Host, Conference: string(c.ID), Number: 1, Since: instant(0)}, nil))(t)
	if err := store.Finish(ctx, id, c.ID, 1); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, "all there is, a conference that may not be finished too", store, id, block, chair, meeting, lock)
	if err := store.Unlock(ctx, id, host.Lock{Host: lock.Host, Number: 1}); err != nil {
		t.Fatal(err)
	}
	must(store.End(ctx, id, c.ID, 1, instant(2)))(t)
	wantAgenda(t, "a conference that is ending", store, id, block, chair, meeting)
	if err := store.Finish(ctx, id, c.ID, 1); err != nil {
		t.Fatal(err)
	}
	wantAgenda(t, "one that has ended", store, id, block, chair)
}

func claims(t *testing.T, store Store, _ tenant.ID) {
	claim := func(now, until int64) int {
		t.Helper()
		shard, mine, err := store.Claim(t.Context(), instant(now), instant(until))
		if err != nil {
			t.Fatal(err)
		}
		if !mine {
			return -1
		}
		return shard
	}
	release := func(shard int, until int64) {
		t.Helper()
		if err := store.Release(t.Context(), shard, instant(until)); err != nil {
			t.Fatal(err)
		}
	}
	postpone := func(until int64) {
		t.Helper()
		if err := store.Postpone(t.Context(), instant(until)); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "first", claim(0, 10), 0)
	equal(t, "while another runs", claim(9, 20), -1)
	equal(t, "when that should have ended", claim(10, 20), 0)
	release(5, 10)
	equal(t, "after the one before it is released", claim(19, 30), -1)
	release(3, 20)
	equal(t, "released, with a shard", claim(11, 30), 3)
	postpone(25)
	equal(t, "postponed to an earlier time", claim(29, 40), -1)
	postpone(50)
	release(7, 30)
	equal(t, "postponed", claim(49, 60), -1)
	equal(t, "when that is over", claim(50, 60), 3)
	release(0, 60)
	postpone(70)
	equal(t, "postponed where nobody runs", claim(69, 80), -1)
	equal(t, "and then", claim(70, 80), 0)
	release(0, 80)
}

// wholeTenants has tenants that come one after the other, each with a conference and
// with two blocks in one shard, in partitions of their own: DynamoDB does not say in
// which order an index has items of one partition.
func wholeTenants(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	const tenants = 3
	want := make(map[tenant.ID]int)
	for n := range tenants {
		id := tenant.ID(fmt.Sprintf("%s-%d", id, n))
		for n, pool := range seat.PoolsOf(id, 3).Both() {
			block := seat.Block{Pool: pool}
			must(store.Create(ctx, block, seat.Share{Capacity: 2, Revision: 1}))(t)
			must(store.Take(ctx, block, connectionOf(id, n), member, seat.Permit{Revision: 1}))(t)
		}
		live(t, store, id)
		want[id] = 3
	}
	eventually(t, "the agenda lists each tenant once", func() bool {
		got := make(map[tenant.ID]int)
		for shard := range reconcile.Shards {
			seen := make(map[tenant.ID]bool) // in this shard, by an earlier call
			for after := tenant.ID(""); ; {
				page, last, err := store.Agenda(ctx, shard, after, 1)
				if err != nil {
					t.Fatal(err)
				}
				now := make(map[tenant.ID]bool)
				for n, e := range page {
					if n > 0 && e.Tenant < page[n-1].Tenant || e.Tenant <= after || seen[e.Tenant] {
						t.Fatalf("%s comes again, or out of order", e.Tenant)
					}
					if now[e.Tenant] = true; want[e.Tenant] > 0 {
						got[e.Tenant]++
					}
				}
				for of := range now {
					seen[of] = true
				}
				if after = last; last == "" {
					break
				}
			}
		}
		return cmp.Equal(want, got)
	})
}

// someOfMany reads blocks of which few are in a page, or many, and conferences.
func someOfMany(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	var asked []seat.Block
	want := make(map[seat.Block]int)
	for _, index := range []int{0, 1, 2, 3, 4, 31, 40, 41, 100} {
		block := blockOf(id, index)
		if asked = append(asked, block); index == 3 || index == 41 {
			continue // is not there
		}
		must(store.Create(ctx, block, seat.Share{Capacity: index + 1, Revision: 1}))(t)
		want[block] = index + 1
	}
	must(store.Create(ctx, blockOf(id, 5), seat.Share{Capacity: 1, Revision: 1}))(t) // nobody asks for it
	eventually(t, "the blocks are read", func() bool {
		got := make(map[seat.Block]int)
		for _, s := range must(store.SomeBlocks(ctx, asked))(t) {
			got[s.Block] = s.Capacity
		}
		return cmp.Equal(want, got)
	})
	c := live(t, store, id)
	eventually(t, "the conference is read", func() bool {
		list := must(store.SomeConferences(ctx, id, []conference.ID{c.ID, "none"}))(t)
		return len(list) == 1 && list[0].ID == c.ID && list[0].State == conference.StateLive
	})
}
