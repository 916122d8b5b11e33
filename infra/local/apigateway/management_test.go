package apigateway_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/local/apigateway"
)

// sdk is AWS's own client of the management API.
func (s *stack) sdk() *api.Client {
	return api.New(api.Options{
		BaseEndpoint: aws.String(s.ws + "/live"),
		Region:       "local",
		Credentials:  credentials.NewStaticCredentialsProvider("id", "secret", ""),
	})
}

func (s *stack) post(id, message string) error {
	_, err := s.sdk().PostToConnection(within(s.t), &api.PostToConnectionInput{ConnectionId: &id, Data: []byte(message)})
	return err
}

func isGone(err error) bool {
	var gone *types.GoneException
	return errors.As(err, &gone)
}

func TestAPostReachesTheClientAsText(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	conn.SetReadLimit(-1)
	id := next(t, s.connected).RequestContext.ConnectionID
	for _, message := range []string{"hello", strings.Repeat("a", 128<<10)} {
		if err := s.post(id, message); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, conn); got != message {
			t.Errorf("received %d bytes, want %d", len(got), len(message))
		}
	}
}

func TestAPostOver128KBIsTooLarge(t *testing.T) {
	s := start(t, nil, nil)
	s.dial(nil)
	err := s.post(next(t, s.connected).RequestContext.ConnectionID, strings.Repeat("a", 128<<10+1))
	var over *types.PayloadTooLargeException
	if !errors.As(err, &over) {
		t.Errorf("error %v, want PayloadTooLargeException", err)
	}
}

func TestAConnectionCanBeAskedFor(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(&websocket.DialOptions{HTTPHeader: http.Header{"User-Agent": {"tester"}}})
	connected := next(t, s.connected).RequestContext
	get := func() *api.GetConnectionOutput {
		t.Helper()
		out, err := s.sdk().GetConnection(within(t), &api.GetConnectionInput{ConnectionId: &connected.ConnectionID})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := get()
	if got := before.ConnectedAt.UnixMilli(); got != connected.ConnectedAt {
		t.Errorf("connected at %d, want %d", got, connected.ConnectedAt)
	}
	if *before.Identity.SourceIp != "127.0.0.1" || *before.Identity.UserAgent != "tester" {
		t.Errorf("identity %s %s", *before.Identity.SourceIp, *before.Identity.UserAgent)
	}
	for deadline := time.Now().Add(patience); !get().LastActiveAt.After(*before.LastActiveAt); {
		if time.Now().After(deadline) {
			t.Fatal("traffic does not show in lastActiveAt")
		}
		send(t, conn, websocket.MessageText, "hello")
		next(t, s.messages)
	}
}

func TestADeletedConnectionIsClosedNormallyAndGone(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	id := next(t, s.connected).RequestContext.ConnectionID
	if _, err := s.sdk().DeleteConnection(within(t), &api.DeleteConnectionInput{ConnectionId: &id}); err != nil {
		t.Fatal(err)
	}
	if err := s.post(id, "hello"); !isGone(err) {
		t.Errorf("a post gets %v, want GoneException", err)
	}
	if got := closedWith(t, conn); got != websocket.StatusNormalClosure {
		t.Errorf("closed with %d", got)
	}
	if got := next(t, s.disconnected).RequestContext; got.DisconnectStatusCode != 1000 || *got.DisconnectReason != "Connection Closed Normally" {
		t.Errorf("disconnected with %d %q", got.DisconnectStatusCode, *got.DisconnectReason)
	}
}

func TestEveryCallForAConnectionThatIsNotThereIsGone(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	left := next(t, s.connected).RequestContext.ConnectionID
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	next(t, s.disconnected)
	for name, id := range map[string]string{"unknown": "AAAAAAAAAAAAAAA=", "gone": left, "odd": "a/b c%"} {
		_, get := s.sdk().GetConnection(within(t), &api.GetConnectionInput{ConnectionId: &id})
		_, remove := s.sdk().DeleteConnection(within(t), &api.DeleteConnectionInput{ConnectionId: &id})
		if post := s.post(id, "hello"); !isGone(post) || !isGone(get) || !isGone(remove) {
			t.Errorf("%s: post %v, get %v, delete %v; want GoneException", name, post, get, remove)
		}
	}
}

func TestAConnectionIsGoneUntilItsHandshakeIsAnswered(t *testing.T) {
	during := make(chan error, 1)
	var s *stack
	ready := make(chan struct{})
	s = start(t, functions{"connect": lambda.NewHandler(func(e request) (response, error) {
		<-ready
		during <- s.post(e.RequestContext.ConnectionID, "too early")
		s.connected <- e
		return response{StatusCode: http.StatusOK}, nil
	})}, nil)
	close(ready)
	conn := s.dial(nil)
	if err := next(t, during); !isGone(err) {
		t.Errorf("during $connect: %v, want GoneException", err)
	}
	if err := s.post(next(t, s.connected).RequestContext.ConnectionID, "now"); err != nil {
		t.Errorf("once the client has its answer: %v", err)
	}
	if got := receive(t, conn); got != "now" {
		t.Errorf("received %q", got)
	}
}

func TestASlowReaderDoesNotHoldUpAPosterForever(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) { c.Limits.WriteTimeout = 50 * time.Millisecond })
	conn := s.dialRaw() // reads nothing from here on
	if err := conn.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	id := next(t, s.connected).RequestContext.ConnectionID
	message := strings.Repeat("a", 128<<10)
	for deadline := time.Now().Add(patience); ; {
		err := s.post(id, message)
		if isGone(err) {
			break
		}
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("error %v, want GoneException in the end", err)
		}
	}
	if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1006 {
		t.Errorf("disconnected with %d", got)
	}
}

func TestPostsToOneConnectionDoNotMix(t *testing.T) {
	s := start(t, nil, nil)
	conn := s.dial(nil)
	id := next(t, s.connected).RequestContext.ConnectionID
	want := map[string]bool{}
	var posts errgroup.Group
	for _, letter := range "abcdefgh" {
		message := strings.Repeat(string(letter), 10_000)
		want[message] = true
		posts.Go(func() error { return s.post(id, message) })
	}
	for range 8 {
		got := receive(t, conn)
		if !want[got] {
			t.Errorf("received %.20s… of %d bytes", got, len(got))
		}
		delete(want, got)
	}
	if err := posts.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownMethodIsForbidden(t *testing.T) {
	s := start(t, nil, nil)
	s.dial(nil)
	id := next(t, s.connected).RequestContext.ConnectionID
	if got := do(t, http.MethodPut, s.ws+"/live/@connections/"+id, "", nil); got.status != http.StatusForbidden {
		t.Errorf("answered %d", got.status)
	}
}
