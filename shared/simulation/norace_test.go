//go:build !race

package simulation

// raced tells whether the race detector watches.
const raced = false
