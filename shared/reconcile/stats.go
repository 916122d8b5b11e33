package reconcile

import (
	"context"
	"log/slog"
	"time"
)

// RunStats counts what a run found and did.
type RunStats struct {
	// Probed is the probes sent.
	Probed int
	// Throttled is the probes that the platform throttled.
	Throttled int
	// Ghosts, Orphans and Holds (expired ones) are seats given back.
	Ghosts, Orphans, Holds int
	// Expired is the vacant conferences that were ended, Completed the unfinished ends
	// that were completed, Locks the hosts unlocked.
	Expired, Completed, Locks int
	// Stuck is the seats given back of connections that had left by the ledger.
	Stuck int
	// Late is the connections dismissed from a conference that had ended.
	Late int
	// RolledOut is the unfinished changes of licenses that were completed. Its metric
	// is named settled.
	RolledOut int
	// Imbalances is the blocks whose books do not balance.
	Imbalances int
	// Failed is the entries left to the next round.
	Failed int
}

func (r *run) count(change func(*RunStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// namespace is that of the metrics in CloudWatch.
const namespace = "Seatmeter"

// report logs the run's counts in CloudWatch's embedded metric format, which
// makes metrics of log lines. Source: "Specification: Embedded metric format".
func (r *run) report(ctx context.Context, kind string, took time.Duration) {
	f := r.stats
	values := []slog.Attr{
		slog.Int("probed", f.Probed), slog.Int("throttled", f.Throttled), slog.Int("ghosts", f.Ghosts), slog.Int("orphans", f.Orphans), slog.Int("holds", f.Holds), slog.Int("stuck", f.Stuck), slog.Int("late", f.Late), slog.Int("settled", f.RolledOut),
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

func boolCount(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
