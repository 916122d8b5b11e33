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

// Scheduler is EventBridge Scheduler: it runs functions again and again, with the event that
// the schedule has. Unlike AWS, which may deliver an event twice or start a run before the last one
// has ended, one Scheduler runs a schedule once at a time, and leaves out what is due while it runs.
type Scheduler struct {
	schedules []*scheduled
	// stop ends the runs under way, as far as they heed their context, and wait returns when they
	// have finished.
	stop, wait func()
}

// scheduled is a schedule with its function.
type scheduled struct {
	template.Schedule
	function Function
	// turn holds an element while it runs.
	turn chan struct{}
}

// ErrNotScheduled is Tick's answer for a function without a schedule.
var ErrNotScheduled = errors.New("the function has no schedule")

// NewScheduler makes a scheduler that runs the schedules' functions by the invoker.
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

// Run runs every schedule, first after one interval and the schedule's delay, until ctx ends, and with
// it the runs that are under way. It is called once.
func (s *Scheduler) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, s.stop)()
	var group sync.WaitGroup
	for _, schedule := range s.schedules {
		group.Go(func() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(schedule.Delay):
			}
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
				case schedule.turn <- struct{}{}:
					_ = schedule.run() // logged; the next run is its retry
				default:
				}
			}
		})
	}
	group.Wait()
	s.wait()
}

// Tick runs a scheduled function now, by the first of its schedules, or as soon as that schedule's
// run under way has ended, and returns when it has finished, with its error if it fails.
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

// run runs a schedule whose turn has been taken, and gives the turn back.
func (s *scheduled) run() error {
	defer func() { <-s.turn }()
	return s.function(json.RawMessage(s.Input))
}
