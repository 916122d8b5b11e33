package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

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
