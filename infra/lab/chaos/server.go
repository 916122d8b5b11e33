package chaos

import (
	"context"
	"errors"
	"slices"
	"time"

	"seatmeter/infra/client"
)

const (
	// renewEvery is the time between renewals, and leastTTL the shortest for which a
	// seat is taken.
	renewEvery = time.Second
	leastTTL   = 15
	// spare is how long before its seat lapses a server counts it no more.
	spare = 4 * time.Second
)

// server is a conference server that takes a seat, renews it and gives it back or falls
// silent, repeatedly.
type server struct {
	visitor
	api *client.Admin
}

func (v *server) comeAndGo(ctx context.Context) {
	pause(v.run.loading, between(v.random, 0, 2*time.Second))
	for v.run.loading.Err() == nil {
		m := v.customer.rooms[v.random.IntN(len(v.customer.rooms))]
		if s := v.take(ctx, m); s != nil {
			v.renew(ctx, s)
			s.leave()
			v.end(ctx, s)
			continue
		}
		pause(v.run.loading, between(v.random, 300*time.Millisecond, 1500*time.Millisecond))
	}
}

// leased is a seat that a server was given.
type leased struct {
	*presence
	id      string
	ttl     int
	expires time.Time
}

// take tries once to get a seat, and may wait for one. Nil: it got none.
func (v *server) take(ctx context.Context, m *room) *leased {
	turn, open := m.now()
	if !open {
		return nil
	}
	began, ttl := time.Now(), leastTTL+v.random.IntN(leastTTL)
	taken, err := v.call(ctx, func(ctx context.Context) (client.ServerSeat, error) {
		return v.api.TakeSeat(ctx, v.customer.id, m.id, client.SeatRequest{
			Identity: v.identity, Role: client.RoleParticipant, TTLSeconds: ttl, Wait: v.random.Float64() < waits,
		})
	})
	s := &leased{presence: &presence{room: m, turn: turn, since: began}, id: taken.Seat, ttl: ttl, expires: taken.ExpiresAt}
	if err == nil && taken.State == client.SeatQueued {
		v.customer.tally.queued.Add(1)
		if !v.wait(ctx, s) {
			return nil
		}
	} else if err != nil {
		v.denied(err)
		return nil
	}
	s.presence = m.enter(turn, true)
	v.counted()
	return s
}

// wait polls a seat's place in the queue. False: it got no seat.
func (v *server) wait(ctx context.Context, s *leased) bool {
	waiting, cancel := context.WithTimeout(v.run.loading, between(v.random, time.Second, longestWait))
	defer cancel()
	for waiting.Err() == nil {
		pause(waiting, renewEvery)
		now, err := v.call(ctx, func(ctx context.Context) (client.ServerSeat, error) {
			return v.api.ServerSeat(ctx, v.customer.id, s.id)
		})
		p, refused := errors.AsType[*client.Problem](err)
		switch {
		case err == nil && now.State == client.SeatAdmitted:
			v.customer.tally.fromQueue.Add(1)
			s.expires = now.ExpiresAt
			return true
		case err == nil:
			s.expires = now.ExpiresAt
		case refused && p.Status < 500:
			v.denied(err)
			v.customer.tally.maybe.Add(1) // it may have had the seat, and asked too late
			return false
		}
	}
	v.customer.tally.gaveUp.Add(1)
	v.customer.tally.maybe.Add(1) // a seat may just have been given to it
	v.end(ctx, s)
	return false
}

// renew keeps a seat for a random time, until its conference ends, or for as long as
// renewals are answered.
func (v *server) renew(ctx context.Context, s *leased) {
	staying, cancel := context.WithTimeout(v.run.loading, time.Duration((0.2+3*v.random.Float64())*float64(v.customer.stay)))
	defer cancel()
	for staying.Err() == nil && s.stands() && time.Until(s.expires) > spare {
		pause(staying, renewEvery)
		before, stop := context.WithDeadline(ctx, s.expires.Add(-spare))
		renewed, err := v.api.RenewSeats(before, v.customer.id, client.Renewals{Seats: []string{s.id}, TTLSeconds: s.ttl})
		stop()
		switch {
		case err != nil:
			continue // again, until the seat is about to lapse
		case slices.Contains(renewed.Renewed, s.id):
			s.expires = renewed.ExpiresAt
		case s.stands() && time.Until(s.expires) > 0:
			v.run.breach("%s: seat %s of a server lapsed %.0f s too early", v.customer.id, s.id, time.Until(s.expires).Seconds())
			return
		default:
			return
		}
	}
}

// end gives a seat back or leaves the queue, or falls silent.
func (v *server) end(ctx context.Context, s *leased) {
	gone := time.Now()
	if v.random.Float64() < abandons || retried(ctx, func(ctx context.Context) error {
		return v.api.ReleaseSeat(ctx, v.customer.id, s.id)
	}) != nil {
		gone = s.expires.Add(time.Duration(s.ttl) * time.Second) // a renewal may not have been answered
	}
	v.customer.ghosts.add(&deadConn{room: s.room, turn: s.turn, connection: s.id, joined: s.since, died: gone})
}

// denied counts a seat that a server did not get.
func (v *server) denied(err error) {
	t := &v.customer.tally
	p, answered := errors.AsType[*client.Problem](err)
	switch {
	case !answered:
		t.broken.Add(1)
		t.maybe.Add(1)
	case p.Code == client.CodeUnavailable:
		t.unavailable.Add(1)
		t.maybe.Add(1)
	case p.Status >= 500:
		t.failed.Add(1)
		t.maybe.Add(1)
	default:
		v.answered(p.Code)
	}
}

func (v *server) call(ctx context.Context, ask func(context.Context) (client.ServerSeat, error)) (client.ServerSeat, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return ask(ctx)
}
