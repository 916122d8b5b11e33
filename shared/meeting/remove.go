package meeting

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/removal"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Removal is an administrator's order to remove somebody from a conference.
type Removal struct {
	Tenant     tenant.ID
	Conference conference.ID
	// Reason is shown to the removed client.
	Reason string
	At     time.Time
}

// Remove removes one connection: the connection is told, its stay ends, and it is
// closed. Its seat is given back at once, also one that is held for it. Tokens of
// the same person that were issued before let nobody into the conference any more.
// An id that the stay had before a resume finds the connection too. Without a
// conference, the connection may be in any of the tenant's. It gives the
// connection's session, also where it failed half way. Safe to repeat: a
// connection that is gone is not found.
func (m *Meetings) Remove(ctx context.Context, r Removal, id seat.ConnectionID) (session.Session, error) {
	s, err := m.present(ctx, r, id)
	if err != nil {
		return session.Session{}, err
	}
	r.Conference = s.Conference
	return s, m.remove(ctx, r, s.Identity, []seat.ConnectionID{s.Connection})
}

// RemovePerson removes all connections of a person from a conference and its lobby,
// as Remove does. The person's tokens are refused also where there is no
// connection. It gives the number of connections. It reads the conference's pool
// whole. Safe to repeat.
func (m *Meetings) RemovePerson(ctx context.Context, r Removal, identity string) (int, error) {
	c, err := m.store.Conference(ctx, r.Tenant, r.Conference, true)
	if err != nil {
		return 0, fmt.Errorf("read the conference: %w", err)
	}
	if c == nil {
		return 0, notFound()
	}
	if c.State == conference.StateEnded {
		return 0, conference.Ended(c.ID)
	}
	waiting, err := m.store.Lobby(ctx, r.Tenant, c.Number)
	if err != nil {
		return 0, fmt.Errorf("list the lobby: %w", err)
	}
	everybody, err := m.sessions(ctx, r, c.Number, waiting...)
	if err != nil {
		return 0, err
	}
	var theirs []seat.ConnectionID
	for _, s := range everybody {
		if s.Identity == identity {
			theirs = append(theirs, s.Connection)
		}
	}
	return len(theirs), m.remove(ctx, r, identity, theirs)
}

// remove refuses a person's tokens first, so that no connection that is closed
// comes back by one.
func (m *Meetings) remove(ctx context.Context, r Removal, identity string, ids []seat.ConnectionID) error {
	if err := m.noteRemoved(ctx, r, identity); err != nil {
		return err
	}
	return m.dismiss(ctx, ids, message{Type: "removed", Detail: r.Reason}, r.At, usage.EndRemoved)
}

// present gives the session of a connection that has a seat, a held one included,
// or is in a lobby. Where another connection has resumed its stay, present gives
// the session of that one; to find it, it reads the pool whole.
func (m *Meetings) present(ctx context.Context, r Removal, id seat.ConnectionID) (session.Session, error) {
	s, err := m.store.Session(ctx, id, true)
	if err != nil {
		return session.Session{}, fmt.Errorf("read the session: %w", err)
	}
	// Before anything more is read: another tenant's connection takes as long as none.
	if s == nil || s.Tenant != r.Tenant || r.Conference != "" && s.Conference != r.Conference {
		return session.Session{}, session.NotFound()
	}
	if s.State == session.StateLobby {
		return *s, nil
	}
	seated, err := m.departures.HasSeat(ctx, *s, r.At.UnixMilli())
	if seated || err != nil {
		return *s, problem.Wrap("look for the seat", err)
	}
	if s.StayID == "" {
		return session.Session{}, session.NotFound()
	}
	all, err := m.sessions(ctx, r, s.Number)
	if err != nil {
		return session.Session{}, err
	}
	for _, other := range all {
		if other.StayID == s.StayID {
			return other, nil
		}
	}
	return session.Session{}, session.NotFound()
}

// sessions gives the sessions of all connections that have a seat in a conference at the
// time of a removal, held ones included, and of some more.
func (m *Meetings) sessions(ctx context.Context, r Removal, number conference.Number, more ...seat.ConnectionID) ([]session.Session, error) {
	places, err := m.occupancy.Places(ctx, r.Tenant, number)
	if err != nil {
		return nil, problem.Wrap("list the seats in use", err)
	}
	ids := more
	for _, place := range places {
		if !place.Member.Lapsed(r.At.UnixMilli()) {
			ids = append(ids, place.Connection)
		}
	}
	found, err := m.store.Sessions(ctx, ids, true)
	return slices.Collect(maps.Values(found)), problem.Wrap("read sessions", err)
}

// noteRemoved notes in the conference, and in its host if that is a registered one,
// that a person was removed. Each note replaces the notes as they were read, so a
// first try that landed is found by the next.
func (m *Meetings) noteRemoved(ctx context.Context, r Removal, identity string) error {
	for range tries {
		c, err := m.store.Conference(ctx, r.Tenant, r.Conference, true)
		if err != nil || c == nil || c.State == conference.StateEnded {
			return problem.Wrap("read the conference", err) // nobody gets in any more
		}
		h, err := m.store.Host(ctx, r.Tenant, c.Host, true)
		if err != nil {
			return fmt.Errorf("read the host: %w", err)
		}
		key := removal.KeyOf(int64(c.Number), identity)
		noted, err := m.store.NoteRemoved(ctx, r.Tenant, c.ID, c.Number, c.Removed, c.Removed.With(key, r.At.UnixMilli()))
		if err == nil && noted && h != nil {
			noted, err = m.store.NoteRemovedOfHost(ctx, r.Tenant, h.Email, h.Removed, h.Removed.With(key, r.At.UnixMilli()))
		}
		if noted || err != nil {
			return problem.Wrap("note who was removed", err)
		}
	}
	return problem.New(problem.Unavailable, "Others are being removed at the same time. Try again.")
}

func notFound() error { return problem.New(problem.NotFound, "There is no such conference.") }
