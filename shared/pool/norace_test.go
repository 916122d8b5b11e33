//go:build !race

package pool_test

// raced tells whether the race detector watches. It has little to watch in
// schedules in which one goroutine runs at a time: they are run without it.
const raced = false
