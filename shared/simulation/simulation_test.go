package simulation

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	schedules = flag.Int("schedules", 2000, "how many schedules are run")
	seed      = flag.Uint64("seed", 1, "the first schedule's seed; the others' follow")
	soak      = flag.Bool("soak", false, "run schedules without end")
)

// TestMain has garbage collected less often: a world is small, and soon gone.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	m.Run()
}

// workers is how many schedules run at the same time.
var workers = runtime.GOMAXPROCS(0)

// variant is a world with a bug.
type variant struct {
	bug   bug
	ahead time.Duration // of reconciliation's clock
}

// bug makes a call of DynamoDB otherwise than the code meant it.
type bug func(in any, call func(in any) (any, error)) (any, error)

// result is what became of a schedule.
type result struct {
	failure *failure
	tale    tale
	steps   int
	trace   []string
}

// simulate runs one schedule in a bubble of its own.
func simulate(t *testing.T, s *script, v variant, told bool) (r result) {
	synctest.Test(t, func(*testing.T) {
		w := newWorld(s, v)
		w.told = told
		w.create()
		w.play()
		if w.failure == nil {
			w.rest()
		}
		w.calm = true
		for len(w.running) > 0 {
			w.kill(w.running[0])
		}
		r = result{w.failure, s.used(), w.steps, w.trace}
	})
	return r
}

// explain makes a failing schedule as simple as it can, and tells it.
func explain(t *testing.T, r result, v variant) string {
	choices := shrunk(r.tale, 4000, func(choices []int) (tale, bool) {
		again := simulate(t, given(choices), v, false)
		return again.tale, again.failure != nil && again.failure.rule == r.failure.rule
	})
	told := simulate(t, given(choices), v, true)
	if told.failure == nil {
		return fmt.Sprintf("%s: %s\n(not the same when run again: the choices are not all of it)", r.failure.rule, r.failure.text)
	}
	return fmt.Sprintf("%s: %s\n%s", told.failure.rule, told.failure.text, strings.Join(told.trace, "\n"))
}

// untilCalm is the part of a trace that the schedule decides: afterwards what a
// handler does at the same time is done so.
func untilCalm(trace []string) []string {
	return trace[:slices.IndexFunc(trace, func(line string) bool { return strings.HasSuffix(line, calm) })]
}

// A seed is of use only if it means the same schedule each time.
func TestASeedMeansTheSameScheduleEachTime(t *testing.T) {
	for n := range uint64(100) {
		one, again := simulate(t, drawn(*seed+n), variant{}, true), simulate(t, drawn(*seed+n), variant{}, true)
		if diff := cmp.Diff(untilCalm(one.trace), untilCalm(again.trace)); diff != "" {
			t.Errorf("seed %d: %s", *seed+n, diff)
		}
	}
}

func TestInvariantsHoldInEverySchedule(t *testing.T) {
	began := time.Now()
	var next, steps, failures atomic.Int64
	t.Run("schedules", func(t *testing.T) {
		for n := range workers {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				for failures.Load() < 3 {
					n := next.Add(1) - 1
					if n >= int64(*schedules) && !*soak {
						return
					}
					at := *seed + uint64(n)
					r := simulate(t, drawn(at), variant{}, false)
					steps.Add(int64(r.steps))
					if r.failure != nil {
						failures.Add(1)
						t.Errorf("seed %d: %s", at, explain(t, r, variant{}))
					}
				}
			})
		}
	})
	t.Logf("%d schedules, %d steps, in %v", min(next.Load(), int64(*schedules)), steps.Load(), time.Since(began).Round(time.Millisecond))
}
