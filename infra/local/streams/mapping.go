// Package streams behaves as Lambda's event source mapping does between a DynamoDB stream and a
// function: it reads the stream, drops what the template's filters do not let through, and hands the
// rest to the function as raw event JSON, in batches.
//
// A [Reader] follows the stream that a table has on the engine. A [Pipe] is the stream of a table
// that has none, because it is kept in memory; what is written into it goes the same way.
//
// # Modelled, and from which source
//
// "Guide" is the Lambda developer guide, "Streams" the DynamoDB one, "tried" what DynamoDB Local
// 3.1.0 was seen to do.
//
//   - Starting position LATEST for the shards that are there at the start; shards that come later are
//     read from their beginning, and after their parent (Streams).
//   - Four polls a second; one batch at a time, and in order (guide).
//   - Batch size, retries of a batch that its function failed on, the greatest age of a record
//     (guide). An age counts from the record's time, which DynamoDB Local rounds down to the minute
//     (tried), so a record may become a minute older here.
//   - Filter patterns: equality and prefix of texts in nested members; several filters are
//     alternatives (guide: event filtering). Other operators are an error at the start.
//   - At least once: a batch that fails is delivered again whole.
//   - An engine that does not answer is asked again, ever more seldom, up to every two seconds. Its
//     iterators outlive its restart (tried); one that has expired is replaced by another at the last
//     record that was read.
//
// # Not modelled
//
// Lambda keeps its place in a stream for good; here it ends with the stack, and what is written while
// no stack runs is not delivered. Shards are read one after the other, not at once, so a batch that
// is retried delays them all. The batching window (nothing waits to fill a batch), the 6 MB limit of
// an event (a page of a stream is far below), starting from elsewhere than LATEST, partial batch
// responses, bisecting, parallelization, destinations, tumbling windows, and the userIdentity of
// deletions by time to live. A stream that is replaced by another under a running stack is not
// followed.
package streams

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/infra/local/template"
)

const (
	pollEvery = 250 * time.Millisecond
	// maxBackOff is the longest wait between retries.
	maxBackOff = 2 * time.Second
	// timeRounding is how much earlier than its write a record's time can be.
	timeRounding = time.Minute
)

// Mapping delivers the records of one stream to one function.
type Mapping struct {
	stream  template.Stream
	filters []pattern
	// invoke runs the function on an event and waits for it.
	invoke func(event any) error
	log    *slog.Logger
}

// New returns a mapping, or an error for an unsupported filter. log may be nil.
func New(stream template.Stream, invoke func(event any) error, log *slog.Logger) (*Mapping, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Mapping{stream: stream, invoke: invoke, log: log.With("function", stream.Function, "stream", stream.Name)}
	for _, filter := range stream.Filters {
		p, err := parsePattern(filter)
		if err != nil {
			return nil, fmt.Errorf("filter %s: %w", filter, err)
		}
		m.filters = append(m.filters, p)
	}
	return m, nil
}

// deliver delivers records in batches, each until the function succeeds or the batch
// is given up. It returns early when ctx ends.
func (m *Mapping) deliver(ctx context.Context, records []events.DynamoDBEventRecord) {
	wanted := slices.DeleteFunc(slices.Clone(records), func(r events.DynamoDBEventRecord) bool { return !m.wants(r) })
	for batch := range slices.Chunk(wanted, m.stream.BatchSize) {
		m.deliverBatch(ctx, batch)
	}
}

func (m *Mapping) deliverBatch(ctx context.Context, batch []events.DynamoDBEventRecord) {
	wait := pollEvery
	for try := 0; ctx.Err() == nil; try++ {
		young := slices.DeleteFunc(slices.Clone(batch), m.tooOld)
		if given := len(batch) - len(young); given > 0 {
			m.log.Warn("records were given up: they are too old", "records", given)
		}
		if batch = young; len(batch) == 0 {
			return
		}
		err := m.invoke(events.DynamoDBEvent{Records: batch})
		if err == nil {
			return
		}
		if m.stream.Retries != template.StreamRetriesEndless && try >= m.stream.Retries {
			m.log.Warn("records were given up: the function keeps failing", "records", len(batch), "error", err)
			return
		}
		pause(ctx, wait)
		wait = min(2*wait, maxBackOff)
	}
}

func (m *Mapping) wants(record events.DynamoDBEventRecord) bool {
	if len(m.filters) == 0 {
		return true
	}
	text, err := json.Marshal(record)
	if err != nil {
		m.log.Warn("a record is no JSON", "event_id", record.EventID, "error", err)
		return false
	}
	var members any
	if err := json.Unmarshal(text, &members); err != nil {
		m.log.Warn("a record is no JSON", "event_id", record.EventID, "error", err)
		return false
	}
	return slices.ContainsFunc(m.filters, func(p pattern) bool { return p.matches(members) })
}

func (m *Mapping) tooOld(record events.DynamoDBEventRecord) bool {
	return m.stream.MaxAge > 0 && time.Since(record.Change.ApproximateCreationDateTime.Time) > m.stream.MaxAge+timeRounding
}

// pause waits. It returns false if ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
