package bill

import (
	"cmp"
	"slices"
	"time"

	"seatmeter/infra/client"
)

// event is a join, a leave or a change of the limit.
type event struct {
	at    int64
	stay  *stay
	joins bool
	limit limit
}

// moment counts the connections that are in at one moment of the sweep.
type moment struct {
	limit limit
	// seats are the stays with a length by pool, over those above the limit.
	seats        map[pool]int
	total, over  int
	brief        map[pool]int
	briefTotal   int
	participants map[int64]int
	hosts        map[string]int
}

// sweep goes through a row's events in order of time, and computes its times and peaks.
// What happens in one millisecond is counted before its peak is, so that a leave comes
// before a join.
func sweep(row *client.UsageRow, stays []stay, limits []limit) {
	from, to := row.From.UnixMilli(), row.To.UnixMilli()
	var events []event
	for _, l := range limits {
		events = append(events, event{at: max(l.from, from), limit: l})
	}
	for i := range stays {
		s := &stays[i]
		left := s.left
		if s.brief() {
			left++
		}
		events = append(events, event{at: max(s.joined, from), stay: s, joins: true}, event{at: left, stay: s})
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	now := moment{
		seats: make(map[pool]int), brief: make(map[pool]int),
		participants: make(map[int64]int), hosts: make(map[string]int),
	}
	last := from
	for len(events) > 0 && events[0].at < to {
		at, n := events[0].at, 0
		row.SeatMillis += (at - last) * int64(now.total)
		row.OverageMillis += (at - last) * int64(now.over)
		for n < len(events) && events[n].at == at {
			now.happen(events[n])
			n++
		}
		now.peak(row, events[:n])
		last, events = at, events[n:]
	}
	row.SeatMillis += (to - last) * int64(now.total)
	row.OverageMillis += (to - last) * int64(now.over)
}

func (m *moment) happen(e event) {
	if e.stay == nil {
		m.limit, m.over = e.limit, 0
		for p := range m.seats {
			m.over += m.above(p)
		}
		return
	}
	by := -1
	if e.joins {
		by = 1
	}
	p := e.stay.pool()
	if e.stay.brief() {
		m.brief[p] += by
		m.briefTotal += by
	} else {
		m.over -= m.above(p)
		m.seats[p] += by
		m.total += by
		m.over += m.above(p)
	}
	if m.seats[p] == 0 {
		delete(m.seats, p)
	}
	if p.kind != "chair" {
		m.participants[e.stay.Number] += by
	}
	if m.hosts[e.stay.Host] += by; m.hosts[e.stay.Host] == 0 {
		delete(m.hosts, e.stay.Host)
	}
}

// above is how many seats of a pool are in use above the limit.
func (m *moment) above(p pool) int {
	if p.kind != m.limit.kind {
		return 0
	}
	return max(0, m.seats[p]-m.limit.seats)
}

// peak raises the row's peaks to what the events of this millisecond make of them. A
// stay of no length may prove that more seats of its pool were in use.
func (m *moment) peak(row *client.UsageRow, events []event) {
	proof := make(map[pool]int)
	for _, e := range events {
		if e.joins && e.stay.brief() {
			proof[e.stay.pool()] = max(proof[e.stay.pool()], e.stay.proof)
		}
	}
	in := m.total + m.briefTotal
	for p := range proof {
		in += m.unseen(p, proof)
	}
	if int64(in) > row.Peak {
		row.Peak, row.PeakAt = int64(in), new(time.UnixMilli(events[0].at))
	}
	row.PeakHosts = max(row.PeakHosts, int64(len(m.hosts)))
	for _, e := range events {
		if e.joins {
			n := m.participants[e.stay.Number] + m.unseen(pool{"conference", e.stay.Number}, proof)
			row.PeakParticipants = max(row.PeakParticipants, int64(n))
		}
	}
}

// unseen is how many seats of a pool were in use, as is proven, and are in no record.
func (m *moment) unseen(p pool, proof map[pool]int) int {
	return max(0, proof[p]-m.seats[p]-m.brief[p])
}
