package memory

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// calendar is a tenant's, by one zone.
type calendar struct {
	tenant tenant.ID
	zone   string
}

// kept is what is rolled up of a calendar, by when it begins.
type kept struct {
	days   map[int64]rollup.Day
	months map[int64]rollup.Month
}

// Progress implements rollup.Buckets.
func (s *Store) Progress(_ context.Context, t tenant.ID) (*rollup.Progress, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return lookup(s.rolledUp, t), nil
}

// SaveProgress implements rollup.Buckets.
func (s *Store) SaveProgress(_ context.Context, t tenant.ID, p rollup.Progress) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rolledUp[t] = p
	return nil
}

// PutDay implements rollup.Buckets.
func (s *Store) PutDay(_ context.Context, t tenant.ID, zone string, d rollup.Day) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	days := s.calendar(t, zone).days
	from := d.Summary.Row.FromMillis
	if was, there := days[from]; there && was.Records > d.Records {
		return nil
	}
	delete(days, from)
	if !d.Summary.Row.Still() {
		days[from] = d
	}
	return nil
}

// PutMonth implements rollup.Buckets.
func (s *Store) PutMonth(_ context.Context, t tenant.ID, zone string, m rollup.Month) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	months := s.calendar(t, zone).months
	if was, there := months[m.Row.FromMillis]; there && was.Records > m.Records {
		return nil
	}
	delete(months, m.Row.FromMillis)
	if !m.Row.Still() {
		months[m.Row.FromMillis] = m
	}
	return nil
}

// calendar is what is kept of one, made if it is new. The store is locked.
func (s *Store) calendar(t tenant.ID, zone string) kept {
	c := calendar{t, zone}
	if _, there := s.kept[c]; !there {
		s.kept[c] = kept{make(map[int64]rollup.Day), make(map[int64]rollup.Month)}
	}
	return s.kept[c]
}

// Rows implements rollup.Buckets.
func (s *Store) Rows(_ context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []usage.Row
	all := s.calendar(t, zone)
	for _, m := range all.months {
		if g == usage.GranularityMonth {
			rows = append(rows, m.Row)
		}
	}
	for _, d := range all.days {
		switch g {
		case usage.GranularityDay:
			rows = append(rows, d.Summary.Row)
		case usage.GranularityHour:
			rows = append(rows, d.Hours...)
		case usage.GranularityQuarterHour:
			rows = append(rows, d.Quarters...)
		case usage.GranularityMonth, usage.GranularityTotal:
		}
	}
	rows = slices.DeleteFunc(rows, func(r usage.Row) bool {
		return r.Still() || r.FromMillis < fromMillis || r.FromMillis >= toMillis
	})
	slices.SortFunc(rows, func(a, b usage.Row) int { return cmp.Compare(a.FromMillis, b.FromMillis) })
	return each(rows)
}

// Days implements rollup.Buckets.
func (s *Store) Days(_ context.Context, t tenant.ID, zone string, fromMillis, toMillis int64) iter.Seq2[rollup.Day, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var days []rollup.Day
	for from, d := range s.calendar(t, zone).days {
		if from >= fromMillis && from < toMillis {
			d.Hours, d.Quarters = nil, nil
			days = append(days, d)
		}
	}
	slices.SortFunc(days, func(a, b rollup.Day) int {
		return cmp.Compare(a.Summary.Row.FromMillis, b.Summary.Row.FromMillis)
	})
	return each(days)
}

// Cursor implements rollup.Buckets.
func (s *Store) Cursor(context.Context) (tenant.ID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor, nil
}

// SaveCursor implements rollup.Buckets.
func (s *Store) SaveCursor(_ context.Context, after tenant.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor = after
	return nil
}
