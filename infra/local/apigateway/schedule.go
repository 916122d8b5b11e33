package apigateway

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"seatmeter/infra/local/template"
)

// Scheduler is EventBridge Scheduler: it runs functions again and again, with the event {}. Unlike
// AWS, which may deliver an event twice or start a run before the last one has ended, one Scheduler
// runs a function once at a time, and leaves out what is due while it runs.
type Scheduler struct {
	schedules []template.Schedule
	functions map[string]Function
	// turns has, by function, a channel that holds an element while the function runs.
	turns map[string]chan struct{}
	// stop ends the runs under way, as far as they heed their context, and wait returns when they
	// have finished.
	stop, wait func()
}

// ErrNotScheduled is Tick's answer for a function without a schedule.
var ErrNotScheduled = errors.New("the function has no schedule")

// NewScheduler makes a scheduler that runs the schedules' functions by the invoker.
func NewScheduler(schedules []template.Schedule, invoker *Invoker) (*Scheduler, error) {
	s := &Scheduler{stop: invoker.stop, wait: invoker.work.wait, schedules: schedules, functions: map[string]Function{}, turns: map[string]chan struct{}{}}
	for _, schedule := range schedules {
		function, err := invoker.Function(schedule.Function)
		if err != nil {
			return nil, fmt.Errorf("schedule %s: %w", schedule.Name, err)
		}
		s.functions[schedule.Function], s.turns[schedule.Function] = function, make(chan struct{}, 1)
	}
	return s, nil
}

// Run runs every schedule, first after one interval, until ctx ends, and with it the runs that are
// under way. It is called once.
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
					return // both were ready
				}
				select {
				case s.turns[schedule.Function] <- struct{}{}:
					_ = s.run(schedule.Function) // logged; the next run is its retry
				default:
				}
			}
		})
	}
	group.Wait()
	s.wait()
}

// Tick runs a scheduled function now, or as soon as the run under way has ended, and returns when
// it has finished, with its error if it fails.
func (s *Scheduler) Tick(ctx context.Context, function string) error {
	turn, ok := s.turns[function]
	if !ok {
		return fmt.Errorf("%s: %w", function, ErrNotScheduled)
	}
	select {
	case turn <- struct{}{}:
		return s.run(function)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run runs a function whose turn has been taken, and gives the turn back.
func (s *Scheduler) run(function string) error {
	defer func() { <-s.turns[function] }()
	return s.functions[function](struct{}{})
}
