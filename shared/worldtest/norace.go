//go:build !race

package worldtest

// Raced tells whether the race detector watches: tests of many orders and faults then
// run a part, and all of them without it.
const Raced = false
