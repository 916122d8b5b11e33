package memory

import (
	"context"
	"slices"

	"seatmeter/shared/audit"
	"seatmeter/shared/tenant"
)

// BeginAction implements audit.Log.
func (s *Store) BeginAction(_ context.Context, e audit.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if there, exists := s.actions[e.Tenant][e.Name]; exists {
		if there != e {
			return audit.ErrTaken
		}
		return nil
	}
	within(s.actions, e.Tenant)[e.Name] = e
	return nil
}

// EndAction implements audit.Log.
func (s *Store) EndAction(_ context.Context, t tenant.ID, n audit.Name, o audit.Outcome) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.outcomes[t][n]; !exists {
		within(s.outcomes, t)[n] = o
	}
	return nil
}

// Actions implements audit.Log.
func (s *Store) Actions(_ context.Context, t tenant.ID, fromMillis, toMillis int64, after audit.Name, limit int) ([]audit.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []audit.Record
	for name, e := range s.actions[t] {
		if name.AtMillis < fromMillis || name.AtMillis >= toMillis || after != (audit.Name{}) && name.Compare(after) >= 0 {
			continue
		}
		o, known := s.outcomes[t][name]
		if !known {
			o.Result = audit.ResultUnknown
		}
		list = append(list, audit.Record{Entry: e, Outcome: o})
	}
	slices.SortFunc(list, func(a, b audit.Record) int { return b.Name.Compare(a.Name) })
	return list[:min(limit, len(list))], nil
}
