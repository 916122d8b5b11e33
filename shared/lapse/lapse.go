// Package lapse ends the leases of servers' seats that were not renewed, and fences
// seats that have no session.
//
// A server's seat is free from the end of its lease on: a join that finds its block full
// replaces it, and reconciliation gives it back. Before either, the lease is ended in the
// block, so that it can be renewed no more, and then the stay is recorded. Each step is
// one conditional write that is safe to repeat, so a process that dies in between leaves
// the rest to whoever comes next.
package lapse

import (
	"context"
	"fmt"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// Store is what is read and written. Its methods are seat.Blocks', session.Sessions'
// and usage.Ledger's.
type Store interface {
	Renew(ctx context.Context, block seat.Block, renewals []seat.Renewal) (seat.State, bool, error)
	Session(ctx context.Context, id seat.ConnectionID, consistent bool) (*session.Session, error)
	Begin(ctx context.Context, s session.Session) (*session.Session, error)
	Change(ctx context.Context, s session.Session) (*session.Session, error)
	Record(ctx context.Context, s usage.Stay) (usage.Recorded, error)
}

// Outcome is what became of a lease that has ended.
type Outcome int

// The outcomes.
const (
	// OutcomeChanged: the seat is not as it was read. It may have been renewed.
	OutcomeChanged Outcome = iota
	// OutcomeRecorded: the ledger has the stay, and the seat may be replaced or given
	// back.
	OutcomeRecorded
	// OutcomeVoid: the seat never had a session and gets none. It may be given back, as
	// void.
	OutcomeVoid
)

// End ends an expired lease, and records the stay up to its last renewal. It gives the
// member as it is then, which nobody can renew. Safe to repeat.
func End(ctx context.Context, store Store, block seat.Block, place seat.Place) (seat.Place, Outcome, error) {
	ended := place
	ended.Member.Lease.Seconds = 0
	if place != ended {
		state, done, err := store.Renew(ctx, block, []seat.Renewal{{Place: place, Lease: ended.Member.Lease}})
		if err != nil {
			return place, OutcomeChanged, fmt.Errorf("end a lease: %w", err)
		}
		if !done && state.Members[place.Connection] != ended.Member {
			return place, OutcomeChanged, nil
		}
	}
	s, err := store.Session(ctx, place.Connection, true)
	if err != nil {
		return ended, OutcomeChanged, fmt.Errorf("read the session: %w", err)
	}
	if s == nil || !s.Names(block, ended.Member) {
		fenced, there, err := Fence(ctx, store, block, ended)
		switch {
		case fenced || err != nil:
			return ended, OutcomeVoid, err
		case there == nil || !there.Names(block, ended.Member):
			return ended, OutcomeChanged, nil
		}
		s = there
	}
	stay := s.Stay(ended.Member.Lease.RenewedAtMillis, usage.EndVanished)
	if s.State == session.StateGone {
		stay = s.Stay(s.MovedAtMillis, usage.EndRemoved)
	}
	if _, err := store.Record(ctx, stay); err != nil {
		return ended, OutcomeChanged, fmt.Errorf("write the ledger: %w", err)
	}
	return ended, OutcomeRecorded, nil
}

// Fence makes certain that a seat never gets a session: by a tombstone or, where there is
// a session that does not name the seat, by a fence. False: it gives the session that
// is there and names the seat; or nil, if the session is moving and the next round sees.
// Safe to repeat.
func Fence(ctx context.Context, store Store, block seat.Block, place seat.Place) (fenced bool, there *session.Session, err error) {
	tombstone := session.Session{Connection: place.Connection, State: session.StateGone, BeganMillis: place.Member.JoinedAtMillis}
	there, err = store.Begin(ctx, tombstone)
	if err != nil {
		return false, nil, fmt.Errorf("leave a tombstone: %w", err)
	}
	if there != nil && there.Names(block, place.Member) {
		return false, there, nil
	}
	if there != nil && there.State != session.StateGone && there.Adopts(place.Member) {
		there, err = store.Change(ctx, there.Fence(place.Member.JoinedAtMillis))
		return there == nil && err == nil, there, problem.Wrap("fence a session", err)
	}
	return true, nil, nil
}
