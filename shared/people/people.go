// Package people keeps the names of people apart from what they did.
//
// Terms: an identity is a person's name or address, as a join token, a host or a
// conference has it. A pseudonym stands for one identity of one tenant in all that is
// kept for long: the ledger, the roll-ups and the audit log. The book pairs the two.
// Reports, exports and the audit log show the identity as long as the book has the
// pair, and the pseudonym from then on. Statements have neither: their seals do not
// depend on the book.
//
// A pseudonym is random, not a hash of the identity by a key: nobody who has the
// ledger, or the key, can find out by trying whether a person is in it, and a person
// who comes back after an erasure gets another pseudonym. The price is that it has to
// be looked up. That happens where an identity enters the system (a join token is made,
// a conference is scheduled, an admin acts on a host), by one eventually consistent
// read of half a unit; four write units more, once for each person. The pseudonym then
// travels in the token, in the conference and in the session, so a stay costs what it
// did before: no read and no write (infra/lab/cost).
//
// What an earlier release wrote has identities in clear, and so has what its tokens let
// in, which are valid for a day. Clear records are read as if they had the pseudonym
// (History), so that nobody counts twice. An erasure replaces the identity in them.
package people

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

const prefix = "person-"

var form = regexp.MustCompile("^" + prefix + "[a-z2-7]{16}$")

// IsPseudonym tells whether a text has the form of a pseudonym.
func IsPseudonym(text string) bool { return form.MatchString(text) }

// newPseudonym makes one of 80 random bits: among a million people two would be the
// same once in a trillion times, and then EnterPerson refuses the second.
func newPseudonym() string { return prefix + strings.ToLower(rand.Text()[:16]) }

// Pair is a person: an identity of a tenant, and the pseudonym that stands for it.
type Pair struct {
	Tenant    tenant.ID
	Identity  string
	Pseudonym string
}

// Erasure is an erasure under way. Part and After say how far the ledger is searched.
type Erasure struct {
	Pair
	Part  int
	After string
}

// Store is the book. Errors are the store's own.
type Store interface {
	// Pseudonym reads that of an identity, consistently or not; "" if it has none.
	Pseudonym(ctx context.Context, t tenant.ID, identity string, consistent bool) (string, error)
	// EnterPerson adds a pair. False: the identity, or the pseudonym, has another one. After a
	// lost answer a repeat may return false too.
	EnterPerson(ctx context.Context, p Pair) (bool, error)
	// Identities reads those of many pseudonyms; the ones without are left out.
	Identities(ctx context.Context, t tenant.ID, pseudonyms []string) (map[string]string, error)
	// Pairs lists the pairs of an identity and of all that begin with it and a separator,
	// consistently.
	Pairs(ctx context.Context, t tenant.ID, identity, separator string) ([]Pair, error)
	// BeginErasure notes an erasure, and then removes the identity of the pseudonym. The
	// identity keeps the pseudonym until EndErasure, so that records which have either
	// still count as one person's. Safe to repeat.
	BeginErasure(ctx context.Context, p Pair) error
}

// Book finds pseudonyms and identities. Safe for use by many goroutines.
type Book struct{ store Store }

// NewBook makes a Book over a store.
func NewBook(store Store) *Book { return &Book{store} }

// Pseudonym gives an identity's pseudonym, and gives it one if it has none. Safe to
// repeat and to run at once with others. Errors are the store's.
func (b *Book) Pseudonym(ctx context.Context, t tenant.ID, identity string) (string, error) {
	const tries = 5
	for try := range tries {
		found, err := b.store.Pseudonym(ctx, t, identity, try > 0)
		if err != nil || found != "" {
			return found, problem.Wrap("find a pseudonym", err)
		}
		one := Pair{t, identity, newPseudonym()}
		entered, err := b.store.EnterPerson(ctx, one)
		if err != nil || entered {
			return one.Pseudonym, problem.Wrap("enter a person", err)
		}
	}
	return "", fmt.Errorf("enter a person of %s: others change the book in %d tries", t, tries)
}
