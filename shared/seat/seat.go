// Package seat holds what Seatmeter exists for: a bounded number of seats that
// change hands by one conditional write each.
//
// Terms: a seat is the right of one connection to be in a conference. A pool
// is a bounded set of seats; both licensing models are pools and differ only
// in which one a connection draws on: the tenant's one pool, or the pool of a
// conference. A host's own first connection takes the conference's chair, a
// pool of one. A block is the part of a pool that is one item of at most 1 KB,
// so that a seat costs one write unit. A member is a connection that holds a
// seat of a block. A seat whose connection was lost is held for it until the
// hold ends; then it is as good as free. A void is a seat that was taken and
// never used.
//
// This package knows one block. Package pool makes pools of blocks.
package seat

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/tenant"
)

// BlockSeats is how many seats one block holds at the most. Thirty members
// with 16-byte connection ids stay below the 1 KB that one write unit covers.
const BlockSeats = 30

// MaxMillis is the latest time that a member can have joined at, or a hold begun:
// a block has room for no later one.
const MaxMillis = 1<<45 - 1

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

// ConferencePools are the pools that a conference has to itself under a named
// license.
type ConferencePools struct{ Participants, Chair Pool }

// PoolsOf names the pools of the conference with a number.
func PoolsOf(t tenant.ID, number conference.Number) ConferencePools {
	return ConferencePools{Pool{Tenant: t, Number: number}, Pool{Tenant: t, Number: number, Chair: true}}
}

// Both lists the two pools.
func (c ConferencePools) Both() []Pool { return []Pool{c.Participants, c.Chair} }

// Block names one block of a pool.
type Block struct {
	Pool  Pool
	Index int
}

// Member is a connection that holds a seat, or one that was lost and whose
// seat is held for it.
type Member struct {
	// JoinedAtMillis tells a connection's successive stays apart. Unix time.
	// Zero where the connection was lost.
	JoinedAtMillis int64
	// Mark tells two takes for the same stay apart, should the second come
	// when the first was given back already. Drawn by chance. Zero where the
	// connection was lost.
	Mark uint16
	// Conference is the number of the conference that the seat is used in.
	Conference conference.Number
	// Host: it is the conference's host who sits here.
	Host bool
	// TookOver: its connection took the seat over from one that was open, which
	// may be open still.
	TookOver bool
	// Hold is set where the connection was lost.
	Hold Hold
}

// NewMark draws a member's mark.
func NewMark() uint16 { return uint16(rand.Uint32()) } //nolint:gosec // any 16 bits

// Hold is how a seat waits for its connection to come back.
type Hold struct {
	// LostAtMillis is when the connection was lost: the end of its stay,
	// unless it comes back. Unix time.
	LostAtMillis int64
	// Seconds is how long from then the seat is held. The ledger has the stay
	// before the hold begins.
	Seconds int
}

// UntilMillis is the end of the hold: from this moment on the seat is free.
func (h Hold) UntilMillis() int64 { return h.LostAtMillis + int64(h.Seconds)*millisPerSecond }

const millisPerSecond = 1000

// Held tells whether the member's connection was lost.
func (m Member) Held() bool { return m.Hold != Hold{} }

// Expired tells whether the member's seat was held and is no longer.
func (m Member) Expired(nowMillis int64) bool { return m.Held() && m.Hold.UntilMillis() <= nowMillis }

// Lost is the member when its connection is lost.
func (m Member) Lost(hold Hold) Member {
	m.JoinedAtMillis, m.Mark, m.TookOver, m.Hold = 0, 0, false, hold
	return m
}

// Found is the member that takes a held seat up again.
func (m Member) Found(atMillis int64, mark uint16) Member {
	m.JoinedAtMillis, m.Mark, m.Hold = atMillis, mark, Hold{}
	return m
}

// Share is what a block is given of its pool's capacity, and by which license.
type Share struct {
	Capacity int
	// Revision is the license's, under which seats are taken.
	Revision int64
	// Listed: the pool is a large one, and who makes room in a full block of it
	// tells its directory.
	Listed bool
}

// State is what one read of a block shows.
type State struct {
	Block Block
	Share
	InUse int
	// Taken counts the seats ever taken here; each is a session's seat number.
	Taken int64
	// Voids counts the seats that were taken and never used.
	Voids int64
	// Closed blocks accept no more joins: their conference has ended.
	Closed bool
	// SeenAtMillis is when reconciliation last found every member alive that
	// had been in for a minute. Unix time.
	SeenAtMillis int64
	Members      map[ConnectionID]Member
}

// Overused tells whether more seats are in use than the block's capacity, by
// which a share with more may be counted. Who leaves then leaves no room in the
// block, but in the pool: perhaps it has been given to another block already.
func (s State) Overused(share Share) bool {
	return s.InUse > s.Capacity && share.Capacity > s.Capacity
}

// Free is how many more connections the block admits as it stands.
func (s State) Free() int {
	if s.Closed {
		return 0
	}
	return max(0, s.Capacity-s.InUse)
}

// Full tells whether a join at a moment finds no place in the block.
func (s State) Full(nowMillis int64) bool {
	_, over := s.ExpiredHold("", nowMillis)
	return s.Free() == 0 && (!over || s.InUse > s.Capacity)
}

// Occupied is the seats that are not free at a moment: those in use but for
// the holds that have expired.
func (s State) Occupied(nowMillis int64) int {
	occupied := s.InUse
	for _, m := range s.Members {
		if m.Expired(nowMillis) {
			occupied--
		}
	}
	return occupied
}

// ExpiredHold chooses an expired hold: not the same for all who come at once.
func (s State) ExpiredHold(id ConnectionID, nowMillis int64) (Place, bool) {
	var over []ConnectionID
	for other, m := range s.Members {
		if m.Expired(nowMillis) {
			over = append(over, other)
		}
	}
	if len(over) == 0 || s.Closed {
		return Place{}, false
	}
	slices.Sort(over)
	chosen := over[id.Hash()%len(over)]
	return Place{chosen, s.Members[chosen]}, true
}

// Outcome is what became of an attempt on a block.
type Outcome int

// The outcomes of a take or a swap. Only OutcomeTaken changed anything.
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

// JudgeSwap says the same of a swap. OutcomeFull: the place to be taken is not
// as it was seen, or may not be taken.
func JudgeSwap(state State, exists bool, from Place, to Place, revision int64) Outcome {
	_, member := state.Members[to.Connection]
	there, in := state.Members[from.Connection]
	another := to.Connection != from.Connection
	switch {
	case !exists:
		return OutcomeMissing
	case member && another:
		return OutcomeMember
	case state.Closed && another:
		return OutcomeClosed
	case revision != 0 && state.Revision != revision:
		return OutcomeOtherRevision
	case !in || there != from.Member || revision != 0 && state.InUse > state.Capacity:
		return OutcomeFull
	}
	return OutcomeTaken
}

// Place is a connection's seat in a block.
type Place struct {
	Connection ConnectionID
	Member     Member
}

// Returned is what became of a seat that was to be given back, or held.
type Returned struct {
	// Done: the seat was this take's, and is given back or held now.
	Done bool
	// Instead is how the connection holds a seat of the block instead, if it
	// does: by another take.
	Instead *Member
	// Vacancy is set where a full block of a large pool has, or will have, room.
	Vacancy *Vacancy
}

// Blocks is where blocks live. Every method is one atomic step on one block,
// consistent, and safe to repeat
// after a lost answer: its condition tests what it sets. Errors are the store's
// own; a refused condition is no error.
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
	// Hold marks a member's connection as lost, if it holds its seat by this
	// very take. The seat stays in use.
	Hold(ctx context.Context, block Block, id ConnectionID, member Member, hold Hold) (Returned, error)
	// Swap puts a connection in another's place, with the next seat number:
	// the seat is in use throughout, so nobody can slip in between. Under a
	// revision it is a join, and has a join's conditions; with none (zero) it
	// is a stay that goes on. A connection may be swapped with itself, also in a
	// closed block: that begins the next part of its stay. Repeating a swap that
	// had landed gives OutcomeMember, or OutcomeFull for a swap with itself.
	Swap(ctx context.Context, block Block, from, to Place, revision int64) (Attempt, error)
	// Create adds an empty block. False: it exists.
	Create(ctx context.Context, block Block, share Share) (bool, error)
	// Resize sets a block's share if its capacity and revision are still as seen
	// in was, and its use is such that no more is given out than was meant: no
	// more than the new capacity, or than was seen; and just that where a
	// capacity is raised that was used beyond (see Overused). False: it is not so.
	Resize(ctx context.Context, was State, share Share) (bool, error)
	// Close stops joins for good and gives the block as it stands; a block
	// that is not there is made, closed. It may be forgotten after keepUntil.
	Close(ctx context.Context, block Block, keepUntil time.Time) (State, error)
	// Read gives the pool's blocks in order of index.
	Read(ctx context.Context, pool Pool) ([]State, error)
	// Get gives one block; nil if it is not there.
	Get(ctx context.Context, block Block) (*State, error)
	// MarkAlive notes that the block's members were found alive, to the second. A
	// later note stays.
	MarkAlive(ctx context.Context, block Block, atMillis int64) error
	// Dequeue takes a block off the agenda of reconciliation, if nobody is in
	// it. Every take puts it back on.
	Dequeue(ctx context.Context, block Block) error
}

// Hash spreads connections evenly.
func (id ConnectionID) Hash() int {
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return int(sum.Sum32())
}
