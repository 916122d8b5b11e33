package storetest

import (
	"encoding/json"
	"slices"
	"testing"

	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
	"seatmeter/shared/webhook"
)

// noteOf is an event that is told at a moment.
func noteOf(id tenant.ID, n string, dueMillis int64) signal.Note {
	return signal.Note{Event: signal.New("event-"+n, id, signal.LicenseExpiring, 7, map[string]int{"days": 1}), DueMillis: dueMillis, ExpiringMillis: 9}
}

// due are a tenant's notes that are due at a moment.
func due(t *testing.T, store Store, id tenant.ID, nowMillis int64) []signal.Note {
	t.Helper()
	var list []signal.Note
	for shard := range signal.Shards {
		for _, n := range must(store.DueNotes(t.Context(), shard, nowMillis, 1000))(t) {
			if n.Tenant == id {
				list = append(list, n)
			}
		}
	}
	return list
}

// outbox: a note is due from its moment on, until it is removed.
func outbox(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	later, first := noteOf(id, "later", 1001), noteOf(id, "first", 1000)
	first.Conference = signal.ConferenceNote{ID: "weekly", Number: 7}
	if err := store.Signal(ctx, later, first); err != nil {
		t.Fatal(err)
	}
	equal(t, "before", len(due(t, store, id, 999)), 0)
	one := due(t, store, id, 1000)
	if len(one) != 1 {
		t.Fatalf("%d are due", len(one))
	}
	first.Key, first.DueMillis = one[0].Key, 0
	equal(t, "the one that is due", one[0], first)
	if err := store.RemoveNote(ctx, one[0].Key); err != nil {
		t.Fatal(err)
	}
	both := due(t, store, id, 5000)
	equal(t, "after it was told", len(both) == 1 && both[0].ID == later.ID, true)
}

// webhookSets: a tenant's webhooks are written over only what was read.
func webhookSets(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	equal(t, "none", must(store.Webhooks(ctx, id))(t), webhook.Set{Tenant: id})
	one := webhook.Webhook{
		ID: "wh_1", URL: "https://hooks.example.com/", Types: []signal.Type{signal.SeatsThreshold}, Description: "Billing", Status: webhook.StatusActive,
		Secrets:         []webhook.Signing{{Secret: "whsec_1"}, {Secret: "whsec_2", UntilMillis: 5}},
		CreatedAtMillis: 1, FailingSinceMillis: 2, FailedAtMillis: 3,
	}
	first := webhook.Set{Tenant: id, Version: 1, Webhooks: []webhook.Webhook{one}}
	equal(t, "the second of none", must(store.SaveWebhooks(ctx, webhook.Set{Tenant: id, Version: 2}))(t), false)
	equal(t, "first", must(store.SaveWebhooks(ctx, first))(t), true)
	equal(t, "another first", must(store.SaveWebhooks(ctx, first))(t), false)
	equal(t, "read", must(store.Webhooks(ctx, id))(t), first)
	equal(t, "one that skips a version", must(store.SaveWebhooks(ctx, webhook.Set{Tenant: id, Version: 3}))(t), false)
	equal(t, "next", must(store.SaveWebhooks(ctx, webhook.Set{Tenant: id, Version: 2}))(t), true)
	equal(t, "read again", must(store.Webhooks(ctx, id))(t), webhook.Set{Tenant: id, Version: 2})
}

func deliveryOf(of webhook.Place, event string, atMillis int64) webhook.Delivery {
	return webhook.Delivery{
		Place: of, State: webhook.StatePending, SinceMillis: 5, DueMillis: 1000,
		Event: signal.Event{ID: event, Tenant: of.Tenant, Type: signal.HostAdded, AtMillis: atMillis, Data: json.RawMessage(`{"email":"ann@example.org"}`)},
	}
}

// deliveries: a delivery is pending until it has ended, and listed then.
func deliveries(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), webhook.Place{Tenant: id, Webhook: "wh_1"}
	one, two, three := deliveryOf(of, "one", 1), deliveryOf(of, "two", 2), deliveryOf(of, "three", 2)
	for _, d := range []webhook.Delivery{two, one, three, deliveryOf(webhook.Place{Tenant: id, Webhook: "wh_2"}, "other", 1)} {
		if err := store.Enqueue(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "pending", must(store.Pending(ctx, of, nil, 10))(t), []webhook.Delivery{one, three, two})
	equal(t, "a page", must(store.Pending(ctx, of, nil, 1))(t), []webhook.Delivery{one})
	equal(t, "the rest", must(store.Pending(ctx, of, &one, 10))(t), []webhook.Delivery{three, two})

	failed := two.After(webhook.Attempt{AtMillis: 2000, TookMillis: 3, Status: 500, Detail: "answered 500"})
	sent := one.After(webhook.Attempt{AtMillis: 2000, TookMillis: 3, Status: 204})
	for _, d := range []webhook.Delivery{failed, sent} {
		if err := store.SaveDelivery(ctx, d); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "pending after attempts", must(store.Pending(ctx, of, nil, 10))(t), []webhook.Delivery{three, failed})
	sent.Event.Data = nil
	equal(t, "all", must(store.Deliveries(ctx, of, 0, "", 10))(t), []webhook.Delivery{failed, three, sent})
	equal(t, "the first", must(store.Deliveries(ctx, of, 0, "", 1))(t), []webhook.Delivery{failed})
	equal(t, "after the first", must(store.Deliveries(ctx, of, 2, "two", 10))(t), []webhook.Delivery{three, sent})
	if err := store.DropPending(ctx, three); err != nil {
		t.Fatal(err)
	}
	if err := store.SaveDelivery(ctx, three); err != nil { // an attempt of before
		t.Fatal(err)
	}
	equal(t, "without the dropped one", must(store.Pending(ctx, of, nil, 10))(t), []webhook.Delivery{failed})
}

// lanes: one process at a time has a lane, and none goes that something was added to.
func lanes(t *testing.T, store Store, id tenant.ID) {
	ctx, of := t.Context(), webhook.Place{Tenant: id, Webhook: "wh_1"}
	read := func(nowMillis int64) []webhook.Lane {
		var list []webhook.Lane
		for shard := range signal.Shards {
			list = append(list, slices.DeleteFunc(must(store.Lanes(ctx, shard, nowMillis))(t), func(l webhook.Lane) bool { return l.Tenant != id })...)
		}
		return list
	}
	add := func(event string) {
		t.Helper()
		if err := store.Enqueue(ctx, deliveryOf(of, event, 1)); err != nil {
			t.Fatal(err)
		}
	}
	leave := func(l webhook.Lane, left webhook.Leaving) {
		t.Helper()
		if err := store.LeaveLane(ctx, l, left); err != nil {
			t.Fatal(err)
		}
	}
	add("one")
	equal(t, "before its turn", len(read(999)), 0)
	lane := webhook.Lane{Place: of, DueMillis: 1000, Version: 1}
	equal(t, "in its turn", read(1000), []webhook.Lane{lane})
	equal(t, "taken", must(store.TakeLane(ctx, lane, 3000))(t), true)
	equal(t, "taken by another", must(store.TakeLane(ctx, lane, 4000))(t), false)
	equal(t, "while it is taken", len(read(2999)), 0)
	add("two")
	leave(lane, webhook.Leaving{UntilMillis: 3000, Empty: true, NextMillis: 8000, AddedMillis: 2000, Failures: 1})
	lane = webhook.Lane{Place: of, DueMillis: 2000, Failures: 1, Version: 2}
	equal(t, "empty, and added to", read(2000), []webhook.Lane{lane})
	equal(t, "taken again", must(store.TakeLane(ctx, lane, 5000))(t), true)
	taken := webhook.Lane{Place: of, DueMillis: 5000, Failures: 1, Version: 2}
	for _, empty := range []bool{true, false} {
		leave(lane, webhook.Leaving{UntilMillis: 3000, Empty: empty, NextMillis: 1, AddedMillis: 1})
		equal(t, "left after the lease", read(5000), []webhook.Lane{taken})
	}
	leave(lane, webhook.Leaving{UntilMillis: 5000, NextMillis: 6000, AddedMillis: 1, Failures: 2})
	lane = webhook.Lane{Place: of, DueMillis: 6000, Failures: 2, Version: 2}
	equal(t, "left", read(6000), []webhook.Lane{lane})
	equal(t, "taken once more", must(store.TakeLane(ctx, lane, 7000))(t), true)
	add("three")
	leave(lane, webhook.Leaving{UntilMillis: 7000, NextMillis: 9000, AddedMillis: 6500})
	lane = webhook.Lane{Place: of, DueMillis: 6500, Version: 3}
	equal(t, "added to", read(6500), []webhook.Lane{lane})
	equal(t, "taken at last", must(store.TakeLane(ctx, lane, 8000))(t), true)
	leave(lane, webhook.Leaving{UntilMillis: 8000, Empty: true})
	equal(t, "empty", len(read(9_000_000)), 0)
}
