package usage

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// Recount computes the row and the sets of one period in another way than a sweep, to
// verify them; the levels are left out. It clips each stay and adds. It gets the overage and the peak from the
// joins and the leaves, each sorted by itself: the i-th leave and the join n
// places after it bound a time with more than n stays in.
//
// Stays come in any order and in parts: all that joined from MaxStayMillis before
// the period until MaxGapMillis after it. Waits are those that began from
// MaxStayMillis before the period. It keeps some 40 bytes of each stay, and the
// names. Errors are the iterators'.
func Recount(p Period, limits Limits, records Streams, asOfMillis int64) (Summary, error) {
	r := recount{
		period: p, until: min(p.ToMillis, asOfMillis), row: Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis},
		refused: make(map[uint32]bool),
		persons: newNames[string](), places: newNames[place](),
	}
	for stay, err := range records.Stays {
		if err != nil {
			return Summary{}, err
		}
		if stay.JoinedAtMillis < asOfMillis {
			r.note(stay, asOfMillis)
		}
	}
	for refusal, err := range records.Refusals {
		if err != nil {
			return Summary{}, err
		}
		if refusal.AtMillis >= p.FromMillis && refusal.AtMillis < r.until {
			r.noteRefusal(refusal)
		}
	}
	for wait, err := range records.Waits {
		if err != nil {
			return Summary{}, err
		}
		r.noteWait(wait)
	}
	r.denied()
	r.joinParts()
	r.count()
	r.overage(limits)
	r.peakHosts()
	r.peakParticipants()
	r.unseen()
	return r.summary(), nil
}

// Streams are the records of a ledger as they are read.
type Streams struct {
	Stays    iter.Seq2[Stay, error]
	Refusals iter.Seq2[Refusal, error]
	Waits    iter.Seq2[Wait, error]
}

type recount struct {
	period Period
	// until is the end of the counted time.
	until   int64
	row     Row
	parts   []part
	persons names[string]
	places  names[place]
	refused map[uint32]bool // persons
	wanted  []wanted
	// sets has those of the summary.
	sets Summary
}

// wanted is a refusal for want of a seat.
type wanted struct {
	at         int64
	person     uint32
	conference conference.ID
}

// part is a connection's part of a stay, or a stay. Stays are told apart by 64
// bits of their ids' SHA-256: should two of a million be taken for one, by a
// chance of 10⁻⁸, the figures disagree, which is what they are for.
type part struct {
	stay          uint64
	joined, left  int64
	place, person uint32
	proven        int32 // the pool's use, if the end is an estimate
	resumed       bool
}

// lastPeak is the end of a stay for the peaks: one of no length is in for a
// millisecond.
func (p part) lastPeak() int64 { return max(p.left, p.joined+1) }

type place struct {
	pool       seat.Pool
	conference conference.ID
	number     conference.Number
	host       host.Email
}

func (r *recount) note(s Stay, asOf int64) {
	id := s.ID
	if id == "" {
		id = NewStayID(s.Connection, s.JoinedAtMillis)
	}
	sum := sha256.Sum256([]byte(id))
	left := s.LeftAtMillis
	if most := s.JoinedAtMillis + MaxStayMillis; left == 0 || left > most {
		left = most
	}
	if s.Estimated && s.LeftAtMillis != 0 {
		r.row.EstimatedMillis += r.within(s.JoinedAtMillis, left)
	}
	if left > asOf {
		left = never
	}
	proven := int32(0)
	if s.Estimated {
		proven = int32(s.InUse) //nolint:gosec // no block has two billion seats
	}
	r.parts = append(r.parts, part{
		binary.BigEndian.Uint64(sum[:]), s.JoinedAtMillis, max(left, s.JoinedAtMillis),
		r.places.number(place{s.Block.Pool, s.Conference, s.Number, s.Host}), r.persons.number(s.Identity), proven, s.Resumed,
	})
}

// noteRefusal counts a refusal of the period.
func (r *recount) noteRefusal(one Refusal) {
	if r.row.Refusals == nil {
		r.row.Refusals = make(map[problem.Code]int)
	}
	r.row.Refusals[one.Code]++
	person := r.persons.number(one.Identity)
	r.refused[person] = true
	if one.WantedSeat() {
		r.wanted = append(r.wanted, wanted{one.AtMillis, person, one.Conference})
	}
}

// noteWait counts a wait that ended in the period.
func (r *recount) noteWait(w Wait) {
	length := min(max(0, w.UntilMillis-w.SinceMillis), MaxStayMillis)
	if ended := w.SinceMillis + length; ended < r.period.FromMillis || ended >= r.until {
		return
	}
	r.row.Waited++
	r.row.WaitMillis += length
	if w.Outcome == WaitLeft || w.Outcome == WaitGone {
		r.row.Abandoned++
	}
}

// within is how much of a time is in the period.
func (r *recount) within(from, to int64) int64 {
	return max(0, min(to, r.until)-max(from, r.period.FromMillis))
}

// joinParts joins the parts of each stay.
func (r *recount) joinParts() {
	slices.SortFunc(r.parts, func(a, b part) int {
		resumed := 0
		if a.resumed != b.resumed {
			resumed = 1
			if b.resumed {
				resumed = -1
			}
		}
		return cmp.Or(cmp.Compare(a.stay, b.stay), cmp.Compare(a.joined, b.joined), resumed)
	})
	stays := r.parts[:0]
	for _, next := range r.parts {
		if n := len(stays); n > 0 && stays[n-1].stay == next.stay && next.joined-MaxGapMillis <= stays[n-1].left {
			stays[n-1].left = max(stays[n-1].left, next.left)
			if next.joined == stays[n-1].joined {
				stays[n-1].proven = max(stays[n-1].proven, next.proven)
			}
			continue
		}
		stays = append(stays, next)
	}
	r.parts = stays
}

// count computes everything but the overage.
func (r *recount) count() {
	from, to := r.period.FromMillis, r.period.ToMillis
	places, persons := make(map[uint32]bool), make(map[uint32]bool)
	var joins, leaves, in, out []int64
	for _, s := range r.parts {
		across := s.joined < from && s.left > from
		began := s.joined >= from && s.joined < to
		if !across && !began {
			continue
		}
		if began || from < r.until {
			places[s.place], persons[s.person] = true, true
		}
		if across {
			r.row.Opening++
		}
		if s.joined < to && s.left > to {
			r.row.Closing++
		}
		if began && !s.resumed {
			r.row.Joins++
		}
		r.row.SeatMillis += r.within(s.joined, s.left)
		if from < r.until {
			joins, leaves = append(joins, max(s.joined, from)), append(leaves, s.lastPeak())
		}
		if r.within(s.joined, s.left) > 0 {
			in, out = append(in, s.joined), append(out, s.left)
		}
	}
	r.percentiles(in, out)
	r.sets.Conferences = setOf(places, func(n uint32) string {
		return conferenceName(r.places.list[n].number, r.places.list[n].conference)
	})
	r.sets.Hosts = setOf(places, func(n uint32) string { return string(r.places.list[n].host) })
	r.sets.Identities = setOf(persons, r.person)
	r.row.Peak, r.row.PeakAtMillis = peak(joins, leaves)
}

func (r *recount) person(n uint32) string { return r.persons.list[n] }

// setOf is the set of the names of some numbers; nil for none.
func setOf(numbers map[uint32]bool, name func(uint32) string) Set {
	if len(numbers) == 0 {
		return nil
	}
	digests := make([]Digest, 0, len(numbers))
	for n := range numbers {
		digests = append(digests, NewDigest(name(n)))
	}
	return NewSet(digests)
}

// summary is the row with its sets.
func (r *recount) summary() Summary {
	s := r.sets
	s.Row = r.row
	s.Row.Conferences, s.Row.Hosts, s.Row.Identities = len(s.Conferences), len(s.Hosts), len(s.Identities)
	s.Row.RefusedIdentities, s.Row.DeniedIdentities = len(s.Refused), len(s.Denied)
	return s
}

// peak is the most stays in at once, and the first such moment. It checks for
// each join whether one more stay is in than ever before: whether the join that
// many places before has no leave yet.
func peak(joins, leaves []int64) (int, int64) {
	slices.Sort(joins)
	slices.Sort(leaves)
	most, at := 0, int64(0)
	for i, joined := range joins {
		if leaves[i-most] > joined {
			most, at = most+1, joined
		}
	}
	return most, at
}

// peakHosts merges each host's stays that touch or overlap, and takes the peak of
// the results.
func (r *recount) peakHosts() {
	host := func(p part) host.Email { return r.places.list[p.place].host }
	slices.SortFunc(r.parts, func(a, b part) int { return cmp.Or(cmp.Compare(host(a), host(b)), cmp.Compare(a.joined, b.joined)) })
	var joins, leaves []int64
	var last part
	for _, s := range r.parts {
		if r.within(s.joined, s.lastPeak()) == 0 {
			continue
		}
		if n := len(leaves); n > 0 && host(s) == host(last) && s.joined <= leaves[n-1] {
			leaves[n-1] = max(leaves[n-1], s.lastPeak())
		} else {
			joins, leaves = append(joins, max(s.joined, r.period.FromMillis)), append(leaves, s.lastPeak())
		}
		last = s
	}
	r.row.PeakHosts, _ = peak(joins, leaves)
}

// peakParticipants takes the peak of each conference by itself, without hosts'
// own seats.
func (r *recount) peakParticipants() {
	number := func(p part) conference.Number { return r.places.list[p.place].number }
	slices.SortFunc(r.parts, func(a, b part) int { return cmp.Compare(number(a), number(b)) })
	var joins, leaves []int64
	for i, s := range r.parts {
		if r.within(s.joined, s.lastPeak()) > 0 && !r.places.list[s.place].pool.Chair {
			joins, leaves = append(joins, max(s.joined, r.period.FromMillis)), append(leaves, s.lastPeak())
		}
		if i+1 == len(r.parts) || number(r.parts[i+1]) != number(s) {
			most, _ := peak(joins, leaves)
			r.row.PeakParticipants = max(r.row.PeakParticipants, most)
			joins, leaves = joins[:0], leaves[:0]
		}
	}
}

// overage adds up, pool by pool and limit by limit. A pool is at its limit when more
// than all seats but one are in use.
func (r *recount) overage(limits Limits) {
	joins, leaves := make(map[seat.Pool][]int64), make(map[seat.Pool][]int64)
	for _, s := range r.parts {
		if r.within(s.joined, s.left) > 0 {
			pool := r.places.list[s.place].pool
			joins[pool], leaves[pool] = append(joins[pool], s.joined), append(leaves[pool], s.left)
		}
	}
	for pool := range joins {
		slices.Sort(joins[pool])
		slices.Sort(leaves[pool])
		for i := range limits {
			from, to := r.period.FromMillis, r.until
			if i > 0 {
				from = max(from, limits[i].FromMillis)
			}
			if i+1 < len(limits) {
				to = min(to, limits[i+1].FromMillis)
			}
			if seats, bounded := limits.At(from, pool); bounded && from < to {
				r.row.OverageMillis += above(seats, joins[pool], leaves[pool], from, to)
				r.row.AtLimitMillis += exceeded(max(0, seats-1), joins[pool], leaves[pool], from, to)
			}
		}
	}
}

// above is the seat time in [from, to) above a number of seats.
func above(seats int, joins, leaves []int64, from, to int64) int64 {
	var total int64
	for i := 0; i+seats < len(joins); i++ {
		total += max(0, min(leaves[i], to)-max(joins[i+seats], from))
	}
	return total
}

// exceeded is the time in [from, to) with more than a number of seats in use: the seat
// time above that number, less that above the next.
func exceeded(seats int, joins, leaves []int64, from, to int64) int64 {
	return above(seats, joins, leaves, from, to) - above(seats+1, joins, leaves, from, to)
}

// names numbers distinct names.
type names[T comparable] struct {
	list    []T
	numbers map[T]uint32
}

func newNames[T comparable]() names[T] { return names[T]{numbers: make(map[T]uint32)} }

func (n *names[T]) number(name T) uint32 {
	number, known := n.numbers[name]
	if !known {
		number = uint32(len(n.list)) //nolint:gosec // not four billion names
		n.numbers[name] = number
		n.list = append(n.list, name)
	}
	return number
}
