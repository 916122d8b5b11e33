package main

import (
	"sync"
	"time"
)

// key identifies a seat: by the room, and by the seat's id in the participant's identity.
type key struct {
	place
	seat string
}

// record is the state of a seat, as far as this process knows it.
type record struct {
	// current is the seat's id now: another than in the identity if the seat lapsed while
	// Seatmeter could not be reached, and another one was taken.
	current      string
	person, role string
	// due is when to renew, and until when the seat lapses.
	due, until time.Time
	// confirmed is true once Seatmeter has said that there is this seat; missed, if a
	// renewal has failed since.
	confirmed, missed bool
	asking            bool // a renewal is under way
}

// seats has the records of the seats of participants, and of the seats whose token has
// not been used yet. Safe for use by many goroutines. A new process has no records, and so
// asks Seatmeter about each seat.
type seats struct {
	ttl     time.Duration
	mu      sync.Mutex
	records map[key]*record
}

func newSeats(ttl time.Duration) *seats { return &seats{ttl: ttl, records: map[key]*record{}} }

func (s *seats) renewEvery() time.Duration { return s.ttl / 3 }

// retryAfter is how long to wait after a renewal without an answer.
func (s *seats) retryAfter() time.Duration { return s.ttl / 10 }

// took notes a seat that was taken.
func (s *seats) took(at place, taken takenSeat, person, role string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[key{at, taken.Seat}] = &record{
		current: taken.Seat, person: person, role: role, confirmed: true, until: taken.ExpiresAt, due: now.Add(s.renewEvery()),
	}
}

// ask tells whether a seat is to be renewed now, and by which id. If so, nobody else is
// told until the answer is noted. A seat that is not known is to be renewed.
func (s *seats) ask(k key, person string, now time.Time) (current string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[k]
	if r == nil {
		r = &record{current: k.seat, person: person, role: "participant", until: now.Add(s.ttl)}
		s.records[k] = r
	}
	if r.asking || now.Before(r.due) {
		return "", false
	}
	r.asking = true
	return r.current, true
}

// renewed notes a renewal, unless the seat was forgotten meanwhile.
func (s *seats) renewed(k key, until, now time.Time) {
	s.change(k, func(r *record) {
		r.asking, r.confirmed, r.missed = false, true, false
		r.until, r.due = until, now.Add(s.renewEvery())
	})
}

// failed notes a renewal without an answer. Only an answer says that a seat has lapsed.
func (s *seats) failed(k key, now time.Time) {
	s.change(k, func(r *record) {
		r.asking, r.missed, r.due = false, true, now.Add(s.retryAfter())
	})
}

// replaced notes that another seat was taken in place of a lapsed one.
func (s *seats) replaced(k key, taken takenSeat, now time.Time) (known bool) {
	return s.change(k, func(r *record) {
		r.asking, r.missed = false, false
		r.current, r.until, r.due = taken.Seat, taken.ExpiresAt, now.Add(s.renewEvery())
	})
}

func (s *seats) change(k key, how func(*record)) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[k]
	if r != nil {
		how(r)
	}
	return r != nil
}

// get is a copy of what is known of a seat.
func (s *seats) get(k key) (record, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[k]; r != nil {
		return *r, true
	}
	return record{}, false
}

// forget forgets a seat, and gives its id.
func (s *seats) forget(at place, seat string) (current string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{at, seat}
	if r := s.records[k]; r != nil {
		delete(s.records, k)
		return r.current
	}
	return seat
}

// sweep forgets the seats that nobody was in with for long: a seat of a person who is in
// is asked about again before.
func (s *seats) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.records {
		if !r.asking && now.After(r.due.Add(s.ttl)) && now.After(r.until) {
			delete(s.records, k)
		}
	}
}
