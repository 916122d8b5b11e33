// Package keys holds the secret keys that tokens and cursors are made with, so that
// a key can be replaced while clients hold tokens of the key before it.
//
// Of each secret two keys are good at a time. Tokens are made with the current key, and
// verified with the current or the previous one. A replacement makes the current key
// the previous one, so tokens of the key before that are refused. A ring reads its keys
// anew when none of them fits a token, and otherwise after an hour.
package keys

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

const (
	// MinLength is the least length of a key, in bytes.
	MinLength = 32
	// rereadAfter is the age from which a ring reads its keys anew, and retryAfter the
	// time until it tries again after a failure: a source that hangs must not delay
	// every call.
	rereadAfter = time.Hour
	retryAfter  = time.Minute
	// missAgain is the least time between two reads that find nothing new: forged
	// tokens must not make a ring read without end.
	missAgain = time.Second
	// idBytes is the length of a key's id before it is written in hexadecimal digits.
	idBytes = 8
)

// Source reads the keys of one secret. Errors are the source's own.
type Source interface {
	Current(ctx context.Context) ([]byte, error)
	// Previous is nil if the current key is the first.
	Previous(ctx context.Context) ([]byte, error)
}

// Key is a secret key.
type Key struct {
	// ID names the key in its tokens. It tells nothing about the secret.
	ID     string
	Secret []byte
}

func newKey(secret []byte) (Key, error) {
	if len(secret) < MinLength {
		return Key{}, fmt.Errorf("key of %d bytes, need %d", len(secret), MinLength)
	}
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte("seatmeter key id"))
	return Key{hex.EncodeToString(sum.Sum(nil)[:idBytes]), secret}, nil
}

// Ring is the good keys of one secret. Safe for use by many goroutines.
type Ring struct {
	source Source
	now    func() time.Time

	mu   sync.Mutex
	good []Key // the current one first
	// rereadAt is when the keys are to be read anew, missedAt when that last brought no
	// key that fitted.
	rereadAt, missedAt time.Time
}

// Open reads the current key. The previous one is read when something needs it, so
// that a process starts with one read.
func Open(ctx context.Context, source Source, now func() time.Time) (*Ring, error) {
	r := &Ring{source: source, now: now, rereadAt: now().Add(rereadAfter)}
	current, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	r.good = []Key{current}
	return r, nil
}

// Current is the key to make with. If the source fails, it is the key that was last
// read.
func (r *Ring) Current(ctx context.Context) Key {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refresh(ctx)
	return r.good[0]
}

// Find calls try with each good key, the current one first, until one fits. If none
// does, it reads the keys anew and tries those that it did not know. The error is the
// source's own: whether a key fits is then unknown.
func (r *Ring) Find(ctx context.Context, try func(Key) bool) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refresh(ctx)
	tried := make(map[string]bool, len(r.good))
	fits := func() bool {
		for _, key := range r.good {
			if !tried[key.ID] && try(key) {
				return true
			}
			tried[key.ID] = true
		}
		return false
	}
	if fits() {
		return true, nil
	}
	if r.now().Sub(r.missedAt) < missAgain {
		return false, nil
	}
	if err := r.read(ctx); err != nil {
		return false, err
	}
	if fits() {
		return true, nil
	}
	r.missedAt = r.now()
	return false, nil
}

// refresh reads the keys if that was long ago. If it fails, the known keys stay good.
func (r *Ring) refresh(ctx context.Context) {
	if r.now().Before(r.rereadAt) {
		return
	}
	if err := r.read(ctx); err != nil {
		r.rereadAt = r.now().Add(retryAfter)
	}
}

func (r *Ring) read(ctx context.Context) error {
	current, err := r.current(ctx)
	if err != nil {
		return err
	}
	good := []Key{current}
	secret, err := r.source.Previous(ctx)
	if err != nil {
		return fmt.Errorf("read the previous key: %w", err)
	}
	if secret != nil {
		previous, err := newKey(secret)
		if err != nil {
			return err
		}
		good = append(good, previous)
	}
	r.good, r.rereadAt = good, r.now().Add(rereadAfter)
	return nil
}

func (r *Ring) current(ctx context.Context) (Key, error) {
	secret, err := r.source.Current(ctx)
	if err != nil {
		return Key{}, fmt.Errorf("read the current key: %w", err)
	}
	return newKey(secret)
}
