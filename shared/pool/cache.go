package pool

import (
	"slices"

	"seatmeter/shared/seat"
)

// cache is what one process remembers of a pool: hints where to begin, never a
// reason to admit or to refuse.
type cache struct {
	pools *Pools
	// room is the blocks that had room when last seen.
	room []int
	// reach is how many blocks the pool has been given, as far as is known; zero
	// before anything is.
	reach int
	// counted is what was in use when the directory was last read.
	counted Count
	// listed: the pool has a directory, whatever its terms are.
	listed bool
	// dense: the directory says that few blocks have room.
	dense bool
	// scarceMillis is when nobody found room, or only a directory knew of some. By
	// the times at which connections come.
	scarceMillis int64
}

const (
	// maxViews bounds the pools remembered, and maxHints the blocks of each.
	maxViews = 10_000
	maxHints = 64
	// spare is how many seats of a block are left while there are others.
	spare = 3
	// A pool is dense from so many seats in use of so many.
	denseFrom, whole = 92, 100
	// scarceFor is how long it is remembered that seats are scarce.
	scarceFor = 1000
)

// cacheOf gives the cache of a pool.
func (p *Pools) cacheOf(pool seat.Pool) *cache {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.views[pool] == nil {
		if p.views == nil || len(p.views) >= maxViews {
			p.views = make(map[seat.Pool]*cache)
		}
		p.views[pool] = &cache{pools: p}
	}
	return p.views[pool]
}

func (v *cache) locked(do func()) {
	v.pools.mu.Lock()
	defer v.pools.mu.Unlock()
	do()
}

// pick chooses the block that a connection tries at its n-th attempt: by its
// id, among those that had room; where nothing is remembered, among those that
// the pool was given. False: so few have room that a guess is not worth a write.
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

// saw remembers whether a block has room. The last few seats of a block are
// left alone while there are others: who leaves a full block has to look at the
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

// sawListed is saw for a block that was found on the directory. While few have
// room it stays there for all, and is taken off by whoever fills it.
func (v *cache) sawListed(s seat.State) {
	dense := false
	v.locked(func() { dense = v.dense })
	if !dense {
		v.saw(s)
	}
}

// read remembers what a directory says: how many blocks there are, and whether few
// have room.
func (v *cache) read(b Directory, capacity int) {
	v.locked(func() {
		v.reach = max(v.reach, b.Opened)
		v.counted = b.Count
		v.dense = b.InUse*whole >= capacity*denseFrom
	})
}

// most is how many blocks a pool of a capacity may have, as far as is known.
func (v *cache) most(capacity int) (blocks int) {
	v.locked(func() { blocks = max(v.reach, count(capacity)) })
	return blocks
}

// counts remembers what was counted.
func (v *cache) counts(c Count) {
	v.locked(func() { v.reach, v.counted = max(v.reach, c.Opened), c })
}

// lastCount is what was in use as this process last heard.
func (v *cache) lastCount() (c Count) {
	v.locked(func() { c = v.counted })
	return c
}

// missing remembers that a block is not there.
func (v *cache) missing(index int) {
	v.locked(func() { v.reach = max(1, index) })
}

func (v *cache) hasDirectory() (listed bool) {
	v.locked(func() { listed = v.listed })
	return listed
}

// widen takes it that there are twice as many blocks as is known. False: few have
// room, or there cannot be more.
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

// opened remembers what a look through the whole pool shows, but for the rooms
// that are on the directory for all.
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

func (v *cache) scarce(nowMillis int64) {
	v.locked(func() { v.scarceMillis = max(v.scarceMillis, nowMillis) })
}

func (v *cache) wasScarce(nowMillis int64) (scarce bool) {
	v.locked(func() { scarce = v.scarceMillis > 0 && nowMillis-v.scarceMillis < scarceFor })
	return scarce
}
