package pool

import (
	"slices"

	"seatmeter/shared/seat"
)

// cache is what one process remembers of a pool: hints where to begin, never a
// reason to admit or to refuse.
type cache struct {
	pools *Pools
	// room is the indexes of blocks that had room when last read.
	room []int
	// reach is how many blocks the pool is known to have; zero: unknown.
	reach int
	// counted is the last count of seats in use.
	counted Count
	// listed: the pool has a directory.
	listed bool
	// dense: the directory says that few blocks have room.
	dense bool
	// publishesVacancies: the directory had to be told of vacancies, when last seen by a
	// process that made room.
	publishesVacancies bool
	// scarceMillis is the last joining time at which no room was found, or only by the
	// directory.
	scarceMillis int64
}

const (
	// maxCaches bounds the cached pools, and maxHints the blocks of each.
	maxCaches = 10_000
	maxHints  = 64
	// spare is how many seats of a block are left free while other blocks have room.
	spare = 3
	// A pool is dense if denseFrom of whole seats are in use.
	denseFrom, whole = 92, 100
	// scarceFor is how long seats count as scarce, in milliseconds.
	scarceFor = 1000
)

// cacheOf gives the cache of a pool.
func (p *Pools) cacheOf(pool seat.Pool) *cache {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.caches[pool] == nil {
		if p.caches == nil || len(p.caches) >= maxCaches {
			p.caches = make(map[seat.Pool]*cache)
		}
		p.caches[pool] = &cache{pools: p}
	}
	return p.caches[pool]
}

func (v *cache) locked(do func()) {
	v.pools.mu.Lock()
	defer v.pools.mu.Unlock()
	do()
}

// pick chooses the block of a connection's n-th attempt, by its id: among blocks
// that had room or, where none is cached, among all blocks of the pool. False: so
// few have room that a guess is not worth a write.
func (v *cache) pick(id seat.ConnectionID, capacity, n int) (index int, worth bool) {
	v.locked(func() {
		if len(v.room) > 0 {
			index, worth = v.room[(id.Hash()+n)%len(v.room)], true
			return
		}
		reach := v.reach
		if reach == 0 {
			reach = batch
		}
		seats := min(capacity, reach*seat.BlockSeats)
		index, worth = (start(id, seats)+n)%max(1, count(seats)), !v.dense
	})
	return index, worth
}

// saw caches whether a block has room. The last spare seats of a block count as
// none while others have room: a leave from a full block has to read the
// directory.
func (v *cache) saw(s seat.State) {
	v.locked(func() {
		v.listed = s.Listed
		at, least := slices.Index(v.room, s.Block.Index), spare
		if v.dense || s.Capacity < seat.BlockSeats {
			least = 0
		}
		switch {
		case s.Free() > least && at < 0 && len(v.room) < maxHints:
			v.room = append(v.room, s.Block.Index)
		case s.Free() <= least && at >= 0:
			v.room = slices.Delete(v.room, at, at+1)
		}
	})
}

// sawListed is saw for a block that the directory lists. In a dense pool the
// directory alone keeps it.
func (v *cache) sawListed(s seat.State) {
	dense := false
	v.locked(func() { dense = v.dense })
	if !dense {
		v.saw(s)
	}
}

// read caches how many blocks a directory counts, and whether few have room.
func (v *cache) read(b Directory, capacity int) {
	v.locked(func() {
		v.reach = max(v.reach, b.Opened)
		v.counted = b.Count
		v.dense = b.InUse*whole >= capacity*denseFrom
	})
}

// most is how many blocks a pool of some capacity may have.
func (v *cache) most(capacity int) (blocks int) {
	v.locked(func() { blocks = max(v.reach, count(capacity)) })
	return blocks
}

// counts caches a count.
func (v *cache) counts(c Count) {
	v.locked(func() { v.reach, v.counted = max(v.reach, c.Opened), c })
}

func (v *cache) lastCount() (c Count) {
	v.locked(func() { c = v.counted })
	return c
}

// missing caches that a block does not exist.
func (v *cache) missing(index int) {
	v.locked(func() { v.reach = max(1, index) })
}

func (v *cache) hasDirectory() (listed bool) {
	v.locked(func() { listed = v.listed })
	return listed
}

// widen assumes twice as many blocks as are known. False: few have room, or there
// cannot be more.
func (v *cache) widen(capacity int) (wider bool) {
	v.locked(func() {
		reach := max(v.reach, batch)
		wider = !v.dense && reach < count(capacity)
		if wider {
			v.reach = min(2*reach, count(capacity))
		}
	})
	return wider
}

// opened caches a read of the whole pool, without the blocks that the directory
// lists.
func (v *cache) opened(states []seat.State, listed map[int]int64) {
	v.locked(func() {
		v.reach = len(states)
		v.listed = slices.ContainsFunc(states, isListed)
		v.room = v.room[:0]
		for _, s := range states {
			if _, known := listed[s.Block.Index]; !known && s.Free() > 0 && len(v.room) < maxHints {
				v.room = append(v.room, s.Block.Index)
			}
		}
	})
}

func (v *cache) publishing(is bool) {
	v.locked(func() { v.publishesVacancies = is })
}

func (v *cache) publishes() (is bool) {
	v.locked(func() { is = v.publishesVacancies })
	return is
}

func (v *cache) scarce(nowMillis int64) {
	v.locked(func() { v.scarceMillis = max(v.scarceMillis, nowMillis) })
}

func (v *cache) wasScarce(nowMillis int64) (scarce bool) {
	v.locked(func() { scarce = v.scarceMillis > 0 && nowMillis-v.scarceMillis < scarceFor })
	return scarce
}
