package memory

import (
	"context"
	"slices"

	"seatmeter/shared/statement"
	"seatmeter/shared/tenant"
)

// AddStatement implements statement.Statements.
func (s *Store) AddStatement(_ context.Context, sealed statement.Sealed) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.statements[sealed.Tenant][sealed.Name()]; there {
		return false, nil
	}
	within(s.statements, sealed.Tenant)[sealed.Name()] = sealed
	return true, nil
}

// Statement implements statement.Statements.
func (s *Store) Statement(_ context.Context, t tenant.ID, period string, revision int) (*statement.Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if revision == 0 {
		for name := range s.statements[t] {
			if name.Period == period {
				revision = max(revision, name.Revision)
			}
		}
	}
	return lookup(s.statements[t], statement.Name{Period: period, Revision: revision}), nil
}

// Statements implements statement.Statements.
func (s *Store) Statements(_ context.Context, t tenant.ID, after statement.Name, limit int) ([]statement.Sealed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []statement.Sealed
	for name, sealed := range s.statements[t] {
		if name.Compare(after) > 0 {
			list = append(list, sealed)
		}
	}
	slices.SortFunc(list, func(a, b statement.Sealed) int { return a.Name().Compare(b.Name()) })
	return list[:min(limit, len(list))], nil
}
