package people

import (
	"context"
	"iter"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// Names puts identities in the place of pseudonyms in what one caller reads of one
// tenant. It remembers what it has looked up. Not for use by several goroutines.
type Names struct {
	store  Store
	tenant tenant.ID
	known  map[string]string
}

// Names begins to resolve pseudonyms of a tenant.
func (b *Book) Names(t tenant.ID) *Names { return &Names{b.store, t, make(map[string]string)} }

// Resolve replaces each text that is a pseudonym in the book. Errors are the store's.
func (n *Names) Resolve(ctx context.Context, texts ...*string) error {
	var unknown []string
	for _, text := range texts {
		if _, known := n.known[*text]; !known && IsPseudonym(*text) {
			unknown = append(unknown, *text)
			n.known[*text] = *text
		}
	}
	if len(unknown) > 0 {
		found, err := n.store.Identities(ctx, n.tenant, unknown)
		if err != nil {
			for _, text := range unknown {
				delete(n.known, text)
			}
			return problem.Wrap("resolve pseudonyms", err)
		}
		for pseudonym, identity := range found {
			n.known[pseudonym] = display(identity)
		}
	}
	for _, text := range texts {
		if identity, known := n.known[*text]; known {
			*text = identity
		}
	}
	return nil
}

// atOnce is how many records Resolved reads ahead: one batch of the store.
const atOnce = 50

// Resolved gives a sequence's values with identities in the place of pseudonyms; texts
// names those that a value points to. The first error ends it.
func Resolved[T any](ctx context.Context, n *Names, values iter.Seq2[T, error], texts func(T) []*string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		ahead := make([]T, 0, atOnce)
		give := func() bool {
			var all []*string
			for _, value := range ahead {
				all = append(all, texts(value)...)
			}
			if err := n.Resolve(ctx, all...); err != nil {
				yield(none, err)
				return false
			}
			for _, value := range ahead {
				if !yield(value, nil) {
					return false
				}
			}
			ahead = ahead[:0]
			return true
		}
		for value, err := range values {
			if err != nil {
				if give() {
					yield(none, err)
				}
				return
			}
			if ahead = append(ahead, value); len(ahead) == atOnce && !give() {
				return
			}
		}
		give()
	}
}
