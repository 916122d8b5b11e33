package storetest

import (
	"testing"
	"time"

	"seatmeter/shared/audit"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// anyRange: callers may ask for any range, up to the year 9999. A key has room for
// fewer times.
func anyRange(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	for _, year := range []int{1970, 2285, 2287, 4256, 5137, 5139} {
		from := time.Date(year, time.December, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
		for _, to := range []int64{from + 1, from + 366*24*time.Hour.Milliseconds(), time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC).UnixMilli()} {
			n := len(all(t, store.Stays(ctx, id, from, to))) + len(all(t, store.Refusals(ctx, id, from, to))) +
				len(all(t, store.Waits(ctx, id, from, to))) + len(all(t, store.Late(ctx, id, from))) +
				len(all(t, store.Rows(ctx, id, "UTC", usage.GranularityHour, from, to))) +
				len(all(t, store.GroupRows(ctx, id, "UTC", usage.GroupingHost, usage.GranularityDay, from, to))) +
				len(all(t, store.Days(ctx, id, "UTC", from, to))) +
				len(must(store.Actions(ctx, id, from, to, audit.Name{}, 10))(t))
			if n != 0 {
				t.Errorf("%d records from %d to %d", n, from, to)
			}
		}
	}
}
