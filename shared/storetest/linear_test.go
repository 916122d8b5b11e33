package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/pool"

	"github.com/anishathalye/porcupine"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// enough is the number of histories within which a bug must be found.
const enough = 200

// slowHistories take a tenth of a second each.
const slowHistories = 40

// modelled is a correct block: the model under a lock.
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

// takeThatReadsFirst reads the block, decides, and then writes unconditionally.
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

// swapInTwoSteps leaves the seat free between its steps.
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

// giveBackOfAnyTake ignores the mark of the take.
func giveBackOfAnyTake(m *modelled, r request) (answer, error) {
	r.from.member = m.read().members[r.from.n]
	if r.from.member == (seat.Member{}) {
		return answer{}, nil
	}
	return m.perform(context.Background(), r)
}

// giveBackThatCountsTwice frees a seat again that is free already.
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

// onePool is the pool of the stores below.
var onePool = seat.Pool{Tenant: "acme"}

// takesThatReadFirst is a store that decides by an earlier read: a connection that
// read a vacancy gets a seat even if the vacancy is gone.
func takesThatReadFirst(over dynamo.API) dynamo.API {
	store := dynamo.New(over, memtable.Names)
	return faults.On(over, "take", func(ctx context.Context, in any, next faults.Next) (any, error) {
		block, _ := dynamo.Describe(in).Block()
		seen, err := store.Get(ctx, block)
		if err != nil || seen == nil || seen.InUse >= seen.Capacity {
			return next(ctx, in)
		}
		pause()
		return faults.Without("#in_use < #capacity AND ")(ctx, in, next)
	})
}

// returnsThatCountTwice is a store that frees a seat again that is free already.
func returnsThatCountTwice(over dynamo.API) dynamo.API {
	store := dynamo.New(over, memtable.Names)
	return faults.On(over, "give back", func(ctx context.Context, in any, next faults.Next) (any, error) {
		out, err := next(ctx, in)
		if _, refused := errors.AsType[*types.ConditionalCheckFailedException](err); !refused {
			return out, err
		}
		block, _ := dynamo.Describe(in).Block()
		for {
			there, failed := store.Get(ctx, block)
			if failed != nil || there == nil {
				return nil, failed
			}
			if done, failed := store.Resize(ctx, *there, seat.Share{Capacity: there.Capacity + 1, Revision: there.Revision}); done || failed != nil {
				return nil, errors.Join(err, failed)
			}
		}
	})
}

// staleReads returns the pool as it was at its greatest use.
func staleReads(over dynamo.API) dynamo.API {
	store := dynamo.New(over, memtable.Names)
	var mu sync.Mutex
	var before []seat.State
	var shown any
	return faults.On(over, "query pool", func(ctx context.Context, in any, next faults.Next) (any, error) {
		mu.Lock()
		defer mu.Unlock()
		now, err := store.Read(ctx, onePool)
		if len(before) == len(now) && len(now) > 0 && before[0].Revision == now[0].Revision && pool.InUse(before) > pool.InUse(now) {
			return shown, err
		}
		out, failed := next(ctx, in)
		before, shown = now, out
		return out, errors.Join(err, failed)
	})
}

// silentBoards hear of no room.
func silentBoards(over dynamo.API) dynamo.API {
	return faults.On(faults.On(over, "list block", faults.Skip), "clear directory", faults.Skip)
}

// hastyBoards take a block off although room was made in it since it was found
// full.
func hastyBoards(over dynamo.API) dynamo.API {
	return faults.On(over, "unlist block", func(ctx context.Context, in any, next faults.Next) (any, error) {
		pause()
		return faults.Without("#rooms.#index < :version")(ctx, in, next)
	})
}

func TestAPoolThatBreaksItsPromisesIsFoundOut(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault func(over dynamo.API) dynamo.API
		want  string
		large bool
	}{
		{"takes that read first", takesThatReadFirst, "Illegal", false},
		{"returns that count twice", returnsThatCountTwice, "Illegal", false},
		{"stale reads", staleReads, "refused", false},
		{"room that nobody tells of", silentBoards, "refused", true},
		{"room that is taken off whatever was said since", hastyBoards, "refused", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			for seed := range seeds(t, enough) {
				least, most := leastPool, mostPool
				if test.large {
					least, most = leastLarge, mostLarge
				}
				p := newPoolHistory(t, seed, dynamo.New(test.fault(memtable.New()), memtable.Names), onePool, least, most)
				if fault := p.run(t, seed); strings.Contains(fault, test.want) {
					t.Logf("found out by history %d: %s", seed.index, fault)
					return
				}
			}
			t.Error("it passes")
		})
	}
}

// On a busy machine somebody who leaves may be long in telling of it.
func TestAPoolWhoseLeaversAreSlowKeepsItsPromises(t *testing.T) {
	for seed := range seeds(t, slowHistories) {
		slow := faults.On(memtable.New(), "list block", func(ctx context.Context, in any, next faults.Next) (any, error) {
			time.Sleep(2 * time.Millisecond)
			return next(ctx, in)
		})
		p := newPoolHistory(t, seed, dynamo.New(slow, memtable.Names), onePool, leastLarge, mostLarge)
		if fault := p.run(t, seed); fault != "" {
			t.Fatalf("%s; seed %d:\n%s", fault, seed.value, describe(p.operations))
		}
	}
}
