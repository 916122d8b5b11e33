package reconcile

import (
	"context"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// Shards is how many parts the agenda has, so that no part of its index is
// written too often.
const Shards = 16

// Entry is one thing on the agenda: a block that may have members, a
// conference that is live or ending, or a host's lock. Just one of the three
// is set beside the tenant.
type Entry struct {
	Tenant     tenant.ID
	Block      seat.Block
	Conference conference.ID
	Host       host.Email
}

// Progress is how far a run over the agenda has come.
type Progress struct {
	Shard int
	// After is where in the shard to go on; empty: at its beginning.
	After string
	// LivesAtMillis is when the last run began that looked after all conferences
	// and locks. Unix time.
	LivesAtMillis int64
}

// Agenda is where reconciliation finds its work. Errors are the store's own.
type Agenda interface {
	// Agenda lists entries of one shard, beginning after one, and where to go
	// on, empty at the end. It may miss what was put on within the last
	// second.
	Agenda(ctx context.Context, shard int, after string, limit int) (entries []Entry, next string, err error)
	// Claim lets one run at a time go over the agenda, until a time or until
	// Save, and gives how far the last one came. False: another run has it. A
	// repeat after a lost answer may find its own claim and be refused.
	Claim(ctx context.Context, now, until time.Time) (Progress, bool, error)
	// ClaimPool lets one look at a time go over a pool that refused somebody, until
	// a time. False: another has it. A repeat after a lost answer may find its own
	// claim and be refused.
	ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error)
	// Save keeps how far the run came and ends its claim.
	Save(ctx context.Context, p Progress) error
}
