package pool_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"seatmeter/shared/pool"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/seat"
)

// Whatever calls of a large pool and its directory fail, in whatever order they
// come, and wherever processes die: the pool is never oversold, nobody is
// refused while there is room, but for the second that a process which died can
// cost, and when everything is quiet each seat is to be had, and none beyond.
func TestALargePoolKeepsItsPromisesWhateverFails(t *testing.T) {
	seeds := 300
	if raced || testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		if broken := upheave(t, uint64(seed), nil); broken != "" {
			t.Fatalf("seed %d: %s", seed, broken)
		}
	}
}

// The exploration bites: what somebody could have left out is found.
func TestALargePoolThatBreaksItsPromisesIsFoundOut(t *testing.T) {
	if raced || testing.Short() {
		t.Skip("hundreds of schedules")
	}
	const within = 600
	for _, test := range []struct {
		name string
		bug  bug
	}{
		{"a board that hears of no room", on("list block", faults.Skip)},
		{"a board that is never cleared", on("clear directory", faults.Skip)},
		{"a board that hears of nobody who left", on("add left", faults.Skip)},
		{"a look that forgets what was told since it began", forgetful},
		{"a change of a block that is not as it was seen", on("resize", faults.Without("#capacity = :seen AND #rev = :was AND ", asReckoned, asUsed))},
		{"a change of a block that somebody has left since", on("resize", faults.Without(asReckoned, asUsed))},
		{"a take beyond the capacity", on("take", faults.Without("#in_use < #capacity AND "))},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(within) {
				if broken := upheave(t, seed, test.bug); broken != "" {
					t.Logf("found by seed %d: %s", seed, broken)
					return
				}
			}
			t.Errorf("not found by %d seeds", within)
		})
	}
}

// The parts of a resize's condition that tell of a block's use.
const asReckoned, asUsed = " AND #in_use <= :most", " AND #in_use = :used"

// bug makes tables whose calls do something else.
type bug func(over dynamo.API) dynamo.API

func on(call string, around faults.Around) bug {
	return func(over dynamo.API) dynamo.API { return faults.On(over, call, around) }
}

func forgetful(over dynamo.API) dynamo.API {
	store := dynamo.New(over, memtable.Names)
	return faults.On(over, "end scan", func(ctx context.Context, in any, next faults.Next) (any, error) {
		board, err := store.Directory(ctx, acme)
		for index := range board.WithRoom {
			err = errors.Join(err, store.UnlistBlock(ctx, seat.Block{Pool: acme, Index: index}, 1<<62))
		}
		if err != nil {
			return nil, err
		}
		return next(ctx, in)
	})
}

// acme is a pool.
var acme = seat.Pool{Tenant: "acme"}

// upheaval is a large pool, nearly full, and those who come and go.
type upheaval struct {
	api    dynamo.API
	store  *dynamo.Store
	dice   *rand.Rand
	faults int  // how many calls of a thousand go wrong
	quiet  bool // none does any more
	of     seat.Pool
	terms  pool.Terms
	warm   []*pool.Pools
	people int
	actors int
	// roomSince is from when on there has been room in a block, or anywhere, beyond
	// what those under way are about to tell of.
	roomSince map[int]time.Time

	mu      sync.Mutex
	waiting []*turn
	in      []sitting
	running map[*actor]bool
	broken  string
}

// actor is one invocation: when its process has died, nothing that it does has
// an effect. Untold is where it may have made room, and is to say so before it is
// answered.
type actor struct {
	number int
	dead   bool
	from   int // the block that it leaves
	untold []int
}

// turn is a call that waits for its own.
type turn struct {
	by   *actor
	call dynamo.Call
	pass chan faults.Fault
}

type actorKey struct{}

// trusted is how long a directory can be wrong by a process that died.
const trusted = time.Second

// upheave plays a schedule, and tells which promise was broken. A seed means
// the same each time, but for the order of the writes that one who settles
// makes side by side.
func upheave(t *testing.T, seed uint64, buggy bug) (broken string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		u := &upheaval{api: memtable.New(), dice: rand.New(rand.NewPCG(seed, 7)), of: acme, running: make(map[*actor]bool), roomSince: make(map[int]time.Time)}
		if buggy != nil {
			u.api = buggy(u.api)
		}
		u.store = dynamo.New(u.api, memtable.Names)
		u.faults = []int{0, 20, 120}[u.dice.IntN(3)]
		u.terms = pool.Terms{Capacity: 125 + u.dice.IntN(50), Revision: 1}
		u.open(t.Context())
		for range 250 {
			time.Sleep(time.Microsecond) // no two steps are at the same moment
			u.step(t.Context())
			synctest.Wait()
			u.look()
		}
		u.quiet = true
		for ; u.underWay(); synctest.Wait() {
			if u.look(); !u.let() {
				time.Sleep(time.Millisecond) // they wait for one who looks through the pool
			}
		}
		u.settleDown(t.Context())
		broken = u.broken
	})
	return broken
}

func (u *upheaval) breaks(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.broken == "" {
		u.broken = fmt.Sprintf(format, args...)
	}
}

// process is one that is warm, or has just started.
func (u *upheaval) process() *pool.Pools {
	if len(u.warm) < 3 || u.dice.IntN(8) == 0 {
		calls := faults.New(u.api)
		calls.Decide = u.decide
		u.warm = append(u.warm, pool.New(dynamo.New(calls, memtable.Names), pool.Sleep))
	}
	return u.warm[u.dice.IntN(len(u.warm))]
}

// decide has a call wait for its turn. One that is nobody's is made at once.
func (u *upheaval) decide(ctx context.Context, call dynamo.Call) faults.Fault {
	by, _ := ctx.Value(actorKey{}).(*actor)
	if by == nil {
		return faults.None
	}
	one := &turn{by, call, make(chan faults.Fault)}
	u.mu.Lock()
	if by.dead {
		u.mu.Unlock()
		return faults.Before
	}
	at, _ := slices.BinarySearchFunc(u.waiting, one, func(a, b *turn) int {
		return cmp.Or(a.by.number-b.by.number, cmp.Compare(a.call.Name, b.call.Name), cmp.Compare(a.call.PK, b.call.PK), cmp.Compare(a.call.SK, b.call.SK))
	})
	u.waiting = slices.Insert(u.waiting, at, one)
	u.mu.Unlock()
	return <-one.pass
}

// let lets one call have its turn. False: none waits.
func (u *upheaval) let() bool {
	u.mu.Lock()
	if len(u.waiting) == 0 {
		u.mu.Unlock()
		return false
	}
	n := u.dice.IntN(len(u.waiting))
	one := u.waiting[n]
	u.waiting = slices.Delete(u.waiting, n, n+1)
	switch one.call.Name {
	case "give back", "hold":
		one.by.untold = append(one.by.untold, one.by.from)
	case "resize":
		one.by.untold = append(one.by.untold, anywhere)
	}
	fault := faults.None
	if !u.quiet && u.dice.IntN(1000) < u.faults {
		fault = []faults.Fault{faults.Before, faults.After}[u.dice.IntN(2)]
		one.by.dead = u.dice.IntN(2) == 0
	}
	u.mu.Unlock()
	one.pass <- fault
	return true
}

// anywhere is for who makes room in no block of their own.
const anywhere = -1

// begin has somebody do something, beside the others.
func (u *upheaval) begin(ctx context.Context, from int, do func(context.Context)) {
	u.actors++
	by := &actor{number: u.actors, from: from}
	u.running[by] = true
	go func() {
		do(context.WithValue(ctx, actorKey{}, by))
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.running, by)
	}()
}

func (u *upheaval) underWay() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.running) > 0
}

func (u *upheaval) open(ctx context.Context) {
	if _, err := u.process().Rebalance(ctx, u.of, u.terms, true); err != nil {
		u.breaks("open the pool: %v", err)
	}
	for range u.terms.Capacity - u.dice.IntN(6) {
		u.wants(ctx, pool.RefusalNone)
	}
}

func (u *upheaval) step(ctx context.Context) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p, terms := u.process(), u.terms
	settle := func(ctx context.Context) { _, _ = p.Rebalance(ctx, u.of, terms, true) } // whatever comes of it, somebody will again
	switch chance := u.dice.IntN(200); {
	case chance < 1:
		u.terms = pool.Terms{Capacity: 125 + u.dice.IntN(50), Revision: terms.Revision + 1}
		terms = u.terms
		u.begin(ctx, anywhere, settle)
	case chance < 4:
		u.begin(ctx, anywhere, settle)
	case chance < 28:
		u.people++
		id, began := seat.ConnectionID(fmt.Sprintf("%d=", u.people)), time.Now()
		u.begin(ctx, anywhere, func(ctx context.Context) { _, _ = u.join(ctx, p, id, began, terms) }) // it checks
	case chance < 44 && len(u.in) > 0:
		one := u.somebody()
		u.begin(ctx, one.block.Index, func(ctx context.Context) { u.leave(ctx, p, one) })
	case chance < 50 && len(u.in) > 0:
		one, hold := u.somebody(), seat.Hold{LostAtMillis: time.Now().UnixMilli(), Seconds: 1 + u.dice.IntN(3)}
		u.begin(ctx, one.block.Index, func(ctx context.Context) { u.lose(ctx, p, one, hold) })
	case chance < 58:
		pause := time.Duration(u.dice.IntN(1500)) * time.Millisecond
		u.mu.Unlock()
		time.Sleep(pause)
		u.mu.Lock()
	default:
		u.mu.Unlock()
		u.let()
		u.mu.Lock()
	}
}

// somebody who is in is chosen, to go.
func (u *upheaval) somebody() sitting {
	n := u.dice.IntN(len(u.in))
	one := u.in[n]
	u.in = slices.Delete(u.in, n, n+1)
	return one
}

func (u *upheaval) sits(one sitting) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.in = append(u.in, one)
}

// join tries once. What it took although it failed is given back by others later.
func (u *upheaval) join(ctx context.Context, p *pool.Pools, id seat.ConnectionID, came time.Time, terms pool.Terms) (pool.Refusal, error) {
	got, err := p.Take(ctx, u.of, id, seat.Member{JoinedAtMillis: came.UnixMilli(), Conference: 1}, terms)
	switch {
	case err != nil:
		u.findAgain(id)
	case got.Refusal == pool.RefusalNone:
		u.sits(sitting{seat.Place{Connection: id, Member: got.Member}, got.Block})
	case got.Refusal == pool.RefusalFull && terms == u.terms && u.roomFor(came):
		u.breaks("%s, which came at %v, was refused at %v although there was room all the time", id, came.UnixMilli(), time.Now().UnixMilli())
	}
	return got.Refusal, err
}

// roomFor tells whether there was room all the time since somebody came. Where
// processes die, a block had it all the time, and for as long before as one who
// died can cost.
func (u *upheaval) roomFor(came time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for index, since := range u.roomSince {
		if u.faults == 0 && index == anywhere && !since.After(came) || index != anywhere && !since.After(came.Add(-trusted)) {
			return true
		}
	}
	return false
}

func (u *upheaval) findAgain(id seat.ConnectionID) {
	for _, s := range u.read() {
		if m, in := s.Members[id]; in {
			u.sits(sitting{seat.Place{Connection: id, Member: m}, s.Block})
		}
	}
}

func (u *upheaval) leave(ctx context.Context, p *pool.Pools, one sitting) {
	if _, err := p.GiveBack(ctx, one.block, one.Connection, one.Member, false); err != nil {
		u.sits(one) // it leaves again
	}
}

func (u *upheaval) lose(ctx context.Context, p *pool.Pools, one sitting, hold seat.Hold) {
	if _, err := p.Hold(ctx, one.block, one.Connection, one.Member, hold); err != nil {
		u.sits(one)
	}
}

func (u *upheaval) read() []seat.State {
	states, err := u.store.Read(context.Background(), u.of)
	if err != nil {
		u.breaks("read: %v", err)
	}
	return states
}

// look checks what holds at every moment, and notes whether there is room. What
// is told of in a moment is none yet; nor are holds that are over, since who
// joins goes by when they came.
func (u *upheaval) look() {
	u.mu.Lock()
	untold := make(map[int]bool)
	for by := range u.running {
		for _, index := range by.untold {
			untold[index] = true
		}
	}
	u.mu.Unlock()
	states, given, free, room := u.read(), 0, 0, map[int]bool{}
	for _, s := range states {
		given += max(s.Capacity, s.InUse)
		free += max(0, s.Capacity-s.InUse)
		if s.InUse < s.Capacity && s.Revision == u.terms.Revision && !untold[s.Block.Index] && !untold[anywhere] {
			room[s.Block.Index], room[anywhere] = true, true
		}
		if s.InUse != len(s.Members) {
			u.breaks("block %d has %d in use, and %d members", s.Block.Index, s.InUse, len(s.Members))
		}
	}
	if states[0].Revision == u.terms.Revision && given > u.terms.Capacity && free > 0 {
		u.breaks("%d seats are given out, of %d", given, u.terms.Capacity)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	maps.DeleteFunc(u.roomSince, func(index int, _ time.Time) bool { return !room[index] })
	for index := range room {
		if _, there := u.roomSince[index]; !there {
			u.roomSince[index] = time.Now()
		}
	}
}

// wants has somebody come while nothing else happens.
func (u *upheaval) wants(ctx context.Context, want pool.Refusal) {
	u.people++
	u.look()
	got, err := u.join(ctx, u.process(), seat.ConnectionID(fmt.Sprintf("%d=", u.people)), time.Now(), u.terms)
	if err != nil || got != want {
		u.breaks("all being quiet, somebody who came to a pool with %d of %d occupied was answered %d, %v, want %d",
			pool.Occupied(u.read(), time.Now().UnixMilli()), u.terms.Capacity, got, err, want)
	}
}

// fills has as many come as there are seats, and one more.
func (u *upheaval) fills(ctx context.Context, free int) {
	for range free {
		u.wants(ctx, pool.RefusalNone)
	}
	u.wants(ctx, pool.RefusalFull)
}

func (u *upheaval) leaves(ctx context.Context, people int) {
	for range people {
		u.leave(ctx, u.process(), u.somebody())
	}
}

// settleDown has reconciliation complete what broke off. Then each seat is to be
// had at once whenever one is free.
func (u *upheaval) settleDown(ctx context.Context) {
	settle := func() {
		if _, err := u.process().Rebalance(ctx, u.of, u.terms, true); err != nil {
			u.breaks("settle: %v", err)
		}
	}
	settle()
	time.Sleep(5 * time.Second) // the longest hold, and what a directory may be wrong for
	u.in = nil
	for _, s := range u.read() {
		for id, m := range s.Members {
			if !m.Held() {
				u.in = append(u.in, sitting{seat.Place{Connection: id, Member: m}, s.Block})
			}
		}
	}
	slices.SortFunc(u.in, func(a, b sitting) int { return cmp.Compare(a.Connection, b.Connection) })
	free := u.terms.Capacity - len(u.in)
	u.leaves(ctx, max(0, -free))
	u.fills(ctx, max(0, free))
	for range 3 {
		some := 1 + u.dice.IntN(3)
		u.leaves(ctx, some)
		u.fills(ctx, some)
	}
	u.lose(ctx, u.process(), u.somebody(), seat.Hold{LostAtMillis: time.Now().UnixMilli(), Seconds: 1})
	u.wants(ctx, pool.RefusalFull)
	time.Sleep(time.Second)
	u.fills(ctx, 1)
	u.terms = pool.Terms{Capacity: u.terms.Capacity + 10, Revision: u.terms.Revision + 1}
	settle()
	u.fills(ctx, 10)
	u.terms = pool.Terms{Capacity: u.terms.Capacity - 10, Revision: u.terms.Revision + 1}
	settle()
	u.fills(ctx, 0)
	u.leaves(ctx, 10)
	u.fills(ctx, 0)
	u.leaves(ctx, 2)
	u.fills(ctx, 2)
}
