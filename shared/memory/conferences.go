package memory

import (
	"context"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/tenant"
)

// Advance implements conference.Conferences.
func (s *Store) Advance(_ context.Context, t tenant.ID, id conference.ID, number conference.Number, to conference.State, at time.Time) (*conference.Conference, error) {
	return s.change(t, id, func(c *conference.Conference) {
		if c.Number == number && c.State.Before(to) {
			enter(c, to, at)
		}
	})
}

// Finish implements conference.Conferences.
func (s *Store) Finish(_ context.Context, t tenant.ID, id conference.ID, number conference.Number) error {
	_, err := s.change(t, id, func(c *conference.Conference) {
		if c.Number == number && c.State == conference.StateEnded {
			c.Ending = false
		}
	})
	return err
}

// Vacate implements conference.Conferences.
func (s *Store) Vacate(_ context.Context, t tenant.ID, id conference.ID, number conference.Number, since time.Time) error {
	_, err := s.change(t, id, func(c *conference.Conference) {
		if c.Number == number && c.State == conference.StateLive && c.VacantSince.IsZero() {
			c.VacantSince = since
		}
	})
	return err
}

// Occupy implements conference.Conferences.
func (s *Store) Occupy(_ context.Context, t tenant.ID, id conference.ID, number conference.Number) (*conference.Conference, error) {
	return s.change(t, id, func(c *conference.Conference) {
		if c.Number == number && c.State == conference.StateLive {
			c.VacantSince = time.Time{}
		}
	})
}

// Expire implements conference.Conferences.
func (s *Store) Expire(_ context.Context, t tenant.ID, id conference.ID, number conference.Number, since, at time.Time) (*conference.Conference, error) {
	return s.change(t, id, func(c *conference.Conference) {
		if c.Number == number && c.State == conference.StateLive && c.VacantSince.UnixMilli() == since.UnixMilli() {
			enter(c, conference.StateEnded, at)
		}
	})
}

// enter puts a conference into a later state.
func enter(c *conference.Conference, to conference.State, at time.Time) {
	c.State = to
	if to == conference.StateLive {
		c.LiveAt = at
		return
	}
	c.EndedAt, c.Ending, c.VacantSince = at, true, time.Time{}
}

// change changes a conference in one step and gives it as it then stands.
func (s *Store) change(t tenant.ID, id conference.ID, by func(*conference.Conference)) (*conference.Conference, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, exists := s.conferences[t][id]
	if !exists {
		return nil, nil
	}
	by(&c)
	s.conferences[t][id] = c
	return &c, nil
}
