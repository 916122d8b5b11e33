// Package keystest has keys for tests.
package keystest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"seatmeter/shared/keys"
)

// Source is a source of keys that a test replaces. The zero value has none.
type Source struct {
	mu                sync.Mutex
	current, previous []byte
	err               error
	reads             int
}

// Key is a key that is one letter over and over.
func Key(letter string) []byte { return []byte(strings.Repeat(letter, keys.MinLength)) }

// Ring is a ring of the one key that is a letter over and over.
func Ring(t testing.TB, letter string) *keys.Ring {
	t.Helper()
	source := new(Source)
	source.Replace(Key(letter))
	ring, err := keys.Open(t.Context(), source, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// Replace makes the current key the previous one, and another the current one.
func (s *Source) Replace(key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.previous = key, s.current
}

// Fail makes the source fail, until it is called with nil.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Reads is how often a key was read.
func (s *Source) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// Current implements keys.Source.
func (s *Source) Current(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.current, s.err
}

// Previous implements keys.Source.
func (s *Source) Previous(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.previous, s.err
}
