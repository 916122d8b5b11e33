package reconcile

import (
	"context"
	"log/slog"
	"time"
)

// Found counts what a run found and did.
type Found struct {
	// Probed is the connections that the platform was asked for.
	Probed int
	// Throttled is how often the platform said that it was asked too often.
	Throttled int
	// Ghosts, Orphans and Holds are the seats given back.
	Ghosts, Orphans, Holds int
	// Expired is the conferences ended for being vacant, Completed those whose
	// end had broken off, Locks the hosts freed.
	Expired, Completed, Locks int
	// Stuck is the seats given back of those who had left, by the ledger.
	Stuck int
	// Late is those who were sent away from a conference that had ended.
	Late int
	// Settled is the changes of licenses that had broken off.
	Settled int
	// Imbalances is the blocks whose books do not balance.
	Imbalances int
	// Failed is the entries that are left to the next round.
	Failed int
}

func (r *run) count(change func(*Found)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.found)
}

// namespace is the metrics' in CloudWatch.
const namespace = "Seatmeter"

// report logs what was found, in CloudWatch's embedded metric format, which
// makes metrics of log lines. Source: "Specification: Embedded metric format".
func (r *run) report(ctx context.Context, kind string, took time.Duration) {
	f := r.found
	values := []slog.Attr{
		slog.Int("probed", f.Probed), slog.Int("throttled", f.Throttled), slog.Int("ghosts", f.Ghosts), slog.Int("orphans", f.Orphans), slog.Int("holds", f.Holds), slog.Int("stuck", f.Stuck), slog.Int("late", f.Late), slog.Int("settled", f.Settled),
		slog.Int("conferences_expired", f.Expired), slog.Int("ends_completed", f.Completed), slog.Int("locks_freed", f.Locks),
		slog.Int("imbalances", f.Imbalances), slog.Int("failed", f.Failed), slog.Int64("took_ms", took.Milliseconds()),
	}
	type metric struct{ Name string }
	metrics := make([]metric, len(values))
	for i, value := range values {
		metrics[i] = metric{value.Key}
	}
	directive := map[string]any{
		"Timestamp": r.now().UnixMilli(),
		"CloudWatchMetrics": []any{
			map[string]any{"Namespace": namespace, "Dimensions": [][]string{{}}, "Metrics": metrics},
		},
	}
	values = append(values, slog.String("run", kind), slog.Any("_aws", directive)) //nolint:sloglint // the format's own name
	r.log.LogAttrs(ctx, slog.LevelInfo, "reconciled", values...)
}
