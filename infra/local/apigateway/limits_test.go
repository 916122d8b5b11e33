package apigateway_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/coder/websocket"

	"seatmeter/infra/local/apigateway"
)

func TestFramesAndMessagesUpToTheLimitsPass(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dialRaw()
	conn.send(frame(finText, bytes.Repeat([]byte("a"), 32<<10)))
	if got := len(next(t, s.messages).Body); got != 32<<10 {
		t.Errorf("received %d bytes", got)
	}
	part := bytes.Repeat([]byte("b"), 32<<10)
	conn.send(frame(text, part))
	conn.send(frame(more, part))
	conn.send(frame(more, part))
	conn.send(frame(finMore, part))
	if got := len(next(t, s.messages).Body); got != 128<<10 {
		t.Errorf("received %d bytes", got)
	}
}

func TestFramesSentWithTheHandshakeCount(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dialTCP()
	conn.send(append([]byte(handshakeText), frame(finText, []byte("eager"))...))
	if got := next(t, s.messages).Body; got != "eager" {
		t.Errorf("received %q", got)
	}
}

func TestAFrameOrMessageOverTheLimitClosesWith1009(t *testing.T) {
	part := bytes.Repeat([]byte("b"), 32<<10)
	for name, frames := range map[string][][]byte{
		"frame":             {frame(finText, bytes.Repeat([]byte("a"), 32<<10+1))},
		"very long frame":   {frame(finText, make([]byte, 300<<10))},
		"message":           {frame(text, part), frame(more, part), frame(more, part), frame(more, part), frame(finMore, []byte("b"))},
		"after fine frames": {frame(finText, []byte("fine")), frame(finText, bytes.Repeat([]byte("a"), 40<<10))},
		"impossible length": {{finText, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil, nil)
			conn := s.dialRaw()
			go func() { // while the server may be closing already
				for _, f := range frames {
					if _, err := conn.Write(f); err != nil {
						return
					}
				}
			}()
			if got := conn.closeCode(); got != 1009 {
				t.Errorf("closed with %d", got)
			}
			if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1009 {
				t.Errorf("disconnected with %d", got)
			}
			_ = conn.Close()
			if name == "after fine frames" {
				next(t, s.messages)
			}
			none(t, s.messages)
		})
	}
}

func TestAClientSeesTheCloseCode1009(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	go func() { _ = conn.Write(within(t), websocket.MessageText, make([]byte, 1<<20)) }()
	if got := closedWith(t, conn); got != websocket.StatusMessageTooBig {
		t.Errorf("closed with %d", got)
	}
}

func TestAnIdleConnectionIsClosedAsGoingAway(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Limits.Idle = 50 * time.Millisecond })
	if got := closedWith(t, s.dial(nil)); got != websocket.StatusGoingAway {
		t.Errorf("closed with %d", got)
	}
	if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1001 {
		t.Errorf("disconnected with %d", got)
	}
}

func TestTrafficKeepsAConnectionButNotBeyondItsLife(t *testing.T) {
	const idle, life = 2 * time.Second, 4 * time.Second
	s := start(t, nil, func(c *apigateway.Config) { c.Limits.Idle, c.Limits.Life = idle, life })
	begun := time.Now()
	conn := s.dial(nil)
	go func() {
		for conn.Ping(within(t)) == nil {
			time.Sleep(idle / 20) // the client's pace: nothing waits for it
		}
	}()
	if got := closedWith(t, conn); got != websocket.StatusGoingAway {
		t.Errorf("closed with %d", got)
	}
	if lasted := time.Since(begun); lasted < life {
		t.Errorf("lasted %v, less than its life of %v", lasted, life)
	}
}

func TestAnUnresponsivePeerIsDisconnectedAtOnce(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Limits.Idle = 50 * time.Millisecond })
	begun := time.Now()
	conn := s.dialRaw() // never answers the close frame
	next(t, s.disconnected)
	if waited := time.Since(begun); waited > 3*time.Second {
		t.Errorf("the event waited %v for the client", waited)
	}
	_ = conn.Close()
}
