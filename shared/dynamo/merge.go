package dynamo

import (
	"iter"
	"sync"
)

// source is one of several sequences that are merged.
type source struct {
	next func() (item, error, bool)
	// The item, or the error, that it gives next; none if it has ended.
	head  item
	key   string
	err   error
	ended bool
}

func (s *source) advance() {
	head, err, more := s.next()
	s.head, s.err, s.ended = head, err, !more
	s.key = (&reader{item: head}).text(attrSK)
}

// merge gives the items of several sequences, each in order of sort keys, in
// that order; of those that have the same key, one. All begin at the same time,
// since each has to ask for its first page. An error ends it, and whoever stops
// ends them all. Safe to repeat, as they are.
func merge(sequences []iter.Seq2[item, error]) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		sources := make([]*source, len(sequences))
		var begin sync.WaitGroup
		for n, sequence := range sequences {
			next, stop := iter.Pull2(sequence)
			defer stop()
			sources[n] = &source{next: next}
			begin.Go(sources[n].advance)
		}
		begin.Wait()
		last := ""
		for s := first(sources); s != nil; s = first(sources) {
			if s.err != nil {
				yield(nil, s.err)
				return
			}
			if s.key != last && !yield(s.head, nil) {
				return
			}
			last = s.key
			s.advance()
		}
	}
}

// first is the source that has failed or, if none has, that of the least key;
// nil when all have ended.
func first(sources []*source) *source {
	var least *source
	for _, s := range sources {
		if s.err != nil {
			return s
		}
		if !s.ended && (least == nil || s.key < least.key) {
			least = s
		}
	}
	return least
}
