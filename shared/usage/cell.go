package usage

import "seatmeter/shared/conference"

// cell has a group's figures during a sweep: the stays in now, and the row of the
// current period. A sweep without groups has one.
type cell struct {
	group string
	now   int64
	// listed: it has a row in this period.
	listed bool
	row    Row

	inUse, estimated int
	// brief are the stays of no length of this millisecond; unseen are connections that
	// were in as well, as their records prove.
	brief, unseen int
	// over is the seats above their pools' limits; full is the pools at theirs.
	over  int64
	full  int
	spent spent

	conferences, hosts, identities crowd
	rooms                          map[conference.Number]*room
}

// room counts the stays of one conference.
type room struct {
	in int
	// participants are those in but for the chair.
	participants int
	// pool is that of a conference with seats of its own.
	pool *poolUse
}

func newCell(group string) *cell {
	return &cell{
		group: group, conferences: newCrowd(), hosts: newCrowd(), identities: newCrowd(), rooms: make(map[conference.Number]*room),
	}
}

// idle tells whether the cell has no stay in, and can be dropped.
func (c *cell) idle() bool { return c.inUse == 0 && c.brief == 0 && c.estimated == 0 }

// begin begins a period with the stays that are in. A period after as_of has
// nothing else.
func (c *cell) begin(p Period, asOf int64) {
	c.now = p.FromMillis
	c.spent.take() // the time before
	c.row = Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis, Group: c.group, Opening: c.inUse}
	c.listed = c.inUse > 0 && p.FromMillis < asOf
	if c.listed {
		c.row.Peak, c.row.PeakAtMillis = c.inUse, p.FromMillis
		c.row.PeakHosts = len(c.hosts.in)
		for _, one := range c.rooms {
			c.row.PeakParticipants = max(c.row.PeakParticipants, one.participants)
		}
	}
	c.conferences.begin(c.listed)
	c.hosts.begin(c.listed)
	c.identities.begin(c.listed)
}

// end ends the period and returns its figures.
func (c *cell) end(at, asOf int64) Summary {
	c.advance(at, asOf)
	c.row.Closing = c.inUse
	return Summary{
		Row: c.row, Conferences: c.conferences.set(), Hosts: c.hosts.set(), Identities: c.identities.set(), Levels: c.spent.take(),
	}.counted()
}

// advance adds up the time up to a moment.
func (c *cell) advance(to, asOf int64) {
	if passed := min(to, asOf) - c.now; passed > 0 {
		c.row.SeatMillis += passed * int64(c.inUse)
		c.row.OverageMillis += passed * c.over
		c.row.EstimatedMillis += passed * int64(c.estimated)
		c.row.AtLimitMillis += passed * int64(c.full)
		c.spent.add(c.inUse, passed)
	}
	c.now = to
}

// meet adds a stay's names.
func (c *cell) meet(s *held) {
	s.entries = [3]*entry{
		c.conferences.enter(conferenceName(s.number, s.meeting)),
		c.hosts.enter(string(s.host)),
		c.identities.enter(s.identity),
	}
	if c.rooms[s.number] == nil {
		c.rooms[s.number] = &room{}
	}
	s.room = c.rooms[s.number]
	s.room.in++
	c.listed = true
	if !s.resumed {
		c.row.Joins++
	}
}

// seat counts a stay as in, from its join on. Its names were added by meet, and its
// pool has counted it.
func (c *cell) seat(s *held) {
	if s.brief() {
		c.brief++
	} else {
		c.inUse++
	}
	if in := c.inUse + c.brief + c.unseen; in > c.row.Peak {
		c.row.Peak, c.row.PeakAtMillis = in, s.joined
	}
	c.row.PeakHosts = max(c.row.PeakHosts, len(c.hosts.in))
	if !s.pool.Chair {
		s.room.participants++
		if s.pool.Number != 0 {
			s.room.pool = s.draws
		}
		in := s.room.participants
		if s.room.pool != nil {
			in += s.room.pool.unseen
		}
		c.row.PeakParticipants = max(c.row.PeakParticipants, in)
	}
}

// unseat counts a stay as out.
func (c *cell) unseat(s *held) {
	if s.brief() {
		c.brief--
	} else {
		c.inUse--
	}
	if !s.pool.Chair {
		s.room.participants--
	}
}

// part removes a stay's names, except from the current period.
func (c *cell) part(s *held) {
	c.conferences.exit(s.entries[0])
	c.hosts.exit(s.entries[1])
	c.identities.exit(s.entries[2])
	if s.room.in--; s.room.in == 0 {
		delete(c.rooms, s.number)
	}
}

// crowd has the names that are in, and those that were in during the current
// period.
type crowd struct {
	in     map[string]*entry
	inside bool // of a period
	seen   []Digest
}

type entry struct {
	name   string
	digest Digest
	in     int
}

func newCrowd() crowd { return crowd{in: make(map[string]*entry)} }

// begin begins a period, with or without those who are in.
func (c *crowd) begin(with bool) {
	c.inside, c.seen = true, nil
	if !with {
		return
	}
	c.seen = make([]Digest, 0, len(c.in))
	for _, e := range c.in {
		c.seen = append(c.seen, e.digest)
	}
}

func (c *crowd) enter(name string) *entry {
	e := c.in[name]
	if e == nil {
		e = &entry{name: name, digest: NewDigest(name)}
		c.in[name] = e
		if c.inside {
			c.seen = append(c.seen, e.digest)
		}
	}
	e.in++
	return e
}

func (c *crowd) exit(e *entry) {
	e.in--
	if e.in == 0 {
		delete(c.in, e.name)
	}
}

// set is the names of the current period. A name that came back appears twice in
// the list; the set has it once.
func (c *crowd) set() Set {
	seen := c.seen
	c.inside, c.seen = false, nil
	return NewSet(seen)
}
