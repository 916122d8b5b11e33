package apigateway

import (
	"sync"
	"time"
)

// disconnected delivers a connection's DISCONNECT event, or applies a fault to it. It
// returns at once.
func (g *Gateway) disconnected(c *connection, how ending) {
	function, ok := g.api.Routes[routeDisconnect]
	if !ok {
		return
	}
	fate := g.dice.fate()
	if fate.lost {
		g.config.Log.Debug("DISCONNECT lost on purpose", "connection", c.id)
		return
	}
	event := g.disconnectEvent(c, how)
	wait, after := g.held.turn(fate.held)
	g.work.spawn(func() {
		defer after()
		if wait != nil {
			g.pause(g.dice.faults.MaxDelay, wait)
			g.held.letGo(wait)
		}
		var deliveries sync.WaitGroup
		for _, delay := range fate.delays {
			deliveries.Go(func() {
				g.pause(delay, nil)
				_, _ = g.invoke(function, g.limits.WebSocketTimeout, event) // logged; AWS does not retry either
			})
		}
		deliveries.Wait()
	})
}

// pause waits until a time has passed, the signal comes or the gateway closes.
func (g *Gateway) pause(d time.Duration, signal <-chan struct{}) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-signal:
	case <-g.closing:
	}
}

// holdback delays a DISCONNECT event until a later one has been delivered.
type holdback struct {
	mu      sync.Mutex
	waiting chan struct{}
}

// turn takes an event's place. The event waits for the channel, unless it is nil, and
// calls after once it is delivered. A held-back event waits for the next one.
func (h *holdback) turn(hold bool) (wait chan struct{}, after func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if earlier := h.waiting; earlier != nil {
		h.waiting = nil
		return nil, func() { close(earlier) }
	}
	if hold {
		h.waiting = make(chan struct{})
		return h.waiting, func() {}
	}
	return nil, func() {}
}

// letGo releases an event that has waited for the longest permitted time.
func (h *holdback) letGo(waited chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == waited {
		h.waiting = nil
	}
}
