package jobs

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/problem"
)

// Daily is work that each tenant has once a day, as far as there is time for before
// ctx ends. Safe to retry and to run concurrently: a schedule may fire twice.
type Daily interface {
	Run(ctx context.Context) error
}

// Rollup handles the schedule's events.
type Rollup struct{ roller, auditor Daily }

// NewRollup makes a handler of the schedule's events.
func NewRollup(roller, auditor Daily) *Rollup { return &Rollup{roller, auditor} }

// Handle rolls usage up and audits the books, at the same time, so that neither waits
// for the other. An error is for the log and the function's metric: the next run of
// the schedule continues in any case.
func (r *Rollup) Handle(ctx context.Context) error {
	var rolled, audited error
	var both errgroup.Group
	both.Go(func() error {
		rolled = r.roller.Run(ctx)
		return nil
	})
	both.Go(func() error {
		audited = r.auditor.Run(ctx)
		return nil
	})
	_ = both.Wait() // its functions return nil
	return errors.Join(problem.Wrap("roll usage up", rolled), problem.Wrap("audit the books", audited))
}
