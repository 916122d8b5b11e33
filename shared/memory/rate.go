package memory

import (
	"context"
	"maps"

	"seatmeter/shared/rate"
)

type rateWindow struct {
	key    rate.Key
	window int64
}

// Count implements rate.Counter. It forgets a key's earlier windows when one
// begins.
func (s *Store) Count(_ context.Context, k rate.Key, window int64, n int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := rateWindow{k, window}
	if _, there := s.rates[at]; !there {
		maps.DeleteFunc(s.rates, func(w rateWindow, _ int64) bool { return w.window < window-1 })
	}
	s.rates[at] += int64(n)
	return s.rates[at], nil
}
