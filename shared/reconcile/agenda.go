package reconcile

import (
	"context"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Shards is the number of partitions of the agenda's index, so that writes do not
// throttle on one.
const Shards = 16

// Entry is one item on the agenda: a block that may have members, a conference
// that is live or ending, or a host's lock. Exactly one of the three is set.
type Entry struct {
	Tenant     tenant.ID
	Block      seat.Block
	Conference conference.ID
	Host       host.Email
}

// Progress is where a run over the agenda ended.
type Progress struct {
	Shard int
	// After is where in the shard to continue; empty: at its beginning.
	After string
	// ConferencesAtMillis is when the last run began that checked all conferences and
	// locks. Unix time.
	ConferencesAtMillis int64
}

// Agenda is reconciliation's work queue. Errors are the store's own.
type Agenda interface {
	// Agenda lists entries of one shard after a cursor, and gives the next cursor,
	// empty at the end. It may miss entries of the last second.
	Agenda(ctx context.Context, shard int, after string, limit int) (entries []Entry, next string, err error)
	// Claim leases the agenda to one run, until a time or until Save, and gives the
	// last run's progress. False: another run has the lease. A retry after a lost
	// answer may be refused by its own claim.
	Claim(ctx context.Context, now, until time.Time) (Progress, bool, error)
	// ClaimPool leases a refusing pool to one scan, until a time. False: another scan
	// has the lease. A retry after a lost answer may be refused by its own claim.
	ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error)
	// Save stores the run's progress and ends its claim.
	Save(ctx context.Context, p Progress) error
}
