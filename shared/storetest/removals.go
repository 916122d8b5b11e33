package storetest

import (
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/retention"
	"seatmeter/shared/rollup"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// removalNoted: a removal is read beside the progress, whatever is saved of that, and
// its moment never goes back.
func removalNoted(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	equal(t, "none", must(store.Removal(ctx, id))(t), retention.Removal{})
	first := retention.Removal{BeforeMillis: 1000, NotedMillis: 5000}
	no(t, store.SaveRemoval(ctx, id, first))
	equal(t, "noted", must(store.Removal(ctx, id))(t), first)
	equal(t, "without a roll-up", must(store.Progress(ctx, id))(t), &rollup.Progress{RemovedMillis: 1000})
	no(t, store.SaveProgress(ctx, id, rollup.Progress{Zone: newYork, ThroughMillis: 7, MarksReadMillis: 8}))
	equal(t, "beside a roll-up", must(store.Progress(ctx, id))(t), &rollup.Progress{Zone: newYork, ThroughMillis: 7, MarksReadMillis: 8, RemovedMillis: 1000})
	done := first
	done.DoneMillis = 1000
	next := retention.Removal{BeforeMillis: 2000, NotedMillis: 6000, DoneMillis: 1000}
	for _, r := range []retention.Removal{done, next} {
		no(t, store.SaveRemoval(ctx, id, r))
		equal(t, "replaced", must(store.Removal(ctx, id))(t), r)
	}
	no(t, store.SaveRemoval(ctx, id, done))
	equal(t, "after a late write", must(store.Removal(ctx, id))(t), next)
	equal(t, "its copy", must(store.Progress(ctx, id))(t).RemovedMillis, next.BeforeMillis)
	for _, p := range []retention.Pass{{BeganMillis: 3, After: id}, {BeganMillis: 4}} {
		no(t, store.SavePass(ctx, p))
		equal(t, "the pass", must(store.Pass(ctx))(t), p)
	}
}

// oldRemoved: what is before the moments goes, of one tenant alone; statements and the
// license's history stay.
func oldRemoved(t *testing.T, store Store, id tenant.ID) {
	ctx, other := t.Context(), id+"-other"
	const shards = 3
	from := beginning()
	boundary := from + longDayMillis
	for _, of := range []tenant.ID{id, other} {
		must(store.PutLicense(ctx, license.License{Tenant: of, Model: license.ModelConcurrent, Seats: 5, Revision: 1, Shards: shards}))(t)
		for n, at := range []int64{from, from + 1, boundary - 1, boundary, boundary + 1, boundary + 2} {
			recordAll(t, store, of, n, at, shards)
		}
		must(store.AddStatement(ctx, statement.Sealed{Tenant: of, Period: "2026-10", Revision: 1, SHA256: "s", Document: []byte("{}")}))(t)
		for _, zone := range []string{newYork, kathmandu, "closing@2026-10@" + newYork, "closing@2026-11@" + newYork} {
			for _, at := range []int64{from, boundary} {
				putDays(t, store, of, zone, dayOf(at, longDayMillis, 4))
				no(t, store.PutMonth(ctx, of, zone, monthOf(at, at+longDayMillis, 4)))
				no(t, store.PutGroups(ctx, of, zone, groupsOf(usage.GroupingHost, usage.Period{FromMillis: at, ToMillis: at + longDayMillis}, 4)))
			}
		}
	}
	old := retention.Old{
		Tenant: id, Shards: shards, Zones: []string{newYork, kathmandu}, RecordsMillis: boundary, RollupsMillis: boundary, Period: "2026-11",
	}
	pages, marks := 0, leftOf(t, store, id)["late"] // some of one moment may be one mark
	equal(t, "out of time", must(store.RemoveOld(ctx, old, func() bool { pages++; return pages < 3 }))(t), false)
	whole := leftOf(t, store, other)
	for range 2 {
		equal(t, "done", must(store.RemoveOld(ctx, old, func() bool { return true }))(t), true)
	}
	got := leftOf(t, store, id)
	for what, want := range map[string]int{
		"stays": 3, "refusals": 3, "waits": 3, "late": marks, "statements": 1, "revisions": 1,
		newYork: 1, kathmandu: 1, "closing@2026-10@" + newYork: 0, "closing@2026-11@" + newYork: 2,
		newYork + " months": 1, newYork + " groups": whole[newYork+" groups"] / 2,
	} {
		equal(t, what, got[what], want)
	}
	equal(t, "another's", leftOf(t, store, other), whole)
	old.RecordsMillis = time.Now().Add(time.Hour).UnixMilli()
	equal(t, "done", must(store.RemoveOld(ctx, old, func() bool { return true }))(t), true)
	equal(t, "marks of late records", leftOf(t, store, id)["late"], 0)
}

// recordAll records a stay, a refusal and a wait, each late.
func recordAll(t *testing.T, store Store, of tenant.ID, n int, at int64, shards int) {
	t.Helper()
	ctx := t.Context()
	s := sessionOf(of, connectionOf(of, n))
	s.JoinedAtMillis, s.Shards = at, shards
	must(store.Record(ctx, s.Stay(at+1, usage.EndClosed)))(t)
	no(t, store.Refuse(ctx, usage.Refusal{Tenant: of, Connection: s.Connection, AtMillis: at, Code: problem.SeatsExhausted, Shards: shards}))
	w := waiterOf(of, n, "").Wait
	w.SinceMillis, w.Shards = at, shards
	no(t, store.BeginWait(ctx, seat.Pool{Tenant: of, Number: conference.Number(3)}, w))
	w.UntilMillis, w.Outcome = at+1, usage.WaitAdmitted
	no(t, store.RecordWait(ctx, w))
}

// leftOf counts what a tenant has.
func leftOf(t *testing.T, store Store, of tenant.ID) map[string]int {
	t.Helper()
	ctx := t.Context()
	left := map[string]int{
		"stays": len(all(t, store.Stays(ctx, of, 0, allTime))), "refusals": len(all(t, store.Refusals(ctx, of, 0, allTime))),
		"waits": len(all(t, store.Waits(ctx, of, 0, allTime))), "late": len(all(t, store.Late(ctx, of, 0))),
		"statements": len(must(store.Statements(ctx, of, statement.Name{}, 10))(t)), "revisions": len(must(store.Revisions(ctx, of))(t)),
	}
	for _, zone := range []string{newYork, kathmandu, "closing@2026-10@" + newYork, "closing@2026-11@" + newYork} {
		left[zone] = len(all(t, store.Days(ctx, of, zone, 0, allTime)))
		left[zone+" months"] = len(all(t, store.Rows(ctx, of, zone, usage.GranularityMonth, 0, allTime)))
		for _, g := range []usage.Granularity{usage.GranularityQuarterHour, usage.GranularityHour} {
			left[zone+" "+string(g)] = len(all(t, store.Rows(ctx, of, zone, g, 0, allTime)))
		}
		left[zone+" groups"] = len(all(t, store.GroupRows(ctx, of, zone, usage.GroupingHost, usage.GranularityDay, 0, allTime)))
	}
	return left
}
