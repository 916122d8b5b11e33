package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
)

// ErrThrottled is a Prober's answer when the platform limited the rate of calls.
var ErrThrottled = errors.New("the platform throttled a probe")

const (
	maxPerSecond = 2000
	minPerSecond = 20
	// between is the least time between two halvings: probes sent before the first have
	// been answered by then.
	between = 250 * time.Millisecond
	// recovery is what each answered probe adds to the rate: a tenth of it in a second.
	recovery = 0.1
)

// pace limits the rate at which one process probes. API Gateway limits these
// calls per account and Region, and documents no figure, so the rate is adapted:
// it is halved on throttling, and grows with answered probes.
type pace struct {
	most    rate.Limit
	limiter *rate.Limiter

	mu       sync.Mutex
	halvedAt time.Time
}

func newPace(most rate.Limit) *pace {
	return &pace{most: most, limiter: rate.NewLimiter(most, burst(most))}
}

// burst is a tenth of a second's probes.
func burst(limit rate.Limit) int { return max(int(limit)/10, 1) }

func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// throttled halves the rate.
func (p *pace) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.halvedAt) >= between {
		p.halvedAt = now
		p.set(max(p.limiter.Limit()/2, minPerSecond))
	}
}

// answered raises the rate.
func (p *pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.limiter.Limit(); limit < p.most {
		p.set(min(limit+recovery, p.most))
	}
}

func (p *pace) set(limit rate.Limit) {
	p.limiter.SetLimit(limit)
	p.limiter.SetBurst(burst(limit))
}

// probe asks the platform whether a connection is open, at the rate of the pace.
// It retries throttled calls until the run is out of time.
func (c *tenantCheck) probe(ctx context.Context, id seat.ConnectionID) (bool, error) {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	c.run.slots <- struct{}{}
	defer func() { <-c.run.slots }()
	for {
		if err := c.pace.wait(ctx); err != nil {
			return false, fmt.Errorf("wait to probe: %w", err)
		}
		c.count(func(f *RunStats) { f.Probed++ })
		alive, err := c.gateway.Alive(ctx, id)
		if !errors.Is(err, ErrThrottled) {
			c.pace.answered()
			return alive, problem.Wrap("probe "+string(id), err)
		}
		c.pace.throttled()
		c.count(func(f *RunStats) { f.Throttled++ })
		if c.outOfTime(ctx) {
			return false, problem.Wrap("probe "+string(id), err)
		}
	}
}
