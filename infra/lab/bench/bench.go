// Package bench measures Seatmeter and its peers on the same engine in the same
// run. Most figures are ratios, since machines differ and are noisy. Rounds of the
// contestants alternate, and each round has a ratio of its own, so that a change
// of the machine's speed affects both sides.
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

// Report is the result of benchmarks.
type Report struct {
	Rates   []Rate
	Figures []Figure
}

// Add adds the results of another benchmark.
func (r *Report) Add(other Report) {
	r.Rates = append(r.Rates, other.Rates...)
	r.Figures = append(r.Figures, other.Figures...)
}

// UnmarshalJSON reads the format of MarshalJSON, in order of names.
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

// MarshalJSON writes rates and figures by their names.
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

// Figure is a ratio, or a number in the unit of its name, with its spread over the
// rounds.
type Figure struct {
	Name   string  `json:"-"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// AtMost and AtLeast are the limits of the median; zero: no limit.
	AtMost  float64 `json:"at_most,omitempty"`
	AtLeast float64 `json:"at_least,omitempty"`
	// About describes the figure and its peer.
	About string `json:"about"`
}

// Broken tells whether the figure is outside its limits.
func (f Figure) Broken() bool { return f.AtMost > 0 && f.Median > f.AtMost || f.Median < f.AtLeast }

// Limits describes the limits of the median.
func (f Figure) Limits() string {
	switch {
	case f.AtMost > 0:
		return fmt.Sprintf("at most %g", f.AtMost)
	case f.AtLeast > 0:
		return fmt.Sprintf("at least %g", f.AtLeast)
	}
	return ""
}

// atMost sets an upper limit.
func (f Figure) atMost(limit float64) Figure {
	f.AtMost = limit
	return f
}

// atLeast sets a lower limit.
func (f Figure) atLeast(limit float64) Figure {
	f.AtLeast = limit
	return f
}

// contestant does one operation; each call has a different n.
type contestant struct {
	name string
	do   func(ctx context.Context, n int) error
}

// Rate is a contestant's operations per second in the median round.
type Rate struct {
	Name      string
	PerSecond float64
}

// contest runs rounds of all contestants in turn and returns the rates of each.
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

// timed does operations, numbered from first, with concurrent workers.
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
func ratio(name, about string, ours, theirs []float64) Figure {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / theirs[i]
	}
	return figure(name, about, ratios)
}

// figure is the median and the spread of values. The median of an even number is
// the larger of the middle two.
func figure(name, about string, values []float64) Figure {
	sorted := slices.Sorted(slices.Values(values))
	return Figure{Name: name, About: about, Median: sorted[len(sorted)/2], Min: sorted[0], Max: sorted[len(sorted)-1]}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
