package statement

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/rollup"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

const (
	// races bounds how often something starts over after losing a race.
	races = 5
	// patience is for how long Close begins further days.
	patience = 5 * time.Second
	// waits and waitFor: for how long Close waits for another run of the same closing.
	waits   = 20
	waitFor = patience / waits
	// reserve is how much of a run's time is left when no more days are begun.
	reserve = 10 * time.Second
	// overlapMillis is how much earlier than its record a late mark may be written.
	overlapMillis = 10 * 60 * 1000
)

// Store is everything that a close reads and writes.
type Store interface {
	rollup.Store
	Statements
	Jobs
}

// Config has what a Closer needs. Pause is pool.Sleep.
type Config struct {
	Store  Store
	Roller *rollup.Roller
	Log    *slog.Logger
	Now    func() time.Time
	Pause  func(ctx context.Context, d time.Duration) error
	// CloseAfterDays is how many days after its end Run closes each month; zero: never.
	CloseAfterDays int
}

// Closer closes periods. Safe for use by many goroutines.
type Closer struct {
	store  Store
	roller *rollup.Roller
	log    *slog.Logger
	now    func() time.Time
	pause  func(ctx context.Context, d time.Duration) error

	closeAfterDays int
}

// NewCloser makes a Closer.
func NewCloser(c Config) *Closer {
	return &Closer{c.Store, c.Roller, c.Log, c.Now, c.Pause, c.CloseAfterDays}
}

// Result is the outcome of a call of Close.
type Result struct {
	// Sealed is the period's latest revision, and Added says that this call wrote it. Nil:
	// the closing goes on as Job.
	Sealed *Sealed
	Added  bool
	Job    Job
}

// Close closes a tenant's period, as a job: day by day it completes the roll-up,
// computes the figures again from the raw ledger in another way, and compares them and
// who was counted; in the end it seals the figures. A job that takes longer than a few seconds is continued by Run. If nothing
// was recorded since the latest revision, Close reads three items and returns it. So it
// does, with some more reads, where the period's records were removed.
//
// The errors are problems: invalid if there is no such month, it has not ended,
// it ended before the tenant had a license, its records were removed and it was not
// closed, or not all of its days are final;
// precondition_failed if the ledger and the roll-up disagree.
//
// Safe to retry, to run twice at once and to abort: one run at a time holds the job,
// a day that was checked stays so, and a revision is written only if it does not exist.
func (c *Closer) Close(ctx context.Context, t tenant.ID, period string) (Result, error) {
	opened := false
	for range waits {
		last, err := c.unchanged(ctx, t, period)
		if last != nil || err != nil {
			return Result{Sealed: last}, err
		}
		p, err := c.plan(ctx, t, period)
		if err != nil {
			return Result{}, err
		}
		if p.settled {
			return Result{Sealed: p.last}, nil
		}
		if !opened {
			if err := c.open(ctx, period); err != nil {
				return Result{}, err
			}
			opened = true
		}
		j, mine, err := c.acquire(ctx, p)
		if err != nil {
			return Result{}, err
		}
		if mine {
			return c.run(ctx, p, j, c.now().Add(patience))
		}
		if err := c.pause(ctx, waitFor); err != nil {
			return Result{Job: j}, nil //nolint:nilerr // the other run goes on
		}
	}
	j, err := c.store.Job(ctx, period, t)
	if err != nil || j == nil {
		return Result{}, problem.Wrap("read the closing", err)
	}
	return Result{Job: *j}, nil
}

// unchanged is a period's latest revision if its job is over and nothing was recorded
// since; else nil.
func (c *Closer) unchanged(ctx context.Context, t tenant.ID, period string) (*Sealed, error) {
	j, err := c.store.Job(ctx, period, t)
	if err != nil {
		return nil, fmt.Errorf("read the closing: %w", err)
	}
	if j == nil || j.Revision == 0 || len(j.Days) > 0 {
		return nil, nil //nolint:nilnil // as documented
	}
	last, before, err := c.latest(ctx, t, period)
	if err != nil || last == nil || last.Revision != j.Revision {
		return nil, err
	}
	month, err := before.month()
	if err != nil {
		return nil, err
	}
	late, err := c.late(ctx, t, month.Period, j.CheckedMillis-overlapMillis)
	if err != nil || late {
		return nil, err
	}
	return last, nil
}

// ClosedUntil is until when, from a moment on, every month of a tenant is closed, up to a
// limit; the moment itself if its month is not. A month whose statement is stale counts
// as one that is not.
func (c *Closer) ClosedUntil(ctx context.Context, t tenant.ID, fromMillis, limitMillis int64) (int64, error) {
	const further = 2 * 24 * time.Hour // than any zone's clock is from UTC
	name := Name{Period: time.UnixMilli(fromMillis).Add(-further).UTC().Format(usage.MonthLayout)}
	for at := fromMillis; ; {
		list, err := c.store.Statements(ctx, t, name, 1)
		if err != nil || len(list) == 0 {
			return at, problem.Wrap("list statements", err)
		}
		last, s, err := c.latest(ctx, t, list[0].Period)
		if err != nil || last == nil {
			return at, err
		}
		name = last.Name()
		month, err := s.month()
		switch {
		case err != nil || month.FromMillis > at || month.ToMillis > limitMillis:
			return at, err
		case month.ToMillis <= at:
			continue
		}
		stale, _, err := c.Stale(ctx, *last)
		if err != nil || stale {
			return at, err
		}
		at = month.ToMillis
	}
}

// late tells whether a record of a period was marked as late since a moment.
func (c *Closer) late(ctx context.Context, t tenant.ID, p usage.Period, since int64) (bool, error) {
	for span, err := range c.store.Late(ctx, t, since) {
		if err != nil {
			return false, fmt.Errorf("read late marks: %w", err)
		}
		if span.FromMillis-usage.MaxGapMillis < p.ToMillis && span.ToMillis+usage.MaxGapMillis >= p.FromMillis {
			return true, nil
		}
	}
	return false, nil
}

// run works on a job that it holds until it is over, or until a moment after which it
// begins no further day.
func (c *Closer) run(ctx context.Context, p plan, j Job, until time.Time) (Result, error) {
	r := &run{Closer: c, plan: p, job: j, until: until, saved: c.now()}
	result, err := r.work(ctx)
	if err == nil {
		return result, nil
	}
	if errors.Is(err, errLost) {
		return Result{Job: r.job}, nil
	}
	// The context may be over; what follows is quick.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endingTime)
	defer cancel()
	if problem.Is(err, problem.PreconditionFailed) {
		metrics.Count(ctx, metrics.StatementsRefused, 1)
		r.end(StateFailed)
		document := problem.As(err).Document()
		r.job.Problem = &document
		return Result{}, errors.Join(err, r.save(ending))
	}
	r.job.LeaseUntilMillis = 0
	if saving := r.save(ending); saving != nil {
		c.log.WarnContext(ctx, "a closing waits for its lease to end", "tenant", p.tenant, "period", p.period, "error", saving)
	}
	if errors.Is(err, errOutOfTime) || errors.Is(err, context.DeadlineExceeded) {
		return Result{Job: r.job}, nil
	}
	return Result{}, err
}

// endingTime bounds the last write of a run whose time is over.
const endingTime = time.Second

// errLost: another run holds the job. errOutOfTime: no further day is begun.
var (
	errLost      = errors.New("another run holds the closing")
	errOutOfTime = errors.New("the closing goes on in another run")
)
