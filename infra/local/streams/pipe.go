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

// maxWaiting bounds what waits in a pipe; beyond, the oldest records are given up, as a stream gives
// up what is too old.
const maxWaiting = 100_000

// Pipe is the stream of a table that has none of its own: what is written into it is delivered while
// it runs. Safe for concurrent use.
type Pipe struct {
	mapping *Mapping
	table   template.Table
	// written holds an element when records wait.
	written chan struct{}

	mu      sync.Mutex
	waiting []events.DynamoDBEventRecord
	// sequence is the number of the last record.
	sequence int64
}

// NewPipe makes a pipe from a table into a mapping.
func NewPipe(mapping *Mapping, table template.Table) *Pipe {
	return &Pipe{mapping: mapping, table: table, written: make(chan struct{}, 1)}
}

// Write adds the record of the change of an item, as Change has it, with what an engine adds, and
// does not wait for its delivery.
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
	default: // told already
	}
}

// Run delivers what is written, until ctx ends. What comes while a batch is being delivered is the
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
