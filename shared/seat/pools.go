package seat

import (
	"context"
	"fmt"
	"slices"
	"sync"
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

// Pools admits connections to pools of any number of blocks. Safe for use by
// many goroutines.
type Pools struct {
	blocks Blocks

	mu sync.Mutex
	// room remembers, of pools of several blocks, which had room when last
	// seen: a hint where to begin, never a reason to admit or to refuse.
	room map[Pool][]int
}

// NewPools makes pools over blocks.
func NewPools(blocks Blocks) *Pools { return &Pools{blocks: blocks} }

// maxHints bounds the pools remembered.
const maxHints = 10_000

// pick chooses the block that a connection tries at its n-th attempt: by its
// id, among those that had room; where nothing is remembered, among those that
// are opened first.
func (p *Pools) pick(pool Pool, id ConnectionID, capacity, n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if hints := p.room[pool]; len(hints) > 0 {
		return hints[(hash(id)+n)%len(hints)]
	}
	reach := min(capacity, batch*BlockSeats)
	return (start(id, reach) + n) % max(1, count(reach))
}

// filled forgets a block that turned out to be full.
func (p *Pools) filled(block Block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := slices.Index(p.room[block.Pool], block.Index); at >= 0 {
		p.room[block.Pool] = slices.Delete(p.room[block.Pool], at, at+1)
	}
}

// saw remembers which blocks have room.
func (p *Pools) saw(pool Pool, states []State) {
	if len(states) < 2 {
		return
	}
	hints := make([]int, 0, len(states))
	for _, s := range states {
		if s.free() > 0 {
			hints = append(hints, s.Block.Index)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.room == nil || len(p.room) >= maxHints {
		p.room = make(map[Pool][]int)
	}
	p.room[pool] = hints
}

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
	// RefusalMissing: there is no such pool. Whoever may open it does so by
	// Settle; a join does not.
	RefusalMissing
	// RefusalLost: the connection was in, and was lost.
	RefusalLost
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
	// InUse is the pool's occupied seats just after, for a pool of one block,
	// or at the refusal; zero where it would cost reading the other blocks.
	InUse int
}

// Take finds a seat. One write suffices unless blocks are full. Where no seat
// is free, a hold that has expired at the member's time of joining gives way.
//
// Safe to repeat: a connection that is in already keeps its seat and gets a
// fresh number (see Blocks.Renumber). In a pool of several blocks a repeat
// after a crash may find room in an earlier block than the crashed attempt
// did; the seat left behind there has no session, and reconciliation frees it.
func (p *Pools) Take(ctx context.Context, pool Pool, id ConnectionID, member Member, terms Terms) (Seated, error) {
	for n := range min(probes, count(terms.Capacity)) {
		index := p.pick(pool, id, terms.Capacity, n)
		attempt, err := p.enter(ctx, Block{pool, index}, Place{id, member}, terms.Revision)
		if err != nil {
			return Seated{}, err
		}
		full := attempt.Outcome == OutcomeFull
		if full && count(terms.Capacity) == 1 && attempt.State.Capacity >= terms.Capacity {
			return Seated{Refusal: RefusalFull, InUse: attempt.State.Occupied(member.JoinedAtMillis)}, nil
		}
		if full {
			p.filled(attempt.State.Block)
			continue
		}
		answer, done, err := p.conclude(ctx, attempt, id, terms)
		if done || err != nil {
			return answer, err
		}
		break
	}
	return p.search(ctx, pool, id, member, terms)
}

// enter takes a free seat of a block or, where there is none, the place of a
// hold that has expired: each by one conditional write.
func (p *Pools) enter(ctx context.Context, block Block, to Place, revision int64) (Attempt, error) {
	var attempt Attempt
	var err error
	for range maxRounds {
		attempt, err = p.blocks.Take(ctx, block, to.Connection, to.Member, revision)
		for err == nil && attempt.Outcome == OutcomeFull && attempt.State.InUse <= attempt.State.Capacity {
			from, found := attempt.State.over(to.Connection, to.Member.JoinedAtMillis)
			if !found {
				break
			}
			attempt, err = p.blocks.Swap(ctx, block, from, to, revision)
		}
		if err != nil || attempt.Outcome != OutcomeFull || attempt.State.free() == 0 {
			break
		} // else the hold was given back meanwhile, and its seat is free
	}
	if err != nil {
		return attempt, fmt.Errorf("take a seat: %w", err)
	}
	return attempt, nil
}

// conclude turns an attempt into an answer where it is one: seated, closed, or
// a license that has moved on. Not done: the pool needs settling or searching.
func (p *Pools) conclude(ctx context.Context, a Attempt, id ConnectionID, terms Terms) (Seated, bool, error) {
	switch a.Outcome {
	case OutcomeTaken:
		return seated(a.State, id, terms), true, nil
	case OutcomeMember:
		if a.State.Members[id].Held() {
			return Seated{Refusal: RefusalLost}, true, nil
		}
		state, in, err := p.blocks.Renumber(ctx, a.State.Block, id)
		if err != nil {
			return Seated{}, true, fmt.Errorf("renumber a seat: %w", err)
		}
		again := seated(state, id, terms)
		again.Again = true
		if again.Member.Held() {
			return Seated{Refusal: RefusalLost}, in, nil
		}
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
		taken.InUse = s.Occupied(taken.Member.JoinedAtMillis)
	}
	return taken
}

// search settles the pool, which also reads all of it, and then tries every
// block with room, beginning at one chosen by its id. It refuses after a read
// that showed no room in any block and no capacity that is not handed out; or
// when others took the room that it saw, time and again.
func (p *Pools) search(ctx context.Context, pool Pool, id ConnectionID, member Member, terms Terms) (Seated, error) {
	inUse := 0
	for range maxRounds {
		states, err := p.Settle(ctx, pool, terms, false)
		if err != nil {
			return Seated{}, err
		}
		if len(states) == 0 {
			return Seated{Refusal: RefusalMissing}, nil
		}
		p.saw(pool, states)
		tried, first := false, hash(id)%len(states)
		for i := range states {
			state := states[(first+i)%len(states)]
			_, in := state.Members[id]
			late, over := state.over(id, member.JoinedAtMillis)
			switch {
			case state.Closed:
				return Seated{Refusal: RefusalClosed}, nil
			case state.Revision > terms.Revision:
				return Seated{Refusal: RefusalStale}, nil
			case !in && over && state.InUse > state.Capacity:
				// Its place would be above the capacity: free it, and settle again.
				if _, err := p.blocks.GiveBack(ctx, state.Block, late.Connection, late.Member, false); err != nil {
					return Seated{}, fmt.Errorf("end a hold: %w", err)
				}
				tried = true
				continue
			case !in && !over && state.free() == 0:
				continue
			}
			attempt, err := p.enter(ctx, state.Block, Place{id, member}, terms.Revision)
			if err != nil {
				return Seated{}, err
			}
			answer, done, err := p.conclude(ctx, attempt, id, terms)
			if done || err != nil {
				return answer, err
			}
			tried = true
		}
		inUse = Occupied(states, member.JoinedAtMillis)
		if !tried && committed(states) >= terms.Capacity {
			break
		}
	}
	return Seated{Refusal: RefusalFull, InUse: inUse}, nil
}

// committed is what the blocks admit together, at the most, as they stand.
func committed(states []State) int {
	total := 0
	for _, s := range states {
		total += max(s.Capacity, s.InUse)
	}
	return total
}
