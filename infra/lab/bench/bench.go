// Package bench measures Seatmeter beside what it is built on, on the same
// engine and in the same run. Absolute times mean little, since machines
// differ and are noisy; the ratios are the figures. Rounds of the contestants
// alternate, and each ratio is taken round by round, so that a machine whose
// speed drifts does not favour one of them.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Report is what was measured.
type Report struct {
	Rates   []Rate
	Figures []Figure
}

// Add adds what another benchmark measured.
func (r *Report) Add(other Report) {
	r.Rates = append(r.Rates, other.Rates...)
	r.Figures = append(r.Figures, other.Figures...)
}

// UnmarshalJSON reads what MarshalJSON gives, in order of names.
func (r *Report) UnmarshalJSON(data []byte) error {
	var named struct {
		Rates   map[string]float64
		Figures map[string]Figure
	}
	if err := json.Unmarshal(data, &named); err != nil {
		return fmt.Errorf("decode a report: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(named.Rates)) {
		r.Rates = append(r.Rates, Rate{name, named.Rates[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(named.Figures)) {
		f := named.Figures[name]
		f.Name = name
		r.Figures = append(r.Figures, f)
	}
	return nil
}

// MarshalJSON gives rates and figures by their names.
func (r Report) MarshalJSON() ([]byte, error) {
	rates, figures := make(map[string]float64, len(r.Rates)), make(map[string]Figure, len(r.Figures))
	for _, rate := range r.Rates {
		rates[rate.Name] = rate.PerSecond
	}
	for _, f := range r.Figures {
		figures[f.Name] = f
	}
	data, err := json.Marshal(map[string]any{"rates": rates, "figures": figures})
	if err != nil {
		return nil, fmt.Errorf("encode the report: %w", err)
	}
	return data, nil
}

// Figure is a ratio, or what its name's unit says, with its spread over the
// rounds.
type Figure struct {
	Name   string  `json:"-"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// AtMost is the most that the median may be, AtLeast the least; zero: there
	// is no such limit.
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	// Held is what it is of, and what it is held against, in words.
	Held string `json:"held"`
}

// Broken tells whether the figure is outside its limits.
func (f Figure) Broken() bool { return f.AtMost > 0 && f.Median > f.AtMost || f.Median < f.AtLeast }

// Limits says in words what the median may be.
func (f Figure) Limits() string {
	switch {
	case f.AtMost > 0:
		return fmt.Sprintf("at most %g", f.AtMost)
	case f.AtLeast > 0:
		return fmt.Sprintf("at least %g", f.AtLeast)
	}
	return ""
}

// atMost is the figure with an upper limit.
func (f Figure) atMost(limit float64) Figure {
	f.AtMost = limit
	return f
}

// atLeast is the figure with a lower limit.
func (f Figure) atLeast(limit float64) Figure {
	f.AtLeast = limit
	return f
}

// contestant does one operation; n is different at each call.
type contestant struct {
	name string
	do   func(ctx context.Context, n int) error
}

// Rate is a contestant's operations per second, in the median round.
type Rate struct {
	Name      string
	PerSecond float64
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
