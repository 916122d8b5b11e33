package books

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/conference"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
	"seatmeter/shared/timeleft"
	"seatmeter/shared/usage"
)

const (
	// day is the time between two audits of a tenant.
	day = 24 * time.Hour
	// slack allows for clock differences between processes.
	slack = time.Minute

	page     = 1000 // tenants at a time
	parallel = 4    // audits in parallel
	// reserve is how much of an invocation's time is left when no more audits are begun.
	reserve = 20 * time.Second
)

// Books stores what audits need. Errors are the store's own.
type Books interface {
	Register
	// Registered gives the conferences that were registered since a moment, with the
	// time of each.
	Registered(ctx context.Context, t tenant.ID, sinceMillis int64) (map[conference.Number]int64, error)
	// LastAudit reads a tenant's last audit, consistently; the zero Audit if there is none.
	LastAudit(ctx context.Context, t tenant.ID) (Audit, error)
	// PutCheckpoint replaces a block's checkpoint. Safe to retry.
	PutCheckpoint(ctx context.Context, block seat.Block, c Checkpoint) error
	// EndAudit notes that a tenant was audited. Safe to retry.
	EndAudit(ctx context.Context, t tenant.ID, atMillis int64) error
	// AuditedUntil is the moment until which all audits that were due were made, and
	// SaveAuditedUntil replaces it.
	AuditedUntil(ctx context.Context) (int64, error)
	SaveAuditedUntil(ctx context.Context, atMillis int64) error
}

// Register notes the conferences that have pools of their own, for audits.
type Register interface {
	// Register notes that a conference's own pools are about to be opened. Safe to
	// repeat.
	Register(ctx context.Context, t tenant.ID, number conference.Number, atMillis int64) error
}

// Audit is the state that the last audit of a tenant left: when it began, and the checkpoints
// of the blocks that could be used again. Older checkpoints may be among them.
type Audit struct {
	AtMillis    int64
	Checkpoints map[seat.Block]Checkpoint
}

// Store is everything that audits read and write.
type Store interface {
	usage.History
	Books
	// Tenants is license.Licenses'.
	Tenants(ctx context.Context, after tenant.ID, limit int) ([]tenant.ID, error)
	// Conferences is conference.Conferences'.
	Conferences(ctx context.Context, t tenant.ID, after conference.ID, limit int) ([]conference.Conference, error)
	// Read is seat.Blocks'.
	Read(ctx context.Context, pool seat.Pool) ([]seat.State, error)
}

// Auditor audits every tenant once a day. Safe for use by many goroutines.
type Auditor struct {
	store Store
	log   *slog.Logger
	now   func() time.Time
}

// NewAuditor makes an Auditor.
func NewAuditor(store Store, log *slog.Logger, now func() time.Time) *Auditor {
	return &Auditor{store, log, now}
}

// Run makes the audits that became due since the last run, in order of time. Those
// that there is no time for before ctx ends are the first of the next run. Each
// tenant's audit is due once a day, at a moment that follows from its name. An audit
// that fails is logged and counted, and the tenant's next audit makes up for it.
func (a *Auditor) Run(ctx context.Context) error {
	now := a.now()
	from, err := a.store.AuditedUntil(ctx)
	if err != nil {
		return fmt.Errorf("read the progress of the audits: %w", err)
	}
	list, err := a.due(ctx, max(from, now.Add(-day).UnixMilli()), now.UnixMilli())
	if err != nil {
		return err
	}
	var blocks, off, failed atomic.Int64
	until, done := now.UnixMilli(), 0
	for ; done < len(list); done += parallel {
		if a.outOfTime(ctx) {
			until = list[done].atMillis - 1
			break
		}
		var group errgroup.Group
		for _, d := range list[done:min(done+parallel, len(list))] {
			group.Go(func() error {
				checked, unbalanced, err := a.auditWithin(ctx, d.tenant)
				if err != nil {
					failed.Add(1)
					a.log.ErrorContext(ctx, "an audit failed", "tenant", d.tenant, "error", err)
				}
				blocks.Add(int64(checked))
				off.Add(int64(unbalanced))
				return nil
			})
		}
		_ = group.Wait() // its functions return nil
	}
	a.report(ctx, stats{
		audited: min(done, len(list)), blocks: blocks.Load(), imbalances: off.Load(), failed: failed.Load(),
		behind: time.Duration(now.UnixMilli()-until) * time.Millisecond,
	})
	return problem.Wrap("save the progress of the audits", a.store.SaveAuditedUntil(ctx, until))
}

// outOfTime tells whether too little time is left to begin an audit.
func (a *Auditor) outOfTime(ctx context.Context) bool {
	return timeleft.Of(ctx, a.now()) < reserve
}

// due is a tenant whose audit is due at a time.
type due struct {
	tenant   tenant.ID
	atMillis int64
}

// due lists the tenants whose audits became due after a moment and up to another, in
// order of time.
func (a *Auditor) due(ctx context.Context, after, until int64) ([]due, error) {
	var list []due
	for last := tenant.ID(""); ; {
		tenants, err := a.store.Tenants(ctx, last, page)
		if err != nil {
			return nil, fmt.Errorf("list tenants: %w", err)
		}
		for _, t := range tenants {
			if at := lastDue(t, until); at > after {
				list = append(list, due{t, at})
			}
			last = t
		}
		if len(tenants) < page {
			break
		}
	}
	slices.SortFunc(list, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.atMillis, b.atMillis), cmp.Compare(a.tenant, b.tenant))
	})
	return list, nil
}

// lastDue is the last moment, up to a time, at which a tenant's audit was due.
func lastDue(t tenant.ID, nowMillis int64) int64 {
	sum := fnv.New32a()
	sum.Write([]byte(t))
	offset := int64(sum.Sum32()) % day.Milliseconds()
	return nowMillis - (nowMillis-offset)%day.Milliseconds()
}

// auditWithin audits a tenant, but leaves the run time to save its progress.
func (a *Auditor) auditWithin(ctx context.Context, t tenant.ID) (blocks, off int, err error) {
	if deadline, bounded := ctx.Deadline(); bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve/2))
		defer cancel()
	}
	return a.Audit(ctx, t)
}

// Audit checks the books of a tenant since its last audit, and returns how many
// blocks it checked, and how many are off. Safe to retry, to run twice at once, and
// to abort: a repeat may report the same blocks again.
func (a *Auditor) Audit(ctx context.Context, t tenant.ID) (blocks, off int, err error) {
	now := a.now()
	last, err := a.store.LastAudit(ctx, t)
	if err != nil {
		return 0, 0, fmt.Errorf("read the last audit: %w", err)
	}
	opened, err := a.store.Registered(ctx, t, last.AtMillis-slack.Milliseconds())
	if err != nil {
		return 0, 0, fmt.Errorf("list the conferences since: %w", err)
	}
	// A block without a checkpoint did not exist at the last audit, or its conference
	// was registered later.
	from := func(block seat.Block) Checkpoint {
		if c, there := last.Checkpoints[block]; there {
			return c
		}
		return Checkpoint{AtMillis: cmp.Or(opened[block.Pool.Number], last.AtMillis)}
	}
	list, err := balances(ctx, a.store, t, last.pools(t, opened), from, now)
	if err != nil {
		return 0, 0, err
	}
	for _, b := range list {
		if unbalanced(b) {
			off++
			a.log.LogAttrs(ctx, slog.LevelError, "the books of a block do not balance", b.Attrs()...)
		}
		if b.State.Closed && len(b.State.Members) == 0 {
			continue // nothing happens to it any more
		}
		next := Checkpoint{AtMillis: now.UnixMilli(), Taken: b.State.Taken, Voids: b.State.Voids, Open: b.open()}
		if err := a.store.PutCheckpoint(ctx, b.State.Block, next); err != nil {
			return len(list), off, fmt.Errorf("write a checkpoint: %w", err)
		}
	}
	return len(list), off, problem.Wrap("end the audit", a.store.EndAudit(ctx, t, now.UnixMilli()))
}

// pools lists the pools that a tenant had since its last audit: its own, those that
// could still be used at that time, and those that were opened since.
func (a Audit) pools(t tenant.ID, opened map[conference.Number]int64) []seat.Pool {
	numbers := make(map[conference.Number]bool, len(opened))
	for number := range opened {
		numbers[number] = true
	}
	for block, c := range a.Checkpoints {
		if c.AtMillis >= a.AtMillis {
			numbers[block.Pool.Number] = true
		}
	}
	delete(numbers, 0)
	list := []seat.Pool{{Tenant: t}}
	for number := range numbers {
		list = append(list, seat.PoolsOf(t, number).Both()...)
	}
	return list
}

// stats counts what a run found.
type stats struct {
	audited                    int
	blocks, imbalances, failed int64
	behind                     time.Duration
}

// report logs a run's counts, as metrics.
func (a *Auditor) report(ctx context.Context, s stats) {
	metrics.Count(ctx, metrics.Imbalances, s.imbalances)
	metrics.Count(ctx, metrics.AuditsFailed, s.failed)
	metrics.Count(ctx, metrics.AuditsBehindMillis, s.behind.Milliseconds())
	a.log.LogAttrs(ctx, slog.LevelInfo, "audited",
		slog.Int("tenants_audited", s.audited), slog.Int64("blocks_audited", s.blocks), slog.Int64("imbalances", s.imbalances),
		slog.Int64("audits_failed", s.failed), slog.Int64("audits_behind_ms", s.behind.Milliseconds()),
	)
}
