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

// PageBlocks is how many blocks of a pool are a page: those of the first page are in one
// shard.
const PageBlocks = 32

// Entry is one item on the agenda: a block that may have members, a conference
// that is live or ending, a host's lock, or a license that is not rolled out. Exactly
// one of the four is set.
type Entry struct {
	Tenant     tenant.ID
	Block      seat.Block
	Conference conference.ID
	Host       host.Email
	License    bool
	// Number is that of the conference, or of the one that the host is locked to.
	Number conference.Number
	// OwnPools: the conference has pools of its own.
	OwnPools bool
}

// Agenda is reconciliation's work queue. A conference, its lock, and the first pages of
// the pools that its people sit in are in one shard. Errors are the store's own.
type Agenda interface {
	// Agenda lists entries of one shard, by tenant: of those tenants whose ids come
	// after one, the first, each with all its entries of the shard. There are about so
	// many as the limit says. It gives the last of these tenants, empty at the end of the
	// shard. It may miss entries of the last second.
	Agenda(ctx context.Context, shard int, after tenant.ID, limit int) (entries []Entry, last tenant.ID, err error)
	// SomeBlocks reads those of some blocks that exist, in any order. They may be as
	// they were a second ago.
	SomeBlocks(ctx context.Context, blocks []seat.Block) ([]seat.State, error)
	// SomeConferences reads conferences of a tenant, as SomeBlocks does blocks.
	SomeConferences(ctx context.Context, t tenant.ID, ids []conference.ID) ([]conference.Conference, error)
	// Claim leases the agenda to one round, until a time or until Release. It gives the
	// shard to begin with. False: another round has the lease. A retry after a lost
	// answer may be refused by its own claim.
	Claim(ctx context.Context, now, until time.Time) (shard int, mine bool, err error)
	// Release ends a claim that lasts until that time, and says with which shard the next
	// round begins. Safe to retry.
	Release(ctx context.Context, shard int, until time.Time) error
	// Postpone keeps rounds from beginning before a time. Safe to retry.
	Postpone(ctx context.Context, until time.Time) error
	// ClaimPool leases a refusing pool to one scan, until a time. False: another scan
	// has the lease. A retry after a lost answer may be refused by its own claim.
	ClaimPool(ctx context.Context, pool seat.Pool, now, until time.Time) (bool, error)
}
