package apigateway

import (
	"sync"
	"time"
)

// disconnected delivers a connection's DISCONNECT event, or does to it what the dice say. It
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
				_, _ = g.invoke(function, g.limits.WebSocketTimeout, event) // logged; never tried again
			})
		}
		deliveries.Wait()
	})
}

// pause waits for a while, or until the signal, or until the gateway closes.
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

// holdback lets one DISCONNECT event wait until a later one is through.
type holdback struct {
	mu      sync.Mutex
	waiting chan struct{}
}

// turn gives an event its place: it has to wait for the channel, unless that is nil, and to call
// after when it is through. Where one is waiting already, this is the one it has waited for.
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

// letGo forgets an event that has waited long enough.
func (h *holdback) letGo(waited chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == waited {
		h.waiting = nil
	}
}
