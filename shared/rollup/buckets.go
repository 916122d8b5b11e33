package rollup

import (
	"context"
	"iter"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// Day is the roll-up of a day of a tenant's calendar.
type Day struct {
	// Records is how many ledger records were read to make it. The ledger only grows, so
	// the version with more records is the later one.
	Records  int64
	Summary  usage.Summary
	Hours    []usage.Row
	Quarters []usage.Row
}

// Month is the roll-up of a month of a tenant's calendar, made from its days.
type Month struct {
	Records int64
	Row     usage.Row
}

// Groups are the rows of a day's groups, or of a month's, which has Months alone.
// Iterators are read once. Rows come in order of period and group.
type Groups struct {
	By usage.Grouping
	usage.Period
	Records         int64
	Quarters, Hours iter.Seq2[usage.Row, error]
	Days            []usage.Summary
	Months          iter.Seq2[usage.Row, error]
}

// Progress is how far a tenant is rolled up. Times are Unix milliseconds.
type Progress struct {
	// Zone is the time zone of the calendar.
	Zone string
	// ThroughMillis is the end of the last stored day.
	ThroughMillis int64
	// MarksReadMillis is until when the marks of late records have been read.
	MarksReadMillis int64
	// RemovedMillis: records and roll-ups of before may be removed, and are not read any
	// more. Zero: none. A change of calendar leaves it as it is.
	RemovedMillis int64
}

// Covers checks that nothing of a range from a moment on was removed. The error is
// problem.Invalid at a pointer. Nil is the progress of a tenant of whom nothing was.
func (p *Progress) Covers(pointer string, fromMillis int64) error {
	if p == nil || fromMillis >= p.RemovedMillis {
		return nil
	}
	return problem.InvalidFields(problem.Field{
		Pointer: pointer, Detail: "is before " + usage.FormatTime(p.RemovedMillis) + ": records of before were removed, statements remain",
	})
}

// Buckets stores roll-ups. Errors are the store's own.
type Buckets interface {
	// Progress reads a tenant's progress, consistently; nil if there is none. Where records
	// were removed there is one, without a Zone if nothing is rolled up.
	Progress(ctx context.Context, t tenant.ID) (*Progress, error)
	// SaveProgress replaces a tenant's progress, but a removal that is noted stays. Safe to
	// retry.
	SaveProgress(ctx context.Context, t tenant.ID, p Progress) error
	// PutDay replaces a day of a zone's calendar, unless the stored one was made from
	// more records. Idle rows are not stored. It is not atomic: a reader may see some
	// rows replaced and others not yet. Safe to abort and to retry.
	PutDay(ctx context.Context, t tenant.ID, zone string, d Day) error
	// PutMonth replaces a month, as PutDay does a day.
	PutMonth(ctx context.Context, t tenant.ID, zone string, m Month) error
	// Rows gives the rows of a granularity that begin in [from, to), in order, without
	// idle ones. There are none of the total.
	Rows(ctx context.Context, t tenant.ID, zone string, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error]
	// Days gives the days that begin in [from, to), in order and without idle ones, with
	// their sets, without hours and quarters. The sets of a day that is being replaced
	// may be larger than its row says; nothing is ever missing.
	Days(ctx context.Context, t tenant.ID, zone string, fromMillis, toMillis int64) iter.Seq2[Day, error]
	// PutGroups replaces the groups of a day or a month, all at once, unless the stored
	// ones were made from more records. Safe to abort and to retry.
	PutGroups(ctx context.Context, t tenant.ID, zone string, g Groups) error
	// GroupRows gives the rows of groups, as Rows does, in order of period and group.
	GroupRows(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, g usage.Granularity, fromMillis, toMillis int64) iter.Seq2[usage.Row, error]
	// GroupDays gives the groups of each day that begins in [from, to), with their sets.
	// A day's groups are read as they are asked for.
	GroupDays(ctx context.Context, t tenant.ID, zone string, by usage.Grouping, fromMillis, toMillis int64) ([]usage.Groups, error)
	// Cursor is the tenant at which the next run begins, and SaveCursor
	// replaces it.
	Cursor(ctx context.Context) (tenant.ID, error)
	SaveCursor(ctx context.Context, after tenant.ID) error
}

// Store is everything that a roll-up reads and writes.
type Store interface {
	license.Licenses
	usage.History
	Buckets
}
