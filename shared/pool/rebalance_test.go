package pool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"seatmeter/shared/pool"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// settler settles a pool, and waits before each change of a block until it is
// let do it.
type settler struct {
	pools *pool.Pools
	ready chan struct{}         // told of each change that waits
	let   map[int]chan struct{} // by the block's index
	wrote chan struct{}         // told of each change that was made, or refused
}

func newSettler(tables *memtable.Tables, blocks int) *settler {
	s := &settler{ready: make(chan struct{}), let: make(map[int]chan struct{}), wrote: make(chan struct{})}
	for index := range blocks {
		s.let[index] = make(chan struct{})
	}
	s.pools = pool.New(dynamo.New(faults.On(tables, "resize", s.around), memtable.Names), pool.Sleep)
	return s
}

func (s *settler) around(ctx context.Context, in any, next faults.Next) (any, error) {
	block, _ := dynamo.Describe(in).Block()
	s.ready <- struct{}{}
	<-s.let[block.Index]
	out, err := next(ctx, in)
	s.wrote <- struct{}{}
	return out, err
}

// Two who hand out what people leave mean the same blocks, also where some
// have left between their looks: what one of them takes for a block's use above
// its capacity the other may have given to another block.
func TestSlackOfAnOverusedPoolIsHandedOutOnce(t *testing.T) {
	const capacity = 60
	store, tables := memtable.NewStore()
	ctx, of := t.Context(), acme
	in := make(map[int][]seat.Place)
	take := func(index, people int) {
		for range people {
			to := seat.Place{Connection: seat.ConnectionID(fmt.Sprintf("%d-%d=", index, len(in[index]))), Member: seat.Member{JoinedAtMillis: 1, Conference: 1}}
			attempt, err := store.Take(ctx, seat.Block{Pool: of, Index: index}, to.Connection, to.Member, seat.Permit{Revision: 1})
			if err != nil || attempt.Outcome != seat.OutcomeTaken {
				t.Fatalf("block %d: outcome %d, %v", index, attempt.Outcome, err)
			}
			in[index] = append(in[index], to)
		}
	}
	leave := func(index, people int) {
		for range people {
			one := in[index][0]
			in[index] = in[index][1:]
			if back, err := store.GiveBack(ctx, seat.Block{Pool: of, Index: index}, one.Connection, one.Member, false); err != nil || !back.Done {
				t.Fatalf("%+v, %v", back, err)
			}
		}
	}
	committed := func() (sum int) {
		states, err := store.Read(ctx, of)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			sum += max(s.Capacity, s.InUse)
		}
		return sum
	}
	for index := range 3 {
		if _, err := store.Create(ctx, seat.Block{Pool: of, Index: index}, seat.Share{Capacity: seat.BlockSeats, Revision: 1}); err != nil {
			t.Fatal(err)
		}
	}
	take(0, 20)
	take(1, 24)
	take(2, 17)
	terms := pool.Terms{Capacity: capacity, Revision: 2}
	if _, err := pool.New(store, pool.Sleep).Rebalance(ctx, of, terms, false); err != nil {
		t.Fatal(err)
	}
	leave(2, 2)

	var group sync.WaitGroup
	begin := func(s *settler) {
		group.Go(func() {
			if _, err := s.pools.Rebalance(ctx, of, terms, false); err != nil {
				t.Error(err)
			}
		})
		for range 2 { // blocks 0 and 1
			<-s.ready
		}
	}
	early, late := newSettler(tables, 3), newSettler(tables, 3)
	begin(early)
	leave(1, 2)
	begin(late)
	for _, step := range []struct {
		by    *settler
		index int
	}{{late, 0}, {early, 1}, {early, 0}, {late, 1}} {
		step.by.let[step.index] <- struct{}{}
		<-step.by.wrote
		if sum := committed(); sum > capacity {
			t.Errorf("%d seats are given out, of %d", sum, capacity)
		}
	}
	for _, s := range []*settler{early, late} { // whatever they go on with
		go func() {
			for range s.ready {
			}
		}()
		go func() {
			for range s.wrote {
			}
		}()
		for _, let := range s.let {
			close(let)
		}
	}
	group.Wait()
	if sum := committed(); sum > capacity {
		t.Errorf("%d seats are given out in the end, of %d", sum, capacity)
	}
}

// gates holds calls back until a test lets one of them pass.
type gates struct {
	mu      sync.Mutex
	waiting []chan struct{}
}

func (g *gates) wait() {
	pass := make(chan struct{})
	g.mu.Lock()
	g.waiting = append(g.waiting, pass)
	g.mu.Unlock()
	<-pass
}

// let lets one that waits pass. False: none does.
func (g *gates) let(dice *rand.Rand) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return false
	}
	n := dice.IntN(len(g.waiting))
	close(g.waiting[n])
	g.waiting = slices.Delete(g.waiting, n, n+1)
	return true
}

func (g *gates) around(ctx context.Context, in any, next faults.Next) (any, error) {
	g.wait()
	out, err := next(ctx, in)
	if !dynamo.Describe(in).Write {
		g.wait() // the answer is on its way
	}
	return out, err
}

// Rebalances, leaves and joins run at once, in any order of their calls, and break off
// anywhere. As soon as the first block has a revision, nobody is let in under it
// beyond its terms.
func TestConcurrentRebalancesNeverGiveOutMoreThanThereIs(t *testing.T) {
	seeds := 400
	if raced || testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			w := newSettling(t, uint64(seed))
			w.shrink()
			for n := range 300 {
				synctest.Wait()
				w.step()
				if sum, room := w.sum(); sum > w.terms.Capacity && room > 0 {
					t.Errorf("seed %d, step %d: %d seats are given out, of %d", seed, n, sum, w.terms.Capacity)
					break
				}
			}
			for synctest.Wait(); w.let(w.dice); synctest.Wait() {
			}
		})
	}
}

// settling is a pool that many settle.
type settling struct {
	gates
	t     *testing.T
	store *dynamo.Store
	gated *dynamo.Store
	dice  *rand.Rand
	terms pool.Terms
	in    []sitting
	next  int
}

func newSettling(t *testing.T, seed uint64) *settling {
	t.Helper()
	store, tables := memtable.NewStore()
	w := &settling{t: t, store: store, dice: rand.New(rand.NewPCG(seed, 1))}
	w.gated = dynamo.New(faults.Intercept(tables, w.around), memtable.Names)
	return w
}

// shrink lets in more people than the license will have seats, and has it shrink.
func (w *settling) shrink() {
	pools := pool.New(w.store, pool.Sleep)
	for index := range 4 {
		if _, err := w.store.Create(w.t.Context(), seat.Block{Pool: acme, Index: index}, seat.Share{Capacity: seat.BlockSeats, Revision: 1}); err != nil {
			w.t.Fatal(err)
		}
	}
	for len(w.in) < 61+w.dice.IntN(5) {
		w.join(1)
	}
	w.terms = pool.Terms{Capacity: 60, Revision: 2}
	if _, err := pools.Rebalance(w.t.Context(), acme, w.terms, false); err != nil {
		w.t.Fatal(err)
	}
}

func (w *settling) join(revision int64) {
	w.next++
	to := seat.Place{Connection: seat.ConnectionID(fmt.Sprintf("%d=", w.next)), Member: seat.Member{JoinedAtMillis: 1, Conference: 1}}
	block := seat.Block{Pool: acme, Index: w.dice.IntN(4)}
	attempt, err := w.store.Take(w.t.Context(), block, to.Connection, to.Member, seat.Permit{Revision: revision})
	if err != nil {
		w.t.Fatal(err)
	}
	if attempt.Outcome == seat.OutcomeTaken {
		w.in = append(w.in, sitting{to, block})
	}
}

func (w *settling) step() {
	ctx := w.t.Context()
	switch chance := w.dice.IntN(100); {
	case chance == 0: // the license grows or shrinks
		w.terms.Revision++
		w.terms.Capacity = []int{40, 60, 100}[w.dice.IntN(3)]
		w.settle()
	case chance < 12:
		w.settle()
	case chance < 25:
		w.join(w.terms.Revision - int64(w.dice.IntN(2)))
	case chance < 40 && len(w.in) > 0:
		n := w.dice.IntN(len(w.in))
		one := w.in[n]
		w.in = slices.Delete(w.in, n, n+1)
		if _, err := w.store.GiveBack(ctx, one.block, one.Connection, one.Member, false); err != nil {
			w.t.Fatal(err)
		}
	default:
		w.let(w.dice)
	}
}

func (w *settling) settle() {
	ctx, terms := w.t.Context(), w.terms
	go func() {
		// That others keep changing the pool is no fault here.
		_, _ = pool.New(w.gated, pool.Sleep).Rebalance(ctx, acme, terms, false)
	}()
}

// sum is how many seats are given out under the terms, and how many of them are
// free; none before the first block has their revision.
func (w *settling) sum() (sum, room int) {
	states, err := w.store.Read(w.t.Context(), acme)
	if err != nil {
		w.t.Fatal(err)
	}
	if states[0].Revision != w.terms.Revision {
		return 0, 0
	}
	for _, s := range states {
		sum += max(s.Capacity, s.InUse)
		room += max(0, s.Capacity-s.InUse)
	}
	return sum, room
}
