package jobs

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"seatmeter/shared/problem"
)

// Daily is work that is done for each tenant, as far as there is time for before
// ctx ends. Safe to retry and to run concurrently: a schedule may fire twice.
type Daily interface {
	Run(ctx context.Context) error
}

// Rollup handles the schedule's events.
type Rollup struct{ roller, auditor, closer Daily }

// NewRollup makes a handler of the schedule's events.
func NewRollup(roller, auditor, closer Daily) *Rollup { return &Rollup{roller, auditor, closer} }

// Handle rolls usage up, audits the books and goes on with closings, at the same time,
// so that none waits for another. An error is for the log and the function's metric:
// the next run of the schedule continues in any case.
func (r *Rollup) Handle(ctx context.Context) error {
	var all errgroup.Group
	var failed [3]error
	for i, one := range []struct {
		name string
		work Daily
	}{{"roll usage up", r.roller}, {"audit the books", r.auditor}, {"close periods", r.closer}} {
		all.Go(func() error {
			failed[i] = problem.Wrap(one.name, one.work.Run(ctx))
			return nil
		})
	}
	_ = all.Wait() // its functions return nil
	return errors.Join(failed[:]...)
}
