package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"seatmeter/shared/audit"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

const allTime = 1 << 45 // milliseconds

func entryOf(id tenant.ID, seconds int64, request string) audit.Entry {
	return audit.Entry{
		Tenant: id, Name: audit.Name{AtMillis: instant(seconds).UnixMilli(), RequestID: request}, By: "ann", Role: "vendor", Action: "remove-connection",
		Target: audit.Target{Host: "bob@example.org", Conference: "weekly", Connection: "MadeUp=", Period: "2026-11", Webhook: "wh_1", Reason: "too loud"},
	}
}

// actions: the first write of a record is kept, and a repeat is no error.
func actions(t *testing.T, store Store, id tenant.ID) {
	ctx, e := t.Context(), entryOf(id, 0, "one=")
	list := func() []audit.Record { return must(store.Actions(ctx, id, 0, allTime, audit.Name{}, 10))(t) }
	for range 2 {
		if err := store.BeginAction(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "begun", list(), []audit.Record{{Entry: e, Outcome: audit.Outcome{Result: audit.ResultUnknown}}})
	other := e
	other.By = "eve"
	if err := store.BeginAction(ctx, other); !errors.Is(err, audit.ErrTaken) {
		t.Errorf("another entry of the same name: %v", err)
	}
	o := audit.Outcome{Result: audit.ResultRefused, Code: problem.NotFound, Changes: []audit.Change{
		{Member: "name", From: json.RawMessage(`null`), To: json.RawMessage(`"\u003c ü"`)}, {Member: "seats", From: json.RawMessage(`25`), To: json.RawMessage(`30`)},
	}}
	for _, outcome := range []audit.Outcome{o, o, {Result: audit.ResultDone}} {
		if err := store.EndAction(ctx, id, e.Name, outcome); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "ended", list(), []audit.Record{{Entry: e, Outcome: o}})
	equal(t, "another tenant's", len(must(store.Actions(ctx, id+"-other", 0, allTime, audit.Name{}, 10))(t)), 0)
}

// actionPages: some actions have the same time, and some have no outcome.
func actionPages(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	var want []audit.Record // the newest first
	for n := range 9 {
		r := audit.Record{Entry: entryOf(id, int64(n/3), fmt.Sprintf("r%d=", n)), Outcome: audit.Outcome{Result: audit.ResultUnknown}}
		if err := store.BeginAction(ctx, r.Entry); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			r.Outcome = audit.Outcome{Result: audit.ResultDone}
			if err := store.EndAction(ctx, id, r.Name, r.Outcome); err != nil {
				t.Fatal(err)
			}
		}
		want = append([]audit.Record{r}, want...)
	}
	for limit := 1; limit <= 10; limit++ {
		var got []audit.Record
		for after := (audit.Name{}); ; after = got[len(got)-1].Name {
			page := must(store.Actions(ctx, id, 0, allTime, after, limit))(t)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
		}
		equal(t, fmt.Sprintf("by pages of %d", limit), got, want)
	}
	from, to := instant(1).UnixMilli(), instant(2).UnixMilli()
	equal(t, "half-open", must(store.Actions(ctx, id, from, to, audit.Name{}, 10))(t), want[3:6])
	equal(t, "after one that is later than the range", must(store.Actions(ctx, id, from, to, want[0].Name, 10))(t), want[3:6])
	equal(t, "after the last", len(must(store.Actions(ctx, id, from, to, want[8].Name, 10))(t)), 0)
	equal(t, "of no time", len(must(store.Actions(ctx, id, to, from, audit.Name{}, 10))(t)), 0)
}
