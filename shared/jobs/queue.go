package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"seatmeter/shared/queue/worker"
)

// QueueWorker handles the schedule's events of the queues' worker, and those of the
// ledger's stream that tell of a wait which began.
type QueueWorker struct{ worker *worker.Worker }

// NewQueueWorker makes a handler of a worker's events.
func NewQueueWorker(w *worker.Worker) *QueueWorker { return &QueueWorker{w} }

// Handle serves the open queues for about a minute. One that the schedule woke stands
// by while another works.
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
