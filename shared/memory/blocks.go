package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"seatmeter/shared/seat"
)

// Take implements seat.Blocks.
func (s *Store) Take(_ context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, exists := s.blocks[block.Pool][block.Index]
	if !exists {
		return seat.Attempt{Outcome: seat.OutcomeMissing, State: seat.State{Block: block}}, nil
	}
	outcome := seat.Judge(*b, true, id, revision)
	if outcome == seat.OutcomeTaken {
		b.InUse++
		b.Taken++
		b.Members[id] = member
		s.busy[block] = true
	}
	return seat.Attempt{Outcome: outcome, State: snapshot(b)}, nil
}

// Renumber implements seat.Blocks.
func (s *Store) Renumber(_ context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.holding(block, id)
	if b == nil {
		return seat.State{}, false, nil
	}
	b.Taken++
	b.Voids++
	return snapshot(b), true, nil
}

// GiveBack implements seat.Blocks.
func (s *Store) GiveBack(_ context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[block.Pool][block.Index]
	if b == nil {
		return seat.Returned{}, nil
	}
	switch instead, in := b.Members[id]; {
	case !in:
		return seat.Returned{Vacancy: b.Vacated()}, nil
	case instead != member:
		return seat.Returned{Instead: &instead}, nil
	}
	b.InUse--
	if void {
		b.Voids++
	}
	delete(b.Members, id)
	return seat.Returned{Done: true, Vacancy: b.Vacated()}, nil
}

// Hold implements seat.Blocks.
func (s *Store) Hold(_ context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.holding(block, id)
	if b == nil {
		return seat.Returned{}, nil
	}
	there, lost := b.Members[id], member.Lost(hold)
	if there != member && there != lost {
		return seat.Returned{Instead: &there}, nil
	}
	b.Members[id] = lost
	return seat.Returned{Done: true, Vacancy: b.Pending()}, nil
}

// Swap implements seat.Blocks.
func (s *Store) Swap(_ context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, exists := s.blocks[block.Pool][block.Index]
	if !exists {
		return seat.Attempt{Outcome: seat.OutcomeMissing, State: seat.State{Block: block}}, nil
	}
	outcome := seat.JudgeSwap(*b, true, from, to, revision)
	if outcome == seat.OutcomeTaken {
		b.Taken++
		delete(b.Members, from.Connection)
		b.Members[to.Connection] = to.Member
		s.busy[block] = true
	}
	return seat.Attempt{Outcome: outcome, State: snapshot(b)}, nil
}

// Revert implements seat.Blocks.
func (s *Store) Revert(_ context.Context, block seat.Block, from, to seat.Place) (seat.Returned, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.holding(block, from.Connection)
	if b == nil {
		return seat.Returned{}, nil
	}
	instead := b.Members[from.Connection]
	if _, back := b.Members[to.Connection]; back || instead != from.Member {
		return seat.Returned{Instead: &instead}, nil
	}
	b.Voids++
	delete(b.Members, from.Connection)
	b.Members[to.Connection] = to.Member
	return seat.Returned{Done: true, Vacancy: b.Pending()}, nil
}

// Create implements seat.Blocks.
func (s *Store) Create(_ context.Context, block seat.Block, share seat.Share) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pool := within(s.blocks, block.Pool)
	if pool[block.Index] != nil {
		return false, nil
	}
	pool[block.Index] = &seat.State{Block: block, Share: share, Members: make(map[seat.ConnectionID]seat.Member)}
	return true, nil
}

// Resize implements seat.Blocks.
func (s *Store) Resize(_ context.Context, was seat.State, share seat.Share) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[was.Block.Pool][was.Block.Index]
	if b == nil || b.Capacity != was.Capacity || b.Revision != was.Revision || b.Closed || b.InUse > max(share.Capacity, was.InUse) || was.Overused(share) && b.InUse != was.InUse {
		return false, nil
	}
	b.Share = share
	return true, nil
}

// Close implements seat.Blocks.
func (s *Store) Close(_ context.Context, block seat.Block, _ time.Time) (seat.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pool := within(s.blocks, block.Pool)
	if pool[block.Index] == nil {
		pool[block.Index] = &seat.State{Block: block, Members: make(map[seat.ConnectionID]seat.Member)}
	}
	pool[block.Index].Closed = true
	return snapshot(pool[block.Index]), nil
}

// Read implements seat.Blocks.
func (s *Store) Read(_ context.Context, pool seat.Pool) ([]seat.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	states := make([]seat.State, 0, len(s.blocks[pool]))
	for _, b := range s.blocks[pool] {
		states = append(states, snapshot(b))
	}
	slices.SortFunc(states, func(a, b seat.State) int { return cmp.Compare(a.Block.Index, b.Block.Index) })
	return states, nil
}

// Look implements seat.Blocks.
func (s *Store) Look(_ context.Context, block seat.Block) (*seat.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[block.Pool][block.Index]
	if b == nil {
		return nil, nil
	}
	state := snapshot(b)
	return &state, nil
}

// Saw implements seat.Blocks.
func (s *Store) Saw(_ context.Context, block seat.Block, atMillis int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.blocks[block.Pool][block.Index]; b != nil {
		b.SeenAtMillis = max(b.SeenAtMillis, atMillis/1000*1000)
	}
	return nil
}

// Rest implements seat.Blocks.
func (s *Store) Rest(_ context.Context, block seat.Block) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.blocks[block.Pool][block.Index]; b == nil || b.InUse == 0 {
		delete(s.busy, block)
	}
	return nil
}

func (s *Store) holding(block seat.Block, id seat.ConnectionID) *seat.State {
	b := s.blocks[block.Pool][block.Index]
	if b == nil {
		return nil
	}
	if _, member := b.Members[id]; !member {
		return nil
	}
	return b
}

func snapshot(b *seat.State) seat.State {
	copied := *b
	copied.Members = maps.Clone(b.Members)
	return copied
}

// Edit changes a block in one step without any of a store's conditions: what
// the simulation makes deliberate bugs of, and looks at blocks with. A block
// that is not there is left alone.
func (s *Store) Edit(block seat.Block, change func(*seat.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.blocks[block.Pool][block.Index]; b != nil {
		change(b)
		if len(b.Members) > 0 {
			s.busy[block] = true
		}
	}
}
