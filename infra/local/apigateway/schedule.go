package apigateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"seatmeter/infra/local/template"
)

// Scheduler runs scheduled functions as EventBridge Scheduler does. As on AWS, a run
// that is due starts although the last one has not ended. Unlike AWS, a Scheduler
// delivers no event twice.
type Scheduler struct {
	schedules []*scheduled
	// stop cancels the running functions. wait returns when they have finished.
	stop, wait func()
}

// scheduled is a schedule with its function.
type scheduled struct {
	template.Schedule
	function Function
	// turn has an element while the schedule runs.
	turn chan struct{}
}

// ErrNotScheduled means that the function has no schedule.
var ErrNotScheduled = errors.New("the function has no schedule")

// NewScheduler returns a scheduler that runs the schedules' functions by the invoker.
func NewScheduler(schedules []template.Schedule, invoker *Invoker) (*Scheduler, error) {
	s := &Scheduler{stop: invoker.stop, wait: invoker.work.wait}
	for _, schedule := range schedules {
		function, err := invoker.Function(schedule.Function)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", schedule.Name, err)
		}
		s.schedules = append(s.schedules, &scheduled{schedule, function, make(chan struct{}, 1)})
	}
	return s, nil
}

// Run runs every schedule, first after one interval, until
// ctx ends. That also cancels running functions. Call it once.
func (s *Scheduler) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, s.stop)()
	var group sync.WaitGroup
	for _, schedule := range s.schedules {
		group.Go(func() {
			ticker := time.NewTicker(schedule.Interval)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				if ctx.Err() != nil {
					return // both channels were ready
				}
				group.Go(schedule.runDue)
			}
		})
	}
	group.Wait()
	s.wait()
}

// Tick runs a scheduled function now, by the first of its schedules, or after that
// schedule's current run. It waits for the function and returns its error.
func (s *Scheduler) Tick(ctx context.Context, function string) error {
	i := slices.IndexFunc(s.schedules, func(one *scheduled) bool { return one.Function == function })
	if i < 0 {
		return fmt.Errorf("%s: %w", function, ErrNotScheduled)
	}
	select {
	case s.schedules[i].turn <- struct{}{}:
		return s.schedules[i].run()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// runDue runs a schedule that is due. Its error is logged; the next run is its retry.
func (s *scheduled) runDue() {
	select {
	case s.turn <- struct{}{}:
		_ = s.run()
	default: // the last run goes on
		_ = s.function(json.RawMessage(s.Input))
	}
}

// run runs a schedule whose turn was taken, and releases the turn.
func (s *scheduled) run() error {
	defer func() { <-s.turn }()
	return s.function(json.RawMessage(s.Input))
}
