package storetest

import (
	"testing"

	"seatmeter/shared/books"
	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

func checkpoints(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	want := books.Audit{Checkpoints: make(map[seat.Block]books.Checkpoint)}
	equal(t, "before the first audit", must(store.LastAudit(ctx, id))(t), want)
	own := seat.Pool{Tenant: id}
	for i, block := range []seat.Block{
		{Pool: own}, {Pool: own, Index: 33}, {Pool: seat.Pool{Tenant: id, Number: 37}}, {Pool: seat.Pool{Tenant: id, Number: 37, Chair: true}},
	} {
		c := books.Checkpoint{AtMillis: int64(i + 1), Taken: 7, Voids: 2, Open: []books.OpenSeat{{Connection: "a=", JoinedAtMillis: 3}, {Connection: "b=", JoinedAtMillis: 4}}}
		want.Checkpoints[block] = c
		if err := store.PutCheckpoint(ctx, block, c); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "written", must(store.LastAudit(ctx, id))(t), want)
	replaced := books.Checkpoint{AtMillis: 9, Taken: 8, Voids: 2}
	want.Checkpoints[seat.Block{Pool: own}], want.AtMillis = replaced, 9
	if err := store.PutCheckpoint(ctx, seat.Block{Pool: own}, replaced); err != nil {
		t.Fatal(err)
	}
	if err := store.EndAudit(ctx, id, 9); err != nil {
		t.Fatal(err)
	}
	equal(t, "replaced", must(store.LastAudit(ctx, id))(t), want)
	equal(t, "of another tenant", must(store.LastAudit(ctx, freshTenant()))(t), books.Audit{Checkpoints: make(map[seat.Block]books.Checkpoint)})
	if err := store.SaveAuditedUntil(ctx, 11); err != nil {
		t.Fatal(err)
	}
	equal(t, "the progress of all", must(store.AuditedUntil(ctx))(t), int64(11))
}

func registered(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	for number, at := range map[conference.Number]int64{7: 1000, 36: 2000, 37: 3000, 2: 3000} {
		for range 2 {
			if err := store.Register(ctx, id, number, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	// One whose start was tried twice has the first time.
	if err := store.Register(ctx, id, 37, 4000); err != nil {
		t.Fatal(err)
	}
	all := map[conference.Number]int64{7: 1000, 36: 2000, 37: 3000, 2: 3000}
	equal(t, "all", must(store.Registered(ctx, id, 0))(t), all)
	equal(t, "since a negative time", must(store.Registered(ctx, id, -5))(t), all)
	equal(t, "since a moment", must(store.Registered(ctx, id, 3000))(t), map[conference.Number]int64{37: 3000, 2: 3000})
	equal(t, "after a moment", must(store.Registered(ctx, id, 3001))(t), map[conference.Number]int64{37: 4000})
	equal(t, "of another tenant", must(store.Registered(ctx, freshTenant(), 0))(t), map[conference.Number]int64{})
}
