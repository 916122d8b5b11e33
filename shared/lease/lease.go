// Package lease renews the seats that servers hold, and gives them back.
//
// Terms: a server's seat is one that a conference server took over HTTP for a
// connection of its own. It has a lease in place of a WebSocket: the seat is free from
// the lease's end on, unless the lease is renewed before. It has lapsed if it is not
// the server's any more, for whatever reason.
//
// The block has the lease, and the session has everything else, so a renewal writes
// the block alone: one write for all seats of a block that are renewed together. It
// reads the sessions, which say where the seats are. No part of a stay lasts for longer
// than reports reckon with: a renewal an hour after a part began ends that part, and
// begins the next one in the same seat.
//
// A server's connection that waits for a seat has its lease in its place in the queue,
// and is renewed by the same calls.
package lease

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/departure"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const (
	// partMillis is the age from which a part of a stay ends at a renewal. The longest
	// lease after it is over before the part counts as too long.
	partMillis = 60 * 60 * 1000
	// rounds bounds how often a renewal looks again because the block or a session
	// changed under it.
	rounds = 5
	// parallel is how many blocks are written at the same time.
	parallel = 16
)

// Store is what is read and written. Its methods are seat.Blocks' and
// session.Sessions'.
type Store interface {
	Get(ctx context.Context, block seat.Block) (*seat.State, error)
	Renew(ctx context.Context, block seat.Block, renewals []seat.Renewal) (seat.State, bool, error)
	Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error)
	Sessions(ctx context.Context, ids []seat.ConnectionID, consistent bool) (map[seat.ConnectionID]session.Session, error)
}

// Leases renews servers' seats. Safe for use by many goroutines.
type Leases struct {
	store      Store
	departures *departure.Departures
	queues     *queue.Queues
}

// New makes Leases.
func New(store Store, departures *departure.Departures, queues *queue.Queues) *Leases {
	return &Leases{store, departures, queues}
}

// Scope is whose seats a server speaks of.
type Scope struct {
	Tenant tenant.ID
	// Conference is empty for all of the tenant's.
	Conference conference.ID
}

func (in Scope) has(s session.Session) bool {
	return s.Tenant == in.Tenant && (in.Conference == "" || s.Conference == in.Conference) && s.Connection.OfServer()
}

// Renewal is what a server asks for.
type Renewal struct {
	Scope
	AtMillis int64
	// Seconds is how long the leases of seats are to last; zero: as long as each was
	// taken for. Leases of waits do that anyway.
	Seconds int
}

// lease is that of a session by this renewal.
func (r Renewal) lease(s session.Session) seat.Lease {
	if r.Seconds != 0 {
		s.LeaseSeconds = r.Seconds
	}
	return seat.Lease{RenewedAtMillis: r.AtMillis, Seconds: s.LeaseSeconds}
}

// Standing is a seat that a server has or, if it has a position in the queue, waits for.
type Standing = queue.Standing

// Renew renews the leases of seats, and gives those that are renewed; the others have
// lapsed. A lease that was renewed later than this was asked for stays as it is. After an
// error some may be renewed. Safe to repeat, and to run twice at once.
func (l *Leases) Renew(ctx context.Context, r Renewal, ids []seat.ConnectionID) (map[seat.ConnectionID]Standing, error) {
	renewed := make(map[seat.ConnectionID]Standing, len(ids))
	left := slices.DeleteFunc(slices.Clone(ids), func(id seat.ConnectionID) bool { return !id.OfServer() })
	for round := 0; len(left) > 0; round++ {
		if round == rounds {
			return renewed, problem.New(problem.Unavailable, "Others are renewing the same seats. Try again.")
		}
		consistent := round > 0 // else a seat, or its latest part, may not be known yet
		sessions, err := l.store.Sessions(ctx, left, consistent)
		if err != nil {
			return nil, problem.Wrap("read sessions", err)
		}
		maps.DeleteFunc(sessions, func(_ seat.ConnectionID, s session.Session) bool { return !r.has(s) })
		if err := l.renewWaits(ctx, r, sessions, renewed); err != nil {
			return nil, err
		}
		maps.DeleteFunc(sessions, func(_ seat.ConnectionID, s session.Session) bool { return s.State != session.StateSeated })
		busy, err := l.renewAll(ctx, r, sessions, renewed)
		if err != nil {
			return nil, err
		}
		if consistent && !busy {
			break
		}
		left = slices.DeleteFunc(left, func(id seat.ConnectionID) bool { _, done := renewed[id]; return done })
	}
	return renewed, nil
}

// renewWaits renews the leases of those sessions that wait, and adds them.
func (l *Leases) renewWaits(ctx context.Context, r Renewal, sessions map[seat.ConnectionID]session.Session, renewed map[seat.ConnectionID]Standing) error {
	for _, id := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[id]
		if !s.Waits() {
			continue
		}
		now, standing, waits, err := l.renewWait(ctx, s, r.AtMillis)
		if err != nil {
			return err
		}
		if sessions[id] = now; waits {
			renewed[id] = standing
		}
	}
	return nil
}

// renewWait renews the lease of a session that waits. False: it does not wait any more,
// or is silent. It gives the session as it is then.
func (l *Leases) renewWait(ctx context.Context, s session.Session, atMillis int64) (session.Session, Standing, bool, error) {
	for {
		standing, waits, err := l.queues.Renew(ctx, s, atMillis)
		if waits || err != nil {
			return s, standing, waits, problem.Wrap("renew a wait", err)
		}
		now, err := l.store.Session(ctx, s.Connection, true)
		if err != nil || now == nil || now.Version == s.Version || !now.Waits() {
			return orBefore(now, s), Standing{}, false, problem.Wrap("read the session again", err)
		}
		s = *now
	}
}

// orBefore is a session as it is now or, where there is none, as it was.
func orBefore(now *session.Session, before session.Session) session.Session {
	if now == nil {
		return before
	}
	return *now
}

// renewAll renews the leases of sessions, block by block, and adds them. Busy: others
// are changing some of the seats.
func (l *Leases) renewAll(ctx context.Context, r Renewal, sessions map[seat.ConnectionID]session.Session, renewed map[seat.ConnectionID]Standing) (busy bool, err error) {
	byBlock := make(map[seat.Block]*inBlock)
	var blocks []*inBlock
	for _, id := range slices.Sorted(maps.Keys(sessions)) { // in order, so that a simulated schedule can be repeated
		s := sessions[id]
		if byBlock[s.Block] == nil {
			byBlock[s.Block] = &inBlock{Leases: l, Renewal: r, block: s.Block, renewed: make(map[seat.ConnectionID]Standing)}
			blocks = append(blocks, byBlock[s.Block])
		}
		byBlock[s.Block].sessions = append(byBlock[s.Block].sessions, s)
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, one := range blocks {
		group.Go(func() error { return one.renew(ctx) })
	}
	err = group.Wait()
	for _, one := range blocks {
		maps.Copy(renewed, one.renewed)
		busy = busy || one.busy
	}
	return busy, err //nolint:wrapcheck // by each
}

// inBlock is the renewal of the leases of sessions that name seats of one block.
type inBlock struct {
	*Leases
	Renewal
	block    seat.Block
	sessions []session.Session
	renewed  map[seat.ConnectionID]Standing
	busy     bool
}

func (b *inBlock) renew(ctx context.Context) error {
	state, err := b.store.Get(ctx, b.block)
	if err != nil || state == nil {
		return problem.Wrap("read the block", err)
	}
	for range rounds {
		together, err := b.sort(ctx, *state)
		if err != nil || len(together) == 0 {
			return err
		}
		now, done, err := b.store.Renew(ctx, b.block, together)
		if err != nil {
			return problem.Wrap("renew leases", err)
		}
		if done {
			for _, one := range together {
				b.renewed[one.Connection] = Standing{Lease: one.Lease}
			}
			return nil
		}
		state = &now
	}
	b.busy = true
	return nil
}

// sort gives the leases that are to be renewed by one write of the block, as it was read,
// and begins next parts where that is due.
func (b *inBlock) sort(ctx context.Context, state seat.State) (together []seat.Renewal, err error) {
	for _, s := range b.sessions {
		m, lease := state.Members[s.Connection], b.lease(s)
		names := s.Names(b.block, m)
		switch _, done := b.renewed[s.Connection]; {
		case done || state.Closed || !m.Leased() || m.Expired(b.AtMillis) || !names && !s.Adopts(m):
		case names && (m.Lease == lease || m.Lease.RenewedAtMillis > b.AtMillis):
			b.renewed[s.Connection] = Standing{Lease: m.Lease}
		case names && b.AtMillis-m.JoinedAtMillis < partMillis:
			together = append(together, seat.Renewal{Place: seat.Place{Connection: s.Connection, Member: m}, Lease: lease})
		default:
			lease, done, err := b.nextPart(ctx, s, m, lease)
			if err != nil {
				return nil, err
			}
			if done {
				b.renewed[s.Connection] = Standing{Lease: lease}
			}
			b.busy = b.busy || !done
		}
	}
	return together, nil
}

// nextPart begins the next part of a stay, or completes what a process that died has
// left of it.
func (l *Leases) nextPart(ctx context.Context, s session.Session, there seat.Member, lease seat.Lease) (seat.Lease, bool, error) {
	step := l.departures.Split
	if !s.Names(s.Block, there) {
		lease = there.Lease
		step = func(ctx context.Context, s session.Session, there seat.Member, _ seat.Lease) (session.Session, bool, error) {
			return l.departures.Adopt(ctx, s, there)
		}
	}
	_, done, err := step(ctx, s, there, lease)
	return lease, done, problem.Wrap("begin the next part of a stay", err)
}

// Get gives the session of a server's seat, nil if there is none, and how the seat
// stands: false, if it has lapsed. Asking renews the lease of a wait, and not that of a
// seat. Safe to repeat.
func (l *Leases) Get(ctx context.Context, in Scope, id seat.ConnectionID, atMillis int64) (*session.Session, Standing, bool, error) {
	if !id.OfServer() {
		return nil, Standing{}, false, nil
	}
	s, err := l.store.Session(ctx, id, true)
	if err != nil || s == nil || !in.has(*s) {
		return nil, Standing{}, false, problem.Wrap("read the session", err)
	}
	if s.Waits() {
		now, standing, waits, err := l.renewWait(ctx, *s, atMillis)
		if waits || err != nil {
			return &now, standing, waits, err
		}
		s = &now
	}
	if s.State != session.StateSeated {
		return s, Standing{}, false, nil
	}
	state, err := l.store.Get(ctx, s.Block)
	if err != nil || state == nil {
		return s, Standing{}, false, problem.Wrap("read the block", err)
	}
	m := state.Members[id]
	return s, Standing{Lease: m.Lease}, s.Names(s.Block, m) && !m.Expired(atMillis) && !state.Closed, nil
}

// Release gives a server's seat back, or has it wait no more, and tells whether there is,
// or was, such a seat. Safe to repeat.
func (l *Leases) Release(ctx context.Context, in Scope, id seat.ConnectionID, atMillis int64) (bool, error) {
	if !id.OfServer() {
		return false, nil
	}
	s, err := l.store.Session(ctx, id, true)
	if err != nil || s == nil || !in.has(*s) {
		return false, problem.Wrap("read the session", err)
	}
	return true, problem.Wrap("release a seat", l.departures.Leave(ctx, id, max(atMillis, s.JoinedAtMillis), usage.EndClosed))
}
