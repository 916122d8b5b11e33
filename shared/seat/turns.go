package seat

import (
	"cmp"
	"slices"

	"seatmeter/shared/tenant"
)

// InTurns orders pools such that the first ones of all tenants come first, then the
// second ones, and so on: a tenant of many pools keeps no other waiting.
func InTurns(pools []Pool) []Pool {
	turns, of := make(map[Pool]int, len(pools)), make(map[tenant.ID]int)
	for _, pool := range pools {
		turns[pool] = of[pool.Tenant]
		of[pool.Tenant]++
	}
	pools = slices.Clone(pools)
	slices.SortStableFunc(pools, func(a, b Pool) int { return cmp.Compare(turns[a], turns[b]) })
	return pools
}
