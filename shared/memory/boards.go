package memory

import (
	"context"
	"maps"

	"seatmeter/shared/seat"
)

// board is a pool's board, and whose look is under way.
type board struct {
	seat.Board
	looker seat.ConnectionID
}

// Board implements seat.Boards.
func (s *Store) Board(_ context.Context, pool seat.Pool) (seat.Board, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boards[pool].Board
	b.Rooms = maps.Clone(b.Rooms)
	return b, nil
}

// BeginLook implements seat.Boards.
func (s *Store) BeginLook(_ context.Context, pool seat.Pool, look seat.Look, staleMillis int64, reset bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boards[pool]
	if b.looker == look.By && b.LookingMillis == look.AtMillis {
		return true, nil
	}
	if b.LookingMillis > staleMillis || !reset && b.UntilMillis == 0 {
		return false, nil
	}
	b.looker, b.LookingMillis = look.By, look.AtMillis
	if reset {
		b.Rooms, b.UntilMillis = make(map[int]int64), 0
	}
	s.boards[pool] = b
	return true, nil
}

// EndLook implements seat.Boards.
func (s *Store) EndLook(_ context.Context, pool seat.Pool, look seat.Look) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boards[pool]
	if b.LookingMillis != look.AtMillis || b.looker != look.By {
		return false, nil
	}
	b.looker, b.LookingMillis = "", 0
	b.UntilMillis, b.Revision, b.Count, b.Beyond = look.UntilMillis, look.Revision, look.Count, look.Beyond
	for index, version := range look.Rooms {
		if _, listed := b.Rooms[index]; !listed {
			b.Rooms[index] = version
		}
	}
	s.boards[pool] = b
	return true, nil
}

// AddRoom implements seat.Boards.
func (s *Store) AddRoom(_ context.Context, block seat.Block, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boards[block.Pool]
	if there, listed := b.Rooms[block.Index]; b.Rooms != nil && (!listed || there < version) {
		b.Rooms[block.Index] = version
	}
	return nil
}

// RemoveRoom implements seat.Boards.
func (s *Store) RemoveRoom(_ context.Context, block seat.Block, before int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rooms := s.boards[block.Pool].Rooms; rooms[block.Index] < before {
		delete(rooms, block.Index)
	}
	return nil
}

// AddLeft implements seat.Boards.
func (s *Store) AddLeft(_ context.Context, pool seat.Pool, n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, there := s.boards[pool]; there {
		b.Left += n
		s.boards[pool] = b
	}
	return nil
}

// ClearBoard implements seat.Boards.
func (s *Store) ClearBoard(_ context.Context, pool seat.Pool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, there := s.boards[pool]; there {
		b.UntilMillis, b.LookingMillis, b.looker = 0, 0, ""
		s.boards[pool] = b
	}
	return nil
}
