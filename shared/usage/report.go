package usage

import (
	"cmp"
	"fmt"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// Row is the figures of one period. Times are Unix milliseconds.
type Row struct {
	FromMillis, ToMillis int64
	Group                string
	// Opening and Closing are the connections that were in across the
	// period's edges. A period's closing is the next one's opening.
	Opening, Closing int
	// Peak is the most that were in at once, PeakAtMillis the first moment.
	Peak         int
	PeakAtMillis int64
	SeatMillis   int64
	// OverageMillis is the time above the limit that was in force at the last
	// join before. A host's own first connection has no part in it.
	OverageMillis   int64
	Joins           int
	Refusals        map[problem.Code]int
	Conferences     int
	Hosts           int
	Identities      int
	EstimatedMillis int64
}

// Refused is the number of refusals of every kind.
func (r Row) Refused() int {
	total := 0
	for _, n := range r.Refusals {
		total += n
	}
	return total
}

// SeatMinutes is the time in minutes, as a decimal number with three places,
// rounded half up.
func (r Row) SeatMinutes() string {
	const millisPerThousandth = 60
	thousandths := (r.SeatMillis + millisPerThousandth/2) / millisPerThousandth
	return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000)
}

// edge is a moment at which a stay begins or ends.
type edge struct {
	at   int64
	join bool
	stay int
}

// join puts together what several connections have of one stay: it began when
// the first of them joined and ends when the last of them leaves, without a gap
// for the time that its seat was held, nor counted twice for the moments in
// which one handed over to the next. It is open while the last one is.
func join(parts []Stay) []Stay {
	byID := make(map[StayID]int)
	whole := make([]Stay, 0, len(parts))
	for _, part := range slices.SortedFunc(slices.Values(parts), byJoin) {
		i, known := byID[part.ID]
		if !known || part.ID == "" {
			byID[part.ID] = len(whole)
			whole = append(whole, part)
			continue
		}
		stay := &whole[i]
		stay.Limit = part.Limit
		if stay.LeftAtMillis != 0 && (part.LeftAtMillis == 0 || part.LeftAtMillis > stay.LeftAtMillis) {
			stay.LeftAtMillis, stay.End, stay.Estimated = part.LeftAtMillis, part.End, part.Estimated
		}
	}
	return whole
}

func byJoin(a, b Stay) int {
	return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
}

// Report sweeps stays and refusals into rows, one per period. Periods are in
// order and adjacent. Stays may come in any order, and in parts; an open one
// (LeftAtMillis zero) counts as in, and its time up to asOfMillis. At equal times, leaving
// comes before joining; a stay of no length is a join that never is in. What
// begins at or ends after asOfMillis has not happened.
func Report(periods []Period, stays []Stay, refusals []Refusal, asOfMillis int64) []Row {
	s := newSweep(join(stays), asOfMillis)
	rows := make([]Row, len(periods))
	for i, p := range periods {
		rows[i] = s.period(p)
	}
	for _, r := range refusals {
		i, within := find(periods, r.AtMillis)
		if !within {
			continue
		}
		if rows[i].Refusals == nil {
			rows[i].Refusals = make(map[problem.Code]int)
		}
		rows[i].Refusals[r.Code]++
	}
	return rows
}

// find gives the period that a moment falls in.
func find(periods []Period, at int64) (int, bool) {
	return slices.BinarySearchFunc(periods, at, func(p Period, at int64) int {
		switch {
		case p.ToMillis <= at:
			return -1
		case p.FromMillis > at:
			return 1
		}
		return 0
	})
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sweep walks the edges in order of time and knows who is in.
type sweep struct {
	stays []Stay
	edges []edge
	next  int
	asOf  int64
	now   int64
	in    map[int]bool
	pools map[seat.Pool]*level
	// over is the seats above their pools' limits, estimated those in stays
	// whose end is estimated.
	over      int64
	estimated int
}

// level is a pool's seats in use and its limit.
type level struct{ inUse, limit int }

func (l level) over() int64 { return int64(max(0, l.inUse-l.limit)) }

func newSweep(stays []Stay, asOf int64) *sweep {
	s := &sweep{stays: stays, asOf: asOf, in: make(map[int]bool), pools: make(map[seat.Pool]*level)}
	for i, stay := range stays {
		if stay.JoinedAtMillis >= asOf {
			continue
		}
		s.edges = append(s.edges, edge{stay.JoinedAtMillis, true, i})
		if stay.LeftAtMillis > stay.JoinedAtMillis && stay.LeftAtMillis <= asOf {
			s.edges = append(s.edges, edge{stay.LeftAtMillis, false, i})
		}
	}
	slices.SortFunc(s.edges, func(a, b edge) int {
		one, other := stays[a.stay], stays[b.stay]
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(boolToInt(a.join), boolToInt(b.join)),
			cmp.Compare(one.Seat, other.Seat), cmp.Compare(one.Connection, other.Connection))
	})
	return s
}

// period sweeps one period and gives its figures.
func (s *sweep) period(p Period) Row {
	s.skip(p.FromMillis)
	row := Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis, Opening: len(s.in), Peak: len(s.in)}
	if row.Peak > 0 {
		row.PeakAtMillis = p.FromMillis
	}
	seen := newDistinct()
	for i := range s.in {
		seen.add(s.stays[i])
	}
	for s.next < len(s.edges) && s.edges[s.next].at < p.ToMillis {
		e := s.edges[s.next]
		s.advance(e.at, &row)
		s.apply(e)
		s.next++
		if !e.join {
			continue
		}
		row.Joins += boolToInt(!s.stays[e.stay].Resumed)
		seen.add(s.stays[e.stay])
		if len(s.in) > row.Peak {
			row.Peak, row.PeakAtMillis = len(s.in), e.at
		}
	}
	s.advance(min(p.ToMillis, s.asOf), &row)
	row.Closing = s.staying(p.ToMillis)
	row.Conferences, row.Hosts, row.Identities = len(seen.conferences), len(seen.hosts), len(seen.identities)
	return row
}

// skip applies the edges before a period, and those who leave as it begins.
func (s *sweep) skip(from int64) {
	for ; s.next < len(s.edges); s.next++ {
		if e := s.edges[s.next]; e.at > from || e.at == from && e.join {
			break
		}
		s.apply(s.edges[s.next])
	}
	s.now = from
}

// advance lets time pass and adds it up.
func (s *sweep) advance(to int64, row *Row) {
	if passed := to - s.now; passed > 0 {
		row.SeatMillis += passed * int64(len(s.in))
		row.OverageMillis += passed * s.over
		row.EstimatedMillis += passed * int64(s.estimated)
		s.now = to
	}
}

// apply lets one connection in or out.
func (s *sweep) apply(e edge) {
	stay := s.stays[e.stay]
	change := 0
	switch {
	case !e.join:
		change = -1
		delete(s.in, e.stay)
	case stay.LeftAtMillis == 0 || stay.LeftAtMillis > stay.JoinedAtMillis:
		change = 1
		s.in[e.stay] = true
	}
	if stay.Estimated {
		s.estimated += change
	}
	if stay.Block.Pool.Chair {
		return
	}
	pool := s.pools[stay.Block.Pool]
	if pool == nil {
		pool = &level{}
		s.pools[stay.Block.Pool] = pool
	}
	s.over -= pool.over()
	pool.inUse += change
	if e.join {
		pool.limit = stay.Limit
	}
	s.over += pool.over()
}

// staying counts who is in across a moment: those who are in and do not leave
// at it.
func (s *sweep) staying(at int64) int {
	n := len(s.in)
	for i := s.next; i < len(s.edges) && s.edges[i].at == at && !s.edges[i].join; i++ {
		n--
	}
	return n
}

// distinct counts by union: a sum would count twice who comes twice.
type distinct struct {
	conferences map[conference.Number]bool
	hosts       map[host.Email]bool
	identities  map[string]bool
}

func newDistinct() distinct {
	return distinct{make(map[conference.Number]bool), make(map[host.Email]bool), make(map[string]bool)}
}

func (d distinct) add(s Stay) {
	d.conferences[s.Number] = true
	d.hosts[s.Host] = true
	d.identities[s.Identity] = true
}
