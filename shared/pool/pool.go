// Package pool makes pools of any number of blocks.
//
// A pool larger than one block is split by escrow: every block enforces its own
// capacity, and the capacities never add up to more than the pool's (see
// Pools.Rebalance), so that no order of writes can oversell the pool. A join tries
// a block or two, by what its process has cached, and then reads.
//
// Terms: a pool's terms are a capacity under a license's revision (the type Terms). To
// rebalance is to bring the blocks of a pool to its terms. A pool of more than four
// blocks is large, and has a directory, one item that lists the blocks with room
// while there are few (see Directory), so that a refusal needs no scan, which reads
// every block. A vacancy is room that somebody makes in a full block; it is
// published in the directory.
package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"seatmeter/shared/lapse"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// probes is how many blocks a join tries, by the cache or its id, before it reads.
const probes = 2

// maxRounds bounds how often an operation starts over after losing races.
const maxRounds = 16

// Terms are what a pool offers: a capacity, under a license revision.
type Terms struct {
	Capacity int
	Revision int64
	// FromQueue: a seat is taken for a waiter whose turn it is, or while nobody
	// waits (see seat.Permit).
	FromQueue bool
}

func (t Terms) permit() seat.Permit { return seat.Permit{Revision: t.Revision, FromQueue: t.FromQueue} }

// large tells whether a pool with so many blocks has a directory. A shrunk pool
// keeps its blocks, so the capacity alone does not decide.
func (t Terms) large(blocks int) bool { return max(blocks, count(t.Capacity)) > largeAbove }

// share is the share of a block in a pool with so many blocks.
func (t Terms) share(capacity, blocks int) seat.Share {
	return seat.Share{Capacity: capacity, Revision: t.Revision, Listed: t.large(blocks)}
}

// Pools admits connections to pools of any number of blocks. Safe for use by
// many goroutines.
type Pools struct {
	blocks Store
	pause  Pause

	mu     sync.Mutex
	caches map[seat.Pool]*cache
}

// Store keeps blocks and directories, and the stays that end by a lapsed lease.
type Store interface {
	seat.Blocks
	Directories
	lapse.Store
}

// New makes pools over a store.
func New(blocks Store, pause Pause) *Pools { return &Pools{blocks: blocks, pause: pause} }

// Pause waits for a time, or until its context ends, which is an error.
type Pause func(ctx context.Context, d time.Duration) error

// Sleep is a Pause by the machine's clock.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", ctx.Err())
	case <-time.After(d):
		return nil
	}
}

// Wait waits by the pools' clock.
func (p *Pools) Wait(ctx context.Context, d time.Duration) error { return p.pause(ctx, d) }

// waitForScan waits for another process to end its scan: longer in each round,
// with a jitter by the connection's id.
func (p *Pools) waitForScan(ctx context.Context, id seat.ConnectionID, round int) error {
	most := min(firstWait<<round, longestWait)
	return p.pause(ctx, most/2+most/2*time.Duration(id.Hash()%waitSteps)/waitSteps)
}

const (
	firstWait   = 40 * time.Millisecond
	longestWait = 300 * time.Millisecond
	waitSteps   = 16
)

// Refusal says why a pool admitted nobody.
type Refusal int

// The refusals. RefusalNone is an admission.
const (
	RefusalNone Refusal = iota
	// RefusalFull: no block has room.
	RefusalFull
	// RefusalClosed: the pool's conference has ended.
	RefusalClosed
	// RefusalStale: the pool is under a newer license revision than the
	// caller's; read the license again.
	RefusalStale
	// RefusalMissing: the pool does not exist. Rebalance creates it; a join does not.
	RefusalMissing
	// RefusalLost: the connection was lost, and its seat is held.
	RefusalLost
	// RefusalQueued: the pool has, or had, a queue, and the caller is not of it.
	RefusalQueued
)

// Seated is where a connection was seated, or why it was not.
type Seated struct {
	Refusal Refusal
	Block   seat.Block
	// Number is the seat's number in its block.
	Number int64
	// Member is the member as asked for or, if the connection was in already, as it was.
	Member seat.Member
	// InUse is the pool's occupied seats after an admission to a pool of one block, or
	// at a refusal; zero where it would cost reading the other blocks.
	InUse int
	// BlockPercent is how much of the seat's block is in use, in a pool of several. That
	// of the pool is about the same.
	BlockPercent int
	// Gate is the generation of the queue that a refusal is by. The refusing block
	// is Block.
	Gate int64
	// Unsearched: the refusal is by the directory, and the connection may be in one of
	// the blocks by an earlier attempt.
	Unsearched bool
}

// Take takes a seat. It costs one write unless blocks are full. Where no seat is
// free, the join replaces a hold that has expired at the member's time of joining. A
// pool that was full a moment ago is read before anything is written, so a storm of
// refused joins writes nothing.
//
// Safe to retry: a connection that is in already keeps its seat and gets a new
// number (see Blocks.Renumber). In a pool of several blocks a retry after a crash may
// take a seat of another block; the first seat has no session, and reconciliation
// frees it.
func (p *Pools) Take(ctx context.Context, pool seat.Pool, id seat.ConnectionID, member seat.Member, terms Terms) (Seated, error) {
	to, now := seat.Place{Connection: id, Member: member}, member.JoinedAtMillis
	if !p.cacheOf(pool).wasScarce(now) {
		answer, done, err := p.probe(ctx, pool, to, terms)
		if done || err != nil {
			return answer, err
		}
	}
	if !terms.large(0) && !p.cacheOf(pool).hasDirectory() {
		return p.search(ctx, pool, to, terms)
	}
	answer, err := p.takeByDirectory(ctx, pool, to, terms)
	if !errors.Is(err, ErrBusy) || !p.cacheOf(pool).widen(terms.Capacity) {
		return answer, err
	}
	// In a rush of joins more blocks are being created, or have been.
	again, done, failed := p.probe(ctx, pool, to, terms)
	if done || failed != nil {
		return again, failed
	}
	return answer, err
}

// Reclaim replaces a held member of a pool of one block by a new connection of the
// same person, who has no resume token. RefusalFull: no seat is held. After a lost
// answer, retry with Take.
func (p *Pools) Reclaim(ctx context.Context, pool seat.Pool, id seat.ConnectionID, member seat.Member, terms Terms) (Seated, error) {
	full := Seated{Refusal: RefusalFull}
	b, err := p.blocks.Get(ctx, seat.Block{Pool: pool})
	if err != nil || b == nil {
		return full, problem.Wrap("read a block", err)
	}
	for lost, m := range b.Members {
		if !m.Held() || m.Hold.LostAtMillis > member.JoinedAtMillis {
			continue
		}
		attempt, err := p.blocks.Swap(ctx, b.Block, seat.Place{Connection: lost, Member: m}, seat.Place{Connection: id, Member: member}, terms.permit())
		if err != nil {
			return full, problem.Wrap("take a held seat", err)
		}
		answer, done, err := p.conclude(ctx, attempt, id, terms)
		if done || err != nil {
			return answer, err
		}
	}
	return full, nil
}

// probe tries a few blocks: those with room by the cache, else those that follow from
// the connection's id. Not done: they are full.
func (p *Pools) probe(ctx context.Context, pool seat.Pool, to seat.Place, terms Terms) (Seated, bool, error) {
	v := p.cacheOf(pool)
	for n := range min(probes, count(terms.Capacity)) {
		index, worth := v.pick(to.Connection, terms.Capacity, n)
		if !worth {
			break
		}
		block := seat.Block{Pool: pool, Index: index}
		attempt, err := p.takeOrReplace(ctx, block, to, terms.permit())
		if err != nil {
			return Seated{}, true, err
		}
		v.saw(attempt.State)
		if attempt.Outcome == seat.OutcomeQueued {
			v.scarce(to.Member.JoinedAtMillis) // who comes next reads, and does not write
		}
		switch {
		case attempt.Outcome == seat.OutcomeMissing:
			v.missing(block.Index)
			if block.Index == 0 {
				return Seated{}, false, nil
			}
		case attempt.Outcome != seat.OutcomeFull:
			answer, done, err := p.conclude(ctx, attempt, to.Connection, terms)
			return answer, done, err
		case count(terms.Capacity) == 1 && attempt.State.Capacity >= terms.Capacity:
			v.scarce(to.Member.JoinedAtMillis)
			return Seated{Refusal: RefusalFull, InUse: attempt.State.Occupied(to.Member.JoinedAtMillis)}, true, nil
		}
	}
	return Seated{}, false, nil
}

// takeOrReplace takes a free seat of a block or, where there is none, replaces an expired
// hold or lease: each by one conditional write.
func (p *Pools) takeOrReplace(ctx context.Context, block seat.Block, to seat.Place, permit seat.Permit) (seat.Attempt, error) {
	var attempt seat.Attempt
	var err error
	for range maxRounds {
		attempt, err = p.blocks.Take(ctx, block, to.Connection, to.Member, permit)
		lapsed := false
		for err == nil && !lapsed && attempt.Outcome == seat.OutcomeFull && attempt.State.InUse <= attempt.State.Capacity {
			from, found := attempt.State.ExpiredHold(to.Connection, to.Member.JoinedAtMillis)
			if !found {
				break
			}
			if from.Member.Leased() {
				from, lapsed, err = p.endLease(ctx, block, from)
			}
			if err == nil && !lapsed {
				attempt, err = p.blocks.Swap(ctx, block, from, to, permit)
			}
		}
		if err != nil || !lapsed && (attempt.Outcome != seat.OutcomeFull || attempt.State.Free() == 0) {
			break
		} // else the seat was given back or renewed meanwhile
	}
	if err != nil {
		return attempt, fmt.Errorf("take a seat: %w", err)
	}
	return attempt, nil
}

// endLease ends an expired lease, and gives the member that may be replaced. Changed: it
// may not, since the block is not as it was read any more.
func (p *Pools) endLease(ctx context.Context, block seat.Block, from seat.Place) (seat.Place, bool, error) {
	from, outcome, err := lapse.End(ctx, p.blocks, block, from)
	if err == nil && outcome == lapse.OutcomeVoid {
		_, err = p.GiveBack(ctx, block, from.Connection, from.Member, true)
	}
	return from, outcome != lapse.OutcomeRecorded, err //nolint:wrapcheck // by the caller
}

// EndHold gives back a seat whose hold or lease is over. Of a hold the ledger has the
// stay; that of a lease is recorded first. It tells whether it did: not if the seat has
// changed hands, or the lease was renewed. Safe to repeat.
func (p *Pools) EndHold(ctx context.Context, block seat.Block, place seat.Place) (bool, error) {
	void := false
	if place.Member.Leased() {
		ended, outcome, err := lapse.End(ctx, p.blocks, block, place)
		if err != nil || outcome == lapse.OutcomeChanged {
			return false, problem.Wrap("end a lease", err)
		}
		place, void = ended, outcome == lapse.OutcomeVoid
	}
	returned, err := p.GiveBack(ctx, block, place.Connection, place.Member, void)
	return returned.Done, problem.Wrap("give back a held seat", err)
}

// conclude turns an attempt into an answer where it is final: seated, closed, or
// under a later license. Not done: the pool must be rebalanced or searched.
func (p *Pools) conclude(ctx context.Context, a seat.Attempt, id seat.ConnectionID, terms Terms) (Seated, bool, error) {
	switch a.Outcome {
	case seat.OutcomeTaken:
		return seated(a.State, id, terms), true, nil
	case seat.OutcomeMember:
		if a.State.Members[id].Held() {
			return Seated{Refusal: RefusalLost}, true, nil
		}
		state, in, err := p.blocks.Renumber(ctx, a.State.Block, id)
		if err != nil {
			return Seated{}, true, fmt.Errorf("renumber a seat: %w", err)
		}
		again := seated(state, id, terms)
		if again.Member.Held() {
			return Seated{Refusal: RefusalLost}, in, nil
		}
		return again, in, nil
	case seat.OutcomeClosed:
		return Seated{Refusal: RefusalClosed}, true, nil
	case seat.OutcomeOtherRevision:
		return Seated{Refusal: RefusalStale}, a.State.Revision > terms.Revision, nil
	case seat.OutcomeQueued:
		return queued(a.State, terms), true, nil
	case seat.OutcomeMissing, seat.OutcomeFull:
	}
	return Seated{}, false, nil
}

// queued refuses a seat that is kept for waiters. Who waits does so since the pool
// was full, and a seat on its way to a waiter is not free. After a smaller license more
// are in than it has: a pool of one block says how many.
func queued(s seat.State, terms Terms) Seated {
	return Seated{Refusal: RefusalQueued, Block: s.Block, Gate: s.Gate, InUse: max(terms.Capacity, s.InUse), Unsearched: count(terms.Capacity) > 1}
}

func seated(s seat.State, id seat.ConnectionID, terms Terms) Seated {
	taken := Seated{Block: s.Block, Number: s.Taken, Member: s.Members[id]}
	inUse := s.Occupied(taken.Member.JoinedAtMillis)
	if s.Capacity >= terms.Capacity { // nobody is in another block
		taken.InUse = inUse
	} else {
		taken.BlockPercent = inUse * 100 / max(s.Capacity, 1)
	}
	return taken
}

// search rebalances the pool, which reads all of it, and tries every block with room.
// It refuses after a read that shows no room and no slack, or after losing the
// room to others maxRounds times.
func (p *Pools) search(ctx context.Context, pool seat.Pool, to seat.Place, terms Terms) (Seated, error) {
	var answer Seated
	for range maxRounds {
		states, err := p.Rebalance(ctx, pool, terms, false)
		if err != nil {
			return Seated{}, err
		}
		p.cacheOf(pool).opened(states, nil)
		var done bool
		answer, done, err = p.among(ctx, pool, states, to, terms)
		if done || err != nil {
			return answer, err
		}
	}
	return answer, nil
}

// among tries the blocks with room of a whole pool that was just read, beginning at
// one chosen by the connection's id. Not done: others took the room, or there is
// slack to hand out; the answer then is for a caller that gives up.
func (p *Pools) among(ctx context.Context, pool seat.Pool, states []seat.State, to seat.Place, terms Terms) (Seated, bool, error) {
	if len(states) == 0 {
		return Seated{Refusal: RefusalMissing}, true, nil
	}
	now, tried, gated := to.Member.JoinedAtMillis, false, seat.State{}
	for i := range states {
		state := states[(to.Connection.Hash()+i)%len(states)]
		_, in := state.Members[to.Connection]
		late, over := state.ExpiredHold(to.Connection, now)
		switch {
		case state.Closed:
			return Seated{Refusal: RefusalClosed}, true, nil
		case state.Revision > terms.Revision:
			return Seated{Refusal: RefusalStale}, true, nil
		case !in && over && state.InUse > state.Capacity:
			// Replacing this hold would exceed the capacity: end it, and rebalance.
			if _, err := p.EndHold(ctx, state.Block, late); err != nil {
				return Seated{}, true, problem.Wrap("end a hold", err)
			}
			tried = true
			continue
		case !in && state.Gate != 0 && !terms.FromQueue:
			gated = state
			continue
		case !in && !over && state.Free() == 0:
			continue
		}
		attempt, err := p.takeOrReplace(ctx, state.Block, to, terms.permit())
		if err != nil {
			return Seated{}, true, err
		}
		p.cacheOf(pool).saw(attempt.State)
		answer, done, err := p.conclude(ctx, attempt, to.Connection, terms)
		if done || err != nil {
			return answer, true, err
		}
		tried = true
	}
	if gated.Gate != 0 {
		return queued(gated, terms), true, nil
	}
	full := Seated{Refusal: RefusalFull, InUse: Occupied(states, now)}
	if tried || committed(states) < terms.Capacity {
		return full, false, nil
	}
	p.cacheOf(pool).scarce(now)
	return full, true, nil
}

// GiveBack is Blocks.GiveBack, and publishes a vacancy in a large pool's
// directory.
func (p *Pools) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	return p.andPublish(ctx, block, id, func() (seat.Returned, error) { return p.blocks.GiveBack(ctx, block, id, member, void) })
}

// Hold is Blocks.Hold. It clears a large pool's directory if the hold may expire
// while the directory is complete.
func (p *Pools) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	return p.andPublish(ctx, block, id, func() (seat.Returned, error) {
		returned, err := p.blocks.Hold(ctx, block, id, member, hold)
		if returned.Vacancy != nil {
			returned.Vacancy.EndsMillis = hold.UntilMillis()
		}
		return returned, err
	})
}

// Close is Blocks.Close for all blocks of a pool, as they were read, and for
// those that were created since: the process that created one may be about to
// give it capacity. A block that is created later gets none (see closing).
func (p *Pools) Close(ctx context.Context, pool seat.Pool, states []seat.State, keepUntil time.Time) error {
	for round := 0; slices.ContainsFunc(states, isOpen); round++ {
		if round == maxRounds {
			return fmt.Errorf("close %+v: others kept creating blocks", pool)
		}
		for _, s := range states {
			if s.Closed {
				continue
			}
			if _, err := p.blocks.Close(ctx, s.Block, keepUntil); err != nil {
				return problem.Wrap("close a block", err)
			}
		}
		var err error
		if states, err = p.blocks.Read(ctx, pool); err != nil {
			return problem.Wrap("read the pool again", err)
		}
	}
	if !slices.ContainsFunc(states, isListed) {
		return nil
	}
	return problem.Wrap("clear the directory", p.blocks.ClearDirectory(ctx, pool))
}

// Gate keeps the seats of all blocks of a pool for the waiters of a generation of
// its queue. Safe to repeat, and to break off.
func (p *Pools) Gate(ctx context.Context, pool seat.Pool, generation int64) error {
	return p.eachBlock(ctx, pool, func(s seat.State) bool { return !s.Closed && s.Gate < generation }, func(ctx context.Context, b seat.Block) error {
		return p.blocks.Gate(ctx, b, generation)
	})
}

// Ungate opens all blocks of a pool again to everybody, but for those that a later
// generation of its queue has.
func (p *Pools) Ungate(ctx context.Context, pool seat.Pool, generation int64) error {
	return p.eachBlock(ctx, pool, func(s seat.State) bool { return s.Gate == generation }, func(ctx context.Context, b seat.Block) error {
		return p.blocks.Ungate(ctx, b, generation)
	})
}

// eachBlock writes the blocks of a pool that are as wanted, many at the same time.
func (p *Pools) eachBlock(ctx context.Context, pool seat.Pool, wanted func(seat.State) bool, write func(context.Context, seat.Block) error) error {
	states, err := p.blocks.Read(ctx, pool)
	if err != nil {
		return problem.Wrap("read the pool", err)
	}
	var writes []func(context.Context) (bool, error)
	for _, s := range states {
		if wanted(s) {
			writes = append(writes, func(ctx context.Context) (bool, error) { return true, write(ctx, s.Block) })
		}
	}
	if len(writes) > 0 {
		_, _, err = all(ctx, writes)
	}
	return problem.Wrap("gate the pool", err)
}

// andPublish runs a step that gives a seat back or holds it, and publishes the
// vacancy.
func (p *Pools) andPublish(ctx context.Context, block seat.Block, id seat.ConnectionID, step func() (seat.Returned, error)) (seat.Returned, error) {
	returned, err := step()
	if err != nil {
		return returned, err //nolint:wrapcheck // as the store's own method
	}
	p.publish(ctx, block, id, returned.Vacancy)
	return returned, nil
}

// committed is the most seats that the blocks can have in use, as they were read.
func committed(states []seat.State) int {
	total := 0
	for _, s := range states {
		total += max(s.Capacity, s.InUse)
	}
	return total
}
