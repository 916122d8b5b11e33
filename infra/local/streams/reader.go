package streams

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

const (
	// findEvery is how often the reader lists shards, besides after the end of one.
	findEvery = 10 * time.Second
	// callWithin bounds a call to the engine, which may have stopped.
	callWithin = 10 * time.Second
	pageSize   = 1000
)

// NewClient returns a reader's client. It does not retry, since the reader does.
func NewClient(cfg aws.Config) *dynamodbstreams.Client {
	return dynamodbstreams.NewFromConfig(cfg, func(o *dynamodbstreams.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(callWithin)
		o.Retryer = aws.NopRetryer{}
	})
}

// Reader follows a table's stream.
type Reader struct {
	mapping *Mapping
	api     *dynamodbstreams.Client
	arn     string
	// shards are all known shards, parents before children.
	shards  []*shard
	byID    map[string]*shard
	foundAt time.Time
}

// shard is a part of the stream, with its read position.
type shard struct {
	id     string
	parent string
	// iterator is nil if none was requested yet, or the last one has expired.
	iterator *string
	// read is the sequence number of the last record read. Nil means none: from is
	// where to begin.
	read *string
	from types.ShardIteratorType
	// ended is true if the shard was read to its end.
	ended bool
}

// Open takes the stream's present position. Run reads everything written from now on.
func Open(ctx context.Context, mapping *Mapping, api *dynamodbstreams.Client, arn string) (*Reader, error) {
	r := &Reader{mapping: mapping, api: api, arn: arn, byID: map[string]*shard{}}
	if err := r.find(ctx, types.ShardIteratorTypeLatest); err != nil {
		return nil, err
	}
	for _, s := range r.shards {
		if err := r.position(ctx, s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Run delivers the stream's records until ctx ends, and retries while the engine is
// unavailable.
func (r *Reader) Run(ctx context.Context) {
	wait, failing := pollEvery, false
	for pause(ctx, wait) {
		more, err := r.poll(ctx)
		if err != nil {
			if !failing && ctx.Err() == nil {
				r.mapping.log.Warn("the stream cannot be read; trying again", "error", err)
			}
			wait, failing = min(2*max(wait, pollEvery), maxBackOff), true
			continue
		}
		if failing {
			r.mapping.log.Info("the stream is read again")
		}
		wait, failing = pollEvery, false
		if more {
			wait = 0
		}
	}
}

// poll delivers a page of each shard. It returns true if there is more to read at
// once.
func (r *Reader) poll(ctx context.Context) (more bool, err error) {
	if time.Since(r.foundAt) > findEvery {
		if err := r.find(ctx, types.ShardIteratorTypeTrimHorizon); err != nil {
			return false, err
		}
	}
	for _, s := range r.shards {
		if parent := r.byID[s.parent]; s.ended || parent != nil && !parent.ended {
			continue
		}
		full, err := r.read(ctx, s)
		if err != nil {
			return false, err
		}
		more = more || full || s.ended // the children are next
	}
	return more, nil
}

// find adds new shards, to be read from a position.
func (r *Reader) find(ctx context.Context, from types.ShardIteratorType) error {
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &r.arn}
	for {
		out, err := r.api.DescribeStream(ctx, in)
		if err != nil {
			return fmt.Errorf("find the stream's shards: %w", err)
		}
		for _, found := range out.StreamDescription.Shards {
			id := aws.ToString(found.ShardId)
			if r.byID[id] == nil {
				r.byID[id] = &shard{id: id, parent: aws.ToString(found.ParentShardId), from: from}
				r.shards = append(r.shards, r.byID[id])
			}
		}
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			r.foundAt = time.Now()
			return nil
		}
	}
}

// position requests an iterator for the shard's read position. If nothing was read
// yet, it begins at the shard's start, so that no record is missed. The greatest age
// of a record skips most older ones.
func (r *Reader) position(ctx context.Context, s *shard) error {
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &r.arn, ShardId: &s.id, ShardIteratorType: s.from}
	if s.read != nil {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, s.read
	}
	out, err := r.api.GetShardIterator(ctx, in)
	if err != nil {
		return fmt.Errorf("find the place in a shard: %w", s.stale(err))
	}
	s.iterator, s.from = out.ShardIterator, types.ShardIteratorTypeTrimHorizon
	return nil
}

// read delivers the next page of a shard, and reports whether it was full.
func (r *Reader) read(ctx context.Context, s *shard) (full bool, err error) {
	if s.iterator == nil {
		if err := r.position(ctx, s); err != nil {
			return false, err
		}
	}
	page, err := r.api.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: s.iterator, Limit: aws.Int32(pageSize)})
	if err != nil {
		return false, fmt.Errorf("read a shard: %w", s.stale(err))
	}
	if n := len(page.Records); n > 0 {
		r.mapping.deliver(ctx, lambdaRecords(r.arn, page.Records))
		s.read = page.Records[n-1].Dynamodb.SequenceNumber
	}
	s.iterator, s.ended = page.NextShardIterator, page.NextShardIterator == nil
	if s.ended {
		r.foundAt = time.Time{} // it has children
	}
	return len(page.Records) == pageSize, nil
}

// stale drops the shard's iterator, or its position, if err says that it is no longer
// valid.
func (s *shard) stale(err error) error {
	if _, expired := errors.AsType[*types.ExpiredIteratorException](err); expired {
		s.iterator = nil
	}
	if _, trimmed := errors.AsType[*types.TrimmedDataAccessException](err); trimmed {
		s.iterator, s.read = nil, nil
	}
	return err
}
