package sizing

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"

	"seatmeter/shared/conference"
)

// Size is the result of a replay against a number of seats.
type Size struct {
	Seats int
	// Refusals is how many visits would have been turned away, People how many distinct
	// identities came with them.
	Refusals, People int
	AtLimitMillis    int64
}

// Result is a replay against every number of seats.
type Result struct {
	// Visits is how many visits began in the range, People how many distinct identities
	// came with them.
	Visits, People int
	MedianMillis   int64
	// sizes are those of 0, 1, 2 and so on seats. Nothing happens with more.
	sizes []Size
}

// At is the result with a number of seats, from 1 on.
func (r Result) At(seats int) Size {
	if seats < len(r.sizes) {
		return r.sizes[seats]
	}
	return Size{Seats: seats}
}

// Recommended is the least number of seats, from 1 on, with which at most one in a
// hundred people is turned away; 0 if nobody came.
func (r Result) Recommended() int {
	if r.People == 0 {
		return 0
	}
	return 1 + sort.Search(len(r.sizes), func(i int) bool { return 100*r.At(i+1).People <= r.People })
}

// Replay replays the visits against every number of seats at once.
//
// It numbers the chairs of a pool from 1, and gives each visit the free chair with the
// lowest number. With N seats, the visits that are in are exactly those on the chairs 1
// to N: if that holds before a visit comes, it holds afterwards, since N seats have a
// free one if and only if one of these chairs is free. So N seats turn away the visits
// with chairs beyond N.
func (d *Demand) Replay() Result {
	visits, median := d.visits()
	h := &hall{rooms: make(map[conference.Number]*room), from: d.fromMillis}
	chairs := h.seat(visits, d.untilMillis)
	result := Result{MedianMillis: median}
	var visitsOn, peopleOn []int
	highest := make(map[int32]int)
	for i, chair := range chairs {
		if visits[i].at < d.fromMillis {
			continue
		}
		result.Visits++
		visitsOn = counted(visitsOn, chair)
		identity := visits[i].person.identity
		highest[identity] = max(highest[identity], chair)
	}
	for _, chair := range highest {
		peopleOn = counted(peopleOn, chair)
	}
	result.People = len(highest)
	result.sizes = sizes(visitsOn, peopleOn, h.full)
	return result
}

// counted adds one to the count of a number.
func counted(counts []int, n int) []int {
	for len(counts) <= n {
		counts = append(counts, 0)
	}
	counts[n]++
	return counts
}

// sizes adds up the visits and the people on the chairs beyond each number of seats, and
// the time with that many chairs or more taken.
func sizes(visitsOn, peopleOn []int, full []int64) []Size {
	list := make([]Size, max(len(visitsOn), len(full)))
	var size Size
	for n := len(list) - 1; n >= 0; n-- {
		size.Seats = n
		if n < len(full) {
			size.AtLimitMillis += full[n]
		}
		list[n] = size
		if n < len(visitsOn) {
			size.Refusals += visitsOn[n]
		}
		if n < len(peopleOn) {
			size.People += peopleOn[n]
		}
	}
	return list
}

// hall is all pools' chairs.
type hall struct {
	rooms map[conference.Number]*room
	from  int64
	// full is how long the chairs 1 to n were taken and n+1 was not, by n from 1 on.
	full []int64
}

// room is the chairs of one pool, while anybody is in.
type room struct {
	seated int
	made   int // chairs 1 to made have been sat on
	free   numbers
	since  int64 // full has the time until then
}

// seat gives each visit its chair.
func (h *hall) seat(visits []visit, until int64) []int {
	chairs, leaving := make([]int, len(visits)), make([]int, 0, len(visits))
	for i, v := range visits {
		if v.until > v.at {
			leaving = append(leaving, i)
		}
	}
	slices.SortFunc(leaving, func(a, b int) int { return cmp.Compare(visits[a].until, visits[b].until) })
	leave := func(now int64) {
		for len(leaving) > 0 && visits[leaving[0]].until <= now {
			v := visits[leaving[0]]
			h.leave(v.person.pool, chairs[leaving[0]], v.until)
			leaving = leaving[1:]
		}
	}
	for i, v := range visits {
		leave(v.at)
		r := h.rooms[v.person.pool]
		if r == nil {
			r = &room{since: h.from}
			h.rooms[v.person.pool] = r
		}
		chairs[i] = r.lowest()
		if v.until > v.at {
			h.pass(r, v.at)
			r.sit()
		}
	}
	leave(until)
	for _, r := range h.rooms {
		h.pass(r, until)
	}
	return chairs
}

// leave frees a chair, and drops an empty room.
func (h *hall) leave(pool conference.Number, chair int, now int64) {
	r := h.rooms[pool]
	h.pass(r, now)
	r.seated--
	if r.seated == 0 {
		delete(h.rooms, pool)
		return
	}
	heap.Push(&r.free, chair)
}

// pass adds up a room's time until a moment.
func (h *hall) pass(r *room, now int64) {
	if now <= r.since {
		return
	}
	taken := r.lowest() - 1
	for len(h.full) <= taken {
		h.full = append(h.full, 0)
	}
	h.full[taken] += now - r.since
	r.since = now
}

// lowest is the free chair with the lowest number.
func (r *room) lowest() int {
	if len(r.free) > 0 {
		return r.free[0]
	}
	return r.made + 1
}

// sit takes the lowest chair.
func (r *room) sit() {
	r.seated++
	if len(r.free) > 0 {
		heap.Pop(&r.free)
		return
	}
	r.made++
}

// numbers is a heap, the lowest first.
type numbers []int

func (n numbers) Len() int           { return len(n) }
func (n numbers) Less(i, j int) bool { return n[i] < n[j] }
func (n numbers) Swap(i, j int)      { n[i], n[j] = n[j], n[i] }
func (n *numbers) Push(x any)        { *n = append(*n, x.(int)) } //nolint:forcetypeassert // an int
func (n *numbers) Pop() any {
	last := len(*n) - 1
	x := (*n)[last]
	*n = (*n)[:last]
	return x
}
