package storetest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"seatmeter/shared/problem"
	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// period of a test's own: all tests share the stores.
func periodOf(id tenant.ID) string { return "2026-11 of " + string(id) }

// closings: a job is written over only what was read of it.
func closings(t *testing.T, store Store, id tenant.ID) {
	ctx, period := t.Context(), periodOf(id)
	if j := must(store.Job(ctx, period, id))(t); j != nil {
		t.Fatalf("there is a closing: %+v", j)
	}
	one := statement.Job{Tenant: id, Period: period, Version: 1, State: statement.StateRunning, AskedMillis: 7}
	equal(t, "first", must(store.SaveJob(ctx, one))(t), true)
	equal(t, "another first", must(store.SaveJob(ctx, one))(t), false)
	equal(t, "read", must(store.Job(ctx, period, id))(t), &one)
	whole := statement.Job{
		Tenant: id, Period: period, Version: 2, State: statement.StateFailed, AskedMillis: 8, Holder: "one", LeaseUntilMillis: 9, CutoffMillis: 10,
		Length: 2, Days: []statement.Day{{}, {Sum: 1<<63 + 1, Records: 40_000_000}}, Revision: 3, CheckedMillis: 11,
		Problem: &problem.Document{Code: problem.PreconditionFailed, Detail: "text", Errors: []problem.Field{{Pointer: "#/period", Detail: "a day"}}},
	}
	equal(t, "next", must(store.SaveJob(ctx, whole))(t), true)
	equal(t, "read whole", must(store.Job(ctx, period, id))(t), &whole)
	equal(t, "its repeat after a lost answer", must(store.SaveJob(ctx, whole))(t), true)
	other := whole
	other.Holder = "another"
	equal(t, "that of another holder", must(store.SaveJob(ctx, other))(t), false)
	other.Version = 4
	equal(t, "one that skips a version", must(store.SaveJob(ctx, other))(t), false)
	other.Version = 3
	equal(t, "one of the next version", must(store.SaveJob(ctx, other))(t), true)

	missing := other
	missing.Tenant, missing.Version = id+"-missing", 2
	equal(t, "the second of none", must(store.SaveJob(ctx, missing))(t), false)

	want := []tenant.ID{id}
	for n := range 4 {
		next := statement.Job{Tenant: id + tenant.ID(fmt.Sprintf("-%d", n)), Period: period, Version: 1}
		equal(t, "of another tenant", must(store.SaveJob(ctx, next))(t), true)
		want = append(want, next.Tenant)
	}
	var listed []tenant.ID
	for after := tenant.ID(""); ; {
		page := must(store.Jobs(ctx, period, after, 2))(t)
		for _, j := range page {
			listed = append(listed, j.Tenant)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].Tenant
	}
	equal(t, "listed", listed, want)
	equal(t, "of another period", len(must(store.Jobs(ctx, period+"-other", "", 2))(t)), 0)

	var written atomic.Int64
	parallel(t, 8, func(ctx context.Context, n int) error {
		next := other
		next.Version, next.Holder = 4, fmt.Sprint(n)
		saved, err := store.SaveJob(ctx, next)
		if saved {
			written.Add(1)
		}
		return err
	})
	equal(t, "of eight at once were written", written.Load(), int64(1))
}

// closingBatches: a batch is written over only what was read of it.
func closingBatches(t *testing.T, store Store, id tenant.ID) {
	ctx, period := t.Context(), periodOf(id)
	if b := must(store.Batch(ctx, period))(t); b != nil {
		t.Fatalf("there is a batch: %+v", b)
	}
	one := statement.Batch{Period: period, Version: 1, Open: true, OpenedMillis: 5}
	equal(t, "first", must(store.SaveBatch(ctx, one))(t), true)
	equal(t, "another first", must(store.SaveBatch(ctx, one))(t), false)
	equal(t, "read", must(store.Batch(ctx, period))(t), &one)
	whole := statement.Batch{Period: period, Version: 2, OpenedMillis: 5, AskedMillis: 6, By: "ann", After: id, Enlisted: true}
	equal(t, "next", must(store.SaveBatch(ctx, whole))(t), true)
	equal(t, "its repeat", must(store.SaveBatch(ctx, whole))(t), false)
	equal(t, "read whole", must(store.Batch(ctx, period))(t), &whole)
	skipping := whole
	skipping.Version = 4
	equal(t, "one that skips a version", must(store.SaveBatch(ctx, skipping))(t), false)
	for _, b := range must(store.Batches(ctx))(t) {
		if b.Period == period {
			equal(t, "listed", b, whole)
			return
		}
	}
	t.Error("it is not listed")
}
