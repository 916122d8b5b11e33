// Package streams emulates Lambda's event source mapping between a DynamoDB stream and a function: it
// reads the stream, applies the template's filters, and passes the records to the function as raw
// event JSON, in batches.
//
// A [Reader] reads the stream of a table on the engine. A [Pipe] is the stream of a table in memory.
//
// # Modelled, and from which source
//
// "Guide" is the Lambda developer guide, "Streams" the DynamoDB one, "tried" the observed behaviour
// of DynamoDB Local 3.1.0.
//
//   - Starting position LATEST for the shards that exist at the start; later shards are read from
//     their beginning, and after their parent (Streams).
//   - Four polls a second; one batch at a time, and in order (guide).
//   - Batch size, retries of a failed batch, the maximum age of a record (guide). An age counts from
//     the record's time, which DynamoDB Local rounds down to the minute (tried), so the limit of a
//     record's age may be a minute longer here.
//   - Filter patterns: equality and prefix of strings in nested members; several filters are
//     alternatives (guide: event filtering). Other operators are an error at the start.
//   - At least once: a failed batch is delivered again as a whole.
//   - If the engine does not answer, the reader retries with a back-off of up to two seconds.
//     Iterators survive the engine's restart (tried); the reader replaces an expired iterator by one
//     at the last record that it read.
//
// # Not modelled
//
// Lambda stores its position in a stream; here the position ends with the stack, and records that are
// written while no stack runs are not delivered. Shards are read one after the other, so a retried
// batch delays all shards. Further: the batching window (no batch waits to be filled), the 6 MB limit
// of an event (a page of a stream is far below), starting positions other than LATEST, partial batch
// responses, bisecting, parallelization, destinations, tumbling windows, the userIdentity of
// deletions by time to live, and the replacement of a table's stream while the stack runs.
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
