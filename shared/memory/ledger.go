package memory

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// note says that a stay was recorded late, and when.
type note struct {
	atMillis int64
	stay     usage.Period
}

// Record implements usage.Ledger.
func (s *Store) Record(_ context.Context, stay usage.Stay) (leftMillis int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.Now().UnixMilli(); now-stay.JoinedAtMillis >= usage.LateMillis {
		s.late[stay.Tenant] = append(s.late[stay.Tenant], note{now, usage.Period{FromMillis: stay.JoinedAtMillis, ToMillis: stay.LeftAtMillis}})
	}
	key := stayKey{stay.JoinedAtMillis, stay.Connection}
	there, exists := s.stays[stay.Tenant][key]
	if !exists {
		there = stay
		within(s.stays, stay.Tenant)[key] = stay
	}
	return there.LeftAtMillis, nil
}

// Refuse implements usage.Ledger.
func (s *Store) Refuse(_ context.Context, r usage.Refusal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := refusalKey{r.AtMillis, r.Connection}
	if _, exists := s.refusals[r.Tenant][key]; !exists {
		within(s.refusals, r.Tenant)[key] = r
	}
	return nil
}

// Stays implements usage.History.
func (s *Store) Stays(_ context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Stay, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []usage.Stay
	for key, stay := range s.stays[t] {
		if key.joinedAtMillis >= fromMillis && key.joinedAtMillis < toMillis {
			found = append(found, stay)
		}
	}
	slices.SortFunc(found, func(a, b usage.Stay) int {
		return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	return each(found)
}

// Refusals implements usage.History.
func (s *Store) Refusals(_ context.Context, t tenant.ID, fromMillis, toMillis int64) iter.Seq2[usage.Refusal, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []usage.Refusal
	for key, r := range s.refusals[t] {
		if key.atMillis >= fromMillis && key.atMillis < toMillis {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b usage.Refusal) int {
		return cmp.Or(cmp.Compare(a.AtMillis, b.AtMillis), cmp.Compare(a.Connection, b.Connection))
	})
	return each(found)
}

// Late implements usage.History.
func (s *Store) Late(_ context.Context, t tenant.ID, sinceMillis int64) iter.Seq2[usage.Period, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []usage.Period
	for _, n := range s.late[t] {
		if n.atMillis >= sinceMillis {
			found = append(found, n.stay)
		}
	}
	return each(found)
}
