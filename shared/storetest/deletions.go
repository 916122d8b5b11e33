package storetest

import (
	"encoding/json"
	"testing"

	"seatmeter/shared/audit"
	"seatmeter/shared/deletion"
	"seatmeter/shared/license"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
	"seatmeter/shared/webhook"
)

// deletionsOf are those of one tenant: all tests share the store.
func deletionsOf(t *testing.T, store Store, id tenant.ID) (list []deletion.Deletion) {
	t.Helper()
	for after := tenant.ID(""); ; {
		page := must(store.Deletions(t.Context(), after))(t)
		if len(page) == 0 {
			return list
		}
		for _, d := range page {
			if after = d.Tenant; d.Tenant == id {
				list = append(list, d)
			}
		}
	}
}

// deletionSteps: a license is removed as it was read alone, once, and the tenant is
// marked for good. What was noted before does not come back.
func deletionSteps(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	done := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	l := license.License{
		Tenant: id, Model: license.ModelConcurrent, Seats: 5000, DeletingAt: instant(5), QueueLimit: 1,
		EstimatedEndWithinMinutes: 5, Revision: 1, Shards: 5,
	}
	must(store.PutLicense(ctx, l))(t)
	equal(t, "its moment", must(store.License(ctx, id))(t).DeletingAt, l.DeletingAt)
	asked := deletion.Deletion{Tenant: id, AskedMillis: 7, By: "ann"}
	for range 2 {
		done(store.NoteDeletion(ctx, asked))
	}
	again := asked
	again.AskedMillis = 8
	done(store.NoteDeletion(ctx, again))
	done(store.EndDeletion(ctx, asked))
	equal(t, "noted again meanwhile", deletionsOf(t, store, id), []deletion.Deletion{again})
	gone := again
	gone.GoneMillis, gone.Shards = 9, 5
	equal(t, "of another revision", must(store.RemoveLicense(ctx, gone, 2))(t), false)
	equal(t, "not deleted", must(store.Deleted(ctx, id))(t), false)
	equal(t, "removed", must(store.RemoveLicense(ctx, gone, 1))(t), true)
	equal(t, "deleted", must(store.Deleted(ctx, id))(t), true)
	if left := must(store.License(ctx, id))(t); left != nil {
		t.Errorf("has %+v", left)
	}
	for _, listed := range must(store.Tenants(ctx, id[:len(id)-1], 100))(t) {
		if listed == id {
			t.Error("is listed")
		}
	}
	equal(t, "removed again", must(store.RemoveLicense(ctx, gone, 1))(t), false)
	done(store.NoteDeletion(ctx, asked))
	equal(t, "under way", deletionsOf(t, store, id), []deletion.Deletion{gone})
	for range 2 {
		done(store.EndDeletion(ctx, gone))
	}
	equal(t, "under way after the end", len(deletionsOf(t, store, id)), 0)
	equal(t, "deleted for good", must(store.Deleted(ctx, id))(t), true)
}

// restRemoved: all goes but statements and actions, and no other tenant's.
func restRemoved(t *testing.T, store Store, id tenant.ID) {
	ctx, other := t.Context(), id+"-other"
	const shards = 3
	for _, of := range []tenant.ID{id, other} {
		l := license.License{Tenant: of, Model: license.ModelConcurrent, Seats: 5, Revision: 1, Shards: shards}
		must(store.PutLicense(ctx, l))(t)
		for n := range 20 {
			stay := sessionOf(of, connectionOf(of, n)).Stay(1_790_000_060_000, usage.EndClosed)
			stay.Shards = shards
			must(store.Record(ctx, stay))(t)
			refusal := usage.Refusal{Tenant: of, Connection: stay.Connection, AtMillis: 1_790_000_000_500, Code: problem.SeatsExhausted, Shards: shards}
			if err := store.Refuse(ctx, refusal); err != nil {
				t.Fatal(err)
			}
			must(store.Create(ctx, seat.Block{Pool: seat.Pool{Tenant: of}, Index: n * 4}, seat.Share{Capacity: 1, Revision: 1}))(t)
		}
		must(store.AddStatement(ctx, statement.Sealed{Tenant: of, Period: "2026-11", Revision: 1, SHA256: "s", Document: []byte("{}")}))(t)
		must(store.SaveBatch(ctx, statement.Batch{Period: periodOf(of), Version: 1}))(t)
		must(store.SaveJob(ctx, statement.Job{Tenant: of, Period: periodOf(of), Version: 1}))(t)
		must(store.EnterPerson(ctx, personOf(of, "bob", 1)))(t)
		must(store.SaveWebhooks(ctx, webhook.Set{Tenant: of, Version: 1, Webhooks: []webhook.Webhook{{ID: "wh_1"}}}))(t)
		for _, err := range []error{
			store.BeginErasure(ctx, personOf(of, "eve", 2)), store.Register(ctx, of, 3, 1_790_000_000_000), store.EndAudit(ctx, of, 7),
			store.Enqueue(ctx, deliveryOf(webhook.Place{Tenant: of, Webhook: "wh_1"}, "one", 1)),
			store.BeginAction(ctx, entryOf(of, 0, "one=")), store.EndAction(ctx, of, entryOf(of, 0, "one=").Name, named("Bob", "Rob")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	d := deletion.Deletion{Tenant: id, Shards: shards}
	pages := 0
	equal(t, "out of time", must(store.RemoveRest(ctx, d, func() bool { pages++; return pages < 3 }))(t), false)
	for range 2 {
		equal(t, "done", must(store.RemoveRest(ctx, d, func() bool { return true }))(t), true)
	}
	count := func(of tenant.ID) map[string]int {
		return map[string]int{
			"stays": len(all(t, store.Stays(ctx, of, 0, allTime))), "refusals": len(all(t, store.Refusals(ctx, of, 0, allTime))),
			"revisions": len(must(store.Revisions(ctx, of))(t)), "blocks": len(must(store.Read(ctx, seat.Pool{Tenant: of}))(t)),
			"webhooks": len(must(store.Webhooks(ctx, of))(t).Webhooks), "registered": len(must(store.Registered(ctx, of, 0))(t)),
			"deliveries": len(must(store.Pending(ctx, webhook.Place{Tenant: of, Webhook: "wh_1"}, nil, 10))(t)),
			"people":     len(must(store.Identities(ctx, of, []string{personOf(of, "bob", 1).Pseudonym}))(t)),
			"statements": len(must(store.Statements(ctx, of, statement.Name{}, 10))(t)), "actions": len(must(store.Actions(ctx, of, 0, allTime, audit.Name{}, 10))(t)),
		}
	}
	// Of those without a license, the first part alone can be read.
	equal(t, "left", count(id), map[string]int{
		"stays": 0, "refusals": 0, "revisions": 0, "blocks": 0, "webhooks": 0, "registered": 0, "deliveries": 0, "people": 0, "statements": 1, "actions": 1,
	})
	equal(t, "another's", count(other), map[string]int{
		"stays": 20, "refusals": 20, "revisions": 1, "blocks": 8, "webhooks": 1, "registered": 1, "deliveries": 1, "people": 1, "statements": 1, "actions": 1,
	})
	if j := must(store.Job(ctx, periodOf(id), id))(t); j != nil {
		t.Errorf("has %+v", j)
	}
	e := entryOf(id, 0, "one=")
	e.Target.Host, e.Target.Reason = people.Nobody, ""
	nobody := json.RawMessage(`"` + people.Nobody + `"`)
	equal(t, "the action", must(store.Actions(ctx, id, 0, allTime, audit.Name{}, 10))(t), []audit.Record{{
		Entry: e, Outcome: audit.Outcome{Result: audit.ResultDone, Changes: []audit.Change{{Member: "name", From: nobody, To: nobody}}},
	}})
}
