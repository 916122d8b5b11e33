package reconcile

import (
	"context"
	"log/slog"
	"time"

	"seatmeter/shared/metrics"
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
	// Stuck is the seats given back of connections that had left for the lobby, or were
	// removed.
	Stuck int
	// Late is the connections dismissed from a conference that had ended.
	Late int
	// RolledOut is the unfinished changes of licenses that were completed. Its metric
	// is named settled.
	RolledOut int
	// Failed is the entries left to the next round.
	Failed int
}

func (r *run) count(change func(*RunStats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// The kinds of runs.
const (
	runRound   = "round"
	runPart    = "part"
	runRefusal = "refusal"
)

// report logs the run's counts, how long it took, and how long it is since its round
// began.
func (r *run) report(ctx context.Context, kind string, began, roundBegan time.Time) {
	f, now := r.stats, r.now()
	switch {
	case kind == runRefusal:
		metrics.Count(ctx, metrics.RefusedOverGhosts, f.Ghosts+f.Orphans+f.Stuck+f.Failed)
	case now.Sub(roundBegan) > time.Minute:
		metrics.Count(ctx, metrics.LateRounds, 1)
	}
	metrics.Count(ctx, metrics.Ghosts, f.Ghosts)
	metrics.Count(ctx, metrics.Throttled, f.Throttled)
	metrics.Count(ctx, metrics.Failed, f.Failed)
	r.log.LogAttrs(ctx, slog.LevelInfo, "reconciled", slog.String("run", kind),
		slog.Int("probed", f.Probed), slog.Int("throttled", f.Throttled), slog.Int("ghosts", f.Ghosts), slog.Int("orphans", f.Orphans), slog.Int("holds", f.Holds), slog.Int("stuck", f.Stuck), slog.Int("late", f.Late), slog.Int("settled", f.RolledOut),
		slog.Int("conferences_expired", f.Expired), slog.Int("ends_completed", f.Completed), slog.Int("locks_freed", f.Locks),
		slog.Int("failed", f.Failed), slog.Int64("took_ms", now.Sub(began).Milliseconds()), slog.Int64("round_ms", now.Sub(roundBegan).Milliseconds()),
	)
}

func boolCount(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
