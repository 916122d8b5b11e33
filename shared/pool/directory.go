package pool

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"seatmeter/shared/seat"
)

// A pool of more blocks than this is large, and has a directory. A look through a
// smaller one costs one read unit, as the directory does.
const largeAbove = 4

const (
	// maxRooms is how many blocks a directory lists: it stays one write unit.
	maxRooms = 48
	// trustMillis is how long after a look began its directory is complete. It is
	// no longer than the shortest hold, so that a hold which began since is not
	// over yet.
	trustMillis = 1000
	// aheadMillis is how long before that somebody who is refused looks anew,
	// while others still go by the directory.
	aheadMillis = 400
	// scanMillis is how long a look is waited for: then whoever began it is
	// taken for dead.
	scanMillis = 2000
)

// Directory tells where a large pool has room, while seats are scarce. Nobody is
// admitted by it; somebody may be refused.
//
// Somebody looks through the whole pool, and lists the blocks with room. From
// the moment at which the look begins, whoever makes room in a full block adds
// it to the list, and whoever finds a listed block full takes it off. So for a
// while after the look the list is complete: a block with room is on it, or who
// made the room is about to say so, and has not answered yet. A complete directory
// without rooms says that the pool is full at that moment, for one read unit.
//
// A block's Version tells the room that was found taken from the room that
// somebody made since. Room that nobody makes, since a hold merely ends, or
// somebody died before saying so, is found by the next look.
type Directory struct {
	// Revision is the license's, under which the pool was looked through.
	Revision int64
	// UntilMillis is the end of the time for which Rooms is complete. Unix time.
	// Zero: it was never, or there was too much room to list.
	UntilMillis int64
	// ScanningMillis is when a look began that has not ended. Zero: none.
	ScanningMillis int64
	// Count is what was in use when it was last counted, by a look or otherwise.
	Count
	// Left counts, by samples, those who left blocks that are in use beyond their
	// capacity, and Beyond is what it comes to, by the last look, until the pool
	// is not: before that, who leaves makes no room.
	Left, Beyond int64
	// Rooms are the versions of the blocks that have room, by their index. While
	// the directory is not complete they are some that had.
	Rooms map[int]int64
}

// Count is what somebody counted who read a whole pool.
type Count struct {
	// AtMillis is when. Unix time.
	AtMillis int64
	// InUse is the occupied seats, and Opened the blocks.
	InUse, Opened int
}

// complete tells whether the directory names all blocks with room, and no capacity
// is left to hand out.
func (b Directory) complete(revision, nowMillis int64) bool {
	return b.Revision == revision && nowMillis < b.UntilMillis && b.Left <= b.Beyond
}

// scanning tells whether somebody is at it.
func (b Directory) scanning(nowMillis int64) bool {
	return b.ScanningMillis != 0 && nowMillis-b.ScanningMillis < scanMillis
}

// PublishesVacancies tells whether who makes room in a full block must say so. It goes
// by no clock: too much said costs a write, and ends when the directory is full.
func (b Directory) PublishesVacancies() bool { return b.UntilMillis != 0 || b.ScanningMillis != 0 }

// sample is of how many who leave one says so, for all: each does where few must
// leave before there is room, and fewer while there is longer to go. What is told
// may then be wrong by the root of their number, and for a second.
func (b Directory) sample() int {
	const each = 256
	return 1 + int(max(0, b.Beyond-b.Left)/each)
}

// Scan is what somebody found who looked through a pool.
type Scan struct {
	// By is the connection for which it was done.
	By seat.ConnectionID
	// Count is what was found; its AtMillis is when the look began.
	Count
	// The others are as the directory's.
	Revision    int64
	UntilMillis int64
	Beyond      int64
	Rooms       map[int]int64
}

// ErrBusy says that more people ask than can be answered.
var ErrBusy = errors.New("too many ask at once")

// Directories is where directories live.
type Directories interface {
	// Directory gives a pool's directory; the zero Directory if it has none. Where more ask
	// than the store can answer it is ErrBusy at once: whoever waited in a storm
	// would keep others waiting.
	Directory(ctx context.Context, pool seat.Pool) (Directory, error)
	// BeginScan notes that a look begins, unless another began after staleMillis
	// and has not ended. With reset it takes all rooms off the directory, which is not
	// complete from then on; without, the directory must be one that was not cleared.
	// It tells whether it was noted, now or at an earlier try.
	BeginScan(ctx context.Context, pool seat.Pool, look Scan, staleMillis int64, reset bool) (bool, error)
	// EndScan adds to the directory what a look found, leaving rooms that are on it
	// as they are, and ends the look. False: the look had ended otherwise, and
	// nothing was added.
	EndScan(ctx context.Context, pool seat.Pool, look Scan) (bool, error)
	// AddRoom puts a block on the directory, if there is one; a later version stays.
	AddRoom(ctx context.Context, block seat.Block, version int64) error
	// RemoveRoom takes a block off the directory that was put there with a version
	// before this one.
	RemoveRoom(ctx context.Context, block seat.Block, before int64) error
	// AddLeft counts some more who left, if the pool has a directory. It is tried once:
	// who leaves does not wait, and a directory that misses it is wrong for a second.
	AddLeft(ctx context.Context, pool seat.Pool, n int64) error
	// ClearDirectory says that the directory is not complete, and ends a look under way.
	ClearDirectory(ctx context.Context, pool seat.Pool) error
}

// later tells whether it is the news of a hold that ends when the directory is not
// complete any more, nor will be by a look that has begun.
func later(v seat.Vacancy, b Directory) bool {
	return v.EndsMillis != 0 && v.EndsMillis >= max(b.UntilMillis, b.ScanningMillis+trustMillis)
}

// publish tells the directory of room. It is part of giving a seat back: a process
// that dies before leaves a directory that is wrong for a second. An error is that
// too, and the seat is given back all the same.
func (p *Pools) publish(ctx context.Context, block seat.Block, id seat.ConnectionID, v *seat.Vacancy) {
	if v == nil {
		return
	}
	directory, err := p.blocks.Directory(ctx, block.Pool)
	busy := errors.Is(err, ErrBusy) // then many are about to go by it
	switch {
	case err != nil && !busy || err == nil && (!directory.PublishesVacancies() || later(*v, directory)):
	case v.Beyond && (busy || directory.ScanningMillis != 0 || directory.Left < directory.Beyond):
		n := 1 // busy, the directory cannot say; and a look may find another Beyond
		if !busy && directory.ScanningMillis == 0 {
			n = directory.sample()
		}
		if id.Hash()%n == 0 {
			_ = p.blocks.AddLeft(ctx, block.Pool, int64(n))
		}
	case v.Beyond || v.Pending || len(directory.Rooms) >= maxRooms:
		_ = p.blocks.ClearDirectory(ctx, block.Pool)
	default:
		_ = p.blocks.AddRoom(ctx, block, v.Version)
	}
}

// takeByDirectory takes a seat of a large pool where the directory knows of one, or refuses
// if the directory is complete and has none. Where it is not, one of those who come
// looks through the pool, and the others wait for it.
func (p *Pools) takeByDirectory(ctx context.Context, pool seat.Pool, to seat.Place, terms Terms) (Seated, error) {
	now := to.Member.JoinedAtMillis
	for round := range maxRounds {
		directory, err := p.blocks.Directory(ctx, pool)
		if err != nil {
			return Seated{}, wrap("read the directory", err)
		}
		if directory.Revision > terms.Revision { // nothing of it is ours to change
			return Seated{Refusal: RefusalStale}, nil
		}
		answer, done, err := p.takeListed(ctx, pool, directory, to, terms)
		if done || err != nil {
			return answer, err
		}
		complete := directory.complete(terms.Revision, now)
		full := complete && len(directory.Rooms) == 0
		refusal := Seated{Refusal: RefusalFull, InUse: max(terms.Capacity, directory.InUse), Unsearched: true}
		if complete {
			p.view(pool).scarce(now)
		}
		switch {
		case full && (now < directory.UntilMillis-aheadMillis || directory.scanning(now)):
			return refusal, nil
		case complete && !full:
			continue // others were faster
		case !complete && directory.scanning(now) && round < maxRounds/2:
			if err := p.wait(ctx, to.Connection, round); err != nil {
				return Seated{}, err
			}
			continue
		}
		look := Scan{By: to.Connection, Count: Count{AtMillis: now}, Revision: terms.Revision, Beyond: directory.Left}
		mine, err := p.blocks.BeginScan(ctx, pool, look, now-scanMillis, !complete)
		if err != nil {
			return Seated{}, wrap("begin a look", err)
		}
		if !mine && full {
			return refusal, nil
		}
		if !mine && round < maxRounds/2 {
			continue
		}
		if !mine { // whoever looks takes long: all who wait would take longer
			return Seated{}, ErrBusy
		}
		answer, done, err = p.scan(ctx, pool, look, to, terms)
		if done || err != nil {
			return answer, err
		}
	}
	return Seated{}, ErrBusy // others were faster each time
}

// takeListed tries some of the blocks that the directory lists, beginning at one that
// is chosen by the connection's id, and takes those off that are full.
func (p *Pools) takeListed(ctx context.Context, pool seat.Pool, directory Directory, to seat.Place, terms Terms) (Seated, bool, error) {
	rooms := slices.Sorted(maps.Keys(directory.Rooms))
	p.view(pool).read(directory, terms.Capacity)
	for n := range min(len(rooms), probes) {
		block := seat.Block{Pool: pool, Index: rooms[(to.Connection.Hash()+n)%len(rooms)]}
		attempt, err := p.enter(ctx, block, to, terms.Revision)
		if err != nil {
			return Seated{}, true, err
		}
		p.view(pool).sawListed(attempt.State)
		if attempt.State.Full(to.Member.JoinedAtMillis) {
			// Left undone, it costs the next one who comes a try.
			// Room of this very version is gone too: the block was given less capacity since.
			_ = p.blocks.RemoveRoom(ctx, block, attempt.State.Version()+1)
		}
		if answer, done, err := p.conclude(ctx, attempt, to.Connection, terms); done || err != nil {
			return answer, true, err
		}
	}
	return Seated{}, false, nil
}

// scan looks through the whole pool, says on the directory what it found, and tries
// that. Not done: others took it.
func (p *Pools) scan(ctx context.Context, pool seat.Pool, look Scan, to seat.Place, terms Terms) (Seated, bool, error) {
	states, err := p.Rebalance(ctx, pool, terms, false)
	if err != nil {
		return Seated{}, true, err
	}
	look.survey(states, terms)
	p.view(pool).opened(states, look.Rooms)
	if _, err := p.blocks.EndScan(ctx, pool, look); err != nil {
		return Seated{}, true, wrap("end a look", err)
	}
	return p.among(ctx, pool, states, to, terms)
}

// survey sums up what the pool looked like. The list is complete only if no
// capacity is left to hand out, or will be when a hold is ended that is over,
// and no block is under other terms. Where more is in use than the terms have,
// so many must have left first; who left since the directory was read, and before
// the pool was, counts twice, which errs to the safe side.
func (l *Scan) survey(states []seat.State, terms Terms) {
	l.InUse, l.Opened, l.Rooms = Occupied(states, l.AtMillis), len(states), make(map[int]int64)
	beyond := committed(states) - terms.Capacity
	until, whole := l.AtMillis+trustMillis, beyond >= 0
	l.Beyond += int64(beyond)
	var rooms []seat.State
	for _, s := range states {
		_, over := s.ExpiredHold("", l.AtMillis)
		whole = whole && !s.Closed && s.Revision == terms.Revision && s.Listed && (!over || s.InUse <= s.Capacity)
		for _, m := range s.Members {
			if end := m.Hold.UntilMillis(); m.Held() && end > l.AtMillis {
				until = min(until, end)
			}
		}
		if !s.Full(l.AtMillis) {
			rooms = append(rooms, s)
		}
	}
	if whole && len(rooms) <= maxRooms {
		l.UntilMillis = until
	}
	slices.SortStableFunc(rooms, func(a, b seat.State) int { return cmp.Compare(b.Free(), a.Free()) })
	for _, s := range rooms[:min(len(rooms), maxRooms)] {
		l.Rooms[s.Block.Index] = s.Version()
	}
}
