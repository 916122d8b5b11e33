package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// A replaced connection is closed between these times after the replacement: not
// before its client had time to switch over, and in several rounds, should one fail.
const (
	replacedFrom  = 10 * time.Second
	replacedUntil = 3 * time.Minute
)

// unit is blocks whose last proof of life is noted together, in the first of them: a
// block, or a conference's first block with its chair.
type unit struct {
	blocks     []*seat.State
	seenMillis int64
	// all: every member that is a minute old is asked after, not only the urgent ones.
	all bool
}

// unitOf is the unit of a block that is in use.
func (c *tenantCheck) unitOf(ctx context.Context, b seat.Block) unit {
	u := unit{blocks: []*seat.State{c.states[b]}, seenMillis: c.states[b].SeenAtMillis}
	switch first := c.states[firstOf(b)]; {
	case b.Pool.Number == 0 || b.Index > 0:
	case b.Pool.Chair && first != nil:
		u.seenMillis = max(u.seenMillis, first.SeenAtMillis)
	case !b.Pool.Chair && c.used(chairOf(b)):
		u.blocks = append(u.blocks, c.states[chairOf(b)])
	}
	u.all = c.due(ctx, u.seenMillis, u.blocks[0].Revision)
	return u
}

// due tells whether all members of a unit that was found alive at a time are asked after.
// The license, which the unit is under, is looked up only where its answer counts.
func (c *tenantCheck) due(ctx context.Context, seenMillis, revision int64) bool {
	age := c.now().Sub(time.UnixMilli(seenMillis)) + early
	switch {
	case age >= checkEvery:
		return true
	case age < time.Minute:
		return false
	}
	l, err := c.crossings.License(ctx, c.tenant, revision)
	if err != nil || l == nil {
		c.failed(ctx, Entry{Tenant: c.tenant}, problem.Wrap("read how close estimates are to be", err))
		return false
	}
	return age >= time.Duration(l.EstimatedEndWithinMinutes)*time.Minute-young
}

// firstOf is the first block of the pool of a chair's conference, and chairOf the
// chair of the conference of a pool.
func firstOf(chair seat.Block) seat.Block {
	chair.Pool.Chair = false
	return chair
}

func chairOf(first seat.Block) seat.Block {
	first.Pool.Chair = true
	return first
}

// urgent tells whether a member is asked after in each round: its block has few seats
// left, or it alone keeps its conference live.
func (c *tenantCheck) urgent(s *seat.State, m seat.Member) bool {
	const fewOf = 5 // a fifth
	return fewOf*s.InUse >= (fewOf-1)*s.Capacity || c.keepers[m.Conference] == 1 && c.keepsLive(s.Block, m)
}

// judged is a member that is asked after.
type judged struct {
	block *seat.State
	seat.Place
	alive, answered, gone bool
}

// check ends a unit's expired holds and closes replaced connections. Then it asks after
// those members that are older than a minute: all of them, if they were not for some
// minutes, and else the urgent ones. If all have answered and the dead are gone, it
// notes that the others are alive. It tells whether all of them stay.
func (c *tenantCheck) check(ctx context.Context, u unit) (stay bool, err error) {
	now := c.now()
	var asked []judged
	for _, s := range u.blocks {
		if err := cmp.Or(c.closeReplaced(ctx, s), c.endHolds(ctx, s)); err != nil {
			return false, err
		}
		for id, m := range s.Members {
			if old := now.UnixMilli()-m.JoinedAtMillis >= young.Milliseconds(); old && !m.Held() && (u.all || c.urgent(s, m)) {
				asked = append(asked, judged{block: s, Place: seat.Place{Connection: id, Member: m}})
			}
		}
	}
	if len(asked) == 0 {
		return true, nil
	}
	slices.SortFunc(asked, func(a, b judged) int {
		return cmp.Or(cmp.Compare(a.Member.JoinedAtMillis, b.Member.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	if stay, err = c.judge(ctx, u, asked); err != nil || !u.all {
		return stay, err
	}
	return stay, problem.Wrap("mark a block as alive", c.store.MarkAlive(ctx, u.blocks[0].Block, now.UnixMilli()))
}

// closeReplaced closes connections whose seats other connections took over.
func (c *tenantCheck) closeReplaced(ctx context.Context, state *seat.State) error {
	var closing errgroup.Group
	for id, m := range state.Members {
		age := time.Duration(c.now().UnixMilli()-m.JoinedAtMillis) * time.Millisecond
		if m.TookOver && age >= replacedFrom && age < replacedUntil {
			closing.Go(func() error { return c.meetings.CloseReplaced(ctx, id) })
		}
	}
	return problem.Wrap("close replaced connections", closing.Wait())
}

// endHolds ends a block's expired holds and leases.
func (c *tenantCheck) endHolds(ctx context.Context, state *seat.State) error {
	var holds errgroup.Group
	for _, id := range slices.Sorted(maps.Keys(state.Members)) {
		m := state.Members[id]
		if !m.Expired(c.now().UnixMilli()) {
			continue
		}
		holds.Go(func() error {
			ended, err := c.departures.EndHold(ctx, state.Block, seat.Place{Connection: id, Member: m})
			c.count(func(f *RunStats) { f.Holds += boolCount(ended) })
			return err
		})
	}
	return problem.Wrap("end holds", holds.Wait())
}

// judge asks after members, and ends the stays of those that are dead or do not belong
// where they are. It tells whether all of them stay. An unanswered question is an
// error, and keeps no other member from being judged.
func (c *tenantCheck) judge(ctx context.Context, u unit, asked []judged) (bool, error) {
	var asking errgroup.Group
	for n := range asked {
		asking.Go(func() (err error) {
			asked[n].alive, err = c.alive(ctx, asked[n].Place)
			asked[n].answered = err == nil
			return err
		})
	}
	unanswered := asking.Wait()
	var look []*judged
	var ids []seat.ConnectionID
	dead := false
	for n := range asked {
		one := &asked[n]
		known := one.Member.JoinedAtMillis <= u.seenMillis-young.Milliseconds() // its session was looked at
		if one.answered && (!one.alive || u.all || !known) {
			look, ids, dead = append(look, one), append(ids, one.Connection), dead || !one.alive
		}
	}
	if len(look) == 0 {
		return unanswered == nil, unanswered
	}
	sessions, err := c.store.Sessions(ctx, ids, dead)
	if err != nil {
		return false, fmt.Errorf("read sessions: %w", err)
	}
	var ending errgroup.Group
	for _, one := range look {
		ending.Go(func() (err error) {
			one.gone, err = c.settle(ctx, u, one, sessions[one.Connection])
			return err
		})
	}
	err = ending.Wait()
	stay := unanswered == nil && err == nil
	for _, one := range look {
		if one.gone {
			delete(one.block.Members, one.Connection)
			stay = false
		}
	}
	return stay, cmp.Or(unanswered, err)
}

// alive asks after a member's connection, unless it is dead by its age alone. A server's
// seat is alive as long as its lease. A stay that was resumed may have begun before its
// connection did, in the life of the one before: see departure.HandOver.
func (c *tenantCheck) alive(ctx context.Context, p seat.Place) (bool, error) {
	if p.Member.Leased() {
		return true, nil
	}
	if c.now().UnixMilli()-p.Member.JoinedAtMillis > 2*session.LifeMillis+slack.Milliseconds() {
		return false, nil
	}
	return c.probe(ctx, p.Connection)
}

// settle ends the stay of a member that is dead, or does not belong where it is. It
// tells whether the member is gone. The stay of a dead one ends at its last proof of
// life.
func (c *tenantCheck) settle(ctx context.Context, u unit, one *judged, s session.Session) (gone bool, err error) {
	switch {
	case !s.Names(one.block.Block, one.Member):
		freed, err := c.departures.FreeOrphan(ctx, one.block.Block, one.Place)
		c.count(func(f *RunStats) { f.Orphans += boolCount(freed) })
		return true, err
	case s.State != session.StateSeated:
		left, err := c.departures.FinishLeave(ctx, s)
		c.count(func(f *RunStats) { f.Stuck += boolCount(left) })
		if err == nil && s.State == session.StateGone {
			err = c.meetings.Close(ctx, s.Connection)
		}
		return true, err
	case one.alive:
		if _, listed := c.listed[s.Number]; listed {
			return false, nil // live, or ending, which reconciliation completes
		}
		return c.dismissed(ctx, s)
	}
	seen := u.seenMillis
	if one.block.Block.Pool.Chair {
		if seen, err = c.departures.LastSeen(ctx, s.Block); err != nil {
			return false, err
		}
	}
	closed, err := c.departures.CloseDead(ctx, s, s.LastAlive(seen))
	c.count(func(f *RunStats) { f.Ghosts += boolCount(closed) })
	return err == nil, err
}

// dismissed sends a connection away that is in a conference that has ended, and
// tells whether it did: one that joined at the very moment of the end may be in it.
func (c *tenantCheck) dismissed(ctx context.Context, s session.Session) (bool, error) {
	is, err := c.conference(ctx, s.Conference)
	if err != nil || !hasEnded(is, s.Number) {
		return false, err
	}
	c.count(func(f *RunStats) { f.Late++ })
	at := c.now()
	if is.Number == s.Number {
		at = is.EndedAt
	}
	return true, problem.Wrap("dismiss a late connection", c.meetings.Dismiss(ctx, s.Connection, at))
}

// conference reads a member's conference.
func (c *tenantCheck) conference(ctx context.Context, id conference.ID) (*conference.Conference, error) {
	c.mu.Lock()
	known := c.conferences[id]
	if known == nil {
		known = newOnce[*conference.Conference]()
		c.conferences[id] = known
	}
	c.mu.Unlock()
	return known.get(func() (*conference.Conference, error) {
		is, err := c.store.Conference(ctx, c.tenant, id, false)
		return is, problem.Wrap("read a member's conference", err)
	})
}

// hasEnded tells whether the numbered conference has ended, by a read that may be
// stale: an earlier conference of the same id has a smaller number.
func hasEnded(c *conference.Conference, number conference.Number) bool {
	return c != nil && (c.Number > number || c.Number == number && c.State == conference.StateEnded)
}
