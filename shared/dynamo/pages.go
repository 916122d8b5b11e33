package dynamo

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// pages yields the items of a query. It reads the next page while the items of
// one are consumed, beginning with the second item: a caller that takes one item
// pays for one page. When the caller stops, a pending query is cancelled and
// waited for. Every iteration queries anew.
func (s *Store) pages(ctx context.Context, in *dynamodb.QueryInput) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		page, err := s.query(ctx, in)
		if err != nil {
			yield(nil, err)
			return
		}
		for page.LastEvaluatedKey != nil {
			if page = s.yieldPage(ctx, *in, page, yield); page == nil {
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

// yieldPage yields a page's items and returns the next page; nil if the caller
// stopped, or after yielding an error.
func (s *Store) yieldPage(ctx context.Context, in dynamodb.QueryInput, page *dynamodb.QueryOutput, yield func(item, error) bool) *dynamodb.QueryOutput {
	ctx, cancel := context.WithCancel(ctx)
	in.ExclusiveStartKey = page.LastEvaluatedKey
	next := &prefetch{read: func() (*dynamodb.QueryOutput, error) { return s.query(ctx, &in) }}
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

// prefetch is a page that is read by a goroutine of its own.
type prefetch struct {
	read func() (*dynamodb.QueryOutput, error)
	done chan struct{} // nil before begin; closed when page and err are set
	page *dynamodb.QueryOutput
	err  error
}

// begin starts the read, once.
func (a *prefetch) begin() {
	if a.done != nil {
		return
	}
	a.done = make(chan struct{})
	go func() {
		defer close(a.done)
		a.page, a.err = a.read()
	}()
}

// wait waits for a read that was begun.
func (a *prefetch) wait() {
	if a.done != nil {
		<-a.done
	}
}
