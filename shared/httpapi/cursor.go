package httpapi

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"seatmeter/shared/keys"
)

// Seal encrypts and authenticates cursors. A cursor holds a position in a list, which
// may be an e-mail address and must not be readable in a URL; and a caller cannot
// forge one. All functions that serve a list share one ring of keys. A cursor that no
// good key has sealed is refused, and its list starts over.
//
// Each cursor has a random nonce, which is safe for 2^32 cursors under one key.
type Seal struct{ ring *keys.Ring }

// NewSeal returns a seal.
func NewSeal(ring *keys.Ring) *Seal { return &Seal{ring} }

// box returns what seals new cursors.
func (s *Seal) box(ctx context.Context) (cipher.AEAD, error) { return boxOf(s.ring.Current(ctx)) }

// open decrypts a cursor. It returns false for a cursor of any other list. The error
// is that of the source of keys: the cursor may be good.
func (s *Seal) open(ctx context.Context, list []byte, cursor string) (position string, ok bool, err error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", false, nil //nolint:nilerr // it is no cursor
	}
	ok, err = s.ring.Find(ctx, func(key keys.Key) bool {
		box, err := boxOf(key)
		if err != nil {
			return false
		}
		opened, err := box.Open(nil, nil, sealed, list)
		position = string(opened)
		return err == nil
	})
	return position, ok, err //nolint:wrapcheck // the ring's own
}

func boxOf(key keys.Key) (cipher.AEAD, error) {
	sum := sha256.Sum256(key.Secret)
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, fmt.Errorf("make the cursors' cipher: %w", err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the cursors' box: %w", err)
	}
	return box, nil
}

// listOf returns the unique name of a list: the operation, the tenant, and the
// parameters that decide which items are in it.
func listOf(parts ...string) []byte {
	var name []byte
	for _, part := range parts {
		name = binary.AppendUvarint(name, uint64(len(part)))
		name = append(name, part...)
	}
	return name
}
