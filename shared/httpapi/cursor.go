package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// minSecret is the least length of a seal's secret, in bytes.
const minSecret = 32

// Seal encrypts and authenticates cursors. A cursor holds a position in a list, which
// may be an e-mail address and must not be readable in a URL; and a caller cannot
// forge one. All functions that serve a list share one secret. With a new secret,
// earlier cursors are refused and their lists start over.
//
// Each cursor has a random nonce, which is safe for 2^32 cursors under one secret.
type Seal struct{ box cipher.AEAD }

// NewSeal returns a seal of a secret of at least 32 bytes.
func NewSeal(secret []byte) (*Seal, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("cursor secret: %d bytes, need %d", len(secret), minSecret)
	}
	key := sha256.Sum256(secret)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make the cursors' cipher: %w", err)
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make the cursors' box: %w", err)
	}
	return &Seal{box}, nil
}

// close encrypts a position in a list.
func (s *Seal) close(list []byte, position string) string {
	sealed := s.box.Seal(nil, nil, []byte(position), list) //nolint:gosec // this box draws its nonces itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// open decrypts a cursor. It returns false for a cursor of any other list.
func (s *Seal) open(list []byte, cursor string) (position string, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", false
	}
	opened, err := s.box.Open(nil, nil, sealed, list)
	return string(opened), err == nil
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
