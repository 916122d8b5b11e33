// Package jobs turns events that no client has caused into work: what is due
// by a schedule, and what a table's stream tells of.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/seat"
)

// Bounds of what is read of a stream event. Lambda's largest batch has 10,000
// records; a refusal's has some 2,000 bytes at the most.
const (
	maxRecords     = 10_000
	maxRecordBytes = 16_384
)

// Runner does the work. Both are safe to repeat and to run at the same time as
// themselves and each other: a schedule may come twice, and a stream delivers
// at least once.
type Runner interface {
	// Round looks at everything.
	Round(ctx context.Context) error
	// Refused looks at pools that have just refused somebody, each named once.
	Refused(ctx context.Context, pools []seat.Pool) error
}

// BetweenRounds is how long after one round the next begins. Schedules know no
// less than a minute, and one round a minute is too few: where its process
// dies, what had just become observable waits for the one after the next, and
// two minutes are over.
const BetweenRounds = 30 * time.Second

// Reconciler handles the schedule's events and those of the ledger's stream.
type Reconciler struct {
	run   Runner
	pause time.Duration
	log   *slog.Logger
}

// NewReconciler makes a handler of reconciliation's events. It makes two rounds
// of each event of the schedule's, the second after a pause.
func NewReconciler(run Runner, pause time.Duration, log *slog.Logger) *Reconciler {
	return &Reconciler{run, pause, log}
}

// Handle looks at the pools that refused somebody if the event comes from the
// stream, and at everything if not. A record that cannot be read is logged and
// left to the next round: to fail by it would only have it delivered again.
func (r *Reconciler) Handle(ctx context.Context, event json.RawMessage) error {
	var stream struct {
		Records []json.RawMessage `json:"Records"`
	}
	if err := json.Unmarshal(event, &stream); err != nil || stream.Records == nil {
		return r.rounds(ctx)
	}
	pools := r.refused(ctx, stream.Records)
	if len(pools) == 0 {
		return nil
	}
	if err := r.run.Refused(ctx, pools); err != nil {
		return fmt.Errorf("reconcile %d pools that refused: %w", len(pools), err)
	}
	return nil
}

// rounds looks at everything, twice if there is time. The first look's error
// does not keep the second from being made.
func (r *Reconciler) rounds(ctx context.Context) error {
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < r.pause {
		return r.run.Round(ctx)
	}
	second := time.NewTimer(r.pause)
	defer second.Stop()
	failed := r.run.Round(ctx)
	select {
	case <-second.C:
		failed = errors.Join(failed, r.run.Round(ctx))
	case <-ctx.Done():
	}
	if failed != nil {
		return fmt.Errorf("reconcile all pools: %w", failed)
	}
	return nil
}

// refused gives the pools of the records, each once, in order of their first.
func (r *Reconciler) refused(ctx context.Context, records []json.RawMessage) []seat.Pool {
	if len(records) > maxRecords {
		r.log.WarnContext(ctx, "a stream event has too many records", "records", len(records))
		records = records[:maxRecords]
	}
	var pools []seat.Pool
	seen := make(map[seat.Pool]bool)
	for _, record := range records {
		pool, full, err := read(record)
		if err != nil {
			r.log.WarnContext(ctx, "a stream record is skipped", "error", err)
		}
		if full && !seen[pool] {
			seen[pool] = true
			pools = append(pools, pool)
		}
	}
	return pools
}

func read(record json.RawMessage) (seat.Pool, bool, error) {
	if len(record) > maxRecordBytes {
		return seat.Pool{}, false, fmt.Errorf("stream record of %d bytes", len(record))
	}
	return dynamo.RefusedPool(record)
}
