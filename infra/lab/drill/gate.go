package drill

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// gate stands before the database. While it is closed, no request is under way: what
// the database then holds is a state between two requests, as a point-in-time backup is.
type gate struct {
	mu      sync.RWMutex
	server  *http.Server
	address string
}

func openGate(ctx context.Context, endpoint string) (*gate, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0) // of clients that no longer wait
	g := &gate{address: "http://" + listener.Addr().String()}
	g.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.RLock()
		defer g.mu.RUnlock()
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = g.server.Serve(listener) }() // until it is closed
	return g, nil
}

// during runs f while the gate is closed.
func (g *gate) during(f func() error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return f()
}
