package pool

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"

	"golang.org/x/sync/errgroup"
)

// Blocks are created on demand: the first batch at once, as many again when less
// than one seat in scarceDivisor of the existing ones is free. So a license of a
// million seats costs only the blocks in use.
const (
	batch         = 64
	maxBatch      = 1024
	scarceDivisor = 4
	// parallel is how many blocks are written at the same time.
	parallel = 32
)

// Rebalance brings a pool's blocks to its terms and returns them. With create it
// opens a pool that does not exist, even one without capacity.
//
// It cannot oversell, however many callers run it. Capacities are first lowered,
// under the new revision, until Σ max(capacity, in use) is within the terms. The
// first block comes last, so its revision says that all are done; each write is
// on condition that no more seats are in use than were read.
//
// Capacities are raised only when every block has that revision, only by the
// slack that is then left, always at the first blocks below their targets, and
// each on condition that the block is as it was read. So two callers that count
// the same slack raise the same blocks, and each block is raised by one of them.
// Seats in use above a capacity only become fewer, so a stale read errs to the
// safe side. Where a capacity is raised to the seats in use, nobody may have left
// meanwhile: another caller may be giving that seat to an earlier block. A block
// is created without capacity and raised after another read, so that a delayed
// creation brings no capacity that was given to others since. A pool of one block
// that does not exist has no others: its block is created with its capacity.
//
// A pool of which some block is closed gets no more capacity: its open blocks are closed
// too.
//
// Safe to retry and to abort at any point: the next caller completes it.
func (p *Pools) Rebalance(ctx context.Context, pool seat.Pool, terms Terms, create bool) ([]seat.State, error) {
	relicensed := create // another process may have crashed before it cleared the directory
	for lost := 0; lost < maxRounds; {
		states, err := p.blocks.Read(ctx, pool)
		if err != nil {
			return nil, fmt.Errorf("read the pool: %w", err)
		}
		if done(states, terms, create) {
			return states, nil
		}
		if closing(states) { // its end has not read what was created meanwhile
			if err := p.Close(ctx, pool, states, keptUntil(states)); err != nil {
				return nil, err
			}
			lost++
			continue
		}
		relicensed = relicensed || slices.ContainsFunc(states, func(s seat.State) bool { return s.Revision != terms.Revision })
		wrote, missed, err := p.lower(ctx, states, terms)
		if err == nil && wrote+missed == 0 {
			wrote, missed, err = p.raise(ctx, pool, states, terms)
		}
		if err != nil {
			return nil, err
		}
		if wrote+missed == 0 && relicensed && slices.ContainsFunc(states, isListed) {
			// No join may be refused any more by what the directory says of the earlier terms.
			return states, problem.Wrap("clear the directory", p.blocks.ClearDirectory(ctx, pool))
		}
		if wrote+missed == 0 {
			return states, nil
		}
		if wrote == 0 {
			lost++
		}
	}
	return nil, fmt.Errorf("rebalance %+v: others kept changing the pool", pool)
}

// done tells whether there is nothing to rebalance: no pool and none wanted, a
// closed pool, or one under a later license.
func done(states []seat.State, terms Terms, create bool) bool {
	if len(states) == 0 {
		return !create
	}
	newer := func(s seat.State) bool { return s.Revision > terms.Revision }
	return !slices.ContainsFunc(states, isOpen) || slices.ContainsFunc(states, newer)
}

func isOpen(s seat.State) bool { return !s.Closed }

func isListed(s seat.State) bool { return s.Listed }

// closing tells whether a process has begun to close the pool.
func closing(states []seat.State) bool {
	return slices.ContainsFunc(states, func(s seat.State) bool { return s.Closed })
}

// keptUntil is until when the closed blocks of a pool are kept.
func keptUntil(states []seat.State) time.Time {
	until := int64(0)
	for _, s := range states {
		until = max(until, s.KeptUntil)
	}
	return time.Unix(until, 0)
}

// lower brings blocks under the terms' revision and down to their targets. Seats
// in use above a target are compensated by blocks with room. A pool with more
// seats in use than its terms gets no capacity at all: capacity left to a full
// block would become room when somebody leaves. The first block comes last: while
// its revision is older, others' may be too; when it is not, none is. It returns
// the number of its writes, and of those that lost a race.
func (p *Pools) lower(ctx context.Context, states []seat.State, terms Terms) (wrote, missed int, err error) {
	capacities, admitted := make([]int, len(states)), 0
	for i, s := range states {
		capacities[i] = min(s.Capacity, Target(terms.Capacity, s.Block.Index))
		admitted += max(capacities[i], s.InUse)
	}
	beyond := InUse(states) > terms.Capacity
	var writes, last []func(context.Context) (bool, error)
	for i, s := range states {
		if beyond {
			capacities[i] = 0
		}
		if spare := capacities[i] - s.InUse; admitted > terms.Capacity && spare > 0 {
			cut := min(spare, admitted-terms.Capacity)
			capacities[i] -= cut
			admitted -= cut
		}
		if isOpen(s) && (capacities[i] != s.Capacity || s.Revision != terms.Revision) {
			write := func(ctx context.Context) (bool, error) {
				return p.blocks.Resize(ctx, s, terms.share(capacities[i], len(states)))
			}
			if s.Block.Index == 0 {
				last = append(last, write)
			} else {
				writes = append(writes, write)
			}
		}
	}
	wrote, missed, err = all(ctx, writes)
	if err != nil || missed > 0 {
		return wrote, missed, err
	}
	w, m, err := all(ctx, last)
	return wrote + w, m, err
}

// raise hands out slack where seats are scarce, to the first blocks below their
// targets, a batch at a time. It counts like lower.
func (p *Pools) raise(ctx context.Context, pool seat.Pool, states []seat.State, terms Terms) (wrote, missed int, err error) {
	slack, room, capacity, byIndex := terms.Capacity-committed(states), 0, 0, make(map[int]seat.State, len(states))
	gate := int64(0)
	for _, s := range states {
		gate = max(gate, s.Gate)
		room += s.Free()
		capacity += s.Capacity
		byIndex[s.Block.Index] = s
	}
	if len(states) > 0 && (slack <= 0 || room*scarceDivisor > capacity) {
		return 0, 0, nil
	}
	var writes []func(context.Context) (bool, error)
	for index := 0; index < max(1, count(terms.Capacity)) && len(writes) < min(max(batch, len(states)), maxBatch); index++ {
		state, exists := byIndex[index]
		// Seats in use above the capacity are committed already.
		target := Target(terms.Capacity, index)
		held := max(state.Capacity, min(state.InUse, target))
		add := max(0, min(slack, target-held))
		switch {
		case !exists:
			initial := 0
			if len(states) == 0 && count(terms.Capacity) <= 1 {
				initial = terms.Capacity
			}
			writes = append(writes, func(ctx context.Context) (bool, error) {
				return p.blocks.Create(ctx, seat.Block{Pool: pool, Index: index}, terms.share(initial, len(states)))
			})
		case held+add > state.Capacity:
			writes = append(writes, func(ctx context.Context) (bool, error) {
				if state.Gate < gate { // what is added is for the queue first
					if err := p.blocks.Gate(ctx, state.Block, gate); err != nil {
						return false, problem.Wrap("gate a block", err)
					}
				}
				return p.blocks.Resize(ctx, state, terms.share(held+add, len(states)))
			})
		}
		slack -= add
	}
	return all(ctx, writes)
}

// all makes writes in parallel. It returns how many were done, and how many lost
// a race.
func all(ctx context.Context, writes []func(context.Context) (bool, error)) (wrote, missed int, err error) {
	var done atomic.Int64
	one := func(ctx context.Context, write func(context.Context) (bool, error)) error {
		ok, err := write(ctx)
		if ok {
			done.Add(1)
		}
		return err
	}
	if len(writes) == 1 { // the common case needs no goroutine
		err = one(ctx, writes[0])
	} else {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(parallel)
		for _, write := range writes {
			group.Go(func() error { return one(ctx, write) })
		}
		err = group.Wait()
	}
	if err != nil {
		return 0, 0, fmt.Errorf("rebalance a block: %w", err)
	}
	return int(done.Load()), len(writes) - int(done.Load()), nil
}
