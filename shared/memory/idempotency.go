package memory

import (
	"context"
	"slices"

	"seatmeter/shared/idempotency"
)

// ClaimKey implements idempotency.Keys.
func (s *Store) ClaimKey(_ context.Context, c idempotency.Claim) (idempotency.Attempt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempt := idempotency.Judge(lookup(s.keys, c.Key), c)
	if attempt.Outcome == idempotency.OutcomeClaimed {
		s.keys[c.Key] = idempotency.Record{
			Fingerprint: c.Fingerprint, Holder: c.Holder, LapsesAtMillis: c.LapsesAtMillis, ExpiresAtMillis: c.ExpiresAtMillis,
		}
	}
	return attempt, nil
}

// KeepAnswer implements idempotency.Keys.
func (s *Store) KeepAnswer(_ context.Context, c idempotency.Claim, a idempotency.Answer) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, there := s.keys[c.Key]
	if !there || r.Holder != c.Holder {
		return false, nil
	}
	a.Body = slices.Clone(a.Body)
	r.Answer = &a
	s.keys[c.Key] = r
	return true, nil
}

// ReleaseKey implements idempotency.Keys.
func (s *Store) ReleaseKey(_ context.Context, c idempotency.Claim) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, there := s.keys[c.Key]; there && r.Holder == c.Holder && r.Answer == nil {
		r.Holder, r.LapsesAtMillis = "", 0
		s.keys[c.Key] = r
	}
	return nil
}
