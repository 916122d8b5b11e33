package statement

import (
	"context"
	"fmt"
	"time"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// page is how many tenants, or jobs, are read at a time.
const page = 100

// Automatic is the author of batches that close months by themselves.
const Automatic = "automatic"

// Status is a batch with the states of its period's jobs, counted.
type Status struct {
	Batch
	States map[State]int
}

// State is the state of the whole batch.
func (s Status) State() State {
	switch {
	case s.AskedMillis == 0:
		return StateNone
	case !s.Enlisted || s.States[StateRunning] > 0:
		return StateRunning
	}
	return StateDone
}

// Tenants is how many tenants have a job.
func (s Status) Tenants() int {
	total := 0
	for _, n := range s.States {
		total += n
	}
	return total
}

// Job reads the closing of a tenant's period. A period that was closed before there
// were jobs is done. The errors are problems: not_found if there is no such tenant, and
// invalid if there is no such month.
func (c *Closer) Job(ctx context.Context, t tenant.ID, period string) (Job, error) {
	none := Job{Tenant: t, Period: period, State: StateNone}
	l, err := c.store.License(ctx, t)
	if err != nil {
		return none, fmt.Errorf("read the license: %w", err)
	}
	if l == nil {
		return none, problem.New(problem.NotFound, "There is no such tenant.")
	}
	if _, err := usage.MonthOf(period, time.UTC); err != nil {
		return none, fmt.Errorf("read the period: %w", err)
	}
	j, err := c.store.Job(ctx, period, t)
	if err != nil {
		return none, fmt.Errorf("read the closing: %w", err)
	}
	if j != nil {
		return *j, nil
	}
	_, last, err := c.latest(ctx, t, period)
	if err != nil || last == nil {
		return none, err
	}
	none.State, none.Revision, none.Length = StateDone, last.Revision, len(last.Days)
	return none, nil
}

// Jobs lists a period's jobs, in order of tenants after one.
func (c *Closer) Jobs(ctx context.Context, period string, after tenant.ID, limit int) ([]Job, error) {
	list, err := c.store.Jobs(ctx, period, after, limit)
	return list, problem.Wrap("list closings", err)
}

// Status reads how far a period's batch is.
func (c *Closer) Status(ctx context.Context, period string) (Status, error) {
	s := Status{Batch: Batch{Period: period}, States: make(map[State]int)}
	b, err := c.store.Batch(ctx, period)
	if err != nil {
		return s, fmt.Errorf("read the batch: %w", err)
	}
	if b == nil {
		return s, nil
	}
	s.Batch = *b
	err = c.eachJob(ctx, period, func(j Job) error {
		s.States[j.State]++
		return nil
	})
	return s, err
}

// CloseAll closes a period of all tenants, as one batch of a job for each. What is not
// done within a few seconds goes on by Run. While a batch is running, a second one
// joins it. The error is problem.Invalid at #/period for a text that is no month, or
// for a month that has not ended; else the store's.
func (c *Closer) CloseAll(ctx context.Context, period, by string) (Status, error) {
	if err := c.ask(ctx, period, by); err != nil {
		return Status{}, err
	}
	if err := c.advance(ctx, period, c.now().Add(patience)); err != nil {
		return Status{}, err
	}
	return c.Status(ctx, period)
}

// ask makes a batch one of all tenants.
func (c *Closer) ask(ctx context.Context, period, by string) error {
	month, err := usage.BillingMonthOf(period, nil)
	if err != nil {
		return fmt.Errorf("read the period: %w", err)
	}
	if c.now().UnixMilli() < month.ToMillis {
		return faults("has not ended: it does at " + usage.FormatTime(month.ToMillis) + " in UTC")
	}
	s, err := c.Status(ctx, period)
	if err != nil || s.State() == StateRunning {
		return err
	}
	return c.changeBatch(ctx, period, func(b *Batch, now int64) bool {
		if b.AskedMillis != s.AskedMillis {
			return false // another asked just now
		}
		b.Open, b.OpenedMillis, b.AskedMillis, b.By = true, now, now, by
		b.After, b.Enlisted = "", false
		return true
	})
}

// Run goes on with all closings that are under way, or with as many as there is time
// for before ctx ends, and first begins those of the month before, if it is time to. A
// closing that fails is logged, and left to the next run. Safe to retry, and to run
// twice at once.
func (c *Closer) Run(ctx context.Context) error {
	until := c.now().Add(longestRun)
	if deadline, bounded := ctx.Deadline(); bounded {
		until = deadline.Add(-reserve)
	}
	if c.closeAfterDays > 0 {
		if err := c.byItself(ctx); err != nil {
			return err
		}
	}
	batches, err := c.store.Batches(ctx)
	if err != nil {
		return fmt.Errorf("list closings: %w", err)
	}
	for _, b := range batches {
		if !b.Open || !c.now().Before(until) {
			continue
		}
		if err := c.advance(ctx, b.Period, until); err != nil {
			return err
		}
	}
	return nil
}

// byItself closes the month before of all tenants, once, so many days after its end.
// A batch from before does not count: months may not have been over by then.
func (c *Closer) byItself(ctx context.Context) error {
	day := c.now().UTC().AddDate(0, 0, -c.closeAfterDays)
	end := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC)
	period := end.AddDate(0, -1, 0).Format(usage.MonthLayout)
	b, err := c.store.Batch(ctx, period)
	if err != nil {
		return fmt.Errorf("read the batch: %w", err)
	}
	if b != nil && b.AskedMillis >= end.AddDate(0, 0, c.closeAfterDays).UnixMilli() {
		return nil
	}
	return c.ask(ctx, period, Automatic)
}

// advance goes on with a period's jobs, until a moment, and closes the batch if none
// is left.
func (c *Closer) advance(ctx context.Context, period string, until time.Time) error {
	if err := c.enlist(ctx, period, until); err != nil {
		return err
	}
	left := 0
	err := c.eachJob(ctx, period, func(j Job) error {
		if j.State != StateRunning {
			return nil
		}
		if j.LeaseUntilMillis > c.now().UnixMilli() || !c.now().Before(until) {
			left++
			return nil
		}
		over, err := c.goOn(ctx, j, until)
		if err != nil {
			c.log.ErrorContext(ctx, "a closing is left to the next run", "tenant", j.Tenant, "period", period, "error", err)
		}
		if !over {
			left++
		}
		return nil
	})
	if err != nil || left > 0 {
		return err
	}
	return c.changeBatch(ctx, period, func(b *Batch, now int64) bool {
		idle := b.Open && (b.AskedMillis == 0 || b.Enlisted) && now-b.OpenedMillis >= keepOpenMillis
		b.Open = false
		return idle
	})
}

// enlist gives each tenant a job, in order, and saves after each page how far it is.
func (c *Closer) enlist(ctx context.Context, period string, until time.Time) error {
	for c.now().Before(until) {
		b, err := c.store.Batch(ctx, period)
		if err != nil {
			return fmt.Errorf("read the batch: %w", err)
		}
		if b == nil || b.AskedMillis == 0 || b.Enlisted {
			return nil
		}
		list, err := c.store.Tenants(ctx, b.After, page)
		if err != nil {
			return fmt.Errorf("list tenants: %w", err)
		}
		for _, t := range list {
			if err := c.enlistOne(ctx, period, t, b.AskedMillis); err != nil {
				return err
			}
		}
		b.Enlisted = len(list) < page
		if len(list) > 0 {
			b.After = list[len(list)-1]
		}
		b.Version++
		if _, err := c.store.SaveBatch(ctx, *b); err != nil { // false: another run enlists
			return fmt.Errorf("write the batch: %w", err)
		}
	}
	return nil
}

// enlistOne gives a tenant a job of a batch, unless it has it. A job that is running
// stays as it is.
func (c *Closer) enlistOne(ctx context.Context, period string, t tenant.ID, asked int64) error {
	stored, err := c.store.Job(ctx, period, t)
	if err != nil {
		return fmt.Errorf("read the closing: %w", err)
	}
	j := Job{Tenant: t, Period: period}
	if stored != nil {
		j = *stored
	}
	if j.AskedMillis >= asked || j.State == StateRunning {
		return nil
	}
	j.Version++
	j.State, j.AskedMillis, j.Problem = StateRunning, asked, nil
	_, err = c.store.SaveJob(ctx, j) // false: another run has begun it
	return problem.Wrap("write the closing", err)
}

// goOn goes on with a job, or ends it where there is nothing to do. False: it is not
// over.
func (c *Closer) goOn(ctx context.Context, j Job, until time.Time) (bool, error) {
	last, err := c.unchanged(ctx, j.Tenant, j.Period)
	if err != nil {
		return false, err
	}
	if last != nil {
		return c.endJob(ctx, j, StateDone, nil)
	}
	p, err := c.plan(ctx, j.Tenant, j.Period)
	if problem.Is(err, problem.Invalid) || problem.Is(err, problem.NotFound) {
		document := problem.As(err).Document()
		return c.endJob(ctx, j, StateNotDue, &document)
	}
	if err != nil {
		return false, err
	}
	if p.settled {
		j.Revision, j.Length = p.last.Revision, len(p.before.Days)
		return c.endJob(ctx, j, StateDone, nil)
	}
	held, mine, err := c.acquire(ctx, p)
	if err != nil || !mine {
		return false, err
	}
	result, err := c.run(ctx, p, held, until)
	if problem.Is(err, problem.PreconditionFailed) {
		c.log.ErrorContext(ctx, "a period is not closed: the ledger and the roll-up disagree", "tenant", j.Tenant, "period", j.Period, "error", err)
		return true, nil
	}
	return result.Sealed != nil, err
}

// endJob ends a job without a run. False: another run has changed it.
func (c *Closer) endJob(ctx context.Context, j Job, s State, why *problem.Document) (bool, error) {
	j.Version++
	j.State, j.Days, j.LeaseUntilMillis, j.Problem = s, nil, 0, why
	written, err := c.store.SaveJob(ctx, j)
	return written, problem.Wrap("write the closing", err)
}

// eachJob calls do with each job of a period, in order of tenants.
func (c *Closer) eachJob(ctx context.Context, period string, do func(Job) error) error {
	for after := tenant.ID(""); ; {
		list, err := c.store.Jobs(ctx, period, after, page)
		if err != nil {
			return fmt.Errorf("list closings: %w", err)
		}
		for _, j := range list {
			if err := do(j); err != nil {
				return err
			}
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].Tenant
	}
}
