package storetest

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Many short histories find more bugs than a long one, and are checked faster.
const (
	blockHistories = 30
	blockWorkers   = 10
	blockSteps     = 6
	persons        = 5 // connections that come and go
	mostSeats      = 4
)

// A block is linearizable: the answers of concurrent calls are as if each call had
// happened at one moment between its start and its end.
func linearizable(t *testing.T, store Store, id tenant.ID) {
	for seed := range seeds(t, blockHistories) {
		history := blockHistory(t, seed, on(store, blockOf(id, seed.index)))
		if result := check(blockModel, history); result != porcupine.Ok {
			t.Fatalf("%s, seed %d:\n%s", result, seed.value, describe(history))
		}
	}
}

// book is the model's state of a block.
type book struct {
	exists, closed         bool
	inUse, capacity        int
	taken, voids, revision int64
	// members has the members by the connections' numbers. The zero member: none.
	members [persons]seat.Member
}

// kind is the kind of a request to a block.
type kind string

const (
	kindTake     kind = "take"
	kindRenumber kind = "renumber"
	kindGiveBack kind = "give back"
	kindHold     kind = "hold"
	kindSwap     kind = "swap"
	kindNextPart kind = "next part"
	kindCreate   kind = "create"
	kindResize   kind = "resize"
	kindClose    kind = "close"
	kindLook     kind = "look"
)

// kinds has each kind in proportion to its frequency.
var kinds = []kind{
	kindTake, kindTake, kindTake, kindTake, kindRenumber, kindGiveBack, kindGiveBack, kindGiveBack, kindHold,
	kindSwap, kindSwap, kindSwap, kindNextPart, kindNextPart, kindResize, kindResize, kindCreate, kindLook,
}

// place is a numbered connection with its member, present or future.
type place struct {
	n      int
	member seat.Member
}

// request is one call. Each kind uses some of the members.
type request struct {
	kind     kind
	from, to place
	hold     seat.Hold
	void     bool
	was      book
	capacity int
	revision int64
}

// answer has all results of a call.
type answer struct {
	outcome seat.Outcome
	done    bool
	instead seat.Member
	// state is the block after the call, if the call returns it.
	state book
}

func (r request) String() string {
	return fmt.Sprintf("%s %d %s, %d %s, %+v, void %v, capacity %d at revision %d for %d at %d",
		r.kind, r.from.n, short(r.from.member), r.to.n, short(r.to.member), r.hold, r.void,
		r.capacity, r.revision, r.was.capacity, r.was.revision)
}

func (a answer) String() string {
	b := a.state
	members := make([]string, persons)
	for n := range members {
		members[n] = short(b.members[n])
	}
	return fmt.Sprintf("outcome %d, done %v, instead %s; exists %v, closed %v, %d of %d in use, taken %d, voids %d, revision %d, %v",
		a.outcome, a.done, short(a.instead), b.exists, b.closed, b.inUse, b.capacity, b.taken, b.voids, b.revision, members)
}

// short names a member by its mark, which is unique, or by its hold.
func short(m seat.Member) string {
	switch {
	case m == seat.Member{}:
		return "-"
	case m.Held():
		return fmt.Sprintf("held%+v", m.Hold)
	}
	return fmt.Sprintf("#%d", m.Mark)
}

// apply is the specification of a block, a bounded counter: the effect and the
// answer of a request. It follows the comments of seat.Blocks, and does not use the
// functions with which the stores decide.
func (b book) apply(r request) (answer, book) {
	there := b.members[r.from.n]
	newcomer := b.members[r.to.n] == seat.Member{}
	outcome := func(refusals ...bool) seat.Outcome {
		for i, o := range []seat.Outcome{
			seat.OutcomeMissing, seat.OutcomeMember, seat.OutcomeClosed, seat.OutcomeOtherRevision, seat.OutcomeFull,
		} {
			if refusals[i] {
				return o
			}
		}
		return seat.OutcomeTaken
	}
	switch r.kind {
	case kindTake:
		o := outcome(!b.exists, !newcomer, b.closed, b.revision != r.revision, b.inUse >= b.capacity)
		if o == seat.OutcomeTaken {
			b.inUse++
			b.taken++
			b.members[r.to.n] = r.to.member
		}
		return answer{outcome: o, state: b}, b
	case kindSwap:
		joins := r.revision != 0
		o := outcome(!b.exists, !newcomer, b.closed, joins && b.revision != r.revision,
			there != r.from.member || joins && b.inUse > b.capacity)
		if o == seat.OutcomeTaken {
			b.taken++
			b.members[r.from.n], b.members[r.to.n] = seat.Member{}, r.to.member
		}
		return answer{outcome: o, state: b}, b
	case kindRenumber:
		if newcomer {
			return answer{}, b
		}
		b.taken++
		b.voids++
		return answer{done: true, state: b}, b
	case kindGiveBack:
		if there != r.from.member {
			return answer{instead: there}, b
		}
		b.inUse--
		b.members[r.from.n] = seat.Member{}
		if r.void {
			b.voids++
		}
		return answer{done: true}, b
	case kindHold:
		lost := r.from.member.Lost(r.hold)
		if there != r.from.member && there != lost {
			return answer{instead: there}, b
		}
		b.members[r.from.n] = lost
		return answer{done: true}, b
	case kindNextPart:
		o := outcome(!b.exists, false, false, false, there != r.from.member)
		if o == seat.OutcomeTaken {
			b.taken++
			b.members[r.from.n] = r.to.member
		}
		return answer{outcome: o, state: b}, b
	case kindCreate:
		if b.exists {
			return answer{}, b
		}
		b = book{exists: true, capacity: r.capacity, revision: r.revision}
		return answer{done: true}, b
	case kindResize:
		raised := r.was.inUse > r.was.capacity && r.capacity > r.was.capacity // to a use beyond it
		if !b.exists || b.closed || b.capacity != r.was.capacity || b.revision != r.was.revision ||
			b.inUse > max(r.capacity, r.was.inUse) || raised && b.inUse != r.was.inUse {
			return answer{}, b
		}
		b.capacity, b.revision = r.capacity, r.revision
		return answer{done: true}, b
	case kindClose:
		b.exists, b.closed = true, true
		return answer{done: true, state: b}, b
	}
	return answer{done: b.exists, state: b}, b
}

var blockModel = porcupine.Model{
	Init: func() any { return book{} },
	Step: func(state, input, output any) (bool, any) {
		want, next := state.(book).apply(input.(request)) //nolint:forcetypeassert // ours
		return want == output, next
	},
	Hash: hashed,
}

var hashSeed = maphash.MakeSeed()

func hashed(state any) uint64 { return maphash.Comparable(hashSeed, state) }

// perform answers a request, by a store or by one with a deliberate bug.
type perform func(ctx context.Context, r request) (answer, error)

// on performs requests on one block of a store.
func on(store seat.Blocks, block seat.Block) perform {
	id := func(n int) seat.ConnectionID { return connectionOf(block.Pool.Tenant, n) }
	seats := func(p place) seat.Place { return seat.Place{Connection: id(p.n), Member: p.member} }
	booked := func(s seat.State) (book, error) {
		b := book{
			exists: s.Revision != 0 || s.Closed, closed: s.Closed,
			inUse: s.InUse, capacity: s.Capacity, taken: s.Taken, voids: s.Voids, revision: s.Revision,
		}
		found := 0
		for n := range persons {
			if member, in := s.Members[id(n)]; in {
				b.members[n] = member
				found++
			}
		}
		if found != len(s.Members) || s.InUse != found {
			return b, fmt.Errorf("%d in use, members %v", s.InUse, s.Members)
		}
		return b, nil
	}
	judged := func(a seat.Attempt, err error) (answer, error) {
		if err != nil {
			return answer{}, err
		}
		state, err := booked(a.State)
		return answer{outcome: a.Outcome, state: state}, err
	}
	returned := func(r seat.Returned, err error) (answer, error) {
		a := answer{done: r.Done}
		if r.Instead != nil {
			a.instead = *r.Instead
		}
		return a, err
	}
	shown := func(s seat.State, done bool, err error) (answer, error) {
		if err != nil || !done {
			return answer{}, err
		}
		state, err := booked(s)
		return answer{done: true, state: state}, err
	}
	return func(ctx context.Context, r request) (answer, error) {
		switch r.kind {
		case kindTake:
			return judged(store.Take(ctx, block, id(r.to.n), r.to.member, seat.Permit{Revision: r.revision}))
		case kindSwap:
			return judged(store.Swap(ctx, block, seats(r.from), seats(r.to), seat.Permit{Revision: r.revision}))
		case kindRenumber:
			return shown(store.Renumber(ctx, block, id(r.to.n)))
		case kindGiveBack:
			return returned(store.GiveBack(ctx, block, id(r.from.n), r.from.member, r.void))
		case kindHold:
			return returned(store.Hold(ctx, block, id(r.from.n), r.from.member, r.hold))
		case kindNextPart:
			return judged(store.Swap(ctx, block, seats(r.from), seats(r.to), seat.Permit{}))
		case kindCreate:
			done, err := store.Create(ctx, block, seat.Share{Capacity: r.capacity, Revision: r.revision})
			return answer{done: done}, err
		case kindResize:
			was := seat.State{Block: block, InUse: r.was.inUse, Share: seat.Share{Capacity: r.was.capacity, Revision: r.was.revision}}
			done, err := store.Resize(ctx, was, seat.Share{Capacity: r.capacity, Revision: r.revision})
			return answer{done: done}, err
		case kindClose:
			s, err := store.Close(ctx, block, instant(0))
			return shown(s, true, err)
		case kindLook:
			s, err := store.Get(ctx, block)
			if s == nil {
				return answer{}, err
			}
			return shown(*s, true, err)
		}
		return answer{}, fmt.Errorf("no such kind: %s", r.kind)
	}
}

// worker makes random requests from its last view of the block, which may be
// stale.
type worker struct {
	*rand.Rand
	number, made int // made: the number of members so far
	seen         book
}

// member makes a unique member.
func (w *worker) member() seat.Member {
	w.made++
	unique := w.number*1000 + w.made
	return seat.Member{
		JoinedAtMillis: member.JoinedAtMillis + int64(unique), Mark: uint16(unique), //nolint:gosec // small
		Conference: 1 + conference.Number(w.IntN(3)), Host: w.IntN(4) == 0,
	}
}

// somebody is a member of the last view, or else a random one.
func (w *worker) somebody() place {
	first := w.IntN(persons)
	for i := range persons {
		if n := (first + i) % persons; w.seen.members[n] != (seat.Member{}) {
			return place{n, w.seen.members[n]}
		}
	}
	return place{first, w.member()}
}

// except is a random connection other than one: a connection does not take over its
// own place.
func (w *worker) except(n int) int { return (n + 1 + w.IntN(persons-1)) % persons }

func (w *worker) request(k kind) request {
	r := request{
		kind: k, from: w.somebody(), revision: max(1, w.seen.revision),
		void: w.IntN(4) == 0, was: w.seen, capacity: w.IntN(mostSeats + 1),
	}
	r.to = place{w.except(r.from.n), w.member()}
	switch r.kind {
	case kindHold:
		r.hold = seat.Hold{LostAtMillis: r.to.member.JoinedAtMillis, Seconds: w.IntN(300)}
	case kindSwap:
		r.revision *= int64(w.IntN(2)) // a revision to join, none to resume
	case kindRenumber:
		r.to = r.from
	case kindNextPart:
		r.to.n = r.from.n
	case kindCreate, kindResize:
		r.revision += int64(w.IntN(2))
	case kindLook:
		if w.IntN(20) == 0 {
			r.kind = kindClose
		}
	case kindTake, kindGiveBack, kindClose:
	}
	return r
}

// blockHistory records concurrent random requests.
func blockHistory(t *testing.T, seed seed, answers perform) []porcupine.Operation {
	t.Helper()
	h := begin()
	parallel(t, blockWorkers, func(ctx context.Context, n int) error {
		w := worker{Rand: seed.random(n), number: n}
		for step := range blockSteps {
			k := kinds[w.IntN(len(kinds))]
			if n == 0 && step == 0 {
				k = kindCreate
			}
			r := w.request(k)
			linger(w.Rand)
			a, err := note(h, n, r, func() (answer, error) { return answers(ctx, r) })
			if err != nil {
				return err
			}
			if a.state.exists {
				w.seen = a.state
			}
		}
		return nil
	})
	return h.operations
}
