package seat

import (
	"context"
	"fmt"
)

// probes is how many blocks a join tries blindly before it reads them all.
const probes = 3

// maxRounds bounds how often a settle or a search starts over because others
// write at the same time.
const maxRounds = 16

// Terms are what a pool is to offer: a capacity, under a license revision.
type Terms struct {
	Capacity int
	Revision int64
}

// Pools admits connections to pools of any number of blocks.
type Pools struct{ Blocks Blocks }

// Refusal says why a pool took nobody in.
type Refusal int

// The refusals. RefusalNone is an admission.
const (
	RefusalNone Refusal = iota
	// RefusalFull: a full pass found no block with room.
	RefusalFull
	// RefusalClosed: the pool's conference has ended.
	RefusalClosed
	// RefusalStale: the pool is under a newer license revision than the
	// caller's; read the license again.
	RefusalStale
)

// Seated is where a connection was seated, or why it was not.
type Seated struct {
	Refusal Refusal
	Block   Block
	// Number is the seat's number in its block.
	Number int64
	// Member is how the connection holds it: as asked, or as it did already.
	Member Member
	// Again: the connection held this seat already and only got a new number.
	Again bool
	// InUse is the pool's seats in use just after, for a pool of one block, or
	// at the refusal; zero where it would cost reading the other blocks.
	InUse int
}

// Take finds a seat. One write suffices unless blocks are full.
//
// Safe to repeat: a connection that is in already keeps its seat and gets a
// fresh number (see Blocks.Renumber). In a pool of several blocks a repeat
// after a crash may find room in an earlier block than the crashed attempt
// did; the seat left behind there has no session, and reconciliation frees it.
func (p Pools) Take(ctx context.Context, pool Pool, id ConnectionID, member Member, terms Terms) (Seated, error) {
	layout := Layout(terms.Capacity)
	start := Start(id, terms.Capacity)
	tries := min(probes, len(layout))
	for i := range tries {
		index := (start + i) % len(layout)
		attempt, err := p.Blocks.Take(ctx, Block{pool, index}, id, member, terms.Revision)
		if err != nil {
			return Seated{}, fmt.Errorf("take a seat: %w", err)
		}
		full := attempt.Outcome == OutcomeFull
		if full && len(layout) == 1 && attempt.State.Capacity >= terms.Capacity {
			return Seated{Refusal: RefusalFull, InUse: attempt.State.InUse}, nil
		}
		if full {
			continue
		}
		answer, done, err := p.conclude(ctx, attempt, id, terms)
		if done || err != nil {
			return answer, err
		}
		break
	}
	return p.search(ctx, pool, id, member, terms, start)
}

// conclude turns an attempt into an answer where it is one: seated, closed, or
// a license that has moved on. Not done: the pool needs settling or searching.
func (p Pools) conclude(ctx context.Context, a Attempt, id ConnectionID, terms Terms) (Seated, bool, error) {
	switch a.Outcome {
	case OutcomeTaken:
		return seated(a.State, id, terms), true, nil
	case OutcomeMember:
		state, in, err := p.Blocks.Renumber(ctx, a.State.Block, id)
		if err != nil {
			return Seated{}, true, fmt.Errorf("renumber a seat: %w", err)
		}
		again := seated(state, id, terms)
		again.Again = true
		return again, in, nil
	case OutcomeClosed:
		return Seated{Refusal: RefusalClosed}, true, nil
	case OutcomeOtherRevision:
		return Seated{Refusal: RefusalStale}, a.State.Revision > terms.Revision, nil
	case OutcomeMissing, OutcomeFull:
	}
	return Seated{}, false, nil
}

func seated(s State, id ConnectionID, terms Terms) Seated {
	taken := Seated{Block: s.Block, Number: s.Taken, Member: s.Members[id]}
	if terms.Capacity <= BlockSeats {
		taken.InUse = s.InUse
	}
	return taken
}

// search settles the pool, which also reads all of it, and then tries every
// block with room, beginning at start. It refuses only after a pass in which
// no block had any.
func (p Pools) search(ctx context.Context, pool Pool, id ConnectionID, member Member, terms Terms, start int) (Seated, error) {
	for range maxRounds {
		states, err := p.Settle(ctx, pool, terms, true)
		if err != nil {
			return Seated{}, err
		}
		blocked, room := false, false
		for i := range states {
			state := states[(start+i)%len(states)]
			_, in := state.Members[id]
			switch {
			case state.Closed:
				return Seated{Refusal: RefusalClosed}, nil
			case state.Revision > terms.Revision:
				return Seated{Refusal: RefusalStale}, nil
			case state.Room() == 0 && !in:
				continue
			}
			attempt, err := p.Blocks.Take(ctx, state.Block, id, member, terms.Revision)
			if err != nil {
				return Seated{}, fmt.Errorf("take a seat: %w", err)
			}
			answer, done, err := p.conclude(ctx, attempt, id, terms)
			if done || err != nil {
				return answer, err
			}
			// A block that filled meanwhile was full at some moment of this
			// attempt; one that changed otherwise is worth another round.
			room = room || attempt.Outcome != OutcomeFull
			blocked = true
		}
		if !room {
			inUse := InUse(states)
			if blocked {
				inUse = max(inUse, terms.Capacity)
			}
			return Seated{Refusal: RefusalFull, InUse: inUse}, nil
		}
	}
	return Seated{}, fmt.Errorf("take a seat in %+v: others kept changing the pool", pool)
}

// Settle brings a pool's blocks to its terms and gives them as they stand.
// With create false it only fences a pool that may not exist.
//
// Why it cannot oversell, whoever else runs it: capacities are first lowered,
// under the new revision, until Σ max(capacity, in use) is within the terms.
// They are raised only when every block has that revision, only by what is
// then left, always at the first block short of its layout, and on condition
// that this block is as it was seen. Two callers that count the same slack
// therefore meet at the same block, and one of them starts over; seats in use
// above a capacity only become fewer, so an old view errs to the safe side.
// Safe to repeat and to abandon at any point: the next caller goes on.
func (p Pools) Settle(ctx context.Context, pool Pool, terms Terms, create bool) ([]State, error) {
	for range maxRounds {
		states, err := p.Blocks.Read(ctx, pool)
		if err != nil {
			return nil, fmt.Errorf("read the pool: %w", err)
		}
		if done(states, terms, create) {
			return states, nil
		}
		changed, err := p.lower(ctx, states, terms)
		if err == nil && !changed {
			changed, err = p.raise(ctx, pool, states, terms)
		}
		if err != nil {
			return nil, err
		}
		if !changed {
			return states, nil
		}
	}
	return nil, fmt.Errorf("settle %+v: others kept changing the pool", pool)
}

// done tells whether there is nothing to settle: no pool and none wanted, a
// closed pool, or one under newer terms than ours.
func done(states []State, terms Terms, create bool) bool {
	if len(states) == 0 && !create {
		return true
	}
	for _, s := range states {
		if s.Closed || s.Revision > terms.Revision {
			return true
		}
	}
	return false
}

// lower brings blocks under the terms' revision and down to their layout, and
// takes what other blocks still use above it from blocks with room. A pool in
// use beyond its terms gets no capacity at all: what is left to a full block
// would be room again when somebody leaves it. It tells whether anything was
// to be changed, by us or by whoever came before us.
func (p Pools) lower(ctx context.Context, states []State, terms Terms) (bool, error) {
	layout := Layout(terms.Capacity)
	capacities, committed := make([]int, len(states)), 0
	for i, s := range states {
		target := 0
		if s.Block.Index < len(layout) {
			target = layout[s.Block.Index]
		}
		capacities[i] = min(s.Capacity, target)
		committed += max(capacities[i], s.InUse)
	}
	changed, beyond := false, InUse(states) > terms.Capacity
	for i, s := range states {
		if beyond {
			capacities[i] = 0
		}
		if spare := capacities[i] - s.InUse; committed > terms.Capacity && spare > 0 {
			cut := min(spare, committed-terms.Capacity)
			capacities[i] -= cut
			committed -= cut
		}
		if capacities[i] == s.Capacity && s.Revision == terms.Revision {
			continue
		}
		changed = true
		if _, err := p.Blocks.Resize(ctx, s, capacities[i], terms.Revision); err != nil {
			return true, fmt.Errorf("lower a block: %w", err)
		}
	}
	return changed, nil
}

// raise hands out the slack, first block first. It stops at the first
// condition that fails; the caller reads again.
func (p Pools) raise(ctx context.Context, pool Pool, states []State, terms Terms) (bool, error) {
	slack, byIndex := terms.Capacity, make(map[int]State, len(states))
	for _, s := range states {
		slack -= max(s.Capacity, s.InUse)
		byIndex[s.Block.Index] = s
	}
	changed := false
	for index, target := range Layout(terms.Capacity) {
		state, exists := byIndex[index]
		add := min(slack, target-state.Capacity)
		if exists && add <= 0 {
			continue
		}
		var err error
		var ok bool
		if exists {
			ok, err = p.Blocks.Resize(ctx, state, state.Capacity+add, terms.Revision)
		} else {
			ok, err = p.Blocks.Create(ctx, Block{pool, index}, max(add, 0), terms.Revision)
		}
		if err != nil {
			return true, fmt.Errorf("raise a block: %w", err)
		}
		changed = true
		if !ok {
			return true, nil
		}
		slack -= max(add, 0)
	}
	return changed, nil
}
