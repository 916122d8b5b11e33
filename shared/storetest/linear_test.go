package storetest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"seatmeter/shared/memory"
	"seatmeter/shared/seat"
)

// enough is how many histories may pass before a fault must show.
const enough = 200

// modelled is a block that is right, because it is the model under a lock.
type modelled struct {
	mu   sync.Mutex
	book book
}

func (m *modelled) perform(_ context.Context, r request) (answer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var a answer
	a, m.book = m.book.apply(r)
	return a, nil
}

func (m *modelled) read() book {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.book
}

// pause is long enough for another worker's call.
func pause() { time.Sleep(50 * time.Microsecond) }

// takeThatReadsFirst decides by what it read, and then writes whatever has
// become of the block.
func takeThatReadsFirst(m *modelled, r request) (answer, error) {
	seen := m.read()
	a, _ := seen.apply(r)
	if a.outcome != seat.OutcomeTaken {
		return a, nil
	}
	pause()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.book.inUse++
	m.book.taken++
	m.book.members[r.to.n] = r.to.member
	a.state = m.book
	return a, nil
}

// swapInTwoSteps leaves the seat free for a moment.
func swapInTwoSteps(m *modelled, r request) (answer, error) {
	if a, _ := m.read().apply(r); a.outcome != seat.OutcomeTaken {
		return a, nil
	}
	back, err := m.perform(context.Background(), request{kind: kindGiveBack, from: r.from})
	if err != nil || !back.done {
		return answer{outcome: seat.OutcomeFull, state: m.read()}, err
	}
	pause()
	return m.perform(context.Background(), request{kind: kindTake, to: r.to, revision: m.read().revision})
}

// giveBackOfAnyTake does not mind by which take the connection is in.
func giveBackOfAnyTake(m *modelled, r request) (answer, error) {
	r.from.member = m.read().members[r.from.n]
	if r.from.member == (seat.Member{}) {
		return answer{}, nil
	}
	return m.perform(context.Background(), r)
}

// giveBackThatCountsTwice frees a seat also when it was given back already.
func giveBackThatCountsTwice(m *modelled, r request) (answer, error) {
	a, err := m.perform(context.Background(), r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.book.inUse > 0 && !a.done {
		m.book.inUse--
		return answer{done: true}, err
	}
	return a, err
}

func TestABlockThatIsNotLinearizableIsFoundOut(t *testing.T) {
	for _, test := range []struct {
		name  string
		kind  kind
		fault func(*modelled, request) (answer, error)
	}{
		{"a take that reads first", kindTake, takeThatReadsFirst},
		{"a swap in two steps", kindSwap, swapInTwoSteps},
		{"a give back of any take", kindGiveBack, giveBackOfAnyTake},
		{"a give back that counts twice", kindGiveBack, giveBackThatCountsTwice},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range seeds(t, enough) {
				m := &modelled{}
				history := blockHistory(t, seed, func(ctx context.Context, r request) (answer, error) {
					if r.kind == test.kind {
						return test.fault(m, r)
					}
					return m.perform(ctx, r)
				})
				if check(blockModel, history) == porcupine.Illegal {
					t.Logf("found out by history %d", seed.index)
					return
				}
			}
			t.Error("it passes")
		})
	}
}

// takesThatReadFirst are a store's that decides by what it read: who was shown
// room gets a seat, whether it is still there or not.
type takesThatReadFirst struct{ *memory.Store }

func (s takesThatReadFirst) Take(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, revision int64) (seat.Attempt, error) {
	seen, err := s.Look(ctx, block)
	if err != nil || seen == nil || seat.Judge(*seen, true, id, revision) != seat.OutcomeTaken {
		return s.Store.Take(ctx, block, id, member, revision)
	}
	pause()
	for {
		a, err := s.Store.Take(ctx, block, id, member, revision)
		if err != nil || a.Outcome != seat.OutcomeFull {
			return a, err
		}
		if _, err := s.Resize(ctx, a.State, seat.Share{Capacity: a.State.Capacity + 1, Revision: revision}); err != nil {
			return a, err
		}
	}
}

// returnsThatCountTwice are a store's that frees a seat also when it was given
// back already.
type returnsThatCountTwice struct{ *memory.Store }

func (s returnsThatCountTwice) GiveBack(ctx context.Context, block seat.Block, id seat.ConnectionID, member seat.Member, void bool) (seat.Returned, error) {
	back, err := s.Store.GiveBack(ctx, block, id, member, void)
	for err == nil && !back.Done {
		there, failed := s.Look(ctx, block)
		if failed != nil || there == nil {
			return back, failed
		}
		if done, failed := s.Resize(ctx, *there, seat.Share{Capacity: there.Capacity + 1, Revision: there.Revision}); done || failed != nil {
			return back, failed
		}
	}
	return back, err
}

// staleReads is a store that reads a pool as it was when most was in use.
type staleReads struct {
	*memory.Store
	mu   sync.Mutex
	most map[seat.Pool][]seat.State
}

func (s *staleReads) Read(ctx context.Context, pool seat.Pool) ([]seat.State, error) {
	now, err := s.Store.Read(ctx, pool)
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.most[pool]; len(before) == len(now) && len(now) > 0 && before[0].Revision == now[0].Revision && seat.InUse(before) > seat.InUse(now) {
		return before, err
	}
	s.most[pool] = now
	return now, err
}

// silentBoards hear of no room.
type silentBoards struct{ *memory.Store }

func (silentBoards) AddRoom(context.Context, seat.Block, int64) error { return nil }

func (silentBoards) ClearBoard(context.Context, seat.Pool) error { return nil }

// hastyBoards take a block off although room was made in it since it was found
// full.
type hastyBoards struct{ *memory.Store }

func (s hastyBoards) RemoveRoom(ctx context.Context, block seat.Block, _ int64) error {
	pause()
	return s.Store.RemoveRoom(ctx, block, 1<<62)
}

func TestAPoolThatBreaksItsPromisesIsFoundOut(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(*memory.Store) seat.Blocks
		want  string
		large bool
	}{
		{"takes that read first", func(s *memory.Store) seat.Blocks { return takesThatReadFirst{s} }, "Illegal", false},
		{"returns that count twice", func(s *memory.Store) seat.Blocks { return returnsThatCountTwice{s} }, "Illegal", false},
		{"stale reads", func(s *memory.Store) seat.Blocks { return &staleReads{Store: s, most: map[seat.Pool][]seat.State{}} }, "refused", false},
		{"room that nobody tells of", func(s *memory.Store) seat.Blocks { return silentBoards{s} }, "refused", true},
		{"room that is taken off whatever was said since", func(s *memory.Store) seat.Blocks { return hastyBoards{s} }, "refused", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range seeds(t, enough) {
				least, most := leastPool, mostPool
				if test.large {
					least, most = leastLarge, mostLarge
				}
				p := newPoolHistory(t, seed, test.fault(memory.New()), seat.Pool{Tenant: "acme"}, least, most)
				if fault := p.run(t, seed); strings.Contains(fault, test.want) {
					t.Logf("found out by history %d: %s", seed.index, fault)
					return
				}
			}
			t.Error("it passes")
		})
	}
}
