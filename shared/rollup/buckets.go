package rollup

import (
	"context"
	"iter"

	"seatmeter/shared/license"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Day is a day of a tenant's calendar, added up.
type Day struct {
	// Records is how many records of the ledger were read to make it. The
	// ledger only grows, so that of two versions the one of more is the later.
	Records  int64
	Summary  usage.Summary
	Hours    []usage.Row
	Quarters []usage.Row
}

// Month is a month of a tenant's calendar, made of its days.
type Month struct {
	Records int64
	Row     usage.Row
}

// Progress is how far a tenant is rolled up. Times are Unix milliseconds.
type Progress struct {
	// Zone is the one whose calendar it is.
	Zone string
	// All days and months that end until ThroughMillis are kept.
	ThroughMillis int64
	// LateMillis: what was recorded late before then is taken in.
	LateMillis int64
}

// Buckets is where what was added up is kept. Errors are the store's own.
type Buckets interface {
	// Progress reads a tenant's, consistently; nil if there is none.
	Progress(ctx context.Context, t tenant.ID) (*Progress, error)
	// SaveProgress replaces a tenant's. Safe to repeat.
	SaveProgress(ctx context.Context, t tenant.ID, p Progress) error
	// PutDay replaces a day of a zone's calendar, unless the one that is there
	// was made of more records. Rows in which nothing happened are not kept.
	// Not atomic: a reader may see some of its rows replaced and others not
	// yet. Safe to repeat, and to break off: a repeat completes it.
	PutDay(ctx context.Context, t tenant.ID, zone string, d Day) error
	// PutMonth replaces a month, likewise.
	PutMonth(ctx context.Context, t tenant.ID, zone string, m Month) error
	// Rows gives the rows of a granularity that begin in [from, to), in order,
	// but for those in which nothing happened. Of the total there are none.
	Rows(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error]
	// Days gives the days that begin in [from, to), likewise, with their sets
	// and without their hours and quarters. Of a day that is being replaced, the
	// sets may be larger than its row says, and never lack what they had.
	Days(ctx context.Context, t tenant.ID, zone string, fromMillis, toMillis int64) iter.Seq2[Day, error]
	// Cursor is the tenant at which the next run begins, and SaveCursor
	// replaces it.
	Cursor(ctx context.Context) (tenant.ID, error)
	SaveCursor(ctx context.Context, after tenant.ID) error
}

// Store is all that rolling up reads and writes.
type Store interface {
	license.Licenses
	usage.History
	Buckets
}
