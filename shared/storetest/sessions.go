package storetest

import (
	"fmt"
	"slices"
	"testing"

	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/tenant"
)

func sessionOf(id tenant.ID, connection seat.ConnectionID) session.Session {
	return session.Session{
		Connection: connection, State: session.StateSeated, BeganMillis: 1_790_000_000_123, Tenant: id, Conference: "weekly",
		Number: 3, Host: "ann@example.org", Identity: "bob", Role: "participant",
		Block: seat.Block{Pool: seat.Pool{Tenant: id, Number: 3, Chair: true}, Index: 0}, Seat: 9,
		JoinedAtMillis: 1_790_000_000_123, Mark: 65_535, Limit: 25, InUse: 4,
	}
}

func connectionOf(id tenant.ID, n int) seat.ConnectionID {
	return seat.ConnectionID(fmt.Sprintf("%s-%04d=", id, n))
}

func sessionVersions(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	s := sessionOf(id, connectionOf(id, 1))
	none := (*session.Session)(nil)
	equal(t, "none yet", must(store.Session(ctx, s.Connection, true))(t), none)
	equal(t, "begin", must(store.Begin(ctx, s))(t), none)
	equal(t, "begin again", must(store.Begin(ctx, s))(t), &s)
	equal(t, "read", must(store.Session(ctx, s.Connection, false))(t), &s)
	next := s.Leave(1_790_000_000_456)
	next.QueuedMillis, next.QueuedOwn = 1_790_000_000_789, true
	equal(t, "change", must(store.Change(ctx, next))(t), none)
	equal(t, "read what has just changed", must(store.Session(ctx, s.Connection, true))(t), &next)
	equal(t, "change again", must(store.Change(ctx, next))(t), &next)
	unknown := sessionOf(id, connectionOf(id, 2))
	unknown.Version = 1
	equal(t, "change what is not there",
		must(store.Change(ctx, unknown))(t), &session.Session{Connection: unknown.Connection, State: session.StateGone})
	found := must(store.Sessions(ctx, []seat.ConnectionID{s.Connection, unknown.Connection, s.Connection}, true))(t)
	equal(t, "many", found, map[seat.ConnectionID]session.Session{s.Connection: next})
}

func lobby(t *testing.T, store Store, id tenant.ID) {
	ctx := t.Context()
	waiting := sessionOf(id, connectionOf(id, 1)).Leave(1_790_000_000_456)
	waiting.Version = 0
	seated := sessionOf(id, connectionOf(id, 2))
	next := sessionOf(id, connectionOf(id, 3)).Leave(1_790_000_000_456) // of a conference that has the id after it
	next.Version, next.Number = 0, waiting.Number+1
	must(store.Begin(ctx, waiting))(t)
	must(store.Begin(ctx, seated))(t)
	must(store.Begin(ctx, next))(t)
	want := []seat.ConnectionID{waiting.Connection}
	eventually(t, "the lobby lists who waits", func() bool {
		return slices.Equal(must(store.Lobby(ctx, id, waiting.Number))(t), want)
	})
	gone := waiting
	gone.State = session.StateGone
	gone.Version++
	must(store.Change(ctx, gone))(t)
	eventually(t, "and nobody else", func() bool { return len(must(store.Lobby(ctx, id, waiting.Number))(t)) == 0 })
}
