package admission

import (
	"context"
	"errors"
	"fmt"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/removal"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// Visitor is a connection that asks to be admitted.
type Visitor struct {
	jointoken.Pass
	Connection seat.ConnectionID
	// AtMillis is when it came, by the gateway's clock.
	AtMillis int64
	// Origin is that of the browser's page that connects; empty for other
	// clients.
	Origin string
	// Wait: it waits in the pool's queue where no seat is free.
	Wait bool
	// LeaseSeconds is set for a server's seat: how long it lasts unless it is renewed.
	LeaseSeconds int
	// turn: it is its turn in the pool's queue.
	turn bool
	// version is that of the session to be written: zero where there is none.
	version int64
}

// admissionTries bounds how often a join starts over because the license, the
// conference or the session changed under it.
const admissionTries = 5

// Why a join acts and does not answer. errStaleCache: the join went by something out
// of date. errPoolNotFound: the pool that it draws on is not open. errUnsearched:
// a refusal came from a directory, which does not know that the connection may be in
// already.
var (
	errStaleCache   = errors.New("out of date")
	errPoolNotFound = errors.New("no such pool")
	errRemoved      = errors.New("removed")
	errUnsearched   = errors.New("its directory says that the pool is full")
)

// Connect admits a new connection to a seat.
//
// It takes the seat, and then writes the session and reads the conference at the
// same time. Safe to repeat and to run twice at once: the same connection
// keeps one seat, and one session. Delivered after the connection was closed it
// finds the tombstone (or the session of the stay that is over) and gives the
// seat back. A process that dies after the take leaves a seat without a session,
// which the next delivery completes, or reconciliation frees.
func (x *Admissions) Connect(ctx context.Context, v Visitor) error {
	if err := x.withinRate(ctx, v); err != nil {
		return err
	}
	a, err := x.admit(ctx, v)
	if errors.Is(err, errUnsearched) && x.admittedBefore(ctx, v, false) {
		return nil // it is in a block that nobody looked at
	}
	if pool, full := fullPool(v.Tenant, v.Number, err); full && v.Wait {
		_, _, err = x.connectToQueue(ctx, v, pool, err)
		return err
	}
	if err != nil {
		return x.refuse(ctx, v, err)
	}
	a.session.BeganMillis = v.AtMillis
	_, err = x.complete(ctx, v, a)
	if err == nil {
		metrics.Count(ctx, metrics.Joins, 1)
	}
	return x.unlessAdmittedBefore(ctx, v, err)
}

// admittedBefore tells whether a connection has its seat by an earlier delivery
// of its $connect. In a storm of refusals a read that is not consistent does.
func (x *Admissions) admittedBefore(ctx context.Context, v Visitor, consistent bool) bool {
	s, err := x.store.Session(ctx, v.Connection, consistent)
	if err != nil || s == nil {
		return false
	}
	seated, err := x.departures.HasSeat(ctx, *s, v.AtMillis)
	return err == nil && seated
}

// unlessAdmittedBefore is for a $connect that finds another session of its
// connection than the one it was to write.
func (x *Admissions) unlessAdmittedBefore(ctx context.Context, v Visitor, err error) error {
	if !errors.Is(err, errStaleCache) {
		return err
	}
	if x.admittedBefore(ctx, v, true) {
		return nil
	}
	return problem.New(problem.Unavailable, "Please try again.")
}

// EnterLobby lets a new connection into the lobby. It costs no seat, and is refused
// for no want of one, nor because the conference has ended: in the lobby a
// client learns why it cannot join. Safe to repeat.
func (x *Admissions) EnterLobby(ctx context.Context, v Visitor) error {
	if err := x.withinRate(ctx, v); err != nil {
		return err
	}
	if err := x.welcome(ctx, v); err != nil {
		return err
	}
	c, err := x.conferenceForToken(ctx, v, true)
	if err != nil {
		return err
	}
	if err := notRemoved(v, c.Removed); err != nil {
		return err
	}
	s := visit(v, c)
	s.State, s.BeganMillis = session.StateLobby, v.AtMillis
	there, err := x.store.Begin(ctx, s)
	if err != nil {
		return fmt.Errorf("enter the lobby: %w", err)
	}
	if there != nil && there.State == session.StateGone {
		return session.NotFound()
	}
	return nil
}

// notRemoved refuses a visitor who was removed from the conference after the
// visitor's token was issued. Notes that are out of date refuse nobody wrongly. For
// a server's visitor no token is issued, so a removal bars the person for good.
func notRemoved(v Visitor, notes removal.Notes) error {
	if notes.Refuses(removal.KeyOf(int64(v.Number), v.Identity), v.IssuedMillis) {
		if v.LeaseSeconds != 0 {
			return problem.New(problem.Forbidden, "The person was removed from the conference.").Because(errRemoved)
		}
		return problem.New(problem.TokenInvalid, "The token was issued before its bearer was removed from the conference.").Because(errRemoved)
	}
	return nil
}

// visit is the session of a visitor, without a place yet.
func visit(v Visitor, c conference.Conference) session.Session {
	return session.Session{
		Connection: v.Connection, Tenant: v.Tenant, Conference: v.Conference, Number: c.Number,
		Host: c.Host, HostPseudonym: c.HostPseudonym, Identity: v.Identity, Pseudonym: v.Pseudonym, Role: v.Role,
		IssuedMillis: v.IssuedMillis, Version: v.version, LeaseSeconds: v.LeaseSeconds,
	}
}
