package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"seatmeter/shared/queue/worker"
)

// QueueWorker runs the queues' worker for events of its schedule, and for records of
// the ledger's stream that say that a wait began.
type QueueWorker struct{ worker *worker.Worker }

// NewQueueWorker makes a handler of a worker's events.
func NewQueueWorker(w *worker.Worker) *QueueWorker { return &QueueWorker{w} }

// Handle serves the open queues for about a minute. A scheduled run stands by while
// another one has the lease.
func (q *QueueWorker) Handle(ctx context.Context, event json.RawMessage) error {
	var told struct {
		Records []json.RawMessage `json:"Records"`
	}
	scheduled := json.Unmarshal(event, &told) != nil || told.Records == nil
	if err := q.worker.Run(ctx, scheduled); err != nil {
		return fmt.Errorf("serve the queues: %w", err)
	}
	return nil
}
