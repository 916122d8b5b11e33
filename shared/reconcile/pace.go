package reconcile

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// ErrThrottled is a prober's answer where the platform was asked too often.
var ErrThrottled = errors.New("the platform was asked too often")

const (
	perSecond = 2000 // probes at the most
	slowest   = 20   // and at the least, however often the platform says that it is too often
	// between is how long after it was halved the rate is not halved again: by then
	// what was asked before has been answered.
	between = 250 * time.Millisecond
	// recovery is by how much the rate grows with each probe that is answered: by a
	// tenth in a second.
	recovery = 0.1
)

// pace is how often the platform is asked by one process. API Gateway limits calls
// for connections by account and Region, and promises no figure, so the rate is
// found by trying: it is halved where the platform says that it was too often, and
// grows again while it does not.
type pace struct {
	limiter *rate.Limiter

	mu       sync.Mutex
	halvedAt time.Time
}

func newPace() *pace { return &pace{limiter: rate.NewLimiter(perSecond, burst(perSecond))} }

// burst is what may be asked at once: what a tenth of a second brings.
func burst(limit rate.Limit) int { return max(int(limit)/10, 1) }

func (p *pace) wait(ctx context.Context) error { return p.limiter.Wait(ctx) }

// throttled slows down.
func (p *pace) throttled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.halvedAt) >= between {
		p.halvedAt = now
		p.set(max(p.limiter.Limit()/2, slowest))
	}
}

// answered speeds up again.
func (p *pace) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if limit := p.limiter.Limit(); limit < perSecond {
		p.set(min(limit+recovery, perSecond))
	}
}

func (p *pace) set(limit rate.Limit) {
	p.limiter.SetLimit(limit)
	p.limiter.SetBurst(burst(limit))
}
