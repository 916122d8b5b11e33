package dynamo

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// pages gives what a query finds. A long range is bound by round trips, so that
// the next page is read while one is given: two are held, and no more. It is
// read from the second item on: who takes one item pays for one page. Whoever
// stops has the query that is on its way cancelled. Nothing runs on after the
// end. Safe to repeat: each time begins anew.
func (s *Store) pages(ctx context.Context, in *dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		page, err := s.query(ctx, in)
		if err != nil {
			yield(nil, err)
			return
		}
		for page.LastEvaluatedKey != nil {
			if page = s.give(ctx, *in, page, yield); page == nil {
				return
			}
		}
		for _, i := range page.Items {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// give gives a page's items and then the next page; nil if nobody wants it, or
// if it cannot be read, which has been said then.
func (s *Store) give(ctx context.Context, in dynamodb.QueryInput, page *dynamodb.QueryOutput, yield func(item, error) bool) *dynamodb.QueryOutput {
	ctx, cancel := context.WithCancel(ctx)
	in.ExclusiveStartKey = page.LastEvaluatedKey
	next := &ahead{read: func() (*dynamodb.QueryOutput, error) { return s.query(ctx, &in) }}
	defer func() {
		cancel()
		next.wait()
	}()
	for n, i := range page.Items {
		if n == 1 {
			next.begin()
		}
		if !yield(i, nil) {
			return nil
		}
	}
	next.begin()
	if next.wait(); next.err != nil {
		yield(nil, next.err)
		return nil
	}
	return next.page
}

// ahead is a page that is read by a goroutine of its own.
type ahead struct {
	read func() (*dynamodb.QueryOutput, error)
	done chan struct{} // nil before it is begun; closed when page and err are there
	page *dynamodb.QueryOutput
	err  error
}

// begin begins to read, once.
func (a *ahead) begin() {
	if a.done != nil {
		return
	}
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		a.page, a.err = a.read()
	}()
}

// wait waits until nothing is being read.
func (a *ahead) wait() {
	if a.done != nil {
		<-a.done
	}
}
