package storetest

import (
	"context"
	"testing"

	"seatmeter/shared/rate"
	"seatmeter/shared/tenant"
)

// counts: concurrent reports are all counted, by key and window.
func counts(t *testing.T, store Store, id tenant.ID) {
	joins, window := rate.OfTenant(rate.KindJoin, id), rate.Window(instant(0))
	sums := make([]int64, manyCallers)
	parallel(t, manyCallers, func(ctx context.Context, n int) (err error) {
		sums[n], err = store.Count(ctx, joins, window, 16)
		return err
	})
	met := map[int64]bool{}
	for _, sum := range sums {
		met[sum] = true
	}
	for n := range int64(manyCallers) {
		if !met[16*(n+1)] {
			t.Errorf("nobody was told that there are %d", 16*(n+1))
		}
	}
	for _, other := range []struct {
		key    rate.Key
		window int64
	}{
		{joins, window + 1},
		{rate.OfTenant(rate.KindCall, id), window},
		{rate.OfTenant(rate.KindJoin, id+"-other"), window},
		{rate.OfRole(rate.KindJoin, string(id)), window},
	} {
		equal(t, "of another key or window", must(store.Count(t.Context(), other.key, other.window, 3))(t), int64(3))
	}
	equal(t, "the first still", must(store.Count(t.Context(), joins, window, 1))(t), int64(16*manyCallers+1))
}
