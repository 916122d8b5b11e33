package pool

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// A pool of more blocks than this is large, and has a directory. A scan of a smaller
// pool costs one read unit, as a read of the directory does.
const largeAbove = 4

const (
	// maxListed is how many blocks a directory lists: it stays one write unit.
	maxListed = 48
	// trustMillis is how long a directory is complete after the scan that filled it
	// began. It is no longer than the shortest hold, so that a hold which began
	// after the scan did has not expired yet.
	trustMillis = 1000
	// aheadMillis is how long before that time is over a refused connection begins
	// the next scan, while other connections still go by the directory.
	aheadMillis = 400
	// scanMillis is how long other connections wait for a scan. After that, the process
	// that began the scan counts as crashed.
	scanMillis = 2000
)

// Directory lists the blocks of a large pool that have room, while seats are scarce.
// A connection may be refused by the directory alone, but is never admitted by it.
//
// One joining process scans the whole pool and lists the blocks with room. From the
// moment at which the scan begins, a process that makes room in a full block
// publishes the vacancy: it adds the block to the list before it answers. A process
// that finds a listed block full takes the block off. So the list is complete for a
// while after the scan: each block with room is on it, or its vacancy is about to be
// published. A complete directory that lists no block says that the pool is full at that
// moment, for one read unit.
//
// The version of a block tells room that was found taken from room that was made
// afterwards. The next scan finds room that is not published: that of an expired
// hold, and of a seat given back by a process that crashed before it published.
//
// A directory for each page of 32 blocks, which says only whether the page has room, would
// need neither versions nor samples. It is not used, for what it would cost. A join near
// the limit would read a page, up to 8 read units, where it reads 2.0 now
// (simulated_reads_per_join_at_99 of ./scripts/bench). A refusal of a pool of 100,000
// seats would read 105 pages' marks, 3 units, where one of 10,000 seats reads 1.5 now
// (reads_per_refusal). And marks that are written once a second would refuse joins though
// a seat is free, unless each refusal reads all blocks before. It was to slow leaves in a
// storm less; they take 1.23 times as long now (leaves_p99), below the limit of 1.3.
type Directory struct {
	// Revision is that of the license under which the pool was scanned.
	Revision int64
	// UntilMillis is until when WithRoom is complete. Unix time. Zero: it is not, or
	// too many blocks have room.
	UntilMillis int64
	// ScanningMillis is when the scan under way began. Unix time. Zero: none is.
	ScanningMillis int64
	// Count is the seats in use when they were last counted.
	Count
	// Left counts, by samples, the connections that left blocks in use beyond their
	// capacity. Beyond is the value of Left from which on the pool itself is no
	// longer in use beyond its capacity, by the last scan: until then a connection
	// that leaves makes no room.
	Left, Beyond int64
	// WithRoom lists blocks with room: index to version. While the directory is not
	// complete, they are some of the blocks that had room.
	WithRoom map[int]int64
}

// Count is the result of reading a whole pool.
type Count struct {
	// AtMillis is when the pool was read. Unix time.
	AtMillis int64
	// InUse is the number of occupied seats, Opened that of the blocks.
	InUse, Opened int
}

// complete tells whether the directory names all blocks with room, and no capacity
// is left to hand out.
func (d Directory) complete(revision, nowMillis int64) bool {
	return d.Revision == revision && nowMillis < d.UntilMillis && d.Left <= d.Beyond
}

// scanning tells whether a scan is under way.
func (d Directory) scanning(nowMillis int64) bool {
	return d.ScanningMillis != 0 && nowMillis-d.ScanningMillis < scanMillis
}

// PublishesVacancies tells whether a process that makes room in a full block must
// publish the vacancy. It uses no clock: an unneeded vacancy costs only a write.
func (d Directory) PublishesVacancies() bool { return d.UntilMillis != 0 || d.ScanningMillis != 0 }

// sample is the sampling interval of Left: one of n leaving connections adds n. It is
// 1 where few more must leave before there is room, and grows with their number.
// Left may then be wrong by the root of that number, for a second.
func (d Directory) sample() int {
	const each = 256
	return 1 + int(max(0, d.Beyond-d.Left)/each)
}

// Scan is the result of scanning a pool.
type Scan struct {
	// By is the connection for which the pool was scanned.
	By seat.ConnectionID
	// Count has the moment at which the scan began as its AtMillis.
	Count
	// The other members are the directory's.
	Revision    int64
	UntilMillis int64
	Beyond      int64
	WithRoom    map[int]int64
}

// ErrBusy means that the store cannot answer all callers; one may try again.
var ErrBusy = errors.New("too many callers at once")

// Directories stores the directories of pools.
type Directories interface {
	// Directory reads a pool's directory; the zero Directory if it has none. It fails
	// with ErrBusy, without a retry, where the store is throttled: in a storm of joins,
	// waiting connections would make others wait.
	Directory(ctx context.Context, pool seat.Pool) (Directory, error)
	// BeginScan notes that a scan begins, unless another began after staleMillis and
	// has not ended. With reset, the directory lists no blocks and is not
	// complete until the scan ends; without, BeginScan is refused where the directory
	// was cleared. True: the scan is noted, by this try or an earlier one.
	BeginScan(ctx context.Context, pool seat.Pool, scan Scan, staleMillis int64, reset bool) (bool, error)
	// EndScan adds the result of a scan to the directory, and keeps listed blocks as
	// they are. False: the scan was no longer under way, and nothing was added.
	EndScan(ctx context.Context, pool seat.Pool, scan Scan) (bool, error)
	// ListBlock lists a block with room, if the pool has a directory; a later version
	// stays. It gives the directory as it is then, listed or not.
	ListBlock(ctx context.Context, block seat.Block, version int64) (Directory, error)
	// UnlistBlock takes a block off the list, if it was listed with an earlier version.
	UnlistBlock(ctx context.Context, block seat.Block, before int64) error
	// AddLeft adds to Left, if the pool has a directory. It is not retried: a leave
	// does not wait for it, and a missed one makes the directory wrong for a second.
	AddLeft(ctx context.Context, pool seat.Pool, n int64) error
	// ClearDirectory makes the directory incomplete, and ends a scan under way.
	ClearDirectory(ctx context.Context, pool seat.Pool) error
}

// expiresLater tells whether a vacancy is that of a hold which expires only when the
// directory and a scan under way are no longer complete.
func expiresLater(v seat.Vacancy, b Directory) bool {
	return v.EndsMillis != 0 && v.EndsMillis >= max(b.UntilMillis, b.ScanningMillis+trustMillis)
}

// publish publishes a vacancy, after a seat was given back. If the process crashes
// before, or the write fails, the directory is wrong for a second.
func (p *Pools) publish(ctx context.Context, block seat.Block, id seat.ConnectionID, v *seat.Vacancy) {
	if v == nil {
		return
	}
	c := p.cacheOf(block.Pool)
	if c.publishes() && !v.Beyond && !v.Pending && v.EndsMillis == 0 {
		p.list(ctx, c, block, v.Version)
		return
	}
	directory, err := p.blocks.Directory(ctx, block.Pool)
	busy := errors.Is(err, ErrBusy) // many joins are about to use the directory
	c.publishing(busy || err == nil && directory.PublishesVacancies())
	switch {
	case err != nil && !busy || err == nil && (!directory.PublishesVacancies() || expiresLater(*v, directory)):
	case v.Beyond && (busy || directory.ScanningMillis != 0 || directory.Left < directory.Beyond):
		n := 1 // of a busy directory, and one being scanned, Beyond is unknown
		if !busy && directory.ScanningMillis == 0 {
			n = directory.sample()
		}
		if id.Hash()%n == 0 {
			_ = p.blocks.AddLeft(ctx, block.Pool, int64(n))
		}
	case v.Beyond || v.Pending || len(directory.WithRoom) >= maxListed:
		_ = p.blocks.ClearDirectory(ctx, block.Pool)
	default:
		p.list(ctx, c, block, v.Version)
	}
}

// list lists a block with room. The answer tells whether the directory of the pool
// still needs to be told of vacancies: while it does, no leave reads it first.
func (p *Pools) list(ctx context.Context, c *cache, block seat.Block, version int64) {
	directory, err := p.blocks.ListBlock(ctx, block, version)
	c.publishing(err == nil && directory.PublishesVacancies())
	if len(directory.WithRoom) > maxListed {
		_ = p.blocks.ClearDirectory(ctx, block.Pool)
	}
}

// takeByDirectory takes a seat of a block that the directory of a large pool lists, or
// refuses if the directory is complete and lists none. While it is not complete, one
// of the joining connections scans the pool, and the others wait for it.
func (p *Pools) takeByDirectory(ctx context.Context, pool seat.Pool, to seat.Place, terms Terms) (Seated, error) {
	now := to.Member.JoinedAtMillis
	for round := range maxRounds {
		directory, err := p.blocks.Directory(ctx, pool)
		if err != nil {
			return Seated{}, problem.Wrap("read the directory", err)
		}
		if directory.Revision > terms.Revision { // it is kept under a later license
			return Seated{Refusal: RefusalStale}, nil
		}
		answer, done, err := p.takeListed(ctx, pool, directory, to, terms)
		if done || err != nil {
			return answer, err
		}
		complete := directory.complete(terms.Revision, now)
		full := complete && len(directory.WithRoom) == 0
		refusal := Seated{Refusal: RefusalFull, InUse: max(terms.Capacity, directory.InUse), Unsearched: true}
		if complete {
			p.cacheOf(pool).scarce(now)
		}
		switch {
		case full && (now < directory.UntilMillis-aheadMillis || directory.scanning(now)):
			return refusal, nil
		case complete && !full:
			continue // others were faster
		case !complete && directory.scanning(now) && round < maxRounds/2:
			if err := p.waitForScan(ctx, to.Connection, round); err != nil {
				return Seated{}, err
			}
			continue
		}
		scan := Scan{By: to.Connection, Count: Count{AtMillis: now}, Revision: terms.Revision, Beyond: directory.Left}
		mine, err := p.blocks.BeginScan(ctx, pool, scan, now-scanMillis, !complete)
		if err != nil {
			return Seated{}, problem.Wrap("begin a scan", err)
		}
		if !mine && full {
			return refusal, nil
		}
		if !mine && round < maxRounds/2 {
			continue
		}
		if !mine { // another's scan takes long: a wait for it would take longer
			return Seated{}, ErrBusy
		}
		answer, done, err = p.scan(ctx, pool, scan, to, terms)
		if done || err != nil {
			return answer, err
		}
	}
	return Seated{}, ErrBusy // others were faster each time
}

// takeListed tries some of the blocks that the directory lists, beginning at one that
// is chosen by the connection's id, and takes those off that are full.
func (p *Pools) takeListed(ctx context.Context, pool seat.Pool, directory Directory, to seat.Place, terms Terms) (Seated, bool, error) {
	listed := slices.Sorted(maps.Keys(directory.WithRoom))
	p.cacheOf(pool).read(directory, terms.Capacity)
	for n := range min(len(listed), probes) {
		block := seat.Block{Pool: pool, Index: listed[(to.Connection.Hash()+n)%len(listed)]}
		attempt, err := p.takeOrReplace(ctx, block, to, terms.permit())
		if err != nil {
			return Seated{}, true, err
		}
		p.cacheOf(pool).sawListed(attempt.State)
		if attempt.State.Full(to.Member.JoinedAtMillis) {
			// If this fails, the next connection tries the block in vain. The version as
			// read is included: the block's capacity may have been lowered since.
			_ = p.blocks.UnlistBlock(ctx, block, attempt.State.Version()+1)
		}
		if answer, done, err := p.conclude(ctx, attempt, to.Connection, terms); done || err != nil {
			return answer, true, err
		}
	}
	return Seated{}, false, nil
}

// scan reads the whole pool, adds the result to the directory, and tries the blocks
// with room. Not done: other connections took their seats.
func (p *Pools) scan(ctx context.Context, pool seat.Pool, scan Scan, to seat.Place, terms Terms) (Seated, bool, error) {
	states, err := p.Rebalance(ctx, pool, terms, false)
	if err != nil {
		return Seated{}, true, err
	}
	scan.survey(states, terms)
	p.cacheOf(pool).opened(states, scan.WithRoom)
	if _, err := p.blocks.EndScan(ctx, pool, scan); err != nil {
		return Seated{}, true, problem.Wrap("end a scan", err)
	}
	return p.among(ctx, pool, states, to, terms)
}

// survey fills a scan from the blocks of the pool. The list is complete only if no
// block is under other terms, and no capacity is left to hand out, nor will be when an
// expired hold is given back. Where more seats are in use than the terms have, as many
// must be given back first. A connection that left between the reads of the
// directory and of the pool counts twice, which errs to the safe side.
func (scan *Scan) survey(states []seat.State, terms Terms) {
	scan.InUse, scan.Opened, scan.WithRoom = Occupied(states, scan.AtMillis), len(states), make(map[int]int64)
	beyond := committed(states) - terms.Capacity
	until, whole := scan.AtMillis+trustMillis, beyond >= 0
	scan.Beyond += int64(beyond)
	var withRoom []seat.State
	for _, s := range states {
		_, over := s.ExpiredHold("", scan.AtMillis)
		whole = whole && !s.Closed && s.Revision == terms.Revision && s.Listed && (!over || s.InUse <= s.Capacity)
		for _, m := range s.Members {
			if end := max(m.Hold.UntilMillis(), m.Lease.UntilMillis()); end > scan.AtMillis {
				until = min(until, end)
			}
		}
		if !s.Full(scan.AtMillis) {
			withRoom = append(withRoom, s)
		}
	}
	if whole && len(withRoom) <= maxListed {
		scan.UntilMillis = until
	}
	slices.SortStableFunc(withRoom, func(a, b seat.State) int { return cmp.Compare(b.Free(), a.Free()) })
	for _, s := range withRoom[:min(len(withRoom), maxListed)] {
		scan.WithRoom[s.Block.Index] = s.Version()
	}
}
