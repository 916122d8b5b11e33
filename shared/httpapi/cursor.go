package httpapi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// minSecret bounds what a seal is made from, in bytes.
const minSecret = 32

// Seal makes cursors that only we can read or make: a position in a list may be
// an e-mail address, which is not to stand in a URL, and what nobody can write
// need not be feared. All that serve a list share one secret; with another one,
// cursors that are out are refused, and their lists begin anew.
//
// Each is sealed with a nonce drawn at random, which is sound for 2^32 pages
// under one secret.
type Seal struct{ box cipher.AEAD }

// NewSeal needs a secret of at least 32 bytes.
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

// close seals a position in a list.
func (s *Seal) close(list []byte, position string) string {
	sealed := s.box.Seal(nil, nil, []byte(position), list) //nolint:gosec // this box draws its nonces itself
	return base64.RawURLEncoding.EncodeToString(sealed)
}

// open gives the position back, if the cursor is one of this very list.
func (s *Seal) open(list []byte, cursor string) (position string, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return "", false
	}
	opened, err := s.box.Open(nil, nil, sealed, list)
	return string(opened), err == nil
}

// listOf names a list by what makes it this one: the operation, the tenant, and
// whatever else decides which items are in it. No two lists have one name.
func listOf(parts ...string) []byte {
	var name []byte
	for _, part := range parts {
		name = binary.AppendUvarint(name, uint64(len(part)))
		name = append(name, part...)
	}
	return name
}
