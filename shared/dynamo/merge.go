package dynamo

import (
	"iter"
	"sync"
)

// source is one of the sequences that are merged.
type source struct {
	next func() (item, error, bool)
	// head is the next item, err the next error; neither once ended.
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

// merge merges sequences that are in order of sort keys into one in that order,
// without duplicates of a key. All sequences begin in parallel, since each waits
// for its first page. An error ends the merge. The result can be iterated again
// if the sequences can.
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

// first is a source that failed or, if none did, the one with the least key; nil
// when all have ended.
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
