package meeting

import (
	"context"
	"fmt"
	"maps"
	"math"
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

// Person is somebody in a conference.
type Person struct {
	Tenant     tenant.ID
	Conference conference.ID
	Identity   string
}

// Remove tells one connection that it is removed, ends its stay and closes it, and
// keeps the tokens that its person has so far from letting anybody into the
// conference again. An id that the stay had before it was resumed does as well.
// With a conference it must be in that one. It gives the session, also where it
// failed half way. Safe to repeat: what is gone is not found.
func (m *Meetings) Remove(ctx context.Context, from Person, id seat.ConnectionID, reason string, now time.Time) (session.Session, error) {
	s, err := m.present(ctx, from, id)
	if err != nil {
		return session.Session{}, err
	}
	if err := m.noteRemoved(ctx, s.Tenant, s.Conference, s.Identity, now); err != nil {
		return s, err
	}
	return s, m.dismiss(ctx, []seat.ConnectionID{s.Connection}, message{Type: "removed", Detail: reason}, now, usage.EndRemoved)
}

// present gives the session of a connection that is in a conference or its lobby,
// or of the connection that has its stay by now. To find the latter it reads the
// whole pool.
func (m *Meetings) present(ctx context.Context, from Person, id seat.ConnectionID) (session.Session, error) {
	s, err := m.store.Session(ctx, id, true)
	if err != nil {
		return session.Session{}, fmt.Errorf("read the session: %w", err)
	}
	// Before anything more is read: another's connection takes as long as none.
	if s == nil || s.Tenant != from.Tenant || from.Conference != "" && s.Conference != from.Conference {
		return session.Session{}, session.NotFound()
	}
	if s.State == session.StateLobby {
		return *s, nil
	}
	seated, err := m.departures.HoldsSeat(ctx, *s)
	if seated || err != nil {
		return *s, wrap("look for the seat", err)
	}
	if s.StayID == "" {
		return session.Session{}, session.NotFound()
	}
	all, err := m.seated(ctx, s.Tenant, s.Number)
	if err != nil {
		return session.Session{}, err
	}
	for _, heir := range all {
		if heir.StayID == s.StayID {
			return heir, nil
		}
	}
	return session.Session{}, session.NotFound()
}

// RemovePerson removes all connections of a person from a conference and its lobby,
// as Remove does, and keeps that person's tokens out also where none of them is
// there. It gives how many there were. It reads the conference's pool whole. Safe
// to repeat.
func (m *Meetings) RemovePerson(ctx context.Context, p Person, reason string, now time.Time) (int, error) {
	c, err := m.store.Conference(ctx, p.Tenant, p.Conference, true)
	if err != nil {
		return 0, fmt.Errorf("read the conference: %w", err)
	}
	if c == nil {
		return 0, notFound()
	}
	if c.State == conference.StateEnded {
		return 0, conference.Ended(c.ID)
	}
	if err := m.noteRemoved(ctx, p.Tenant, p.Conference, p.Identity, now); err != nil {
		return 0, err
	}
	everybody, err := m.seated(ctx, p.Tenant, c.Number)
	if err != nil {
		return 0, err
	}
	waiting, err := m.store.Lobby(ctx, p.Tenant, c.Number)
	if err != nil {
		return 0, fmt.Errorf("list the lobby: %w", err)
	}
	sessions, err := m.store.Sessions(ctx, waiting)
	if err != nil {
		return 0, fmt.Errorf("read sessions: %w", err)
	}
	everybody = slices.AppendSeq(everybody, maps.Values(sessions))
	var theirs []seat.ConnectionID
	for _, s := range everybody {
		if s.Identity == p.Identity && s.State != session.StateGone {
			theirs = append(theirs, s.Connection)
		}
	}
	return len(theirs), m.dismiss(ctx, theirs, message{Type: "removed", Detail: reason}, now, usage.EndRemoved)
}

// seated lists the sessions that hold a seat in a conference.
func (m *Meetings) seated(ctx context.Context, t tenant.ID, number conference.Number) ([]session.Session, error) {
	all, err := m.occupancy.Members(ctx, t, number, seat.Place{}, math.MaxInt)
	return all, wrap("list who is in", err)
}

// noteRemoved notes in the conference, and in its host if that is a registered one,
// that somebody was removed.
func (m *Meetings) noteRemoved(ctx context.Context, t tenant.ID, id conference.ID, identity string, now time.Time) error {
	for range tries {
		c, err := m.store.Conference(ctx, t, id, true)
		if err != nil || c == nil || c.State == conference.StateEnded {
			return wrap("read the conference", err) // nobody gets in any more
		}
		h, err := m.store.Host(ctx, t, c.Host, true)
		if err != nil {
			return fmt.Errorf("read the host: %w", err)
		}
		key := removal.KeyOf(int64(c.Number), identity)
		noted, err := m.store.NoteRemoved(ctx, t, id, c.Number, c.Removed, c.Removed.With(key, now.UnixMilli()))
		if err == nil && noted && h != nil {
			noted, err = m.store.NoteRemovedOfHost(ctx, t, h.Email, h.Removed, h.Removed.With(key, now.UnixMilli()))
		}
		if noted || err != nil {
			return wrap("note who was removed", err)
		}
	}
	return problem.New(problem.Unavailable, "Others are being removed at the same time. Try again.")
}

func notFound() error { return problem.New(problem.NotFound, "There is no such conference.") }
