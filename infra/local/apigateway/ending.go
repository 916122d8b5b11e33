package apigateway

import (
	"errors"
	"math"
	"time"

	"github.com/coder/websocket"
)

// ending is how and when a connection ended, as its DISCONNECT event tells.
type ending struct {
	status int
	reason string
	at     time.Time
}

// The reasons are those seen in AWS's events; it promises none.

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

// endingOf tells how a connection ended, by the error of a read: with the client's close
// frame, without one, or by the gateway because of a frame that it refuses.
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

// end takes a connection out of the gateway's hands and sees to its DISCONNECT event. Only the
// first ending of a connection counts; each call returns when that one is under way. It is called
// from counted work, or while the connection's reader, which is counted, has yet to call it.
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

// hangUp ends a connection from this side: for everybody else it is gone at once, while the
// client is given the time that a closing handshake takes.
func (g *Gateway) hangUp(c *connection, how ending) {
	g.end(c, how, func() {
		<-c.ready
		if c.socket != nil {
			// The client may be gone or mute: nothing to be done about it.
			_ = c.socket.Close(websocket.StatusCode(how.status), how.reason)
		}
	})
}

// closeAll ends a share of the open connections from this side, as a restart of API Gateway does,
// with a close frame of that code. No frame carries 0 (nothing is known of the end) or 1006 (it
// broke off): those connections are cut. It returns how many it ended.
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
