package usage

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"seatmeter/shared/seat"
)

// Sweep adds up usage while it reads the ledger once, in order of time. It keeps in
// memory only the stays that were in within MaxGapMillis of the latest join, and the
// summaries that were not returned yet.
//
// What it counts:
//   - A stay is in from the join of its first connection until the end of its
//     last. The time that its seat was held between two of them counts, because
//     it was resumed; a connection that joins more than MaxGapMillis after the
//     end of the one before begins anew.
//   - At equal times leaving comes before joining.
//   - A stay of no length has no time, but is in for the peaks of its millisecond: it
//     was admitted. If its end is an estimate, nobody asked after it before it died,
//     and the same may be true of others. So the peak is then no less than what its
//     record says was in use of its pool.
//   - Opening and closing are the stays that are in across the edge.
//   - A connection's part lasts at most MaxStayMillis, whatever its record says, so
//     the stays in at a moment are known from the joins that long before.
//   - Stays that begin at as_of or later do not count; stays that end later are open;
//     time passes until as_of. A period that begins at as_of or later has nothing
//     but the stays in at as_of, as its opening and closing.
//   - A wait counts in the period in which it ended, with its whole length. Like a
//     connection's part of a stay, it lasts at most MaxStayMillis.
//   - Overage is the time of seats in use above the limit in force, pool by pool. Time
//     at the limit is that in which a pool had as many in use as the limit in force, or
//     more; of several pools it is added up.
//   - Percentiles are of the time up to as_of, that in which nobody was in included.
//   - A person is denied in the period of a refusal for want of a seat, unless a
//     connection of theirs joined the same conference within DeniedMillis. The joins
//     may be in the next period. As of less than DeniedMillis after the refusal, who is
//     not in yet is denied.
//   - Estimated time is that of connections whose end is estimated, each from its own
//     join to its own end, not of whole stays: a period's figures then do not depend
//     on how a stay continues for the rest of the day.
//
// Not for use by several goroutines.
type Sweep struct {
	periods []Period
	by      Grouping
	asOf    int64
	// latest is the latest join added; all earlier than MaxGapMillis before is final.
	latest        int64
	latestRefusal int64

	all    Limits
	limit  Limit
	limits Limits // those to come

	stays    map[StayID]*held
	retained int
	arrivals fifo[arrival]
	endings  endings
	pools    map[seat.Pool]*poolUse
	cells    map[string]*cell

	// closed counts the complete periods, handed the returned ones.
	inside bool
	closed int
	handed int
	ready  []Summary
	// events are those of the periods that were not returned, by period and group.
	events  map[int]map[string]*events
	denials denials
}

// poolUse counts the seats in use of one pool that may have a limit.
type poolUse struct {
	id    seat.Pool
	inUse int
	brief int // as cell.brief
	// proven is the most that records of this millisecond's brief stays say was in use,
	// and unseen how many of these no record shows.
	proven, unseen int
	over           int64
	full           bool
	cell           *cell
}

// NewSweep makes a sweep over adjacent periods in order. Limits are in order;
// without any there is no overage. Each period gives one summary, idle ones
// included.
func NewSweep(periods []Period, limits Limits, asOfMillis int64) *Sweep {
	return NewGroupedSweep(periods, GroupingNone, limits, asOfMillis)
}

// NewGroupedSweep makes a sweep that gives a summary of each group with a stay, a
// join, a refusal or the end of a wait in a period, in order of period and group. The overage of a
// conference's own pool is its group's; that of the tenant's pool is of no group:
// see Row.OverageShared.
func NewGroupedSweep(periods []Period, by Grouping, limits Limits, asOfMillis int64) *Sweep {
	s := &Sweep{
		periods: periods, by: by, asOf: asOfMillis, all: limits,
		stays: make(map[StayID]*held), pools: make(map[seat.Pool]*poolUse), cells: make(map[string]*cell),
		events: make(map[int]map[string]*events),
	}
	if len(limits) > 0 {
		s.limit, s.limits = limits[0], limits[1:]
	}
	if by == GroupingNone {
		s.cells[""] = newCell("")
	}
	return s
}

// ErrOrder means that a record came too late in the order of time.
var ErrOrder = errors.New("out of order")

// Add adds a connection's part of a stay. Parts come in order of JoinedAtMillis,
// in any order at equal times. After ErrOrder the part is not counted.
func (s *Sweep) Add(part Stay) error {
	if part.JoinedAtMillis < s.latest {
		return fmt.Errorf("a stay joined at %d after one joined at %d: %w", part.JoinedAtMillis, s.latest, ErrOrder)
	}
	s.latest = part.JoinedAtMillis
	if s.latest >= s.asOf {
		return nil
	}
	s.advance(s.latest - MaxGapMillis)
	s.denials.expire(s.latest - DeniedMillis)
	s.denials.admit(s.latest, visitor{part.Conference, part.Identity})
	stay, first := s.extend(part)
	if stay == nil {
		return nil
	}
	a := arrival{at: part.JoinedAtMillis, stay: stay, first: first}
	if part.Estimated {
		a.estimatedUntil = min(part.LeftAtMillis, part.JoinedAtMillis+MaxStayMillis)
	}
	if first || a.estimatedUntil > a.at {
		s.arrivals.push(a)
	}
	return nil
}

// extend adds a part to its stay, or begins one. A stay that begins after the
// last period is ignored.
func (s *Sweep) extend(part Stay) (stay *held, first bool) {
	left := end(part, s.asOf)
	if stay := s.stays[part.ID]; stay != nil {
		stay.left = max(stay.left, left)
		if part.JoinedAtMillis == stay.joined {
			stay.resumed = stay.resumed && part.Resumed
		}
		if part.Estimated && part.JoinedAtMillis == stay.joined {
			stay.proven = max(stay.proven, part.InUse)
		}
		return stay, false
	}
	if len(s.periods) == 0 || part.JoinedAtMillis >= s.periods[len(s.periods)-1].ToMillis {
		return nil, false
	}
	stay = &held{
		id: part.ID, resumed: part.Resumed, joined: part.JoinedAtMillis, left: left,
		group: s.by.of(part.Host, part.Conference), pool: part.Block.Pool,
		number: part.Number, meeting: part.Conference, host: part.Host, identity: part.Identity,
	}
	if part.Estimated {
		stay.proven = part.InUse
	}
	if part.ID != "" {
		s.stays[part.ID] = stay
	}
	s.retained++
	return stay, true
}

// end is when a connection's part ends, as known at as_of.
func end(part Stay, asOfMillis int64) int64 {
	if left := part.EndMillis(); left <= asOfMillis {
		return left
	}
	return never
}

// Done returns the summaries of the periods that no later stay can change, each
// once. Their refusals and waits must have been added before.
func (s *Sweep) Done() []Summary {
	var out []Summary
	for ; s.handed < s.closed; s.handed++ {
		p := s.periods[s.handed]
		n := 0
		for n < len(s.ready) && s.ready[n].Row.FromMillis == p.FromMillis {
			n++
		}
		handed := withEvents(p, s.asOf, s.ready[:n], s.events[s.handed])
		shared := s.by != GroupingNone && s.all.BoundTenant(p)
		for i := range handed {
			handed[i].Row.OverageShared = shared
		}
		out = append(out, handed...)
		clear(s.ready[:n])
		s.ready = s.ready[n:]
		delete(s.events, s.handed)
	}
	return out
}

// Close returns the remaining summaries. Nothing may be added after it.
func (s *Sweep) Close() []Summary {
	s.advance(never)
	s.denials.expire(never)
	return s.Done()
}

// advance processes everything before a moment. At equal times leaves come first,
// then edges of periods, then joins.
func (s *Sweep) advance(until int64) {
	for {
		limit, ending, edge, arrival := s.nextLimit(), s.endings.next(), s.nextEdge(), s.nextArrival()
		now := min(limit, ending, edge, arrival)
		if now >= until {
			return
		}
		switch now {
		case limit:
			s.changeLimit(now)
		case ending:
			s.leave(s.endings.pop())
		case edge:
			s.crossEdge(now)
		default:
			s.join(s.arrivals.pop())
		}
	}
}

func (s *Sweep) nextLimit() int64 {
	if len(s.limits) == 0 {
		return never
	}
	return s.limits[0].FromMillis
}

func (s *Sweep) nextArrival() int64 {
	if s.arrivals.empty() {
		return never
	}
	return s.arrivals.first().at
}

// changeLimit puts the next limit into force.
func (s *Sweep) changeLimit(now int64) {
	s.limit, s.limits = s.limits[0], s.limits[1:]
	for _, p := range s.pools {
		p.cell.advance(now, s.asOf)
		p.change(0, s.limit)
	}
}

// change counts seats in and out, and updates the overage and whether the pool is
// full.
func (p *poolUse) change(by int, limit Limit) {
	p.inUse += by
	p.cell.over -= p.over
	if p.full {
		p.cell.full--
	}
	p.over, p.full = 0, false
	if seats, bounded := limit.of(p.id); bounded && p.inUse > 0 {
		p.over, p.full = int64(max(0, p.inUse-seats)), p.inUse >= seats
	}
	p.cell.over += p.over
	if p.full {
		p.cell.full++
	}
	p.reckon()
}

// flit counts a brief stay in, or out again with all of its millisecond.
func (p *poolUse) flit(by, proven int) {
	p.brief += by
	p.proven = max(p.proven, proven)
	if by < 0 {
		p.proven = 0
	}
	p.reckon()
}

func (p *poolUse) reckon() {
	unseen := max(0, p.proven-p.inUse-p.brief)
	p.cell.unseen += unseen - p.unseen
	p.unseen = unseen
}

func (s *Sweep) nextEdge() int64 {
	switch {
	case s.closed == len(s.periods):
		return never
	case s.inside:
		return s.periods[s.closed].ToMillis
	}
	return s.periods[s.closed].FromMillis
}

// crossEdge begins or ends a period.
func (s *Sweep) crossEdge(now int64) {
	if !s.inside {
		s.inside = true
		for group, c := range s.cells {
			if c.idle() && s.by != GroupingNone {
				delete(s.cells, group)
				continue
			}
			c.begin(s.periods[s.closed], s.asOf)
		}
		return
	}
	first := len(s.ready)
	for _, c := range s.cells {
		summary := c.end(now, s.asOf)
		if c.listed || s.by == GroupingNone {
			s.ready = append(s.ready, summary)
		}
	}
	slices.SortFunc(s.ready[first:], func(a, b Summary) int { return strings.Compare(a.Row.Group, b.Row.Group) })
	s.inside = false
	s.closed++
}

// cell is the cell of a group, which is created if it is new.
func (s *Sweep) cell(group string, now int64) *cell {
	c := s.cells[group]
	if c == nil {
		c = newCell(group)
		if s.inside {
			c.begin(s.periods[s.closed], s.asOf)
		}
		s.cells[group] = c
	}
	c.advance(now, s.asOf)
	return c
}

// join counts a connection's join.
func (s *Sweep) join(a arrival) {
	c := s.cell(a.stay.group, a.at)
	if a.first {
		s.enter(a.stay, c)
	}
	if a.estimatedUntil > a.at {
		c.estimated++
		s.endings.push(ending{a.estimatedUntil, nil, c})
	}
}

// enter begins a stay. If the stay ends at the same moment, that end is final, and
// it is in for the rest of the millisecond.
func (s *Sweep) enter(stay *held, c *cell) {
	stay.cell = c
	stay.draws = s.poolOf(stay)
	c.meet(stay)
	if stay.brief() {
		if stay.draws != nil {
			stay.draws.flit(1, stay.proven)
		}
		delete(s.stays, stay.id)
		s.endings.push(ending{stay.joined + 1, stay, c})
	} else {
		if stay.draws != nil {
			stay.draws.change(1, s.limit)
		}
		s.scheduleEnd(stay)
	}
	c.seat(stay)
}

// poolOf is the pool of a stay's seat, if its overage counts in this sweep.
func (s *Sweep) poolOf(stay *held) *poolUse {
	if stay.pool.Number == 0 && s.by != GroupingNone {
		return nil
	}
	p := s.pools[stay.pool]
	if p == nil {
		p = &poolUse{id: stay.pool, cell: stay.cell}
		s.pools[stay.pool] = p
	}
	return p
}

// scheduleEnd queues the end of a stay, as known so far.
func (s *Sweep) scheduleEnd(stay *held) {
	if stay.left != never {
		s.endings.push(ending{stay.left, stay, stay.cell})
	}
}

// leave ends a stay, unless it has continued meanwhile, or the estimated time of
// a connection.
func (s *Sweep) leave(e ending) {
	stay := e.stay
	if stay != nil && !stay.brief() && stay.left != e.at {
		s.scheduleEnd(stay)
		return
	}
	e.cell.advance(e.at, s.asOf)
	if stay == nil {
		e.cell.estimated--
		return
	}
	e.cell.unseat(stay)
	e.cell.part(stay)
	s.retained--
	s.vacate(stay)
	if !stay.brief() && stay.id != "" {
		delete(s.stays, stay.id)
	}
}

// vacate counts a stay out of its pool.
func (s *Sweep) vacate(stay *held) {
	p := stay.draws
	if p == nil {
		return
	}
	if stay.brief() {
		p.flit(-1, 0)
	} else {
		p.change(-1, s.limit)
	}
	if p.inUse == 0 && p.brief == 0 {
		delete(s.pools, p.id)
	}
}
