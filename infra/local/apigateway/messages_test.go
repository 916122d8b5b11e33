package apigateway_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"

	"seatmeter/infra/local/apigateway"
)

func TestAMessageTakesTheRouteItNames(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	for message, route := range map[string]string{
		`{"action":"wave"}`:       "wave",
		`{"action":"unknown"}`:    "$default",
		`{"action":"$connect"}`:   "$default",
		`{"action":["wave"]}`:     "$default",
		`{"other":"wave"}`:        "$default",
		`"wave"`:                  "$default",
		`not JSON`:                "$default",
		`{"action":"wave"} extra`: "$default",
	} {
		send(t, conn, websocket.MessageText, message)
		if e := next(t, s.messages); e.RequestContext.RouteKey != route || e.Body != message {
			t.Errorf("%s took %s", e.Body, e.RequestContext.RouteKey)
		}
	}
}

func TestANestedSelectionFindsItsField(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Template.WebSocket.RouteSelection = "${request.body.message.kind}" })
	conn := s.dial(nil)
	send(t, conn, websocket.MessageText, `{"message":{"kind":"wave"}}`)
	if got := next(t, s.messages).RequestContext.RouteKey; got != "wave" {
		t.Errorf("took %s", got)
	}
}

func TestATextThatIsNotUTF8ComesInBase64(t *testing.T) {
	s := start(t, nil, nil)
	send(t, s.dial(nil), websocket.MessageText, "\x00\xff")
	if e := next(t, s.messages); e.Body != "AP8=" || !e.IsBase64Encoded {
		t.Errorf("body %q, isBase64Encoded %t", e.Body, e.IsBase64Encoded)
	}
}

func TestABinaryFrameClosesWith1003(t *testing.T) {
	for name, frames := range map[string][][]byte{
		"alone":               {frame(finBinary, []byte("\x00\xff"))},
		"empty":               {frame(finBinary, nil)},
		"first of several":    {frame(binaryFrame, []byte("a"))},
		"after a text":        {frame(finText, []byte("fine")), frame(finBinary, []byte("a"))},
		"and over the limit":  {frame(finBinary, make([]byte, 40<<10))},
		"and then a text too": {frame(finBinary, []byte("a")), frame(finText, []byte("late"))},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, nil, nil)
			conn := s.dialRaw()
			for _, f := range frames {
				conn.send(f)
			}
			if got := conn.closeCode(); got != 1003 {
				t.Errorf("closed with %d", got)
			}
			if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1003 {
				t.Errorf("disconnected with %d", got)
			}
			_ = conn.Close()
			if name == "after a text" {
				next(t, s.messages)
			}
			s.settle()
			none(t, s.messages)
		})
	}
}

func TestAFailedFunctionTellsTheClientAndTheConnectionStays(t *testing.T) {
	s := start(t, functions{"wave": failing("oops")}, nil)
	conn := s.dial(nil)
	id := next(t, s.connected).RequestContext.ConnectionID
	send(t, conn, websocket.MessageText, `{"action":"wave"}`)
	var got struct{ Message, ConnectionID, RequestID string }
	decode(t, []byte(receive(t, conn)), &got)
	if got.Message != "Internal server error" || got.ConnectionID != id || got.RequestID == "" {
		t.Errorf("told %+v", got)
	}
	send(t, conn, websocket.MessageText, "still there")
	next(t, s.messages)
}

func TestAMessageWithoutARouteIsForbidden(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { delete(c.Template.WebSocket.Routes, "$default") })
	conn := s.dial(nil)
	send(t, conn, websocket.MessageText, "hello")
	var got struct{ Message string }
	if err := json.Unmarshal([]byte(receive(t, conn)), &got); err != nil || got.Message != "Forbidden" {
		t.Errorf("told %+v (%v)", got, err)
	}
}

func TestOneConnectionsMessagesRunConcurrentlyUpToTheBound(t *testing.T) {
	const bound = 3
	var running, most atomic.Int32
	entered, proceed := make(chan struct{}, 10), make(chan struct{})
	s := start(t, functions{"message": lambda.NewHandler(func() (response, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		entered <- struct{}{}
		<-proceed
		return response{StatusCode: http.StatusOK}, nil
	})}, func(c *apigateway.Config) { c.Limits.ConcurrentMessages = bound })
	conn := s.dial(nil)
	for range 10 {
		send(t, conn, websocket.MessageText, "hello")
	}
	for range bound {
		next(t, entered)
	}
	for range 10 - bound {
		proceed <- struct{}{}
		next(t, entered)
	}
	close(proceed)
	if got := most.Load(); got != bound {
		t.Errorf("%d ran at once, want %d", got, bound)
	}
}

func TestAMessagesAnswerIsNotSentToTheClient(t *testing.T) {
	s := start(t, functions{
		"message": lambda.NewHandler(func() (response, error) { return response{StatusCode: 500, Body: "unseen"}, nil }),
		"wave":    lambda.NewHandler(func() error { return errors.New("seen") }),
	}, func(c *apigateway.Config) { c.Limits.ConcurrentMessages = 1 })
	conn := s.dial(nil)
	send(t, conn, websocket.MessageText, "hello")
	send(t, conn, websocket.MessageText, `{"action":"wave"}`) // whose error is the first thing to be told
	var got struct{ Message, ConnectionID, RequestID string }
	decode(t, []byte(receive(t, conn)), &got)
	if got.Message != "Internal server error" {
		t.Errorf("told %+v", got)
	}
}
