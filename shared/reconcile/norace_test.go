//go:build !race

package reconcile_test

// raced tells whether the race detector watches. It has little to watch in
// very many tenants that it does not see in a few: many are run without it.
const raced = false
