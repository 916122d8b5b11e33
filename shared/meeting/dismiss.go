package meeting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"

	"golang.org/x/sync/errgroup"
)

// parallel bounds how many connections are told or closed at once.
const parallel = 16

// Dismiss tells one connection that its conference has ended, ends its stay and
// closes it. Safe to repeat.
func (m *Meetings) Dismiss(ctx context.Context, id seat.ConnectionID, now time.Time) error {
	return m.dismiss(ctx, []seat.ConnectionID{id}, message{Type: "conference_ended"}, now, usage.EndConferenceEnded)
}

// dismiss tells connections something, ends their stays and closes them. That
// one cannot be told or closed does not keep the others, nor its own seat: the
// first error is reported when all are done.
func (m *Meetings) dismiss(ctx context.Context, ids []seat.ConnectionID, text message, now time.Time, end usage.End) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, id := range ids {
		group.Go(func() error {
			told := m.push(ctx, id, text)
			if errors.Is(told, ErrGone) {
				told = nil
			}
			left := m.departures.Leave(ctx, id, now.UnixMilli(), end)
			closed := m.close(ctx, id)
			if err := errors.Join(told, left, closed); err != nil {
				return fmt.Errorf("dismiss %s: %w", id, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Close closes a connection whose stay has ended. Safe to repeat.
func (m *Meetings) Close(ctx context.Context, id seat.ConnectionID) error {
	return problem.Wrap("close a connection", m.close(ctx, id))
}

// close closes a connection, unless it is a server's, which finds out by its next
// renewal.
func (m *Meetings) close(ctx context.Context, id seat.ConnectionID) error {
	if id.OfServer() {
		return nil
	}
	return m.gateway.Close(ctx, id) //nolint:wrapcheck // by the callers
}

// message is what connections are told without having asked.
type message struct {
	Type   string `json:"type"`
	Detail string `json:"detail,omitempty"`
}

// push tells a connection something. A server's connections are told nothing.
func (m *Meetings) push(ctx context.Context, id seat.ConnectionID, text message) error {
	if id.OfServer() {
		return nil
	}
	body, err := json.Marshal(text)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if err := m.gateway.Push(ctx, id, body); err != nil {
		return fmt.Errorf("push to %s: %w", id, err)
	}
	return nil
}

// courtesy is how long the one who brings a conference to life tells the lobby.
const courtesy = 5 * time.Second

// Announce tells a conference's lobby that it went live. The visitor who brought
// the conference to life does not wait long for it: whoever is not told finds out
// by asking.
func (m *Meetings) Announce(ctx context.Context, s session.Session) {
	ids, err := m.store.Lobby(ctx, s.Tenant, s.Number)
	if err != nil {
		m.log.WarnContext(ctx, "the lobby was not told", "tenant", s.Tenant, "conference", s.Conference, "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, courtesy)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(parallel)
	for n, id := range ids {
		if ctx.Err() != nil {
			m.log.WarnContext(ctx, "some of the lobby were not told", "tenant", s.Tenant, "conference", s.Conference, "connections", len(ids)-n)
			break
		}
		group.Go(func() error {
			if err := m.push(ctx, id, message{Type: "conference_live"}); err != nil && !errors.Is(err, ErrGone) {
				m.log.WarnContext(ctx, "a lobby connection was not told", "tenant", s.Tenant, "connection", id, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return nil
}

// CloseReplaced is CloseReplacedBy for the session of a connection.
func (m *Meetings) CloseReplaced(ctx context.Context, id seat.ConnectionID) error {
	s, err := m.store.Session(ctx, id, false)
	if err != nil || s == nil {
		return problem.Wrap("read the session", err)
	}
	return m.CloseReplacedBy(ctx, *s)
}

// TellReplaced tells the connection whose seat a session took over, if it did.
func (m *Meetings) TellReplaced(ctx context.Context, s session.Session) {
	if s.From == "" {
		return
	}
	told := m.push(ctx, s.From, message{Type: "removed", Detail: "Another connection has taken over the seat."})
	if told != nil && !errors.Is(told, ErrGone) {
		m.log.WarnContext(ctx, "a connection was not told that its seat was taken over", "tenant", s.Tenant, "connection", s.From, "error", told)
	}
}

// CloseReplacedBy closes the connection that a session took its seat over from, if
// that is still open and has not joined anew. Safe to repeat.
func (m *Meetings) CloseReplacedBy(ctx context.Context, s session.Session) error {
	if s.From == "" {
		return nil
	}
	old, err := m.store.Session(ctx, s.From, true)
	if err != nil || old == nil || old.State != session.StateSeated || old.StayID != s.StayID {
		return problem.Wrap("read the session of a connection that was replaced", err)
	}
	old.State = session.StateGone
	old.Version++
	if there, err := m.store.Change(ctx, *old); err != nil || there != nil {
		return problem.Wrap("close a connection that was replaced", err)
	}
	return problem.Wrap("close a connection that was replaced", m.gateway.Close(ctx, s.From))
}
