package queue

import (
	"context"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
)

// MaxWaitMillis is the longest that a server waits. A wait that is not over by then ends
// with its record, before its session and its place expire (see session.KeepMillis).
const MaxWaitMillis = 24 * 60 * 60 * 1000

// renewTries bounds how often a renewal looks again because the place changed under it.
const renewTries = 5

// Standing is how a server's waiter stands.
type Standing struct {
	// Position is that in the queue, from 1.
	Position int
	Lease    seat.Lease
}

// Renew renews the lease of a server's session that waits, for as long as the seat is
// asked for, and tells how it stands. False: the session has no place, or its
// place has lapsed. A lease that was renewed later than this was asked for stays as it
// is. Safe to repeat, and to run twice at once.
func (q *Queues) Renew(ctx context.Context, s session.Session, atMillis int64) (Standing, bool, error) {
	next := seat.Lease{RenewedAtMillis: atMillis, Seconds: s.LeaseSeconds}
	for range renewTries {
		_, place, position, err := q.find(ctx, waiterOf(s))
		if err != nil || place == nil || place.Lapsed(atMillis) {
			return Standing{}, false, err
		}
		if place.Lease.RenewedAtMillis >= atMillis {
			return Standing{position, place.Lease}, true, nil
		}
		done, err := q.store.RenewPlace(ctx, *place, next)
		if done || err != nil {
			return Standing{position, next}, err == nil, problem.Wrap("renew a place", err)
		}
	}
	return Standing{}, false, problem.New(problem.Unavailable, "Others are renewing the same seat. Try again.")
}

// Lapse ends the lease of a waiter that has lapsed, so that it can be renewed no more.
// False: the place has changed since it was read, perhaps by a renewal. Safe to repeat.
func (q *Queues) Lapse(ctx context.Context, w Waiter) (bool, error) {
	if w.Lease.Seconds == 0 {
		return true, nil
	}
	ended := w.Lease
	ended.Seconds = 0
	done, err := q.store.RenewPlace(ctx, w, ended)
	return done, problem.Wrap("end a waiter's lease", err)
}
