package seat

import "slices"

// view is what one process remembers of a pool: hints where to begin, never a
// reason to admit or to refuse.
type view struct {
	pools *Pools
	// room is the blocks that had room when last seen.
	room []int
	// reach is how many blocks the pool has been given, as far as is known; zero
	// before anything is.
	reach int
	// scarceMillis is when nobody found room, or only a board knew of some. By
	// the times at which connections come.
	scarceMillis int64
}

const (
	// maxViews bounds the pools remembered, and maxHints the blocks of each.
	maxViews = 10_000
	maxHints = 64
	// scarceFor is how long it is remembered that seats are scarce.
	scarceFor = 1000
)

// view gives what is remembered of a pool.
func (p *Pools) view(pool Pool) *view {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.views[pool] == nil {
		if p.views == nil || len(p.views) >= maxViews {
			p.views = make(map[Pool]*view)
		}
		p.views[pool] = &view{pools: p}
	}
	return p.views[pool]
}

func (v *view) locked(do func()) {
	v.pools.mu.Lock()
	defer v.pools.mu.Unlock()
	do()
}

// pick chooses the block that a connection tries at its n-th attempt: by its
// id, among those that had room; where nothing is remembered, among those that
// the pool was given.
func (v *view) pick(id ConnectionID, capacity, n int) (index int) {
	v.locked(func() {
		if len(v.room) > 0 {
			index = v.room[(hash(id)+n)%len(v.room)]
			return
		}
		reach := v.reach
		if reach == 0 {
			reach = batch
		}
		seats := min(capacity, reach*BlockSeats)
		index = (start(id, seats) + n) % max(1, count(seats))
	})
	return index
}

// saw remembers whether a block has room.
func (v *view) saw(s State) {
	v.locked(func() {
		at := slices.Index(v.room, s.Block.Index)
		switch {
		case s.free() > 0 && at < 0 && len(v.room) < maxHints:
			v.room = append(v.room, s.Block.Index)
		case s.free() == 0 && at >= 0:
			v.room = slices.Delete(v.room, at, at+1)
		}
	})
}

// add remembers what a board says: how many blocks there are, and those that
// had room when somebody else looked.
func (v *view) add(opened int, rooms []int) {
	v.locked(func() {
		v.reach = max(v.reach, opened)
		for _, index := range rooms {
			if len(v.room) < maxHints && !slices.Contains(v.room, index) {
				v.room = append(v.room, index)
			}
		}
	})
}

// missing remembers that a block is not there.
func (v *view) missing(index int) {
	v.locked(func() { v.reach = max(1, index) })
}

// opened remembers what a look through the whole pool shows: not the same
// blocks for all who look.
func (v *view) opened(states []State, id ConnectionID) {
	v.locked(func() {
		v.reach = len(states)
		v.room = v.room[:0]
		for i := range states {
			s := states[(hash(id)+i)%len(states)]
			if s.free() > 0 && len(v.room) < maxHints {
				v.room = append(v.room, s.Block.Index)
			}
		}
	})
}

func (v *view) scarce(nowMillis int64) {
	v.locked(func() { v.scarceMillis = max(v.scarceMillis, nowMillis) })
}

func (v *view) wasScarce(nowMillis int64) (scarce bool) {
	v.locked(func() { scarce = v.scarceMillis > 0 && nowMillis-v.scarceMillis < scarceFor })
	return scarce
}
