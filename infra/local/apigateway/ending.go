package apigateway

import (
	"errors"
	"math"
	"time"

	"github.com/coder/websocket"
)

// ending is how and when a connection ended, as its DISCONNECT event reports it.
type ending struct {
	status int
	reason string
	at     time.Time
}

// The reasons were observed in AWS's events. AWS does not document them.

func goingAway() ending {
	return ending{status: int(websocket.StatusGoingAway), reason: "Going away", at: time.Now()}
}

func closedByAPI() ending {
	return ending{status: int(websocket.StatusNormalClosure), reason: "Connection Closed Normally", at: time.Now()}
}

func tooBig() ending {
	return ending{status: int(websocket.StatusMessageTooBig), reason: "Message too big", at: time.Now()}
}

func unsupported() ending {
	return ending{status: int(websocket.StatusUnsupportedData), reason: "Unsupported data", at: time.Now()}
}

func vanished() ending {
	return ending{status: int(websocket.StatusAbnormalClosure), at: time.Now()}
}

// endingOf returns how a connection ended, from a read's error: with the client's
// close frame, without one, or because the gateway refused a frame.
func endingOf(err error) ending {
	var frame websocket.CloseError
	switch {
	case errors.Is(err, errTooBig):
		return tooBig()
	case errors.Is(err, errBinary):
		return unsupported()
	case !errors.As(err, &frame):
		return vanished()
	case frame.Code == websocket.StatusNoStatusRcvd:
		return ending{status: int(frame.Code), reason: "Client-side close frame status not set", at: time.Now()}
	default:
		return ending{status: int(frame.Code), reason: frame.Reason, at: time.Now()}
	}
}

// end removes a connection and starts its DISCONNECT event. Only a connection's first
// ending counts. Every call returns when that one has been started. Callers are
// counted work, or the connection's counted reader.
func (g *Gateway) end(c *connection, how ending, then func()) {
	c.ending.Do(func() {
		c.ended.Store(true)
		g.connections.remove(c.id)
		c.unwatch()
		g.config.Log.Debug("connection ended", "connection", c.id, "status", how.status)
		g.disconnected(c, how)
		if then != nil {
			g.work.spawn(then)
		}
	})
}

// hangUp ends a connection from the server's side. It is gone at once for the
// management API, while the client has time for the closing handshake.
func (g *Gateway) hangUp(c *connection, how ending) {
	g.end(c, how, func() {
		<-c.ready
		if c.socket != nil {
			// The client may be gone or not answer.
			_ = c.socket.Close(websocket.StatusCode(how.status), how.reason)
		}
	})
}

// closeAll closes a share of the open connections with a code, as a restart of API
// Gateway does. No frame carries 0 (unknown) or 1006 (broken off): those connections
// are cut. It returns their number.
func (g *Gateway) closeAll(code int, reason string, share float64) int {
	if code == int(websocket.StatusGoingAway) && reason == "" {
		reason = goingAway().reason
	}
	open := g.connections.all()
	open = open[:int(math.Ceil(share*float64(len(open))))]
	for _, c := range open {
		how := ending{status: code, reason: reason, at: time.Now()}
		if code == 0 || code == int(websocket.StatusAbnormalClosure) {
			g.end(c, how, c.cut)
		} else {
			g.hangUp(c, how)
		}
	}
	return len(open)
}
