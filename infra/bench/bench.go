// Package bench measures Seatmeter beside what it is built on, on the same
// engine and in the same run. Absolute times mean little, since machines
// differ and are noisy; the ratios are the figures. Rounds of the contestants
// alternate, and each ratio is taken round by round, so that a machine whose
// speed drifts does not favour one of them.
package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Report is what was measured.
type Report struct {
	Rates   []Rate   `json:"rates"`
	Figures []Figure `json:"figures"`
}

// Figure is a ratio, or what its name's unit says, with its spread over the
// rounds.
type Figure struct {
	Name   string  `json:"name"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// Limit is the most that the median may be; zero: there is no limit.
	Limit float64 `json:"limit,omitempty"`
	// Held is what it is of, and what it is held against, in words.
	Held string `json:"held"`
}

// Broken tells whether the figure is above its limit.
func (f Figure) Broken() bool { return f.Limit > 0 && f.Median > f.Limit }

// limited is the figure with a limit.
func (f Figure) limited(limit float64) Figure {
	f.Limit = limit
	return f
}

// contestant does one operation; n is different at each call.
type contestant struct {
	name string
	do   func(ctx context.Context, n int) error
}

// Rate is a contestant's operations per second, in the median round.
type Rate struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
}

// contest runs rounds of all contestants in turn and gives each one's rates.
func contest(ctx context.Context, rounds, operations, workers int, contestants []contestant, progress func(string)) ([][]float64, error) {
	rates := make([][]float64, len(contestants))
	next := 0
	for round := range rounds + 1 { // the first warms up
		for i, c := range contestants {
			progress(fmt.Sprintf("round %d of %d: %s", round, rounds, c.name))
			took, err := timed(ctx, next, operations, workers, c.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			next += operations
			if round > 0 {
				rates[i] = append(rates[i], float64(operations)/took.Seconds())
			}
		}
	}
	return rates, nil
}

// timed does operations numbered from first, by so many workers at once.
func timed(ctx context.Context, first, operations, workers int, do func(context.Context, int) error) (time.Duration, error) {
	var group sync.WaitGroup
	var next atomic.Int64
	failed := make(chan error, workers)
	began := time.Now()
	for range workers {
		group.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= operations {
					return
				}
				if err := do(ctx, first+n); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(began)
	select {
	case err := <-failed:
		return took, err
	default:
		return took, nil
	}
}

// ratio compares rates round by round.
func ratio(name, held string, ours, theirs []float64) Figure {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	return figure(name, held, ratios)
}

// figure is what was measured, with its spread. Of an even number of values it
// takes the larger of the middle two.
func figure(name, held string, values []float64) Figure {
	sorted := slices.Sorted(slices.Values(values))
	return Figure{Name: name, Held: held, Median: sorted[len(sorted)/2], Min: sorted[0], Max: sorted[len(sorted)-1]}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
