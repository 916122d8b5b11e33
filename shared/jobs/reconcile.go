// Package jobs handles events that no client causes: schedules, and records of a
// table's stream.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/problem"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"

	"github.com/aws/aws-lambda-go/events"
)

// Bounds of what is read of a stream event. Lambda's largest batch has 10,000
// records; a refusal's has some 2,000 bytes at the most.
const (
	maxRecords     = 10_000
	maxRecordBytes = 16_384
)

// Runner does the work. Its methods are safe to retry and to run concurrently: a
// schedule may fire twice, and a stream delivers at least once.
type Runner interface {
	// Round works through the whole agenda.
	Round(ctx context.Context) error
	// Continue does a part of a round.
	Continue(ctx context.Context, w reconcile.Work) error
	// Refused tells of pools that have just refused a join, each named once, and checks them.
	Refused(ctx context.Context, refusals []crossing.Refusal) error
}

// Reconciler handles the events of the schedule, of the queue that has parts of rounds,
// and of the ledger's stream.
type Reconciler struct {
	run Runner
	log *slog.Logger
}

// NewReconciler makes a handler of reconciliation's events.
func NewReconciler(run Runner, log *slog.Logger) *Reconciler { return &Reconciler{run, log} }

// fromQueue is the source of the records that a queue hands on.
const fromQueue = "aws:sqs"

// Handle checks the refusing pools if the event comes from the stream, does parts of a
// round if it comes from their queue, and begins a round otherwise. A malformed record
// is logged and left to the next round: an error would only have it delivered again.
func (r *Reconciler) Handle(ctx context.Context, event json.RawMessage) error {
	var told struct {
		Records []json.RawMessage `json:"Records"`
	}
	if err := json.Unmarshal(event, &told); err != nil || told.Records == nil {
		return problem.Wrap("reconcile all pools", r.run.Round(ctx))
	}
	if isQueued(told.Records) {
		return r.parts(ctx, told.Records)
	}
	refusals := r.refused(ctx, told.Records)
	if len(refusals) == 0 {
		return nil
	}
	if err := r.run.Refused(ctx, refusals); err != nil {
		return fmt.Errorf("reconcile %d pools that refused: %w", len(refusals), err)
	}
	return nil
}

// parts does parts of a round. One that is delivered again belongs to a process that
// died: the round after it has done the part meanwhile.
func (r *Reconciler) parts(ctx context.Context, records []json.RawMessage) error {
	var failed []error
	for _, record := range records {
		var message events.SQSMessage
		var w reconcile.Work
		if err := errors.Join(json.Unmarshal(record, &message), json.Unmarshal([]byte(message.Body), &w)); err != nil {
			r.log.WarnContext(ctx, "a message is skipped", "error", err)
			continue
		}
		if tries := message.Attributes["ApproximateReceiveCount"]; tries != "" && tries != "1" {
			r.log.WarnContext(ctx, "a part of a round is left to the next round", "shard", w.Shard, "tries", tries)
			continue
		}
		failed = append(failed, problem.Wrap("reconcile some pools", r.run.Continue(ctx, w)))
	}
	return errors.Join(failed...)
}

// isQueued tells a queue's records from the stream's, by the first.
func isQueued(records []json.RawMessage) bool {
	var first struct {
		Source string `json:"eventSource"`
	}
	return len(records) > 0 && json.Unmarshal(records[0], &first) == nil && first.Source == fromQueue
}

// refused gives the latest refusal of each pool of the records, in order of the pools'
// first.
func (r *Reconciler) refused(ctx context.Context, records []json.RawMessage) []crossing.Refusal {
	if len(records) > maxRecords {
		r.log.WarnContext(ctx, "a stream event has too many records", "records", len(records))
		records = records[:maxRecords]
	}
	var refusals []crossing.Refusal
	seen := make(map[seat.Pool]int)
	for _, record := range records {
		refusal, full, err := read(record)
		if err != nil {
			r.log.WarnContext(ctx, "a stream record is skipped", "error", err)
		}
		at, again := seen[refusal.Pool]
		switch {
		case !full:
		case again:
			refusals[at].AtMillis = max(refusals[at].AtMillis, refusal.AtMillis)
		default:
			seen[refusal.Pool] = len(refusals)
			refusals = append(refusals, refusal)
		}
	}
	return refusals
}

func read(record json.RawMessage) (crossing.Refusal, bool, error) {
	if len(record) > maxRecordBytes {
		return crossing.Refusal{}, false, fmt.Errorf("stream record of %d bytes", len(record))
	}
	return dynamo.RefusalOf(record)
}
