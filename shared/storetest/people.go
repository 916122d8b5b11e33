package storetest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"seatmeter/shared/audit"
	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/people"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func personOf(id tenant.ID, identity string, n int) people.Pair {
	return people.Pair{Tenant: id, Identity: identity, Pseudonym: fmt.Sprintf("person-%016d", n)}
}

// personEntered: the first pair of an identity stays, and so does that of a pseudonym.
func personEntered(t *testing.T, store Store, id tenant.ID) {
	ctx, bob := t.Context(), personOf(id, "bob", 1)
	equal(t, "before", must(store.Pseudonym(ctx, id, "bob", true))(t), "")
	equal(t, "entered", must(store.EnterPerson(ctx, bob))(t), true)
	for _, other := range []people.Pair{bob, personOf(id, "bob", 2), personOf(id, "eve", 1)} {
		equal(t, fmt.Sprint("entered again ", other), must(store.EnterPerson(ctx, other))(t), false)
	}
	equal(t, "pseudonym", must(store.Pseudonym(ctx, id, "bob", true))(t), bob.Pseudonym)
	equal(t, "nobody's", must(store.Pseudonym(ctx, id, "eve", true))(t), "")
	equal(t, "identities", must(store.Identities(ctx, id, []string{bob.Pseudonym, "person-2"}))(t), map[string]string{bob.Pseudonym: "bob"})
	equal(t, "another tenant's", len(must(store.Identities(ctx, id+"-other", []string{bob.Pseudonym}))(t)), 0)
	ofBob := personOf(id, "bob.Bob", 3)
	equal(t, "entered", must(store.EnterPerson(ctx, ofBob))(t), true)
	must(store.EnterPerson(ctx, personOf(id, "bobby", 4)))(t)
	equal(t, "pairs", must(store.Pairs(ctx, id, "bob", "."))(t), []people.Pair{ofBob, bob})
}

// personErased: the pseudonym has no identity from the first step on, and the identity no
// pseudonym after the last. Each step may be repeated.
func personErased(t *testing.T, store Store, id tenant.ID) {
	ctx, bob := t.Context(), personOf(id, "bob", 1)
	must(store.EnterPerson(ctx, bob))(t)
	mine := func() (list []people.Erasure) {
		for after := (people.Pair{}); ; {
			page := must(store.Erasures(ctx, after))(t)
			if len(page) == 0 {
				return list
			}
			for _, e := range page {
				if e.Tenant == id {
					list = append(list, e)
				}
			}
			after = page[len(page)-1].Pair
		}
	}
	for range 2 {
		if err := store.BeginErasure(ctx, bob); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "identities", len(must(store.Identities(ctx, id, []string{bob.Pseudonym}))(t)), 0)
	equal(t, "pseudonym meanwhile", must(store.Pseudonym(ctx, id, "bob", true))(t), bob.Pseudonym)
	equal(t, "under way", mine(), []people.Erasure{{Pair: bob}})
	far := people.Erasure{Pair: bob, Part: 1, After: "stay#1"}
	if err := store.SaveErasure(ctx, far); err != nil {
		t.Fatal(err)
	}
	if err := store.BeginErasure(ctx, bob); err != nil {
		t.Fatal(err)
	}
	equal(t, "further, and begun again", mine(), []people.Erasure{far})
	for range 2 {
		if err := store.EndErasure(ctx, bob); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.SaveErasure(ctx, far); err != nil {
		t.Fatal(err)
	}
	equal(t, "under way after the end", len(mine()), 0)
	equal(t, "pseudonym after the end", must(store.Pseudonym(ctx, id, "bob", true))(t), "")
}

// identitiesReplaced: an earlier release wrote identities in clear.
func identitiesReplaced(t *testing.T, store Store, id tenant.ID) {
	ctx, ann := t.Context(), personOf(id, "ann@example.org", 1)
	stay := sessionOf(id, connectionOf(id, 1)).Stay(1_790_000_060_000, usage.EndClosed)
	stay.Host = "ann@example.org"
	must(store.Record(ctx, stay))(t)
	refusal := usage.Refusal{Tenant: id, Identity: "ann@example.org", Connection: connectionOf(id, 2), AtMillis: 1_790_000_000_500, Code: problem.SeatsExhausted}
	note, other := entryOf(id, 0, "one="), entryOf(id, 1, "two=")
	note.Target.Host, note.Target.Identity = "ann@example.org", ""
	other.Target.Host = "carl@example.org"
	for _, err := range []error{
		store.Refuse(ctx, refusal), store.BeginAction(ctx, note), store.BeginAction(ctx, other),
		store.EndAction(ctx, id, note.Name, named("Ann", "Anna")), store.EndAction(ctx, id, other.Name, named("Carl", "Karl")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "parts of no tenant", must(store.LedgerParts(ctx, id))(t), 0)
	l := license.License{Tenant: id, Model: license.ModelConcurrent, Seats: 25}.WithDefaults().Following(nil)
	must(store.PutLicense(ctx, l))(t)
	equal(t, "parts", must(store.LedgerParts(ctx, id))(t), 2)
	for part := range 2 {
		equal(t, "the rest", must(store.ReplaceInLedger(ctx, people.Erasure{Pair: ann, Part: part}))(t), "")
	}
	stay.Host, refusal.Identity, note.Target.Host = "person-0000000000000001", ann.Pseudonym, ann.Pseudonym
	equal(t, "the stay", all(t, store.Stays(ctx, id, 0, allTime)), []usage.Stay{stay})
	equal(t, "the refusal", all(t, store.Refusals(ctx, id, 0, allTime)), []usage.Refusal{refusal})
	equal(t, "the actions", must(store.Actions(ctx, id, 0, allTime, audit.Name{}, 10))(t), []audit.Record{
		{Entry: other, Outcome: named("Carl", "Karl")}, {Entry: note, Outcome: named(ann.Pseudonym, ann.Pseudonym)},
	})

	c := conference.Conference{Tenant: id, ID: "weekly", Number: 1, Host: "ann@example.org", State: conference.StateScheduled, CreatedAt: instant(0)}
	must(store.Schedule(ctx, c))(t)
	live := must(store.GoLive(ctx, c, instant(1), false))(t)
	equal(t, "of one that went live meanwhile", must(store.ReplaceHost(ctx, c, ann.Pseudonym))(t), false)
	was := *live
	was.Host = "eve@example.org"
	equal(t, "of another host's", must(store.ReplaceHost(ctx, was, ann.Pseudonym))(t), false)
	equal(t, "as it is", must(store.ReplaceHost(ctx, *live, ann.Pseudonym))(t), true)
	equal(t, "its host", must(store.Conference(ctx, id, "weekly", true))(t).Host, host.Email(ann.Pseudonym))
	if err := store.ForgetOldRollups(ctx, id); err != nil {
		t.Fatal(err)
	}
}

// named is the outcome of a change of a host's display name.
func named(from, to string) audit.Outcome {
	return audit.Outcome{Result: audit.ResultDone, Changes: []audit.Change{{Member: "name", From: json.RawMessage(strconv.Quote(from)), To: json.RawMessage(strconv.Quote(to))}}}
}
