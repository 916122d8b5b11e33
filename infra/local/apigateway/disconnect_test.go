package apigateway_test

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/coder/websocket"

	"seatmeter/infra/local/apigateway"
)

func TestDisconnectTellsHowTheConnectionEnded(t *testing.T) {
	for name, c := range map[string]struct {
		leave  func(*rawConn)
		code   int64
		reason string
	}{
		"normal":       {func(c *rawConn) { c.send(frame(finClose, []byte("\x03\xe8"))) }, 1000, ""},
		"with a word":  {func(c *rawConn) { c.send(frame(finClose, []byte("\x03\xe9tab closed"))) }, 1001, "tab closed"},
		"private code": {func(c *rawConn) { c.send(frame(finClose, []byte("\x0f\xa0"))) }, 4000, ""},
		"no code":      {func(c *rawConn) { c.send(frame(finClose, nil)) }, 1005, "Client-side close frame status not set"},
		"vanished":     {func(c *rawConn) { _ = c.Close() }, 1006, ""},
		"reset": {func(c *rawConn) {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}, 1006, ""},
		"mid-frame": {func(c *rawConn) {
			c.send(frame(finText, make([]byte, 100))[:50])
			_ = c.Close()
		}, 1006, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil, nil)
			c.leave(s.dialRaw())
			got := next(t, s.disconnected).RequestContext
			if got.DisconnectStatusCode != c.code || got.DisconnectReason == nil || *got.DisconnectReason != c.reason {
				t.Errorf("disconnected with %d %q, want %d %q", got.DisconnectStatusCode, *got.DisconnectReason, c.code, c.reason)
			}
			s.settle()
			none(t, s.disconnected)
		})
	}
}

func TestAFailedDisconnectIsNotTriedAgain(t *testing.T) {
	tried := make(chan struct{}, 10)
	s := start(t, functions{"disconnect": lambda.NewHandler(func() error {
		tried <- struct{}{}
		return errors.New("oops")
	})}, nil)
	_ = s.dialRaw().Close()
	next(t, tried)
	s.settle()
	none(t, tried)
}

func TestALostDisconnectIsNeverDelivered(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Faults.LoseDisconnect = 1 })
	for range 5 {
		_ = s.dialRaw().Close()
	}
	s.settle()
	none(t, s.disconnected)
}

func TestARepeatedDisconnectIsDeliveredTwiceAlike(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Faults.RepeatDisconnect = 1 })
	_ = s.dialRaw().Close()
	first, second := next(t, s.disconnected).RequestContext, next(t, s.disconnected).RequestContext
	if first.ConnectionID != second.ConnectionID || first.RequestTimeEpoch != second.RequestTimeEpoch {
		t.Errorf("first %+v, then %+v", first, second)
	}
	s.settle()
	none(t, s.disconnected)
}

func TestADelayedDisconnectKeepsTheTimeOfTheClose(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) {
		c.Faults = apigateway.Faults{DelayDisconnect: 1, MaxDelay: 400 * time.Millisecond, Seed: 1}
	})
	for range 8 {
		_ = s.dialRaw().Close()
	}
	var latest time.Duration
	for range 8 {
		closed := time.UnixMilli(next(t, s.disconnected).RequestContext.RequestTimeEpoch)
		latest = max(latest, time.Since(closed))
	}
	if latest < 50*time.Millisecond {
		t.Errorf("none came later than %v after its close", latest)
	}
}

func TestAReorderedDisconnectComesAfterALaterOne(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) {
		c.Faults = apigateway.Faults{ReorderDisconnect: 1, MaxDelay: time.Hour}
	})
	s.dialRaw()
	firstID := next(t, s.connected).RequestContext.ConnectionID
	second := s.dialRaw()
	secondID := next(t, s.connected).RequestContext.ConnectionID
	// Deleted, because it has ended for the gateway too when that returns.
	if _, err := s.sdk().DeleteConnection(within(t), &api.DeleteConnectionInput{ConnectionId: &firstID}); err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
	for _, want := range []string{secondID, firstID} {
		if got := next(t, s.disconnected).RequestContext.ConnectionID; got != want {
			t.Fatalf("%s came, want %s", got, want)
		}
	}
}

func TestAReorderedDisconnectDoesNotWaitForever(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) {
		c.Faults = apigateway.Faults{ReorderDisconnect: 1, MaxDelay: 20 * time.Millisecond}
	})
	_ = s.dialRaw().Close()
	next(t, s.disconnected)
}

func TestADisconnectOvertakesTheConnectOfAClientThatLeft(t *testing.T) {
	running, proceed := make(chan struct{}), make(chan struct{})
	s := start(t, functions{"connect": lambda.NewHandler(func() (response, error) {
		running <- struct{}{}
		<-proceed
		return response{StatusCode: http.StatusOK}, nil
	})}, func(c *apigateway.Config) {
		c.Faults = apigateway.Faults{ReorderDisconnect: 1, MaxDelay: time.Millisecond}
	})
	conn := s.dialTCP()
	conn.send([]byte(handshakeText))
	next(t, running)
	_ = conn.Close()
	if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1006 {
		t.Errorf("disconnected with %d", got)
	}
	close(proceed)
	s.settle()
	none(t, s.disconnected)
}

func TestCloseDeliversDelayedEvents(t *testing.T) {
	for name, faults := range map[string]apigateway.Faults{
		"delayed":   {DelayDisconnect: 1, MaxDelay: time.Hour},
		"reordered": {ReorderDisconnect: 1, MaxDelay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil, func(c *apigateway.Config) { c.Faults = faults })
			conn := s.dial(nil)
			if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Fatal(err)
			}
			s.settle()
			next(t, s.disconnected)
		})
	}
}
