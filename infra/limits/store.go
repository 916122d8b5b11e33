package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/memory"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Store is the memory store as one process sees it over the engine. What it
// does not override costs nothing and takes no time: nothing of the way in and
// out, but for changes of licenses and lists.
type Store struct {
	*memory.Store
	client *client
}

// Over makes the store of one process, and adds up what it consumes.
func (e *Engine) Over(m *memory.Store, units *Units) *Store { return &Store{m, e.client(units)} }

// answered makes one call and gives what the memory store answers.
func answered[T any](ctx context.Context, s *Store, c call, do func() (T, error)) (T, error) {
	var answer T
	var failed error
	if err := s.client.call(ctx, c, func(*budget) { answer, failed = do() }); err != nil {
		return answer, err
	}
	return answer, failed
}

// two is an answer of two values.
type two[A, B any] struct {
	a A
	b B
}

// done is answered for what answers nothing but an error.
func done(ctx context.Context, s *Store, c call, do func() error) error {
	_, err := answered(ctx, s, c, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func licenseItem(t tenant.ID) item { return item{kind: "license", name: string(t)} }

func hostItem(t tenant.ID, email host.Email) item {
	return item{kind: "host", name: string(t) + "#" + string(email)}
}

func conferenceItem(t tenant.ID, id conference.ID) item {
	return item{kind: "conference", name: string(t) + "#" + string(id)}
}

func sessionItem(id seat.ConnectionID) item { return item{kind: "session", name: string(id)} }

// A part of a tenant's ledger is one partition, whose records come in order of
// time, so that DynamoDB does not split it.
func recordItem(kind string, t tenant.ID, id seat.ConnectionID, shards int) item {
	return item{kind: kind, name: string(t), index: usage.Shard(id, shards)}
}

func blockItem(b seat.Block) item {
	kind := "block"
	if b.Pool.Chair {
		kind = "chair"
	}
	return item{kind, string(b.Pool.Tenant), int64(b.Pool.Number), b.Index}
}

func boardItem(p seat.Pool) item {
	return item{kind: "board", name: string(p.Tenant), number: int64(p.Number)}
}

// License implements license.Licenses.
func (s *Store) License(ctx context.Context, t tenant.ID) (*license.License, error) {
	return answered(ctx, s, read(licenseItem(t), true), func() (*license.License, error) { return s.Store.License(ctx, t) })
}

// Host implements host.Hosts.
func (s *Store) Host(ctx context.Context, t tenant.ID, email host.Email, consistent bool) (*host.Host, error) {
	return answered(ctx, s, read(hostItem(t, email), consistent), func() (*host.Host, error) {
		return s.Store.Host(ctx, t, email, consistent)
	})
}

// Conference implements conference.Conferences.
func (s *Store) Conference(ctx context.Context, t tenant.ID, id conference.ID, consistent bool) (*conference.Conference, error) {
	return answered(ctx, s, read(conferenceItem(t, id), consistent), func() (*conference.Conference, error) {
		return s.Store.Conference(ctx, t, id, consistent)
	})
}

// Advance implements conference.Conferences.
func (s *Store) Advance(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number, to conference.State, at time.Time) (*conference.Conference, error) {
	return answered(ctx, s, write(conferenceItem(t, id)), func() (*conference.Conference, error) {
		return s.Store.Advance(ctx, t, id, number, to, at)
	})
}

// Occupy implements conference.Conferences.
func (s *Store) Occupy(ctx context.Context, t tenant.ID, id conference.ID, number conference.Number) (*conference.Conference, error) {
	return answered(ctx, s, write(conferenceItem(t, id)), func() (*conference.Conference, error) {
		return s.Store.Occupy(ctx, t, id, number)
	})
}

// Session implements session.Sessions.
func (s *Store) Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error) {
	return answered(ctx, s, read(sessionItem(id), consistent), func() (*session.Session, error) {
		return s.Store.Session(ctx, id, consistent)
	})
}

// Begin implements session.Sessions.
func (s *Store) Begin(ctx context.Context, begun session.Session) (*session.Session, error) {
	return answered(ctx, s, write(sessionItem(begun.Connection)), func() (*session.Session, error) {
		return s.Store.Begin(ctx, begun)
	})
}

// Change implements session.Sessions.
func (s *Store) Change(ctx context.Context, changed session.Session) (*session.Session, error) {
	return answered(ctx, s, write(sessionItem(changed.Connection)), func() (*session.Session, error) {
		return s.Store.Change(ctx, changed)
	})
}

// Record implements usage.Ledger.
func (s *Store) Record(ctx context.Context, stay usage.Stay) (int64, error) {
	return answered(ctx, s, write(recordItem("stays", stay.Tenant, stay.Connection, stay.Shards)), func() (int64, error) {
		return s.Store.Record(ctx, stay)
	})
}

// Refuse implements usage.Ledger.
func (s *Store) Refuse(ctx context.Context, r usage.Refusal) error {
	return done(ctx, s, write(recordItem("refusals", r.Tenant, r.Connection, r.Shards)), func() error { return s.Store.Refuse(ctx, r) })
}

// Take implements seat.Blocks.
func (s *Store) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	s.client.units.Takes++
	return answered(ctx, s, write(blockItem(block)), func() (seat.Attempt, error) {
		return s.Store.Take(ctx, block, id, member, revision)
	})
}

// Renumber implements seat.Blocks.
func (s *Store) Renumber(ctx context.Context, block seat.Block, id seat.ConnectionID) (seat.State, bool, error) {
	both, err := answered(ctx, s, write(blockItem(block)), func() (two[seat.State, bool], error) {
		state, in, err := s.Store.Renumber(ctx, block, id)
		return two[seat.State, bool]{state, in}, err
	})
	return both.a, both.b, err
}

// GiveBack implements seat.Blocks.
func (s *Store) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	return answered(ctx, s, write(blockItem(block)), func() (seat.Returned, error) {
		return s.Store.GiveBack(ctx, block, id, member, void)
	})
}

// Hold implements seat.Blocks.
func (s *Store) Hold(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, hold seat.Hold) (seat.Returned, error) {
	return answered(ctx, s, write(blockItem(block)), func() (seat.Returned, error) {
		return s.Store.Hold(ctx, block, id, member, hold)
	})
}

// Swap implements seat.Blocks.
func (s *Store) Swap(ctx context.Context, block seat.Block, from, to seat.Place, revision int64) (seat.Attempt, error) {
	s.client.units.Takes++
	return answered(ctx, s, write(blockItem(block)), func() (seat.Attempt, error) {
		return s.Store.Swap(ctx, block, from, to, revision)
	})
}

// Revert implements seat.Blocks.
func (s *Store) Revert(ctx context.Context, block seat.Block, from, to seat.Place) (seat.Returned, error) {
	return answered(ctx, s, write(blockItem(block)), func() (seat.Returned, error) {
		return s.Store.Revert(ctx, block, from, to)
	})
}

// Create implements seat.Blocks. A pool's settling calls it side by side.
func (s *Store) Create(ctx context.Context, block seat.Block, share seat.Share) (created bool, err error) {
	s.client.beside(write(blockItem(block)), func() { created, err = s.Store.Create(ctx, block, share) })
	return created, err
}

// Resize implements seat.Blocks. A pool's settling calls it side by side.
func (s *Store) Resize(ctx context.Context, was seat.State, share seat.Share) (resized bool, err error) {
	s.client.beside(write(blockItem(was.Block)), func() { resized, err = s.Store.Resize(ctx, was, share) })
	return resized, err
}

// Look implements seat.Blocks.
func (s *Store) Look(ctx context.Context, block seat.Block) (*seat.State, error) {
	return answered(ctx, s, read(blockItem(block), true), func() (*seat.State, error) { return s.Store.Look(ctx, block) })
}

// A pool is read by one query per page, which is charged for the page's blocks
// together.
const (
	pageBlocks  = 32
	blockBytes  = 170
	memberBytes = 28
	unitBytes   = 4096
)

// pagesAtOnce is how many pages are read at the same time.
const pagesAtOnce = 32

// Read implements seat.Blocks as the store on DynamoDB does: first one page,
// then twice as many each time, side by side, until one is not full. Each has
// what its page has at that moment; what it has is known, and charged, when it
// is read.
func (s *Store) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	var states []seat.State
	for first, n := 0, 1; ; first, n = first+n, min(2*n, pagesAtOnce) {
		pages, errs := make([][]seat.State, n), make([]error, n)
		s.client.catchUp()
		s.client.engine.Clock.Together(n, func(i int) { pages[i], errs[i] = s.page(ctx, pool, first+i) })
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		states = append(states, slices.Concat(pages...)...)
		if len(states) < (first+n)*pageBlocks || pool.Chair {
			return states, nil
		}
	}
}

// page reads one page of a pool by one query.
func (s *Store) page(ctx context.Context, pool seat.Pool, page int) (found []seat.State, err error) {
	throttled := s.client.call(ctx, read(item{"page", string(pool.Tenant), int64(pool.Number), page}, true), func(b *budget) {
		found, err = s.blocksOf(ctx, pool, page)
		s.client.units.consume(b, call{reads: pageUnits(found) - 1})
	})
	return found, errors.Join(throttled, err)
}

// blocksOf is what a page has.
func (s *Store) blocksOf(ctx context.Context, pool seat.Pool, page int) ([]seat.State, error) {
	found := make([]seat.State, 0, pageBlocks)
	for index := page * pageBlocks; index < (page+1)*pageBlocks; index++ {
		state, err := s.Store.Look(ctx, seat.Block{Pool: pool, Index: index})
		if err != nil {
			return nil, err
		}
		if state == nil {
			break
		}
		found = append(found, *state)
	}
	return found, nil
}

func pageUnits(found []seat.State) float64 {
	size := 0
	for _, state := range found {
		size += blockBytes + memberBytes*len(state.Members)
	}
	return float64(max(1, (size+unitBytes-1)/unitBytes))
}

// Board implements seat.Boards. It is tried once, as the store on DynamoDB does.
func (s *Store) Board(ctx context.Context, pool seat.Pool) (board seat.Board, err error) {
	throttled := s.client.once(read(boardItem(pool), true), func(*budget) { board, err = s.Store.Board(ctx, pool) })
	if throttled != nil {
		return seat.Board{}, fmt.Errorf("%w: %w", seat.ErrBusy, throttled)
	}
	return board, err
}

// BeginLook implements seat.Boards.
func (s *Store) BeginLook(ctx context.Context, pool seat.Pool, look seat.Look, staleMillis int64, reset bool) (bool, error) {
	return answered(ctx, s, write(boardItem(pool)), func() (bool, error) {
		return s.Store.BeginLook(ctx, pool, look, staleMillis, reset)
	})
}

// EndLook implements seat.Boards.
func (s *Store) EndLook(ctx context.Context, pool seat.Pool, look seat.Look) (bool, error) {
	return answered(ctx, s, write(boardItem(pool)), func() (bool, error) { return s.Store.EndLook(ctx, pool, look) })
}

// AddRoom implements seat.Boards.
func (s *Store) AddRoom(ctx context.Context, block seat.Block, version int64) error {
	return done(ctx, s, write(boardItem(block.Pool)), func() error { return s.Store.AddRoom(ctx, block, version) })
}

// RemoveRoom implements seat.Boards.
func (s *Store) RemoveRoom(ctx context.Context, block seat.Block, before int64) error {
	return done(ctx, s, write(boardItem(block.Pool)), func() error { return s.Store.RemoveRoom(ctx, block, before) })
}

// AddLeft implements seat.Boards.
func (s *Store) AddLeft(ctx context.Context, pool seat.Pool, n int64) error {
	return done(ctx, s, write(boardItem(pool)), func() error { return s.Store.AddLeft(ctx, pool, n) })
}

// ClearBoard implements seat.Boards.
func (s *Store) ClearBoard(ctx context.Context, pool seat.Pool) error {
	return done(ctx, s, write(boardItem(pool)), func() error { return s.Store.ClearBoard(ctx, pool) })
}
