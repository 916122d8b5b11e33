// Package seat holds what Seatmeter exists for: a bounded number of seats that
// change hands by one conditional write each.
//
// Terms: a seat is the right of one connection to be in a conference. A pool
// is a bounded set of seats; both licensing models are pools and differ only
// in which one a connection draws on: the tenant's one pool, or the pool of a
// conference. A host's own first connection takes the conference's chair, a
// pool of one. A block is the part of a pool that is one item of at most 1 KB,
// so that a seat costs one write unit. A member is a connection that holds a
// seat of a block. A void is a seat that was taken and never used.
//
// A pool larger than one block is split by escrow: every block enforces its
// own capacity, and the capacities never add up to more than the pool's (see
// Pools.Settle), so that no order of writes can oversell the pool.
package seat

import (
	"context"
	"hash/fnv"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/tenant"
)

// BlockSeats is how many seats one block holds at the most. Thirty members
// with 16-byte connection ids stay below the 1 KB that one write unit covers.
const BlockSeats = 30

// ConnectionID is the gateway's id of one WebSocket.
type ConnectionID string

// Pool names a bounded set of seats.
type Pool struct {
	Tenant tenant.ID
	// Number is the conference's, or zero for the tenant's own pool.
	Number conference.Number
	// Chair is the pool of one that a host's first connection takes.
	Chair bool
}

// Block names one block of a pool.
type Block struct {
	Pool  Pool
	Index int
}

// Member is a connection that holds a seat.
type Member struct {
	// JoinedAtMillis tells a connection's successive stays apart. Unix time.
	JoinedAtMillis int64
	// Conference is the number of the conference that the seat is used in.
	Conference conference.Number
	// Mark tells two takes for the same stay apart, should the second come
	// when the first was given back already. Drawn by chance.
	Mark uint16
}

// State is what one read of a block shows.
type State struct {
	Block    Block
	InUse    int
	Capacity int
	// Taken counts the seats ever taken here; each is a session's seat number.
	Taken int64
	// Voids counts the seats that were taken and never used.
	Voids int64
	// Revision is the license's, under which seats are taken.
	Revision int64
	// Closed blocks accept no more joins: their conference has ended.
	Closed  bool
	Members map[ConnectionID]Member
}

// Room is how many more connections the block admits.
func (s State) Room() int {
	if s.Closed {
		return 0
	}
	return max(0, s.Capacity-s.InUse)
}

// Outcome is what became of an attempt on a block.
type Outcome int

// The outcomes of a take. Only OutcomeTaken changed anything.
const (
	OutcomeTaken Outcome = iota
	OutcomeMember
	OutcomeFull
	OutcomeClosed
	OutcomeMissing
	OutcomeOtherRevision
)

// Attempt is the answer to a take: what became of it, and the block as it
// stands after a success or stood at the refusal.
type Attempt struct {
	Outcome Outcome
	State   State
}

// Judge says which of a take's conditions a block fails, in the order in which
// a caller must act on them. Every store judges refusals by it.
func Judge(state State, exists bool, id ConnectionID, revision int64) Outcome {
	_, member := state.Members[id]
	switch {
	case !exists:
		return OutcomeMissing
	case member:
		return OutcomeMember
	case state.Closed:
		return OutcomeClosed
	case state.Revision != revision:
		return OutcomeOtherRevision
	case state.InUse >= state.Capacity:
		return OutcomeFull
	}
	return OutcomeTaken
}

// Returned is what became of a seat that was to be given back.
type Returned struct {
	// Held: the seat was held and is free now.
	Held bool
	// Instead is how the connection holds a seat of the block instead, if it
	// does: by another take.
	Instead *Member
}

// Blocks is where blocks live. Every method is one atomic step on one block,
// consistent, and safe to repeat after a lost answer: its condition tests what
// it sets. Errors are the store's own; a refused condition is no error.
type Blocks interface {
	// Take adds a member under a license revision. Repeating a take that had
	// landed gives OutcomeMember.
	Take(ctx context.Context, block Block, id ConnectionID, member Member, revision int64) (Attempt, error)
	// Renumber gives a member that is in already the next seat number and
	// counts its old one as void: the way out when the answer to a take was
	// lost and with it the number. The member itself stays as it is. False:
	// it is not a member. Repeating it after a lost answer voids one more
	// number and is harmless.
	Renumber(ctx context.Context, block Block, id ConnectionID) (State, bool, error)
	// GiveBack removes a member, if it holds its seat by this very take, and
	// as a void if the seat was never used.
	GiveBack(ctx context.Context, block Block, id ConnectionID, member Member, void bool) (Returned, error)
	// Create adds an empty block. False: it exists.
	Create(ctx context.Context, block Block, capacity int, revision int64) (bool, error)
	// Resize sets a block's capacity and revision if both are still as seen
	// in was. False: they are not.
	Resize(ctx context.Context, was State, capacity int, revision int64) (bool, error)
	// Close stops joins for good and gives the block as it stands; a block
	// that is not there is made, closed. It may be forgotten after keepUntil.
	Close(ctx context.Context, block Block, keepUntil time.Time) (State, error)
	// Read gives the pool's blocks in order of index.
	Read(ctx context.Context, pool Pool) ([]State, error)
}

// Target is the capacity that a block is to have in a pool of this capacity:
// full blocks and a rest. Growing a pool never lowers a block.
func Target(capacity, index int) int {
	return max(0, min(BlockSeats, capacity-index*BlockSeats))
}

// count is how many blocks a pool of this capacity can have.
func count(capacity int) int { return (capacity + BlockSeats - 1) / BlockSeats }

// start is the block at which a connection begins to look for a seat: chosen
// by its id, each block in proportion to its seats.
func start(id ConnectionID, capacity int) int {
	if capacity <= BlockSeats {
		return 0
	}
	return hash(id) % capacity / BlockSeats
}

// hash spreads connections evenly.
func hash(id ConnectionID) int {
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return int(sum.Sum32())
}

// InUse adds up the seats in use in some blocks.
func InUse(blocks []State) int {
	total := 0
	for _, b := range blocks {
		total += b.InUse
	}
	return total
}
