package jobs

import (
	"context"
	"fmt"
)

// Roller rolls up every tenant's usage, as far as there is time for before ctx
// ends. Safe to retry and to run concurrently: a schedule may fire twice.
type Roller interface {
	Run(ctx context.Context) error
}

// Rollup handles the schedule's events.
type Rollup struct{ roller Roller }

// NewRollup makes a handler of the schedule's events.
func NewRollup(roller Roller) *Rollup { return &Rollup{roller} }

// Handle makes one run. An error is for the log and the function's metric: the
// next run of the schedule continues in any case.
func (r *Rollup) Handle(ctx context.Context) error {
	if err := r.roller.Run(ctx); err != nil {
		return fmt.Errorf("roll usage up: %w", err)
	}
	return nil
}
