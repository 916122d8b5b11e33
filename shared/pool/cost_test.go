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

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// bill adds up what DynamoDB charges for joins, and for the directories.
type bill struct {
	mu            sync.Mutex
	writes, reads float64
}

func (b *bill) add(c *types.ConsumedCapacity, write bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if write {
		b.writes += *c.CapacityUnits
	} else {
		b.reads += *c.CapacityUnits
	}
}

// unbilled keeps off the bill what leaves and changes of the license write of
// blocks.
func unbilled(ctx context.Context, in any, next faults.Next) (any, error) {
	switch dynamo.Describe(in).Name {
	case "give back", "hold", "resize", "put block":
		switch in := in.(type) {
		case *dynamodb.UpdateItemInput:
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityNone
		case *dynamodb.PutItemInput:
			in.ReturnConsumedCapacity = types.ReturnConsumedCapacityNone
		}
	}
	return next(ctx, in)
}

// crowd is the people of one pool, who come by several processes in turn.
type crowd struct {
	t     *testing.T
	bill  bill
	api   dynamo.API
	store *dynamo.Store
	pools [16]*pool.Pools
	of    seat.Pool
	terms pool.Terms
	now   int64
	next  int
	in    []sitting
	dice  *rand.Rand
}

type sitting struct {
	seat.Place
	block seat.Block
}

func newCrowd(t *testing.T, seats int) *crowd {
	t.Helper()
	c := &crowd{
		t: t, api: memtable.New(), of: acme, terms: pool.Terms{Capacity: seats, Revision: 1},
		now: 1_790_000_000_000, dice: rand.New(rand.NewPCG(1, uint64(seats))),
	}
	c.store = c.over(c.api)
	for i := range c.pools {
		c.pools[i] = pool.New(c.store, pool.Sleep)
	}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, true); err != nil {
		t.Fatal(err)
	}
	return c
}

// over makes a store whose calls are billed.
func (c *crowd) over(api dynamo.API) *dynamo.Store {
	return dynamo.New(faults.Intercept(api, unbilled), memtable.Names).Metered(c.bill.add)
}

func (c *crowd) join() pool.Refusal {
	c.t.Helper()
	to := seat.Place{Connection: seat.ConnectionID(fmt.Sprintf("Gd%012d1=", c.next)), Member: seat.Member{JoinedAtMillis: c.now, Conference: 1}}
	c.next++
	seated, err := c.pools[c.next%len(c.pools)].Take(c.t.Context(), c.of, to.Connection, to.Member, c.terms)
	if err != nil {
		c.t.Fatal(err)
	}
	if seated.Refusal == pool.RefusalNone {
		c.in = append(c.in, sitting{to, seated.Block})
	}
	return seated.Refusal
}

func (c *crowd) fill(seats int) {
	c.t.Helper()
	for len(c.in) < seats {
		if refusal := c.join(); refusal != pool.RefusalNone {
			c.t.Fatalf("refusal %d with %d of %d in", refusal, len(c.in), c.terms.Capacity)
		}
		c.now++
	}
}

func (c *crowd) leave() {
	c.t.Helper()
	i := c.dice.IntN(len(c.in))
	one := c.in[i]
	c.in[i] = c.in[len(c.in)-1]
	c.in = c.in[:len(c.in)-1]
	back, err := c.pools[c.dice.IntN(len(c.pools))].GiveBack(c.t.Context(), one.block, one.Connection, one.Member, false)
	if err != nil || !back.Done {
		c.t.Fatalf("%+v: %+v, %v", one, back, err)
	}
}

// churn has so many leave, and others come.
func (c *crowd) churn(stays int) {
	c.t.Helper()
	for range stays {
		c.now += 180
		c.leave()
		if refusal := c.join(); refusal != pool.RefusalNone {
			c.t.Fatalf("refusal %d with %d of %d in", refusal, len(c.in), c.terms.Capacity)
		}
	}
}

// units gives what one of n things cost since the last time.
func (c *crowd) units(n int) (writes, reads float64) {
	writes, reads = c.bill.writes/float64(n), c.bill.reads/float64(n)
	c.bill.writes, c.bill.reads = 0, 0
	return writes, reads
}

// As long as there is room a join finds it with few writes, those to the directory
// with them, and a leave costs no more than its one (which is not counted here).
func TestAJoinOfALargePoolWritesLittleMoreThanItsSeat(t *testing.T) {
	const seats, stays = 10_000, 2000
	c := newCrowd(t, seats)
	for _, test := range []struct {
		in                int
		mostWrites, reads float64
	}{{seats * 50 / 100, 1.1, 0.3}, {seats * 90 / 100, 1.2, 0.5}, {seats * 99 / 100, 2, 4}} {
		c.fill(test.in)
		c.churn(stays / 2)
		c.units(stays)
		c.churn(stays)
		writes, reads := c.units(stays)
		t.Logf("%d in use: %.3f writes, %.3f read units", test.in, writes, reads)
		if writes > test.mostWrites || reads > test.reads {
			t.Errorf("%d in use: %.3f writes, %.3f read units; want at most %v and %v", test.in, writes, reads, test.mostWrites, test.reads)
		}
	}
}

// A storm on a full pool costs reads and hardly a write, the refusals' records
// apart; also while people leave, whose seats are found.
func TestAStormOnAFullPoolWritesNothing(t *testing.T) {
	for _, seats := range []int{25, 100, 200, 10_000} {
		for _, leaves := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d seats, people leave: %t", seats, leaves), func(t *testing.T) {
				const storm = 4000
				c := newCrowd(t, seats)
				c.fill(seats)
				for range len(c.pools) * 4 { // every process hears of it
					c.join()
				}
				c.units(1)
				left, admitted, refused := 0, 0, 0
				for n := range storm {
					c.now += 2
					if leaves && n%20 == 0 {
						c.leave()
						left++
					}
					if c.join() == pool.RefusalNone {
						admitted++
					} else {
						refused++
					}
				}
				if admitted != left {
					t.Errorf("%d left, and %d were admitted", left, admitted)
				}
				// A seat that changes hands by the directory costs a write for each.
				writes, reads := c.units(refused)
				if most := 0.02 + 4*float64(left)/float64(refused); writes > most || reads > 2 {
					t.Errorf("a refusal costs %.3f writes and %.3f read units; want at most %.3f and 2", writes, reads, most)
				}
				t.Logf("%.3f writes, %.3f read units", writes, reads)
			})
		}
	}
}

// A pool that was large is not read for each refusal while people are still all
// over it: neither beyond the new license, nor within it.
func TestAStormOnAPoolThatHasShrunkReadsLittle(t *testing.T) {
	const before, after, storm = 10_000, 25, 2000
	c := newCrowd(t, before)
	c.fill(before)
	c.terms = pool.Terms{Capacity: after, Revision: 2}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, false); err != nil {
		t.Fatal(err)
	}
	for _, in := range []int{before, after * 4, after} {
		for len(c.in) > in {
			c.leave()
		}
		if in == after { // most still sit where they sat
			c.leave()
			c.fill(after)
		}
		for range len(c.pools) * 4 {
			c.join()
		}
		c.units(1)
		for range storm {
			c.now += 2
			if c.join() == pool.RefusalNone {
				t.Fatalf("somebody was let in with %d of %d in", in, after)
			}
		}
		if writes, reads := c.units(storm); writes > 0.02 || reads > 2 {
			t.Errorf("%d are in: a refusal costs %.3f writes and %.3f read units; want at most 0.02 and 2", in, writes, reads)
		}
	}
	for len(c.in) > 0 {
		c.leave()
	}
	c.fill(after)
	states, err := c.store.Read(t.Context(), c.of)
	if err != nil || states[0].InUse != after {
		t.Errorf("when all have left who sat elsewhere, everybody is to be in the first block: %+v, %v", states[0].Share, err)
	}
}

// Connections drop all the time, and their seats are held for longer than a
// directory is complete: nobody has to look through the pool for that.
func TestAStormWhileConnectionsDropReadsLittle(t *testing.T) {
	const seats, storm = 10_000, 2000
	c := newCrowd(t, seats)
	c.fill(seats)
	for range len(c.pools) * 4 {
		c.join()
	}
	c.units(1)
	for n := range storm {
		c.now += 2
		if n%10 == 0 {
			lost := c.in[n]
			hold := seat.Hold{LostAtMillis: c.now, Seconds: 30}
			if held, err := c.pools[0].Hold(t.Context(), lost.block, lost.Connection, lost.Member, hold); err != nil || !held.Done {
				t.Fatalf("%+v, %v", held, err)
			}
		}
		if c.join() == pool.RefusalNone {
			t.Fatal("somebody was let in")
		}
	}
	if writes, reads := c.units(storm); writes > 0.02 || reads > 2 {
		t.Errorf("a refusal costs %.3f writes and %.3f read units; want at most 0.02 and 2", writes, reads)
	}
}

// Who comes by a process that remembers the license before leaves the directory to
// those who know better.
func TestAStaleLicenseLeavesTheDirectoryAlone(t *testing.T) {
	const seats = 10_000
	c := newCrowd(t, seats)
	c.fill(seats)
	older := c.terms
	c.terms.Revision++
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, false); err != nil {
		t.Fatal(err)
	}
	for range len(c.pools) * 4 {
		c.join()
	}
	c.now++
	c.units(1)
	to := seat.Member{JoinedAtMillis: c.now, Conference: 1}
	seated, err := c.pools[0].Take(t.Context(), c.of, "remembers=", to, older)
	if err != nil || seated.Refusal != pool.RefusalStale {
		t.Fatalf("%+v, %v", seated, err)
	}
	if writes, reads := c.units(1); writes > 1 || reads > 1 {
		t.Errorf("it took %v writes and %v read units to know", writes, reads)
	}
	if c.join() == pool.RefusalNone {
		t.Fatal("somebody was let in")
	}
	if writes, reads := c.units(1); writes > 0 || reads > 1 {
		t.Errorf("the next one takes %v writes and %v read units", writes, reads)
	}
}

// While people leave a pool that has shrunk below their number, there is no room
// for as long as most of them are in: nobody looks through it for each who goes.
func TestAStormOnAShrunkPoolReadsLittle(t *testing.T) {
	const before, after = 10_000, 25
	c := newCrowd(t, before)
	c.fill(before)
	c.terms = pool.Terms{Capacity: after, Revision: 2}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, true); err != nil {
		t.Fatal(err)
	}
	for range len(c.pools) * 4 {
		c.join()
	}
	c.units(1)
	refused := 0
	for len(c.in) >= after {
		c.now += 2
		c.leave()
		if len(c.in) >= after && c.join() == pool.RefusalNone {
			t.Fatalf("somebody was let in with %d in", len(c.in)-1)
		}
		refused++
	}
	if writes, reads := c.units(refused); writes > 0.15 || reads > 2.5 {
		t.Errorf("a leave and a refusal cost %.3f writes besides, and %.3f read units; want at most 0.15 and 2.5", writes, reads)
	}
	if c.join() != pool.RefusalNone {
		t.Errorf("nobody is let in with %d in, of %d seats", len(c.in), after)
	}
}

// Also where somebody leaves during each look, from the first one on.
func TestAScanOfAShrunkPoolSurvivesALeave(t *testing.T) {
	const before, after, storm = 10_000, 25, 1000
	c := newCrowd(t, before)
	c.fill(before)
	looks := 0
	store := c.over(faults.On(c.api, "end scan", func(ctx context.Context, in any, next faults.Next) (any, error) {
		c.leave()
		out, err := next(ctx, in)
		if err == nil {
			looks++
		}
		return out, err
	}))
	c.terms = pool.Terms{Capacity: after, Revision: 2}
	if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, true); err != nil {
		t.Fatal(err)
	}
	for i := range c.pools {
		c.pools[i] = pool.New(store, pool.Sleep)
	}
	c.units(1)
	for range storm {
		c.now += 2
		if c.join() == pool.RefusalNone {
			t.Fatal("somebody was let in")
		}
	}
	if writes, reads := c.units(storm); writes > 0.1 || reads > 2 || looks == 0 {
		t.Errorf("a refusal costs %.3f writes and %.3f read units, by %d looks; want at most 0.1 and 2", writes, reads, looks)
	}
}

// Everybody who leaves at once comes from another block. Who comes within the
// second is refused for as long as there is no room, and hardly longer.
func TestAShrunkPoolAdmitsWhenEnoughHaveLeft(t *testing.T) {
	const before, more = 10_290, 50
	for _, beyond := range []int{1, 31, 40, 63, 64, 100, 200, 260, 290} {
		c := newCrowd(t, before)
		c.fill(before)
		c.terms = pool.Terms{Capacity: before - beyond, Revision: 2}
		if _, err := c.pools[0].Rebalance(t.Context(), c.of, c.terms, true); err != nil {
			t.Fatal(err)
		}
		for range len(c.pools) * 4 {
			c.join()
		}
		c.now++
		left := make(map[int]bool)
		for n := 0; len(left) < beyond+more; n++ {
			if at := slices.IndexFunc(c.in, func(s sitting) bool { return !left[s.block.Index] }); at >= 0 {
				one := c.in[at]
				left[one.block.Index] = true
				c.in = slices.Delete(c.in, at, at+1)
				if back, err := c.pools[n%len(c.pools)].GiveBack(t.Context(), one.block, one.Connection, one.Member, false); err != nil || !back.Done {
					t.Fatal(back, err)
				}
			}
			if len(left) <= beyond && c.join() == pool.RefusalNone {
				t.Fatalf("%d beyond: somebody was let in when %d had left", beyond, len(left))
			}
		}
		if c.join() != pool.RefusalNone {
			t.Errorf("%d beyond: nobody is let in when %d have left", beyond, len(left))
		}
	}
}

// What is in use is told for the price of a directory at any size, and not older
// than promised; of a pool of few blocks it is told as it is.
func TestCountingSeatsInUseCostsAUnitAtAnySize(t *testing.T) {
	for _, test := range []struct {
		seats, in int
		most      float64 // read units for each who asks
	}{{25, 25, 1}, {100, 100, 1}, {100_000, 50, 17}, {10_000, 9000, 1.1}, {100_000, 50_000, 2}} {
		t.Run(fmt.Sprintf("%d of %d", test.in, test.seats), func(t *testing.T) {
			// While somebody reads, no time passes for those who wait for it.
			synctest.Test(t, func(t *testing.T) { tellsInUse(t, test.seats, test.in, test.most) })
		})
	}
}

// tellsInUse has many ask, at most for so many read units each.
func tellsInUse(t *testing.T, seats, in int, most float64) {
	t.Helper()
	const asks = 2000
	c := newCrowd(t, seats)
	c.fill(in)
	c.now += 10_000
	c.units(1)
	var mu sync.Mutex
	var told []int
	for range asks / len(c.pools) {
		c.now += 10 * int64(len(c.pools))
		var all sync.WaitGroup
		for i, p := range c.pools {
			all.Go(func() {
				inUse, err := p.InUse(t.Context(), c.of, seat.ConnectionID(fmt.Sprint(i)), c.terms, c.now)
				mu.Lock()
				defer mu.Unlock()
				if told = append(told, inUse); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	writes, reads := c.units(asks)
	t.Logf("%.4f writes, %.3f read units", writes, reads)
	if writes > 0.01 || reads > most {
		t.Errorf("%.4f writes and %.3f read units for each; want at most 0.01 and %v", writes, reads, most)
	}
	if slices.Min(told) != in || slices.Max(told) != in {
		t.Errorf("from %d to %d in use; want %d", slices.Min(told), slices.Max(told), in)
	}
	for range 10 {
		c.leave()
	}
	if c.now += 10_001; seats > 1000 {
		_, _ = c.pools[0].InUse(t.Context(), c.of, "Asks=", c.terms, c.now)
	}
	c.now += 1001
	inUse, err := c.pools[1].InUse(t.Context(), c.of, "Asks=", c.terms, c.now)
	if err != nil || inUse != in-10 {
		t.Errorf("%d in use when ten have left, %v; want %d", inUse, err, in-10)
	}
}
