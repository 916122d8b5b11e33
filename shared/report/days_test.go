package report_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/report"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func TestDaysAndTheirTotalAreThoseOfTheReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := lived(t)
		q := w.drawQuery(t)
		days, total, err := report.New(w.store, w).Days(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		q.Granularity = usage.GranularityDay
		if diff := cmp.Diff(w.want(q), days); diff != "" {
			t.Fatalf("days of %+v (-everything +report):\n%s", q, diff)
		}
		q.Granularity = usage.GranularityTotal
		if diff := cmp.Diff(w.want(q)[0], total); diff != "" {
			t.Fatalf("total of %+v (-everything +report):\n%s", q, diff)
		}
	})
}

// busy is a store that records another stay before each read of the ledger.
type busy struct {
	rollup.Store
	record func()
}

func (b busy) Stays(ctx context.Context, t tenant.ID, from, to int64) iter.Seq2[usage.Stay, error] {
	b.record()
	return b.Store.Stays(ctx, t, from, to)
}

func TestATotalEqualsItsDaysWhileStaysAreRecorded(t *testing.T) {
	w := newWorld(t, "UTC")
	for day := 1; day <= 6; day++ {
		w.stay(day, 600, time.Hour, "bob")
	}
	w.now = w.at(4, 0) // the 1st and the 2nd are final
	w.roll()
	w.now = w.at(7, 0)
	day, recorded := 0, 0
	store := busy{w.store, func() {
		day, recorded = day%6+1, recorded+1
		from := w.at(day, 700).UnixMilli()
		w.record(w.part(from, from+60_000, "eve", nil))
	}}
	days, total, err := report.New(store, w).Days(t.Context(), w.query(w.at(1, 0), w.at(7, 0), usage.GranularityDay))
	if err != nil {
		t.Fatal(err)
	}
	var millis int64
	joins := 0
	for _, row := range days {
		millis, joins = millis+row.SeatMillis, joins+row.Joins
	}
	if recorded == 0 || total.SeatMillis != millis || total.Joins != joins {
		t.Errorf("after %d records the total is %d ms and %d joins, its days %d ms and %d", recorded, total.SeatMillis, total.Joins, millis, joins)
	}
}

func TestDaysOfAnInvalidRangeAreRefused(t *testing.T) {
	w := newWorld(t, "UTC")
	_, _, err := report.New(w.store, w).Days(t.Context(), w.query(w.at(2, 0), w.at(1, 0), usage.GranularityDay))
	wantFaults(t, err, "#/to")
}
