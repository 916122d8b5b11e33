package apigateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/infra/local/issuer"
	"seatmeter/infra/local/template"
)

// Config configures a gateway.
type Config struct {
	Template *template.Template
	// Handlers are the functions by name, including every function that a route of
	// the template names.
	Handlers map[string]lambda.Handler
	// Issuer is the JWT authorizer's. It may be nil if every route is open.
	Issuer *issuer.Issuer
	Limits Limits
	Faults Faults
	// AuthorizerContextOnDisconnect adds the authorizer's context to DISCONNECT
	// events. AWS was observed to do so, but does not document it.
	AuthorizerContextOnDisconnect bool
	// BareRefusals reduces $connect's refusals to their status. AWS does not document
	// whether it passes on the body and the headers.
	BareRefusals bool
	// Log may be nil.
	Log *slog.Logger
}

// Gateway is one WebSocket API with its management API, and one HTTP API. It is safe for
// concurrent use.
type Gateway struct {
	functions
	config      Config
	limits      Limits
	api         template.WebSocketAPI
	routes      router
	cors        crossOrigin
	connections registry
	dice        *dice
	held        holdback
	work        work
	// closing is closed when Close begins. It ends all delays.
	closing     chan struct{}
	closingOnce sync.Once
}

// New returns a gateway. The caller must Close it.
func New(c Config) (*Gateway, error) {
	if err := c.Faults.validate(); err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{
		config:      c,
		limits:      c.Limits.withDefaults(),
		routes:      newRouter(c.Template.Routes),
		cors:        crossOrigin{c.Template.CORS},
		connections: registry{byID: map[connectionID]*connection{}},
		dice:        newDice(c.Faults),
		closing:     make(chan struct{}),
	}
	g.functions = newFunctions(c.Template, c.Handlers, g.limits.ResponseBytes, c.Log, &g.work)
	if c.Template.WebSocket != nil {
		g.api = *c.Template.WebSocket
	}
	if err := g.check(); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

func (g *Gateway) check() error {
	var errs []error
	used := func(by, function string) {
		if _, ok := g.handlers[function]; !ok {
			errs = append(errs, fmt.Errorf("%s: there is no function %q", by, function))
		}
	}
	for _, route := range g.config.Template.Routes {
		used(route.Key(), route.Function)
		if !route.Open && g.config.Issuer == nil {
			errs = append(errs, fmt.Errorf("%s: needs an issuer", route.Key()))
		}
	}
	for route, function := range g.api.Routes {
		used(route, function)
	}
	if g.api.Authorizer != "" {
		used("WebSocket authorizer", g.api.Authorizer)
	}
	if _, err := newSelection(g.api.RouteSelection); err != nil && g.config.Template.WebSocket != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// WebSocket serves the WebSocket API, at / and at its stage, and below both its @connections.
func (g *Gateway) WebSocket() http.Handler { return http.HandlerFunc(g.serveWebSocket) }

// HTTP serves the HTTP API, and the issuer's discovery document and keys under /.issuer/.
func (g *Gateway) HTTP() http.Handler { return http.HandlerFunc(g.serveHTTP) }

// Close refuses new work, closes every connection with 1001, delivers the remaining
// DISCONNECT events without delay, and waits for all functions. If ctx ends first, it
// cuts connections, cancels functions, and returns the context's error. Safe to call
// again.
func (g *Gateway) Close(ctx context.Context) error {
	g.work.close()
	g.closingOnce.Do(func() { close(g.closing) })
	open := g.connections.all()
	for _, c := range open {
		g.hangUp(c, goingAway())
	}
	done := make(chan struct{})
	go func() {
		g.work.wait()
		close(done)
	}()
	select {
	case <-done:
		g.stop()
		return nil
	case <-ctx.Done():
		g.stop()
		for _, c := range open {
			c.cut()
		}
		return fmt.Errorf("close gateway: %w", ctx.Err())
	}
}

// work counts the work that Close waits for.
type work struct {
	mu     sync.Mutex
	closed bool
	group  sync.WaitGroup
}

// begin counts work from outside, until end. It returns false after close.
func (w *work) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.group.Add(1)
	return true
}

func (w *work) end() { w.group.Done() }

// spawn runs work that other counted work started. It never refuses.
func (w *work) spawn(f func()) { w.group.Go(f) }

func (w *work) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

func (w *work) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}

func (w *work) wait() { w.group.Wait() }
