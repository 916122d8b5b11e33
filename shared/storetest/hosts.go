package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	equal(t, "counted", must(store.HostTally(ctx, id))(t), host.Tally{Hosts: 2, Used: 2, Changes: 1, Month: december.Month})
	var names []host.Email
	for _, h := range must(store.Hosts(ctx, id, "", 10))(t) {
		names = append(names, h.Email)
	}
	equal(t, "listed", names, []host.Email{"d@b", "e@b"})
	equal(t, "no slot was freed", must(store.AddHost(ctx, id, host.Host{Email: "f@b"}, december))(t), host.AddedNoMore)
	equal(t, "remove", must(store.RemoveHost(ctx, id, "e@b"))(t), true)
	equal(t, "refill, of the same changes", must(store.AddHost(ctx, id, host.Host{Email: "f@b"}, december))(t), host.AddedNoChange)
}

// parallelMoves: concurrent moves give one slot to one person.
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
	equal(t, "counted", must(store.HostTally(t.Context(), id))(t).Hosts, 1)
}

// movesBounded: concurrent moves of different slots obey the limit of changes.
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

func hostsBounded(t *testing.T, store Store, id tenant.ID) {
	const limit, tries = 5, 20
	var added atomic.Int64
	parallel(t, tries, func(ctx context.Context, n int) error {
		outcome, err := store.AddHost(ctx, id, host.Host{Email: host.Email(fmt.Sprintf("h%d@example.org", n)), Active: true}, host.Slots{Limit: limit})
		if outcome == host.AddedNow && err == nil {
			added.Add(1)
		}
		return err
	})
	equal(t, "added", added.Load(), int64(limit))
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 0+tries))(t)), limit)
}

func hostLife(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	slots := host.Slots{Limit: 1, Changes: 1, Month: "2026-11"}
	h := host.Host{Email: "ann@example.org", Name: "Ann", Active: true, CreatedAt: instant(0)}
	equal(t, "add", must(store.AddHost(ctx, id, h, slots))(t), host.AddedNow)
	equal(t, "add again", must(store.AddHost(ctx, id, h, slots))(t), host.AddedBefore)
	equal(t, "add beyond", must(store.AddHost(ctx, id, host.Host{Email: "bob@example.org"}, slots))(t), host.AddedNoMore)
	was := h
	h.Name, h.Active = "Anne", false
	equal(t, "change", must(store.ChangeHost(ctx, id, was, h))(t), true)
	equal(t, "change what has changed since it was read", must(store.ChangeHost(ctx, id, was, h))(t), false)
	equal(t, "activate", must(store.ChangeHost(ctx, id, h, was))(t), true)
	changed := func(name string, active bool) bool {
		return must(store.ChangeHost(ctx, id, host.Host{Email: h.Email, Name: name, Active: active}, h))(t)
	}
	equal(t, "change an active one of another name, or one that was not active", []bool{changed("Anne", true), changed("Ann", false)}, []bool{false, false})
	equal(t, "deactivate", must(store.ChangeHost(ctx, id, was, h))(t), true)
	equal(t, "change one that is not active, of another name, or one that was", []bool{changed("Ann", false), changed("Anne", true)}, []bool{false, false})
	equal(t, "read", must(store.Host(ctx, id, h.Email, true))(t), &h)
	equal(t, "remove", must(store.RemoveHost(ctx, id, h.Email))(t), true)
	equal(t, "remove again", must(store.RemoveHost(ctx, id, h.Email))(t), false)
	equal(t, "change removed", must(store.ChangeHost(ctx, id, h, was))(t), false)
	equal(t, "the slot is free", must(store.AddHost(ctx, id, host.Host{Email: "bob@example.org"}, slots))(t), host.AddedNow)
	equal(t, "counted", must(store.HostTally(ctx, id))(t).Hosts, 1)
	if gone := must(store.Host(ctx, id, h.Email, true))(t); gone != nil {
		t.Errorf("a removed host is there: %+v", gone)
	}
}

// unboundHosts: a later limit counts earlier hosts.
func unboundHosts(t *testing.T, store Store, id tenant.ID) {
	add := func(email host.Email, slots host.Slots) host.Added {
		return must(store.AddHost(t.Context(), id, host.Host{Email: email}, slots))(t)
	}
	bound := host.Slots{Limit: 2, Changes: 1, Month: "2026-11"}
	equal(t, "the first", add("a@b", host.Slots{}), host.AddedNow)
	equal(t, "within the bound", add("b@b", bound), host.AddedNow)
	equal(t, "beyond it", add("c@b", bound), host.AddedNoMore)
	equal(t, "counted", must(store.HostTally(t.Context(), id))(t).Hosts, 2)
}

func hostChanges(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	november := host.Slots{Limit: 2, Changes: 1, Month: "2026-11"}
	december := host.Slots{Limit: 2, Changes: 1, Month: "2026-12"}
	larger := host.Slots{Limit: 3, Changes: 1, Month: "2026-11"}
	for n, step := range []struct {
		remove, add host.Email
		slots       host.Slots
		want        host.Added
	}{
		{"", "a@b", november, host.AddedNow},
		{"a@b", "b@b", november, host.AddedNow}, // in the slot that never had a host
		{"", "c@b", november, host.AddedNow},    // in a's: the change of the month
		{"", "d@b", november, host.AddedNoMore},
		{"c@b", "d@b", november, host.AddedNoChange},
		{"", "c@b", november, host.AddedNoChange}, // nor who left it
		{"", "b@b", november, host.AddedBefore},
		{"", "d@b", larger, host.AddedNow}, // in the slot that is new
		{"", "e@b", larger, host.AddedNoChange},
		{"", "e@b", november, host.AddedNoMore},
		{"d@b", "e@b", december, host.AddedNow}, // what November freed
		{"e@b", "f@b", december, host.AddedNoChange},
		{"", "f@b", november, host.AddedNoChange}, // a late request opens no month again
		{"", "f@b", host.Slots{}, host.AddedNow},
	} {
		if step.remove != "" {
			equal(t, fmt.Sprintf("step %d: remove", n), must(store.RemoveHost(ctx, id, step.remove))(t), true)
		}
		equal(t, fmt.Sprintf("step %d: add %s", n, step.add), must(store.AddHost(ctx, id, host.Host{Email: step.add}, step.slots))(t), step.want)
	}
	equal(t, "counted", must(store.HostTally(ctx, id))(t).Hosts, 2)
	equal(t, "listed", len(must(store.Hosts(ctx, id, "", 10))(t)), 2)
}

func emailOf(n int) host.Email { return host.Email(fmt.Sprintf("h%d@example.org", n)) }

func parallelHostChanges(t *testing.T, store Store, id tenant.ID) {
	const tries = 20
	slots := host.Slots{Limit: 5, Changes: 3, Month: "2026-11"}
	for n := range slots.Limit {
		equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: emailOf(n)}, slots))(t), host.AddedNow)
	}
	for n := range slots.Limit {
		equal(t, "free", must(store.RemoveHost(t.Context(), id, emailOf(n)))(t), true)
	}
	rush := func(slots host.Slots, first int) map[host.Added]int {
		var mu sync.Mutex
		outcomes := make(map[host.Added]int)
		parallel(t, tries, func(ctx context.Context, n int) error {
			outcome, err := store.AddHost(ctx, id, host.Host{Email: emailOf(first + n)}, slots)
			mu.Lock()
			defer mu.Unlock()
			outcomes[outcome]++
			return err
		})
		return outcomes
	}
	equal(t, "this month", rush(slots, 100), map[host.Added]int{host.AddedNow: 3, host.AddedNoChange: tries - 3})
	slots.Month = "2026-12"
	equal(t, "next month", rush(slots, 200), map[host.Added]int{host.AddedNow: 2, host.AddedNoMore: tries - 2})
	equal(t, "counted", must(store.HostTally(t.Context(), id))(t).Hosts, slots.Limit)
}

// hostChurn replaces hosts concurrently and repeatedly.
func hostChurn(t *testing.T, store Store, id tenant.ID) {
	const rounds = 4
	slots := host.Slots{Limit: 5, Changes: 7, Month: "2026-11"}
	for n := range slots.Limit {
		equal(t, "fill", must(store.AddHost(t.Context(), id, host.Host{Email: emailOf(n)}, slots))(t), host.AddedNow)
	}
	var changes, removed atomic.Int64
	parallel(t, slots.Limit, func(ctx context.Context, n int) error {
		for range rounds {
			gone, err := store.RemoveHost(ctx, id, emailOf(n))
			if err != nil {
				return err
			}
			outcome, err := store.AddHost(ctx, id, host.Host{Email: emailOf(n)}, slots)
			if err != nil {
				return err
			}
			if gone {
				removed.Add(1)
			}
			if outcome == host.AddedNow {
				changes.Add(1)
			}
		}
		return nil
	})
	equal(t, "changes", changes.Load(), int64(slots.Changes))
	equal(t, "counted", int64(must(store.HostTally(t.Context(), id))(t).Hosts), int64(slots.Limit)+changes.Load()-removed.Load())
	equal(t, "listed", len(must(store.Hosts(t.Context(), id, "", 10))(t)), must(store.HostTally(t.Context(), id))(t).Hosts)
}

func locks(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	one := host.Lock{Host: "ann@example.org", Conference: "one", Number: 1, Since: instant(0), Mark: 7}
	two := host.Lock{Host: "ann@example.org", Conference: "two", Number: 2, Since: instant(1), Mark: 8}
	free, held := host.Locked{}, func(by host.Lock) host.Locked { return host.Locked{Holder: &by} }
	unlock := func(l host.Lock) {
		t.Helper()
		if err := store.Unlock(ctx, id, l); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "free", must(store.Lock(ctx, id, one, nil))(t), free)
	equal(t, "held by the same", must(store.Lock(ctx, id, one, nil))(t), host.Locked{Renewed: true})
	equal(t, "held by another", must(store.Lock(ctx, id, two, nil))(t), held(one))
	unlock(two)
	unlock(host.Lock{Host: two.Host, Number: two.Number})
	equal(t, "unlocking another's changes nothing", must(store.Locks(ctx, id))(t), []host.Lock{one})
	again := one
	again.Since = instant(2)
	equal(t, "taken again", must(store.Lock(ctx, id, again, nil))(t), host.Locked{Renewed: true})
	equal(t, "taking over one that was taken again since", must(store.Lock(ctx, id, two, &one))(t), held(again))
	other, marked := again, again
	other.Number, marked.Mark = 3, 9
	for _, stale := range []host.Lock{other, marked} {
		equal(t, "taking over one that was taken otherwise at the same moment", must(store.Lock(ctx, id, two, &stale))(t), held(again))
	}
	equal(t, "taking over a stale one", must(store.Lock(ctx, id, two, &again))(t), free)
	equal(t, "taking over what is its own", must(store.Lock(ctx, id, two, &again))(t), host.Locked{Renewed: true})
	older, whenever := two, two
	other, marked = two, two
	older.Since, whenever.Since, other.Number, marked.Mark = instant(0), time.Time{}, 3, 9
	for _, not := range []host.Lock{one, older, other, marked} {
		unlock(not)
	}
	equal(t, "unlocking one that is not as it was seen changes nothing", must(store.Locks(ctx, id))(t), []host.Lock{two})
	unlock(two)
	equal(t, "unlocked", len(must(store.Locks(ctx, id))(t)), 0)
	equal(t, "taking over one that is free by now", must(store.Lock(ctx, id, two, &one))(t), free)
	equal(t, "taken", must(store.Locks(ctx, id))(t), []host.Lock{two})
	unlock(whenever)
	equal(t, "none left", len(must(store.Locks(ctx, id))(t)), 0)
}
