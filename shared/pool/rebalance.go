package pool

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"

	"golang.org/x/sync/errgroup"
)

// Blocks are opened as they are needed: the first batch at once, as many again
// when less than one seat in scarce of those there is free. So a license of a
// million seats costs what is used of it.
const (
	batch    = 64
	maxBatch = 1024
	scarce   = 4
	// parallel is how many writes of a settling are made at the same time.
	parallel = 32
)

// Rebalance brings a pool's blocks to its terms and gives them as they stand.
// With create it opens a pool that is not there, if only without capacity.
//
// Why it cannot oversell, whoever else runs it: capacities are first lowered,
// under the new revision, until Σ max(capacity, in use) is within the terms;
// the first block last, and each on condition that no more are in than was
// reckoned with, so that the first block's revision says that it is done.
// They are raised only when every block has that revision, only by what is
// then left, always at the first blocks short of their targets, and each on
// condition that it is as it was seen. Two callers that count the same slack
// therefore mean the same blocks, and each block is raised by one of them.
// Seats in use above a capacity only become fewer, so that an old view errs to
// the safe side; where a capacity is raised to them, nobody may have left since,
// whose seat another may be giving to a block before. A block is made without
// capacity and raised after another read, so that one whose making was long
// under way brings nothing that was given away since.
// Safe to repeat and to abandon at any point: the next caller goes on.
func (p *Pools) Rebalance(ctx context.Context, pool seat.Pool, terms Terms, create bool) ([]seat.State, error) {
	relicensed := create // by somebody else perhaps, who died
	for stuck := 0; stuck < maxRounds; {
		states, err := p.blocks.Read(ctx, pool)
		if err != nil {
			return nil, fmt.Errorf("read the pool: %w", err)
		}
		if done(states, terms, create) {
			return states, nil
		}
		relicensed = relicensed || slices.ContainsFunc(states, func(s seat.State) bool { return s.Revision != terms.Revision })
		wrote, missed, err := p.lower(ctx, states, terms)
		if err == nil && wrote+missed == 0 && !closing(states) {
			wrote, missed, err = p.raise(ctx, pool, states, terms)
		}
		if err != nil {
			return nil, err
		}
		if wrote+missed == 0 && relicensed && slices.ContainsFunc(states, isListed) {
			// Nobody is to be refused any more by what is known of the terms before.
			return states, problem.Wrap("clear the directory", p.blocks.ClearDirectory(ctx, pool))
		}
		if wrote+missed == 0 {
			return states, nil
		}
		if wrote == 0 {
			stuck++
		}
	}
	return nil, fmt.Errorf("settle %+v: others kept changing the pool", pool)
}

// done tells whether there is nothing to settle: no pool and none wanted, a
// closed pool, or one under newer terms than ours.
func done(states []seat.State, terms Terms, create bool) bool {
	if len(states) == 0 {
		return !create
	}
	newer := func(s seat.State) bool { return s.Revision > terms.Revision }
	return !slices.ContainsFunc(states, isOpen) || slices.ContainsFunc(states, newer)
}

func isOpen(s seat.State) bool { return !s.Closed }

func isListed(s seat.State) bool { return s.Listed }

// closing tells whether somebody has begun to close the pool. A block of it that
// is open still gets no capacity any more.
func closing(states []seat.State) bool {
	return slices.ContainsFunc(states, func(s seat.State) bool { return s.Closed })
}

// lower brings blocks under the terms' revision and down to their targets, and
// takes what other blocks still use above it from blocks with room. A pool in
// use beyond its terms gets no capacity at all: what is left to a full block
// would be room again when somebody leaves it. The first block comes last: while
// it is under an older revision others may be too, and when it is not, none is.
// It counts its writes, and those that somebody else forestalled.
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

// raise hands out the slack where seats are scarce, to the first blocks short
// of their targets, a batch at a time.
func (p *Pools) raise(ctx context.Context, pool seat.Pool, states []seat.State, terms Terms) (wrote, missed int, err error) {
	slack, room, capacity, byIndex := terms.Capacity-committed(states), 0, 0, make(map[int]seat.State, len(states))
	for _, s := range states {
		room += s.Free()
		capacity += s.Capacity
		byIndex[s.Block.Index] = s
	}
	if len(states) > 0 && (slack <= 0 || room*scarce > capacity) {
		return 0, 0, nil
	}
	var writes []func(context.Context) (bool, error)
	for index := 0; index < max(1, count(terms.Capacity)) && len(writes) < min(max(batch, len(states)), maxBatch); index++ {
		state, exists := byIndex[index]
		// What is in use above the capacity is committed already.
		target := Target(terms.Capacity, index)
		held := max(state.Capacity, min(state.InUse, target))
		add := max(0, min(slack, target-held))
		switch {
		case !exists:
			writes = append(writes, func(ctx context.Context) (bool, error) {
				return p.blocks.Create(ctx, seat.Block{Pool: pool, Index: index}, terms.share(0, len(states)))
			})
		case held+add > state.Capacity:
			writes = append(writes, func(ctx context.Context) (bool, error) {
				return p.blocks.Resize(ctx, state, terms.share(held+add, len(states)))
			})
		}
		slack -= add
	}
	return all(ctx, writes)
}

// all makes writes at the same time and counts those that were done, and those
// that somebody else forestalled.
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
		return 0, 0, fmt.Errorf("settle a block: %w", err)
	}
	return int(done.Load()), len(writes) - int(done.Load()), nil
}
