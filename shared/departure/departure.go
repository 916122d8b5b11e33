// Package departure ends stays, and gives their seats back or holds them.
//
// A leave reads the session, writes the ledger record, and gives the seat back,
// each by one write that is safe to repeat. Whatever order two deliveries come in,
// they end in the same state, so any step may be run again, at the same time,
// late, or not at all.
//
// Terms: the session alone says which seat a connection has. A seat that no
// session names is an orphan: its process died between taking it and writing the
// session, or gave up. A tombstone is a session that says that its connection is
// gone; no session can be written after it. A fence is a time in a session: no seat
// taken at that time or before can be assigned to that session. An orphan is freed
// behind a tombstone or a fence, and counts as a void, never as a stay.
package departure

import (
	"context"
	"fmt"
	"log/slog"

	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Store is what departures read and write.
type Store interface {
	seat.Blocks
	session.Sessions
	usage.Ledger
	queue.Store
	queue.Ledger
	// License reads a tenant's license; nil if it has none.
	License(ctx context.Context, t tenant.ID) (*license.License, error)
}

// Departures ends stays. Safe for use by many goroutines.
type Departures struct {
	store  Store
	pools  *pool.Pools
	queues *queue.Queues
	log    *slog.Logger
}

// New makes Departures over a store and the pools in it.
func New(store Store, pools *pool.Pools, log *slog.Logger) *Departures {
	return &Departures{store, pools, queue.New(store, pools, store), log}
}

// SessionState reads a connection's session, consistently, and tells whether
// it holds the seat that the session speaks of at a moment. A session whose stay is
// over already counts as not seated.
func (x *Departures) SessionState(ctx context.Context, id seat.ConnectionID, atMillis int64) (session.Session, bool, error) {
	s, err := x.Connected(ctx, id)
	if err != nil {
		return session.Session{}, false, err
	}
	seated, err := x.HasSeat(ctx, s, atMillis)
	return s, seated, err
}

// Connected reads the session of a connection that is not gone, consistently.
func (x *Departures) Connected(ctx context.Context, id seat.ConnectionID) (session.Session, error) {
	s, err := x.store.Session(ctx, id, true)
	if err != nil {
		return session.Session{}, fmt.Errorf("read the session: %w", err)
	}
	if s == nil || s.State == session.StateGone {
		return session.Session{}, session.NotFound()
	}
	return *s, nil
}

// LastSeen is when reconciliation last found the members of a block alive. Of a
// conference's chair the conference's first block may tell it.
func (x *Departures) LastSeen(ctx context.Context, b seat.Block) (int64, error) {
	blocks := []seat.Block{b}
	if first := b; b.Pool.Chair {
		first.Pool.Chair = false
		blocks = append(blocks, first)
	}
	var seen int64
	for _, block := range blocks {
		state, err := x.store.Get(ctx, block)
		if err != nil {
			return 0, fmt.Errorf("read the block: %w", err)
		}
		if state != nil {
			seen = max(seen, state.SeenAtMillis)
		}
	}
	return seen, nil
}

// HasSeat tells whether a session has the seat that it names at a moment. The seat of a
// lost connection, which is held, is not the session's any more, nor is a server's that
// has lapsed.
func (x *Departures) HasSeat(ctx context.Context, s session.Session, atMillis int64) (bool, error) {
	if s.State != session.StateSeated {
		return false, nil
	}
	m, err := x.member(ctx, s)
	return err == nil && m.WithoutLease() == s.Member() && !m.Lapsed(atMillis), err
}

// member is what the block that a session names has of its connection.
func (x *Departures) member(ctx context.Context, s session.Session) (seat.Member, error) {
	b, err := x.store.Get(ctx, s.Block)
	if err != nil {
		return seat.Member{}, fmt.Errorf("read the block: %w", err)
	}
	if b == nil {
		return seat.Member{}, nil
	}
	return b.Members[s.Connection], nil
}
