// Package idempotency makes a request that is sent twice happen once.
//
// Terms: a key is sent with a request that the caller may have to send again. It
// is bound to that request: the same key with another request is an error. The
// first request claims the key, happens, and its answer is kept; a repeat gets
// that answer. The claim of a crashed process lapses, and the next repeat takes
// it over and happens again, so the work of a request must be idempotent.
//
// A key counts only for its caller. Only the SHA-256 of keys and requests is
// stored; answers are stored as they are, and protected like the rest of the live
// table.
package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"

	"seatmeter/shared/problem"
)

const (
	// MaxKeyLength is a key's, in characters.
	MaxKeyLength = 255
	// MaxAnswerBytes bounds the body of an answer that is kept. An item of
	// DynamoDB has 400 KB.
	MaxAnswerBytes = 300 << 10
	// LapseMillis is how long a claim keeps others out: longer than an
	// invocation lasts, so that who still runs is never overtaken.
	LapseMillis = 30_000
	// KeepMillis is how long a key stays bound to its request, and its answer
	// kept, from the time that it was claimed.
	KeepMillis = 24 * 60 * 60 * 1000
)

// Pointer points to the key, in a problem's fields.
const Pointer = "#/Idempotency-Key"

// Caller is whose key it is.
type Caller struct {
	Role    string
	Tenant  string
	Subject string
}

// Key is the hash of a caller's key.
type Key [sha256.Size]byte

// NewKey checks and hashes a key. An invalid problem names it. Who does not say
// who they are has none: another's answer could be theirs.
func NewKey(c Caller, text string) (Key, error) {
	if !isKey(text) {
		return Key{}, problem.InvalidFields(problem.Field{Pointer: Pointer, Detail: "must be 1 to 255 visible ASCII characters"})
	}
	if c.Subject == "" {
		return Key{}, problem.InvalidFields(problem.Field{Pointer: Pointer, Detail: "needs a bearer that says whose it is, by the claim sub"})
	}
	return Key(digest(c.Role, c.Tenant, c.Subject, text)), nil
}

func isKey(text string) bool {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return false
		}
	}
	return text != "" && len(text) <= MaxKeyLength
}

// Fingerprint is the hash of a request.
type Fingerprint [sha256.Size]byte

// NewFingerprint hashes a request. Two are the same if they are so byte for
// byte, in what these are.
func NewFingerprint(method, path, query string, body []byte) Fingerprint {
	return Fingerprint(digest(method, path, query, string(body)))
}

// digest tells parts from each other by their lengths.
func digest(parts ...string) [sha256.Size]byte {
	var all []byte
	for _, part := range parts {
		all = binary.AppendUvarint(all, uint64(len(part)))
		all = append(all, part...)
	}
	return sha256.Sum256(all)
}

// Answer is what a request was answered with.
type Answer struct {
	Status      int
	ContentType string
	Location    string
	Body        []byte
}

// Final tells whether an answer is kept: all are but those that ask to try
// again (429, and 500 and above) and those that are too large.
func (a Answer) Final() bool {
	return a.Status < http.StatusInternalServerError && a.Status != http.StatusTooManyRequests && len(a.Body) <= MaxAnswerBytes
}

// Claim is a request's claim to its key.
type Claim struct {
	Key         Key
	Fingerprint Fingerprint
	// Holder tells this claim from all others.
	Holder          string
	AtMillis        int64
	LapsesAtMillis  int64
	ExpiresAtMillis int64
}

// Record is what is kept of a key.
type Record struct {
	Fingerprint     Fingerprint
	Holder          string
	LapsesAtMillis  int64
	ExpiresAtMillis int64
	// Answer is nil while the request is under way.
	Answer *Answer
}

// Outcome is what came of a claim.
type Outcome int

// The outcomes.
const (
	OutcomeClaimed  Outcome = iota // the request is to happen now
	OutcomeKept                    // it has happened: here is the answer
	OutcomeOther                   // the key is another request's
	OutcomeUnderWay                // it is happening
)

// Attempt is what came of a claim, and the answer if it was kept.
type Attempt struct {
	Outcome Outcome
	Answer  *Answer
}

// Judge says what a claim meets in a record, nil if there is none. It is the
// rule that every store keeps, in one write with the claim itself.
func Judge(r *Record, c Claim) Attempt {
	switch {
	case r == nil || r.ExpiresAtMillis <= c.AtMillis:
		return Attempt{Outcome: OutcomeClaimed}
	case r.Fingerprint != c.Fingerprint:
		return Attempt{Outcome: OutcomeOther}
	case r.Answer != nil:
		return Attempt{Outcome: OutcomeKept, Answer: r.Answer}
	case r.Holder == c.Holder || r.LapsesAtMillis <= c.AtMillis:
		return Attempt{Outcome: OutcomeClaimed}
	default:
		return Attempt{Outcome: OutcomeUnderWay}
	}
}

// Keys stores keys and answers. Every call is one conditional write and safe to
// retry; of concurrent claims one succeeds. Errors are the store's own.
type Keys interface {
	// ClaimKey claims a key, as Judge says. After an error the claim may have
	// been made: it lapses.
	ClaimKey(ctx context.Context, c Claim) (Attempt, error)
	// KeepAnswer keeps the answer of who holds the claim. False: another does,
	// since this one lapsed.
	KeepAnswer(ctx context.Context, c Claim, a Answer) (bool, error)
	// ReleaseKey has a claim lapse now, if it is still held. The key stays
	// bound to its request.
	ReleaseKey(ctx context.Context, c Claim) error
}
