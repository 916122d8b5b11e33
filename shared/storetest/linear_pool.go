package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"seatmeter/shared/pool"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

const (
	poolHistories = 8
	poolWorkers   = 8
	poolSteps     = 12
	processes     = 2 // each remembers for itself where there was room
	leastPool     = seat.BlockSeats + 1
	mostPool      = 3 * seat.BlockSeats
	leastLarge    = 4*seat.BlockSeats + 1 + spread // a change of capacity leaves most of them large
	mostLarge     = 6 * seat.BlockSeats
	largeOnes     = 8
	freeAtFirst   = 6
	spread        = 24 // by which a capacity changes at the most

	// joinPatience is how long a join that is told to come again does.
	joinPatience, beforeNextTry = 30 * time.Second, time.Millisecond
)

// What seat.Pools promises of a pool of several blocks. No read and no write
// covers all its blocks at once, so it is less than one block promises.
//
// Never oversold, exactly: admissions, leaves and changes of the capacity are
// as if each had happened at one moment while it was under way, to a counter
// that admits only below its capacity. A change is under way from when the
// license tells of it until a Rebalance under it has ended; until then, joins may
// be admitted under the old capacity.
//
// No false denial, relaxed: when a join is refused for being full, every block
// was full at some moment while the join was under way, and what the blocks
// held at their moments adds up to the capacity that the join knew, or to that of
// a license which came while it was under way, or more.
// The moments need not be the same one, since a query of DynamoDB reads item by
// item: while some leave and others come, a join may be refused although at
// every moment some seat or other was free. And a leave of a large pool's block
// counts as under way until the leaves of that block which began before it ended
// have ended too. Where nobody leaves meanwhile, a
// refusal means that the pool was full. One case is weaker still, and too rare
// to show here: in a pool that is not large, a join that sees room and loses it
// to others sixteen times is refused when every block was full at its moment, be
// there capacity or not that no block has been given yet. In a large one it is
// told to come again, which here it does.
//
// A join hears that its license is stale only when there is a newer one.
//
// Not promised: that a join repeated after a crash finds the seat that it took
// (see seat.Pools.Take); and that a change happens at one moment for those who
// are refused. While a pool shrinks, some are refused for the new capacity when
// others are still admitted under the old.
//
// A large pool promises the same, and refuses by its directory: here time stands
// still, so a complete directory stays complete, and is right only if every
// vacancy is published.
func boundedCounter(t *testing.T, store Store, id tenant.ID) {
	countedPools(t, store, id, poolHistories, leastPool, mostPool)
}

func largeBoundedCounter(t *testing.T, store Store, id tenant.ID) {
	countedPools(t, store, id, largeOnes, leastLarge, mostLarge)
}

func countedPools(t *testing.T, store Store, id tenant.ID, histories, least, most int) {
	t.Helper()
	for seed := range seeds(t, histories) {
		p := newPoolHistory(t, seed, store, seat.Pool{Tenant: id, Number: conference.Number(seed.index + 1)}, least, most)
		if fault := p.run(t, seed); fault != "" {
			t.Fatalf("%s; seed %d, capacity %d, in use at first %v:\n%s", fault, seed.value, p.capacity, p.atFirst, describe(p.operations))
		}
	}
}

// poolKind is what is asked of a pool.
type poolKind string

const (
	poolJoin   poolKind = "join"
	poolLeave  poolKind = "leave"
	poolChange poolKind = "change"
)

// poolRequest is one call. Who leaves leaves a block.
type poolRequest struct {
	kind  poolKind
	terms pool.Terms
	block int
}

// poolAnswer is what a join was answered.
type poolAnswer struct {
	refusal pool.Refusal
	block   int
	number  int64
}

// poolHistory is a pool nearly full, and what happens to it.
type poolHistory struct {
	*history
	blocks   pool.Store
	of       seat.Pool
	pools    [processes]*pool.Pools
	license  atomic.Pointer[pool.Terms]
	capacity int
	people   atomic.Int64
	in       [poolWorkers][]seated
	// atFirst is what is in use of each block before the history begins.
	atFirst map[int]int
	// atLast is the seats that are not free when it has ended.
	atLast int
}

// seated is a connection's seat.
type seated struct {
	seat.Place
	block seat.Block
}

// heard retries AddLeft, which the pool calls once: on a busy engine that call may be
// lost. The directory is wrong for a second then, which here does not pass. What
// is counted twice errs to the safe side.
type heard struct{ pool.Store }

func (h heard) AddLeft(ctx context.Context, of seat.Pool, n int64) error {
	const tries = 20
	var err error
	for range tries {
		if err = h.Store.AddLeft(ctx, of, n); err == nil {
			return nil
		}
	}
	return err
}

func newPoolHistory(t *testing.T, seed seed, blocks pool.Store, of seat.Pool, least, most int) *poolHistory {
	t.Helper()
	p := &poolHistory{blocks: blocks, of: of, atFirst: make(map[int]int)}
	for i := range p.pools {
		p.pools[i] = pool.New(heard{blocks}, pool.Sleep)
	}
	p.capacity = least + seed.random(poolWorkers).IntN(most-least+1)
	p.license.Store(&pool.Terms{Capacity: p.capacity, Revision: 1})
	must(p.pools[0].Rebalance(t.Context(), of, *p.license.Load(), true))(t)
	p.history = begin()
	parallel(t, poolWorkers, func(ctx context.Context, n int) error {
		for i := n; i < p.capacity-freeAtFirst; i += poolWorkers {
			if err := p.join(ctx, n); err != nil {
				return err
			}
		}
		return nil
	})
	for _, of := range p.in {
		for _, one := range of {
			p.atFirst[one.block.Index]++
		}
	}
	equal(t, "in at first", pool.InUse(must(blocks.Read(t.Context(), of))(t)), p.capacity-freeAtFirst)
	p.history = begin()
	return p
}

// run has everybody come, go, and come again. The first worker also changes the
// license, twice in a row. It says what of the promises was broken, if any was.
func (p *poolHistory) run(t *testing.T, seed seed) string {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	for n := range poolWorkers {
		group.Go(func() error {
			r := seed.random(n)
			for step := range poolSteps {
				linger(r)
				if err := p.step(ctx, n, step, r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err.Error()
	}
	p.atLast = pool.Occupied(must(p.blocks.Read(t.Context(), p.of))(t), member.JoinedAtMillis)
	return p.fault()
}

func (p *poolHistory) step(ctx context.Context, n, step int, r *rand.Rand) error {
	leaning := step / (poolSteps / 3) % 2
	switch {
	case n == 0 && step%4 >= 2:
		return p.change(ctx, n, max(1, p.capacity+r.IntN(2*spread)-spread))
	case r.IntN(4) > 2*leaning || len(p.in[n]) == 0:
		return p.join(ctx, n)
	}
	return p.leave(ctx, n, r)
}

func (p *poolHistory) join(ctx context.Context, n int) error {
	one := seated{Place: seat.Place{Connection: connectionOf(p.of.Tenant, int(p.people.Add(1))), Member: member}}
	terms := *p.license.Load()
	_, err := note(p.history, n, poolRequest{kind: poolJoin, terms: terms}, func() (poolAnswer, error) {
		s, err := p.pools[n%processes].Take(ctx, p.of, one.Connection, one.Member, terms)
		for began := time.Now(); errors.Is(err, pool.ErrBusy) && time.Since(began) < joinPatience; {
			time.Sleep(beforeNextTry)
			s, err = p.pools[n%processes].Take(ctx, p.of, one.Connection, one.Member, terms)
		}
		if err == nil && s.Refusal == pool.RefusalNone {
			one.block = s.Block
			p.in[n] = append(p.in[n], one)
		}
		return poolAnswer{s.Refusal, s.Block.Index, s.Number}, err
	})
	return err
}

// leave gives a seat back, or lets it go as one whose connection was lost and
// whose hold is over: it is as good as free then. Some give back twice.
func (p *poolHistory) leave(ctx context.Context, n int, r *rand.Rand) error {
	at := r.IntN(len(p.in[n]))
	one := p.in[n][at]
	p.in[n] = append(p.in[n][:at], p.in[n][at+1:]...)
	pools := p.pools[n%processes]
	_, err := note(p.history, n, poolRequest{kind: poolLeave, block: one.block.Index}, func() (poolAnswer, error) {
		var back seat.Returned
		var err error
		if r.IntN(4) == 0 {
			back, err = pools.Hold(ctx, one.block, one.Connection, one.Member, seat.Hold{LostAtMillis: 1})
		} else {
			back, err = pools.GiveBack(ctx, one.block, one.Connection, one.Member, false)
		}
		if err == nil && !back.Done {
			err = fmt.Errorf("%+v is not in %+v", one.Place, one.block)
		}
		return poolAnswer{}, err
	})
	if err != nil || r.IntN(3) > 0 {
		return err
	}
	again, err := pools.GiveBack(ctx, one.block, one.Connection, one.Member, false)
	if again.Done {
		return fmt.Errorf("%+v was in %+v twice", one.Place, one.block)
	}
	return err
}

func (p *poolHistory) change(ctx context.Context, n, capacity int) error {
	terms := pool.Terms{Capacity: capacity, Revision: p.license.Load().Revision + 1}
	_, err := note(p.history, n, poolRequest{kind: poolChange, terms: terms}, func() (poolAnswer, error) {
		p.license.Store(&terms)
		_, err := p.pools[n%processes].Rebalance(ctx, p.of, terms, false)
		return poolAnswer{}, err
	})
	return err
}

// counter is the pool as it is promised: only its count, and what bounds it.
type counter struct{ occupied, capacity int }

func (p *poolHistory) model() porcupine.Model {
	first := counter{capacity: p.capacity}
	for _, n := range p.atFirst {
		first.occupied += n
	}
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, _ any) (bool, any) {
			c, r := state.(counter), input.(poolRequest) //nolint:forcetypeassert // ours
			allowed := true
			switch r.kind {
			case poolJoin:
				allowed = c.occupied < c.capacity
				c.occupied++
			case poolLeave:
				c.occupied--
			case poolChange:
				c.capacity = r.terms.Capacity
			}
			return allowed, c
		},
		Hash: hashed,
	}
}

// fault looks for a broken promise.
func (p *poolHistory) fault() string {
	var counted []porcupine.Operation
	count := 0
	for _, n := range p.atFirst {
		count += n
	}
	type numbered struct {
		block  int
		number int64
	}
	numbers := make(map[numbered]bool)
	for _, o := range p.operations {
		r, a := o.Input.(poolRequest), o.Output.(poolAnswer) //nolint:forcetypeassert // ours
		switch {
		case a.refusal == pool.RefusalFull && p.mostHeld(o) < p.leastOffered(o):
			return fmt.Sprintf("refused at %d, when at most %d seats were taken", o.Call, p.mostHeld(o))
		case a.refusal == pool.RefusalStale && !p.changed(o):
			return fmt.Sprintf("told at %d of a newer license, when there was none", o.Call)
		case a.refusal == pool.RefusalFull, a.refusal == pool.RefusalStale:
			continue
		case a.refusal != pool.RefusalNone:
			return fmt.Sprintf("refusal %d at %d", a.refusal, o.Call)
		case r.kind == poolJoin && numbers[numbered{a.block, a.number}]:
			return fmt.Sprintf("number %d of block %d was given twice", a.number, a.block)
		case r.kind == poolJoin:
			numbers[numbered{a.block, a.number}] = true
			count++
		case r.kind == poolLeave:
			count--
		}
		counted = append(counted, o)
	}
	if count != p.atLast {
		return fmt.Sprintf("%d in use at last, want %d", p.atLast, count)
	}
	if result := check(p.model(), counted); result != porcupine.Ok {
		return "as a bounded counter it is " + string(result)
	}
	return ""
}

// mostHeld adds up the most that each block can have held at a moment while a
// call was under way.
func (p *poolHistory) mostHeld(call porcupine.Operation) int {
	most, moments := make(map[int]int), []int64{call.Call}
	for _, o := range p.operations {
		if o.Call > call.Call && o.Call <= call.Return {
			moments = append(moments, o.Call)
		}
	}
	for _, moment := range moments {
		held := make(map[int]int)
		for block, n := range p.atFirst {
			held[block] = n
		}
		for _, o := range p.operations {
			r, a := o.Input.(poolRequest), o.Output.(poolAnswer) //nolint:forcetypeassert // ours
			switch {
			case r.kind == poolJoin && a.refusal == pool.RefusalNone && o.Call <= moment:
				held[a.block]++
			case r.kind == poolLeave && p.told(o) < moment:
				held[r.block]--
			}
		}
		for block, n := range held {
			most[block] = max(most[block], n)
		}
	}
	total := 0
	for _, n := range most {
		total += n
	}
	return total
}

// told is when the pool has been told of a leave at the latest: of several who
// leave a full block at the same time, the first alone tells.
func (p *poolHistory) told(leave porcupine.Operation) int64 {
	at := leave.Return
	for _, o := range p.operations {
		if r := o.Input.(poolRequest); r == leave.Input && o.Call < leave.Return { //nolint:forcetypeassert // ours
			at = max(at, o.Return)
		}
	}
	return at
}

// leastOffered is the smallest capacity that a join can have been refused for: what
// it knew, or that of a change which had begun before it ended.
func (p *poolHistory) leastOffered(join porcupine.Operation) int {
	known := join.Input.(poolRequest).terms //nolint:forcetypeassert // ours
	least := known.Capacity
	for _, o := range p.operations {
		r := o.Input.(poolRequest) //nolint:forcetypeassert // ours
		if r.kind == poolChange && r.terms.Revision > known.Revision && o.Call <= join.Return {
			least = min(least, r.terms.Capacity)
		}
	}
	return least
}

// changed tells whether a newer license than a join knew was there before the
// join ended.
func (p *poolHistory) changed(join porcupine.Operation) bool {
	for _, o := range p.operations {
		change, known := o.Input.(poolRequest), join.Input.(poolRequest) //nolint:forcetypeassert // ours
		if change.kind == poolChange && change.terms.Revision > known.terms.Revision && o.Call <= join.Return {
			return true
		}
	}
	return false
}
