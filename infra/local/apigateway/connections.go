package apigateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// errGone is the answer to a call for a closed connection.
var errGone = errors.New("the connection is gone")

// connection is a client's socket. While idle it costs one goroutine, the reader.
type connection struct {
	id          connectionID
	identity    identity
	domain      string
	authorizer  map[string]string
	connectedAt time.Time
	// lastActive is in Unix nanoseconds.
	lastActive atomic.Int64

	// ready is closed when the handshake has been answered. From then on socket and
	// wire are set, or nil if the handshake failed.
	ready  chan struct{}
	socket *websocket.Conn
	wire   net.Conn

	// slots has an element for each running message.
	slots chan struct{}

	ending sync.Once
	ended  atomic.Bool
	// timer enforces the limits of idleness and life. timerMu guards it.
	timerMu sync.Mutex
	timer   *time.Timer
}

func (g *Gateway) newConnection(r *http.Request) *connection {
	c := &connection{
		id:          connectionID(newID()),
		identity:    newIdentity(r),
		domain:      domainName(r),
		connectedAt: time.Now(),
		ready:       make(chan struct{}),
		slots:       make(chan struct{}, g.limits.ConcurrentMessages),
	}
	c.touch()
	return c
}

// touch records traffic.
func (c *connection) touch() { c.lastActive.Store(time.Now().UnixNano()) }

func (c *connection) lastActiveAt() time.Time { return time.Unix(0, c.lastActive.Load()) }

// write sends a text message, and gives up after the timeout if the client reads too
// slowly. Any error means that the connection is lost.
func (c *connection) write(message []byte, timeout time.Duration) error {
	<-c.ready
	if c.socket == nil || c.ended.Load() {
		return errGone
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := c.socket.Write(ctx, websocket.MessageText, message); err != nil {
		if !c.ended.Load() {
			c.cut() // a frame may be half written
		}
		return errors.Join(errGone, err)
	}
	c.touch()
	return nil
}

// cut closes the TCP connection without a close frame.
func (c *connection) cut() {
	<-c.ready
	if c.wire != nil {
		_ = c.wire.Close() // it may be closed already
	}
}

// watch ends the connection when it has been idle or has lived for too long.
func (g *Gateway) watch(c *connection) {
	if g.watchOn(c) {
		return
	}
	g.hangUp(c, goingAway())
}

// watchOn sets the timer for the next time that a limit can be reached. It returns
// false if a limit is reached.
func (g *Gateway) watchOn(c *connection) bool {
	c.timerMu.Lock()
	defer c.timerMu.Unlock()
	left := min(g.limits.Idle-time.Since(c.lastActiveAt()), g.limits.Life-time.Since(c.connectedAt))
	switch {
	case c.ended.Load():
	case left <= 0:
		return false
	case c.timer == nil:
		c.timer = time.AfterFunc(left, func() { g.watch(c) })
	default:
		c.timer.Reset(left)
	}
	return true
}

func (c *connection) unwatch() {
	c.timerMu.Lock()
	defer c.timerMu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
}

// registry has the connections that the management API can reach.
type registry struct {
	mu   sync.RWMutex
	byID map[connectionID]*connection
}

func (r *registry) add(c *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[c.id] = c
}

func (r *registry) remove(id connectionID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}

func (r *registry) find(id connectionID) (*connection, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, ok := r.byID[id]
	return c, ok
}

func (r *registry) all() []*connection {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*connection, 0, len(r.byID))
	for _, c := range r.byID {
		all = append(all, c)
	}
	return all
}
