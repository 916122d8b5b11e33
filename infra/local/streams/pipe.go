package streams

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/infra/local/template"
)

// maxWaiting bounds the records in a pipe. Beyond it the oldest are dropped, as a
// stream drops old records.
const maxWaiting = 100_000

// Pipe is the stream of a table in memory. It delivers writes while it runs. Safe for
// concurrent use.
type Pipe struct {
	mapping *Mapping
	table   template.Table
	// written has an element while records wait.
	written chan struct{}

	mu      sync.Mutex
	waiting []events.DynamoDBEventRecord
	// sequence is the number of the last record.
	sequence int64
}

// NewPipe returns a pipe from a table to a mapping.
func NewPipe(mapping *Mapping, table template.Table) *Pipe {
	return &Pipe{mapping: mapping, table: table, written: make(chan struct{}, 1)}
}

// Write adds the record of a change, as Change returns it, with a time and a sequence
// number. It does not wait for the delivery.
func (p *Pipe) Write(old, changed item) {
	record, told := Change(p.table, old, changed)
	if !told {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sequence++
	record.EventID, record.EventSource, record.EventVersion = strconv.FormatInt(p.sequence, 10), eventSource, "1.1"
	record.AWSRegion = "local"
	record.EventSourceArn = "arn:aws:dynamodb:local:000000000000:table/" + string(p.table.ID) + "/stream/memory"
	record.Change.SequenceNumber = fmt.Sprintf("%021d", p.sequence)
	record.Change.ApproximateCreationDateTime = events.SecondsEpochTime{Time: time.Now().Truncate(time.Second)}
	if len(p.waiting) == maxWaiting {
		p.waiting = p.waiting[1:]
	}
	p.waiting = append(p.waiting, record)
	select {
	case p.written <- struct{}{}:
	default: // already signalled
	}
}

// Run delivers records until ctx ends. Records that arrive during a delivery are the
// next batch.
func (p *Pipe) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.written:
		}
		p.mapping.deliver(ctx, p.take())
	}
}

func (p *Pipe) take() []events.DynamoDBEventRecord {
	p.mu.Lock()
	defer p.mu.Unlock()
	records := p.waiting
	p.waiting = nil
	return records
}
