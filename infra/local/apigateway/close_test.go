package apigateway_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"

	"seatmeter/infra/local/apigateway"
)

func TestCloseEndsEveryConnectionAndWaitsForItsEvents(t *testing.T) {
	s := start(t, nil, nil)
	codes := make(chan websocket.StatusCode, 20)
	for range 20 {
		conn := s.dial(nil)
		go func() { codes <- closedWith(t, conn) }()
	}
	s.settle()
	for range 20 {
		if got := next(t, codes); got != websocket.StatusGoingAway {
			t.Errorf("closed with %d", got)
		}
		select {
		case e := <-s.disconnected:
			if got := e.RequestContext.DisconnectStatusCode; got != 1001 {
				t.Errorf("disconnected with %d", got)
			}
		default:
			t.Error("Close did not wait for a DISCONNECT")
		}
	}
}

func TestCloseWaitsForFunctionsInFlight(t *testing.T) {
	running, proceed := make(chan struct{}), make(chan struct{})
	s := start(t, functions{"web": lambda.NewHandler(func(ctx context.Context) (events.APIGatewayV2HTTPResponse, error) {
		running <- struct{}{}
		<-proceed
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, ctx.Err()
	})}, nil)
	status := make(chan int, 1)
	go func() {
		got := s.call(http.MethodGet, "/open/x", "", nil)
		status <- got.status
	}()
	next(t, running)
	closed := make(chan error, 1)
	go func() { closed <- s.gateway.Close(within(t)) }()
	awaitClosing(s)
	none(t, closed)
	close(proceed)
	if err := next(t, closed); err != nil {
		t.Error(err)
	}
	if got := next(t, status); got != http.StatusOK {
		t.Errorf("answered %d", got)
	}
}

// awaitClosing waits until the gateway takes no new work.
func awaitClosing(s *stack) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if got := s.call(http.MethodGet, "/nowhere", "", nil); got.status == http.StatusServiceUnavailable {
			return
		}
	}
	s.t.Fatal("the gateway goes on taking work")
}

func TestAClosedGatewayAcceptsNothing(t *testing.T) {
	s := start(t, nil, nil)
	s.settle()
	if got := s.refused("/live", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("a handshake is answered %d", got.status)
	}
	if got := s.call(http.MethodGet, "/open/x", "", nil); got.status != http.StatusServiceUnavailable {
		t.Errorf("a request is answered %d", got.status)
	}
	s.settle() // again
}

func TestCloseDoesNotOutwaitItsContext(t *testing.T) {
	running, ended := make(chan struct{}), make(chan error, 1)
	s := start(t, functions{"message": lambda.NewHandler(func(ctx context.Context) error {
		close(running)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})}, nil)
	conn := s.dialRaw() // and never answers the close frame
	conn.send(frame(finText, []byte("hello")))
	next(t, running)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.gateway.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if err := next(t, ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the function ended with %v", err)
	}
	conn.awaitEnd()
}

func TestAnIdleConnectionCostsAtMostTwoGoroutines(t *testing.T) {
	const connections = 300
	s := start(t, nil, nil)
	before := runtime.NumGoroutine()
	for range connections {
		s.dialRaw()
	}
	awaitGoroutines(t, before+2*connections)
	if err := s.gateway.Close(cutOff(t)); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	awaitGoroutines(t, before)
}

// cutOff is a context that has ended, so that Close does not wait for clients that say nothing.
func cutOff(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// awaitGoroutines waits until there are no more than so many: the last ones take a moment to end.
func awaitGoroutines(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > most; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, want %d at most\n%s", runtime.NumGoroutine(), most, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

func TestASocketAPIIsOptional(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Template.WebSocket = nil })
	if got := s.refused("/", nil); got.status != http.StatusForbidden {
		t.Errorf("answered %d", got.status)
	}
}
