package jobs

import (
	"context"
	"errors"
	"sync"

	"seatmeter/shared/problem"
)

// Daily is work that is done for each tenant, as far as there is time for before
// ctx ends. Safe to retry and to run concurrently: a schedule may fire twice.
type Daily interface {
	Run(ctx context.Context) error
}

// Rollup handles the schedule's events. It names each work as errors do.
type Rollup map[string]Daily

// Handle rolls usage up, and does all other work that has no haste, at the same time, so
// that none waits for another. An error is for the log and the function's metric:
// the next run of the schedule continues in any case.
func (r Rollup) Handle(ctx context.Context) error {
	var all sync.WaitGroup
	failed := make(chan error, len(r))
	for name, work := range r {
		all.Go(func() { failed <- problem.Wrap(name, work.Run(ctx)) })
	}
	all.Wait()
	close(failed)
	var errs error
	for err := range failed {
		errs = errors.Join(errs, err)
	}
	return errs
}
