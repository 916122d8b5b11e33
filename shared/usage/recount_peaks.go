package usage

import (
	"slices"
	"sort"

	"seatmeter/shared/conference"
	"seatmeter/shared/seat"
)

// denied counts who was refused, and who of them did not get in. It comes before the
// parts of stays are joined, and looks at the joins of the refused people only.
func (r *recount) denied() {
	r.sets.Refused = setOf(r.refused, r.person)
	joins := make(map[wanted][]int64) // by person and conference
	for _, p := range r.parts {
		if r.refused[p.person] {
			who := wanted{0, p.person, r.places.list[p.place].conference}
			joins[who] = append(joins[who], p.joined)
		}
	}
	for _, times := range joins {
		slices.Sort(times)
	}
	denied := make(map[uint32]bool)
	for _, w := range r.wanted {
		times := joins[wanted{0, w.person, w.conference}]
		next, _ := slices.BinarySearch(times, w.at)
		if next == len(times) || times[next] > w.at+DeniedMillis {
			denied[w.person] = true
		}
	}
	r.sets.Denied = setOf(denied, r.person)
}

// percentiles finds each by bisection.
func (r *recount) percentiles(joins, leaves []int64) {
	slices.Sort(joins)
	slices.Sort(leaves)
	from, to := r.period.FromMillis, r.until
	least := func(percent int64) int {
		const whole = 100
		return sort.Search(len(joins), func(n int) bool {
			return exceeded(n, joins, leaves, from, to)*whole <= (to-from)*(whole-percent)
		})
	}
	if from < to {
		r.row.P95, r.row.P99 = least(95), least(99)
	}
}

// unseen raises the peaks to what stays of no length prove. Only pools with such
// stays are looked at, and only at their moments.
func (r *recount) unseen() {
	proven := make(map[int64]map[seat.Pool]int)
	for _, s := range r.parts {
		if s.left == s.joined && s.proven > 0 && r.within(s.joined, s.lastPeak()) > 0 {
			if proven[s.joined] == nil {
				proven[s.joined] = make(map[seat.Pool]int)
			}
			pool := r.places.list[s.place].pool
			proven[s.joined][pool] = max(proven[s.joined][pool], int(s.proven))
		}
	}
	if len(proven) == 0 {
		return
	}
	in := r.occupancy()
	for at, pools := range proven {
		total := in.all.at(at)
		for pool, use := range pools {
			unseen := max(0, use-in.pools[pool].at(at))
			total += unseen
			if pool.Number != 0 && !pool.Chair {
				r.row.PeakParticipants = max(r.row.PeakParticipants, in.conferences[pool.Number].at(at)+unseen)
			}
		}
		if total > r.row.Peak || total == r.row.Peak && at < r.row.PeakAtMillis {
			r.row.Peak, r.row.PeakAtMillis = total, at
		}
	}
}

// edges are the sorted joins and leaves of some stays.
type edges struct{ joins, leaves []int64 }

func (e *edges) add(s part) {
	e.joins, e.leaves = append(e.joins, s.joined), append(e.leaves, s.lastPeak())
}

func (e *edges) sort() {
	slices.Sort(e.joins)
	slices.Sort(e.leaves)
}

// at is how many are in at a moment.
func (e *edges) at(millis int64) int {
	joined, _ := slices.BinarySearch(e.joins, millis+1)
	left, _ := slices.BinarySearch(e.leaves, millis+1)
	return joined - left
}

// occupancy counts the connections that are in: in all, by pool, and by conference
// without chairs.
type occupancy struct {
	all         *edges
	pools       map[seat.Pool]*edges
	conferences map[conference.Number]*edges
}

func (r *recount) occupancy() occupancy {
	in := occupancy{&edges{}, make(map[seat.Pool]*edges), make(map[conference.Number]*edges)}
	for _, s := range r.parts {
		where := r.places.list[s.place]
		if in.pools[where.pool] == nil {
			in.pools[where.pool] = &edges{}
		}
		if in.conferences[where.number] == nil {
			in.conferences[where.number] = &edges{}
		}
		in.all.add(s)
		in.pools[where.pool].add(s)
		if !where.pool.Chair {
			in.conferences[where.number].add(s)
		}
	}
	in.all.sort()
	for _, e := range in.pools {
		e.sort()
	}
	for _, e := range in.conferences {
		e.sort()
	}
	return in
}
