package pool

import (
	"seatmeter/shared/seat"
)

// Target is the capacity of a block in a pool of some capacity: all blocks are
// full but the last. Growing a pool lowers no block's target.
func Target(capacity, index int) int {
	return max(0, min(seat.BlockSeats, capacity-index*seat.BlockSeats))
}

// count is how many blocks a pool of this capacity can have.
func count(capacity int) int { return (capacity + seat.BlockSeats - 1) / seat.BlockSeats }

// start is the block that a connection tries first, by its id; each block gets
// connections in proportion to its seats.
func start(id seat.ConnectionID, capacity int) int {
	if capacity <= seat.BlockSeats {
		return 0
	}
	return id.Hash() % capacity / seat.BlockSeats
}

// InUse is the number of seats in use in some blocks, expired holds included.
func InUse(blocks []seat.State) int {
	total := 0
	for _, b := range blocks {
		total += b.InUse
	}
	return total
}

// Occupied is the number of seats in some blocks that are not free at a moment.
func Occupied(blocks []seat.State, nowMillis int64) int {
	total := 0
	for _, b := range blocks {
		total += b.Occupied(nowMillis)
	}
	return total
}
