package statement

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

// State is how far a closing is.
type State string

// The states.
const (
	// StateNone: nobody asked for it.
	StateNone State = "none"
	// StateRunning: it is worked on, or waits for a run of the roll-up to go on with it.
	StateRunning State = "running"
	StateDone    State = "done"
	// StateFailed: the ledger and the roll-up disagree.
	StateFailed State = "failed"
	// StateNotDue: the month has not ended for this tenant, or ended before its first.
	StateNotDue State = "not_due"
)

// Job is the closing of a tenant's period. Times are Unix milliseconds.
type Job struct {
	Tenant tenant.ID
	Period string
	// Version counts the writes of the job.
	Version int64
	State   State
	// AskedMillis is the batch that asked for it: see Batch.
	AskedMillis int64
	// Holder is the run that works on the job until LeaseUntilMillis.
	Holder           string
	LeaseUntilMillis int64
	// CutoffMillis is when this closing began: closed_at of its statement.
	CutoffMillis int64
	// Length is the number of the period's days, and Days are those of a closing that
	// has begun and is not over.
	Length int
	Days   []Day
	// Revision is the period's latest as of CheckedMillis: everything that was
	// recorded before it is in it.
	Revision      int
	CheckedMillis int64
	// Problem is why the job did not close the period.
	Problem *problem.Document
}

// Day is the progress of a job with one day. The zero Day was not checked yet.
type Day struct {
	// Sum is the checksum of the stored rows that the ledger agreed with.
	Sum uint64
	// Records is how many records of the ledger began in the day.
	Records int64
}

// DaysDone is how many days were checked.
func (j Job) DaysDone() int {
	if j.State == StateDone {
		return j.Length
	}
	done := 0
	for _, day := range j.Days {
		if day.Sum != 0 {
			done++
		}
	}
	return done
}

// next is the first day that was not checked; negative, if there is none.
func (j Job) next() int {
	for i, day := range j.Days {
		if day.Sum == 0 {
			return i
		}
	}
	return -1
}

// Batch is the head of a period's jobs. While it is open, runs of the roll-up look
// for jobs to go on with.
type Batch struct {
	Period string
	// Version counts the writes of the batch.
	Version int64
	Open    bool
	// OpenedMillis is when it was opened last.
	OpenedMillis int64
	// AskedMillis is when By asked for the period of all tenants; zero, if nobody did.
	AskedMillis int64
	By          string
	// After is the last tenant with a job of this batch, and Enlisted says that all have.
	After    tenant.ID
	Enlisted bool
}

// Jobs stores closings. They can be lost without harm: a period can be closed again.
// Errors are the store's own.
type Jobs interface {
	// Job reads a job, consistently; nil if there is none.
	Job(ctx context.Context, period string, t tenant.ID) (*Job, error)
	// SaveJob writes a job on condition that the stored one has the version before, and
	// that there is none before version 1. False: it does not hold. A repeat after a
	// lost answer gives true, if the job has a holder.
	SaveJob(ctx context.Context, j Job) (bool, error)
	// Jobs lists a period's jobs, in order of tenants after one, consistently.
	Jobs(ctx context.Context, period string, after tenant.ID, limit int) ([]Job, error)
	// Batch reads a period's batch, consistently; nil if there is none.
	Batch(ctx context.Context, period string) (*Batch, error)
	// SaveBatch writes a batch, as SaveJob does a job. A repeat gives false.
	SaveBatch(ctx context.Context, b Batch) (bool, error)
	// Batches lists all batches, in order of periods, consistently.
	Batches(ctx context.Context) ([]Batch, error)
}

const (
	// leaseMargin is how much longer than its run a lease lasts. It includes a margin for
	// clock differences.
	leaseMargin = 10 * time.Second
	// longestRun is how long a run without a deadline may take: Lambda's maximum.
	longestRun = 15 * time.Minute
	// reopenMillis and keepOpenMillis: a batch that was opened less than the first before
	// is not opened again, and none is closed before the second has passed, so that a
	// job which is written just after its batch was opened is found.
	reopenMillis   = int64(10 * time.Minute / time.Millisecond)
	keepOpenMillis = int64(30 * time.Minute / time.Millisecond)
)

// lease is until when a run of this context holds a job.
func lease(ctx context.Context, now time.Time) int64 {
	until := now.Add(longestRun)
	if deadline, bounded := ctx.Deadline(); bounded && deadline.Before(until) {
		until = deadline
	}
	return until.Add(leaseMargin).UnixMilli()
}

// acquire takes a job for this run, and begins it anew if it is not under way. False:
// another run holds it.
func (c *Closer) acquire(ctx context.Context, p plan) (Job, bool, error) {
	stored, err := c.store.Job(ctx, p.period, p.tenant)
	if err != nil {
		return Job{}, false, fmt.Errorf("read the closing: %w", err)
	}
	now := c.now()
	j := Job{Tenant: p.tenant, Period: p.period}
	if stored != nil {
		j = *stored
	}
	if j.State == StateRunning && j.LeaseUntilMillis > now.UnixMilli() {
		return j, false, nil
	}
	if j.State != StateRunning || len(j.Days) != len(p.days) {
		j.State, j.Problem, j.CutoffMillis = StateRunning, nil, now.UnixMilli()
		j.Length, j.Days = len(p.days), make([]Day, len(p.days))
	}
	j.Version++
	j.Holder, j.LeaseUntilMillis = rand.Text(), lease(ctx, now)
	mine, err := c.store.SaveJob(ctx, j)
	return j, mine, problem.Wrap("write the closing", err)
}

// open opens a period's batch, so that the jobs which are written from now on are
// gone on with.
func (c *Closer) open(ctx context.Context, period string) error {
	return c.changeBatch(ctx, period, func(b *Batch, now int64) bool {
		if b.Open && now-b.OpenedMillis < reopenMillis {
			return false
		}
		b.Open, b.OpenedMillis = true, now
		return true
	})
}

// changeBatch changes a period's batch, unless change says that it is as it should be.
// It tries again if it loses a race.
func (c *Closer) changeBatch(ctx context.Context, period string, change func(b *Batch, now int64) bool) error {
	for range races {
		stored, err := c.store.Batch(ctx, period)
		if err != nil {
			return fmt.Errorf("read the batch: %w", err)
		}
		b := Batch{Period: period}
		if stored != nil {
			b = *stored
		}
		if !change(&b, c.now().UnixMilli()) {
			return nil
		}
		b.Version++
		written, err := c.store.SaveBatch(ctx, b)
		if err != nil {
			return fmt.Errorf("write the batch: %w", err)
		}
		if written {
			return nil
		}
	}
	return problem.New(problem.Unavailable, "Others keep closing the period. Try again.")
}
