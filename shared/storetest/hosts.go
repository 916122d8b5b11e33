package storetest

import (
	"context"
	"sync/atomic"
	"testing"

	"seatmeter/shared/host"
	"seatmeter/shared/tenant"
)

func hostMoves(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	november := host.Slots{Limit: 2, Changes: 2, Month: "2026-11"}
	december := host.Slots{Limit: 2, Changes: 1, Month: "2026-12"}
	smaller := host.Slots{Limit: 1, Changes: 9, Month: "2026-12"}
	for _, email := range []host.Email{"a@b", "b@b"} {
		equal(t, "fill", must(store.AddHost(ctx, id, host.Host{Email: email, Name: "A", Active: true, CreatedAt: instant(0)}, november))(t), host.AddedNow)
	}
	next := host.Host{Email: "c@b", Name: "C", Active: true, CreatedAt: instant(1)}
	move := func(from, to host.Email, slots host.Slots) host.Moved {
		h := next
		h.Email = to
		return must(store.MoveHost(ctx, id, from, h, slots))(t)
	}
	equal(t, "move", move("a@b", "c@b", november), host.MovedNow)
	equal(t, "the next", must(store.Host(ctx, id, "c@b", true))(t), &next)
	equal(t, "the same again", move("a@b", "c@b", november), host.MovedNobody)
	equal(t, "onto one that is there", move("c@b", "b@b", november), host.MovedBefore)
	equal(t, "the second change", move("c@b", "a@b", november), host.MovedNow)
	equal(t, "a third", move("a@b", "d@b", november), host.MovedNoChange)
	equal(t, "next month", move("a@b", "d@b", december), host.MovedNow)
	equal(t, "and once more", move("b@b", "e@b", december), host.MovedNoChange)
	equal(t, "after the license has shrunk", move("b@b", "e@b", smaller), host.MovedNoMore)
	equal(t, "without a bound", move("b@b", "e@b", host.Slots{}), host.MovedNow)
	equal(t, "counted", must(store.CountHosts(ctx, id))(t), 2)
	var names []host.Email
	for _, h := range must(store.Hosts(ctx, id, "", 10))(t) {
		names = append(names, h.Email)
	}
	equal(t, "listed", names, []host.Email{"d@b", "e@b"})
	equal(t, "no slot was freed", must(store.AddHost(ctx, id, host.Host{Email: "f@b"}, december))(t), host.AddedNoMore)
	equal(t, "remove", must(store.RemoveHost(ctx, id, "e@b"))(t), true)
	equal(t, "refill, of the same changes", must(store.AddHost(ctx, id, host.Host{Email: "f@b"}, december))(t), host.AddedNoChange)
}

// parallelMoves: one slot goes to one person.
func parallelMoves(t *testing.T, store Store, id tenant.ID) {
	slots := host.Slots{Limit: 1, Changes: 9, Month: "2026-11"}
	equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: "a@b"}, slots))(t), host.AddedNow)
	var won, others atomic.Int64
	parallel(t, 8, func(ctx context.Context, n int) error {
		moved, err := store.MoveHost(ctx, id, "a@b", host.Host{Email: emailOf(n)}, slots)
		switch {
		case err == nil && moved == host.MovedNow:
			won.Add(1)
		case err == nil && moved == host.MovedNobody:
			others.Add(1)
		}
		return err
	})
	equal(t, "moved", won.Load(), int64(1))
	equal(t, "found nobody", others.Load(), int64(7))
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 10))(t)), 1)
	equal(t, "counted", must(store.CountHosts(t.Context(), id))(t), 1)
}

// movesBounded: everyone hands on a slot of their own.
func movesBounded(t *testing.T, store Store, id tenant.ID) {
	slots := host.Slots{Limit: 8, Changes: 3, Month: "2026-11"}
	for n := range slots.Limit {
		equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: emailOf(n)}, slots))(t), host.AddedNow)
	}
	var won atomic.Int64
	parallel(t, slots.Limit, func(ctx context.Context, n int) error {
		moved, err := store.MoveHost(ctx, id, emailOf(n), host.Host{Email: emailOf(100 + n)}, slots)
		if err == nil && moved == host.MovedNow {
			won.Add(1)
		}
		return err
	})
	equal(t, "moved", won.Load(), int64(slots.Changes))
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 20))(t)), slots.Limit)
}
