// Package seat holds the bounded number of seats that change hands by one
// conditional write each.
//
// Terms: a seat is the right of one connection to be in a conference. A pool is a
// bounded set of seats. Both licensing models are pools, and differ only in the
// pool that a connection takes a seat of: the tenant's, or a conference's own.
// Under a named license, the host's own first connection takes the conference's
// chair, a pool of one. A block is the part of a pool that is one item of at most
// 1 KB, so that a seat costs one write unit. A member is a connection that has a
// seat of a block. The seat of a lost connection is held until the hold ends, and
// is free from then on. A void is a seat number that no stay ever gets: the seat was
// freed unused, or got another number (see Blocks.Renumber).
//
// This package knows one block. Package pool makes pools of blocks.
package seat

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/tenant"
)

// BlockSeats is the most seats of a block. Thirty members with 16-byte connection
// ids stay below the 1 KB that one write unit covers.
const BlockSeats = 30

// MaxMillis is the latest time of a join or of the beginning of a hold: members
// are packed.
const MaxMillis = 1<<45 - 1

// ConnectionID is the gateway's id of one WebSocket, or that of a server's seat.
type ConnectionID string

// Pool names a bounded set of seats.
type Pool struct {
	Tenant tenant.ID
	// Number is the conference's, or zero for the tenant's own pool.
	Number conference.Number
	// Chair is set for the pool of one that a host's first connection takes a seat of.
	Chair bool
}

// ConferencePools are a conference's own pools, under a named license.
type ConferencePools struct{ Participants, Chair Pool }

// PoolsOf names the pools of a numbered conference.
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

// Member is a connection that has a seat, or a lost one whose seat is held.
type Member struct {
	// JoinedAtMillis tells a connection's successive stays apart. Unix time. Zero if
	// the seat is held.
	JoinedAtMillis int64
	// Mark is random. It tells two takes for the same stay apart, in case the second
	// comes after the first was given back. Zero if the seat is held.
	Mark uint16
	// Conference is the number of the conference that the seat is used in.
	Conference conference.Number
	// Host: the member is the conference's host.
	Host bool
	// TookOver: the connection resumed the seat of another while that was open, and it
	// may be open still.
	TookOver bool
	// Hold is set where the connection was lost.
	Hold Hold
	// Lease is set for a server's seat.
	Lease Lease
}

// marks is the last mark of this process. The first one is random, so that the marks of
// different processes differ, but for one time in 65,536.
var marks = func() *atomic.Uint32 {
	var last atomic.Uint32
	last.Store(rand.Uint32()) //nolint:gosec // no secret
	return &last
}()

// NewMark gives a member's mark: none of the last 65,535 of this process.
func NewMark() uint16 { return uint16(marks.Add(1)) } //nolint:gosec // the last 16 bits

// Hold is the time for which a lost connection's seat is kept for its return.
type Hold struct {
	// LostAtMillis is when the connection was lost. Unix time.
	LostAtMillis int64
	// Seconds is how long from then the seat is held. The stay is in the ledger before
	// the hold begins.
	Seconds int
}

// UntilMillis is the end of the hold: from this moment on the seat is free.
func (h Hold) UntilMillis() int64 { return h.LostAtMillis + int64(h.Seconds)*millisPerSecond }

const millisPerSecond = 1000

// Held tells whether the member's connection was lost.
func (m Member) Held() bool { return m.Hold != Hold{} }

// Leased tells whether the seat is a server's.
func (m Member) Leased() bool { return m.Lease != Lease{} }

// Lapsed tells whether the seat is a server's whose lease has ended.
func (m Member) Lapsed(nowMillis int64) bool { return m.Leased() && m.Lease.UntilMillis() <= nowMillis }

// Expired tells whether the member's hold or lease has ended, so that the seat is free.
func (m Member) Expired(nowMillis int64) bool {
	return m.Held() && m.Hold.UntilMillis() <= nowMillis || m.Lapsed(nowMillis)
}

// WithoutLease is what stays the same of a member when its lease is renewed.
func (m Member) WithoutLease() Member {
	m.Lease = Lease{}
	return m
}

// Lost is the member after the loss of its connection.
func (m Member) Lost(hold Hold) Member {
	m.JoinedAtMillis, m.Mark, m.TookOver, m.Hold = 0, 0, false, hold
	return m
}

// Resumed is the member of a held seat after its connection came back.
func (m Member) Resumed(atMillis int64, mark uint16) Member {
	m.JoinedAtMillis, m.Mark, m.Hold = atMillis, mark, Hold{}
	return m
}

// Share is a block's part of its pool's capacity, under a license revision.
type Share struct {
	Capacity int
	// Revision is the license's, under which seats are taken.
	Revision int64
	// Listed: the pool has a directory, in which vacancies are published.
	Listed bool
}

// Permit is what a join takes a seat by.
type Permit struct {
	// Revision is that of the license, which the block must be under.
	Revision int64
	// FromQueue: it is the turn of this connection in the pool's queue, or nobody
	// is in the queue.
	FromQueue bool
}

// State is a block as it was read.
type State struct {
	Block Block
	Share
	InUse int
	// Taken counts the seats ever taken here; each is a session's seat number.
	Taken int64
	// Voids counts the seat numbers that no stay ever gets.
	Voids int64
	// Closed: the block accepts no joins, since its conference has ended.
	Closed bool
	// KeptUntil is until when a closed block is kept. Unix time in seconds.
	KeptUntil int64
	// Gate is the generation of the pool's queue whose waiters alone may take a seat
	// of the block. Zero: there is no queue, as far as the block knows.
	Gate int64
	// SeenAtMillis is when reconciliation last found all members alive, except those of
	// less than a minute. Unix time.
	SeenAtMillis int64
	Members      map[ConnectionID]Member
}

// Overused tells whether more seats are in use than the block's capacity, and the
// share raises the capacity to them. A leave then makes no room in the block but
// slack in the pool, which may have been given to another block already.
func (s State) Overused(share Share) bool {
	return s.InUse > s.Capacity && share.Capacity > s.Capacity
}

// Free is how many more connections the block admits.
func (s State) Free() int {
	if s.Closed {
		return 0
	}
	return max(0, s.Capacity-s.InUse)
}

// Full tells whether the block has neither a free seat nor an expired hold or lease
// that a join may replace.
func (s State) Full(nowMillis int64) bool {
	_, over := s.ExpiredHold("", nowMillis)
	return s.Free() == 0 && (!over || s.InUse > s.Capacity)
}

// Occupied is the seats in use without expired holds and leases.
func (s State) Occupied(nowMillis int64) int {
	occupied := s.InUse
	for _, m := range s.Members {
		if m.Expired(nowMillis) {
			occupied--
		}
	}
	return occupied
}

// ExpiredHold chooses an expired hold or lease by the connection's id, so that
// concurrent joins choose different ones.
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

// Outcome is the result of a take or a swap.
type Outcome int

// The outcomes. Only OutcomeTaken changed the block.
const (
	OutcomeTaken Outcome = iota
	OutcomeMember
	OutcomeFull
	OutcomeClosed
	OutcomeMissing
	OutcomeOtherRevision
	// OutcomeQueued: the pool has a queue, and the seat was not taken from it.
	OutcomeQueued
)

// Attempt is the answer to a take or a swap: the outcome, and the block after a
// success or at the refusal.
type Attempt struct {
	Outcome Outcome
	State   State
}

// Judge tells which of a take's conditions a block fails, in the order in which a
// caller must act on them. Every store decides by it.
func Judge(state State, exists bool, id ConnectionID, permit Permit) Outcome {
	_, member := state.Members[id]
	switch {
	case !exists:
		return OutcomeMissing
	case member:
		return OutcomeMember
	case state.Closed:
		return OutcomeClosed
	case state.Revision != permit.Revision:
		return OutcomeOtherRevision
	case state.Gate != 0 && !permit.FromQueue:
		return OutcomeQueued
	case state.InUse >= state.Capacity:
		return OutcomeFull
	}
	return OutcomeTaken
}

// JudgeSwap is Judge for a swap. OutcomeFull: the seat is not as it was read, or
// may not be taken.
func JudgeSwap(state State, exists bool, from Place, to Place, permit Permit) Outcome {
	_, member := state.Members[to.Connection]
	current, in := state.Members[from.Connection]
	another := to.Connection != from.Connection
	joins := permit.Revision != 0
	switch {
	case !exists:
		return OutcomeMissing
	case member && another:
		return OutcomeMember
	case state.Closed && another:
		return OutcomeClosed
	case joins && state.Revision != permit.Revision:
		return OutcomeOtherRevision
	case joins && state.Gate != 0 && !permit.FromQueue:
		return OutcomeQueued
	case !in || current != from.Member || joins && state.InUse > state.Capacity:
		return OutcomeFull
	}
	return OutcomeTaken
}

// Place is a connection's seat in a block.
type Place struct {
	Connection ConnectionID
	Member     Member
}

// Returned is the answer to a GiveBack or Hold.
type Returned struct {
	// Done: the member was in by this take, and the seat is given back or held now.
	Done bool
	// Instead is the connection's member by another take, if there is one.
	Instead *Member
	// Vacancy is set where a full block of a large pool has room now, or will have.
	Vacancy *Vacancy
}

// Blocks stores blocks. Every method is one atomic, consistent step on one block, and
// safe to retry after a lost answer: its condition tests what it sets. Errors are the
// store's own; a refused condition is no error.
type Blocks interface {
	// Take adds a member by a permit. A retry of a successful take gives
	// OutcomeMember.
	Take(ctx context.Context, block Block, id ConnectionID, member Member, permit Permit) (Attempt, error)
	// Renumber gives a member the next seat number and counts its old one as void, for
	// when the answer to a take was lost and with it the number. The member stays as it
	// is. False: the connection is not a member. A retry voids one more number, which
	// is harmless.
	Renumber(ctx context.Context, block Block, id ConnectionID) (State, bool, error)
	// GiveBack removes a member if it is in by this very take. The seat counts as void
	// if it was never used. A server's seat goes whatever its lease if the member is
	// given without one, and else only if the lease is still as given.
	GiveBack(ctx context.Context, block Block, id ConnectionID, member Member, void bool) (Returned, error)
	// Hold marks a member's connection as lost if the member is in by this very take.
	// The seat stays in use.
	Hold(ctx context.Context, block Block, id ConnectionID, member Member, hold Hold) (Returned, error)
	// Swap replaces a member by another, with the next seat number. The seat stays in
	// use throughout, so no join can take it in between. By a permit the swap is a
	// join, and has a join's conditions; with none (zero) it continues a stay. A
	// connection swapped with itself, also in a closed block, begins the next part of
	// its stay. A retry of a successful swap gives OutcomeMember, or OutcomeFull for a
	// swap with itself.
	Swap(ctx context.Context, block Block, from, to Place, permit Permit) (Attempt, error)
	// Renew replaces the leases of some members, all of them or none: each must still
	// be as it is given. False: one is not, and the block is as returned. After a lost
	// answer a retry finds there what the first try wrote.
	Renew(ctx context.Context, block Block, renewals []Renewal) (State, bool, error)
	// Create adds an empty block. False: it exists.
	Create(ctx context.Context, block Block, share Share) (bool, error)
	// Gate keeps a block's seats for the waiters of a generation of its pool's
	// queue. A later generation's gate stays.
	Gate(ctx context.Context, block Block, generation int64) error
	// Ungate opens a block again to everybody, if its gate is of that generation.
	Ungate(ctx context.Context, block Block, generation int64) error
	// Resize sets a block's share if its capacity and revision are still those of was,
	// and no more seats are in use than the new capacity or than in was. Where Overused
	// holds, exactly as many must be in use as in was. False: a condition did not hold.
	Resize(ctx context.Context, was State, share Share) (bool, error)
	// Close stops joins for good and returns the block, which may be deleted after
	// keepUntil. A missing block is created, closed.
	Close(ctx context.Context, block Block, keepUntil time.Time) (State, error)
	// Read gives the pool's blocks in order of index.
	Read(ctx context.Context, pool Pool) ([]State, error)
	// Get gives one block; nil if it does not exist.
	Get(ctx context.Context, block Block) (*State, error)
	// MarkAlive sets when the block's members were found alive, to the second. A later
	// time stays.
	MarkAlive(ctx context.Context, block Block, atMillis int64) error
	// Dequeue takes an empty block off reconciliation's agenda. Every take puts it on.
	Dequeue(ctx context.Context, block Block) error
}

// Hash spreads connections evenly.
func (id ConnectionID) Hash() int {
	sum := fnv.New32a()
	sum.Write([]byte(id))
	return int(sum.Sum32())
}
