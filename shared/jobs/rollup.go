package jobs

import (
	"context"
	"fmt"
)

// Roller rolls every tenant's usage up, as far as there is time for before ctx
// ends. Safe to repeat and to run at the same time as itself: a schedule may
// come twice.
type Roller interface {
	Run(ctx context.Context) error
}

// Rollup handles the schedule's events.
type Rollup struct{ roller Roller }

// NewRollup makes a handler of the schedule's events.
func NewRollup(roller Roller) *Rollup { return &Rollup{roller} }

// Handle makes one run. An error is for the log and the function's metric of
// errors: the schedule's next run goes on in any case.
func (r *Rollup) Handle(ctx context.Context) error {
	if err := r.roller.Run(ctx); err != nil {
		return fmt.Errorf("roll usage up: %w", err)
	}
	return nil
}
