// Package removal keeps who was removed from a conference from coming back.
//
// Terms: a note says when a person was last removed from a conference. A token of
// that person for that conference that was issued before, or at the same
// millisecond, lets nobody in any more; a later one does. Notes stand in the
// conference and, since a participant under a named license reads the host in its
// place, in the host.
package removal

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
)

const (
	// keepMillis is how long a note is kept: longer than a token or a connection
	// lives that was there before it.
	keepMillis = 26 * 60 * 60 * 1000
	// mostNotes bounds the notes of one conference or host. Beyond it the oldest
	// notes go, and tokens of those people are good again until they expire.
	mostNotes = 500
	// keyBytes is how much of a digest tells people apart.
	keyBytes = 12
)

// Key is a person in a conference. It does not tell who that is.
type Key string

// KeyOf is the key of an identity in the conference with a number.
func KeyOf(number int64, identity string) Key {
	digest := sha256.Sum256(fmt.Appendf(nil, "%d %s", number, identity))
	return Key(base64.RawURLEncoding.EncodeToString(digest[:keyBytes]))
}

// Notes are when people were removed. Unix milliseconds.
type Notes map[Key]int64

// With gives the notes with one more, without those that have had their time.
func (n Notes) With(key Key, atMillis int64) Notes {
	with := make(Notes, len(n)+1)
	for k, at := range n {
		if at > atMillis-keepMillis {
			with[k] = at
		}
	}
	with[key] = max(atMillis, with[key])
	if excess := len(with) - mostNotes; excess > 0 {
		oldest := slices.SortedFunc(maps.Keys(with), func(a, b Key) int {
			return cmp.Or(cmp.Compare(with[a], with[b]), cmp.Compare(a, b))
		})
		for _, k := range oldest[:excess] {
			delete(with, k)
		}
	}
	return with
}

// Refuses tells whether a token that was issued to somebody at a time lets nobody
// in any more.
func (n Notes) Refuses(key Key, issuedMillis int64) bool {
	at, removed := n[key]
	return removed && issuedMillis <= at
}
