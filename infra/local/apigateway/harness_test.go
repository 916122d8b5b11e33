package apigateway_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/coder/websocket"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/issuer"
	"seatmeter/infra/local/template"
)

// patience is how long a test waits for what has to happen: it fails after, never before.
const patience = 10 * time.Second

type (
	request  = events.APIGatewayWebsocketProxyRequest
	response = events.APIGatewayProxyResponse
)

// stack is a gateway with recording functions behind it, and servers before it.
type stack struct {
	t       *testing.T
	gateway *apigateway.Gateway
	issuer  *issuer.Issuer
	// ws and http are the servers' URLs, both with http://.
	ws, http string
	// what the socket functions were given, in order.
	authorized              chan events.APIGatewayCustomAuthorizerRequestTypeRequest
	connected, disconnected chan request
	messages                chan request
}

// functions replaces handlers of the standard stack, by name.
type functions map[string]lambda.Handler

// sharedIssuer is one for all tests: its key takes long to make.
var sharedIssuer = sync.OnceValues(func() (*issuer.Issuer, error) {
	dir, err := os.MkdirTemp("", "issuer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return issuer.Open(dir)
})

func testTemplate() *template.Template {
	function := func(name string) template.Function {
		return template.Function{ID: template.LogicalID(name), Name: name, Timeout: time.Minute}
	}
	return &template.Template{
		Functions: []template.Function{
			function("authorize"), function("connect"), function("disconnect"), function("message"), function("wave"), function("web"),
		},
		WebSocket: &template.WebSocketAPI{
			Stage:          "live",
			RouteSelection: "$request.body.action",
			Routes: map[string]string{
				"$connect": "connect", "$disconnect": "disconnect", "$default": "message", "wave": "wave",
			},
			Authorizer: "authorize",
		},
		Routes: []template.Route{
			{Method: "GET", Path: "/open/{name}", Function: "web", Open: true},
			{Method: "POST", Path: "/open/{name}", Function: "web", Open: true},
			{Method: "GET", Path: "/kept", Function: "web"},
		},
	}
}

// start runs the standard stack, in which every handshake is let in, changed as wanted.
func start(t *testing.T, replaced functions, change func(*apigateway.Config)) *stack {
	t.Helper()
	s := &stack{
		t:            t,
		authorized:   make(chan events.APIGatewayCustomAuthorizerRequestTypeRequest, 1000),
		connected:    make(chan request, 1000),
		disconnected: make(chan request, 1000),
		messages:     make(chan request, 1000),
	}
	handlers := map[string]lambda.Handler{
		"authorize": lambda.NewHandler(func(e events.APIGatewayCustomAuthorizerRequestTypeRequest) (map[string]any, error) {
			s.authorized <- e
			return policy("Allow", e.MethodArn, nil), nil
		}),
		"connect":    record(s.connected),
		"disconnect": record(s.disconnected),
		"message":    record(s.messages),
		"wave":       record(s.messages),
		"web": lambda.NewHandler(func(events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
		}),
	}
	for name, handler := range replaced {
		handlers[name] = handler
	}
	var err error
	if s.issuer, err = sharedIssuer(); err != nil {
		t.Fatal(err)
	}
	config := apigateway.Config{Template: testTemplate(), Handlers: handlers, Issuer: s.issuer}
	if change != nil {
		change(&config)
	}
	if s.gateway, err = apigateway.New(config); err != nil {
		t.Fatal(err)
	}
	ws, web := httptest.NewServer(s.gateway.WebSocket()), httptest.NewServer(s.gateway.HTTP())
	s.ws, s.http = ws.URL, web.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.gateway.Close(ctx); err != nil {
			t.Error(err)
		}
		ws.Close()
		web.Close()
	})
	return s
}

// record keeps every event and answers 200.
func record(to chan<- request) lambda.Handler {
	return lambda.NewHandler(func(e request) (response, error) {
		to <- e
		return response{StatusCode: http.StatusOK}, nil
	})
}

func policy(effect, resource string, context map[string]any) map[string]any {
	return map[string]any{
		"principalId": "ann",
		"policyDocument": map[string]any{
			"Version":   "2012-10-17",
			"Statement": []any{map[string]any{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}},
		},
		"context": context,
	}
}

// raw is a function that answers with exactly these bytes.
type raw string

func (r raw) Invoke(context.Context, []byte) ([]byte, error) { return []byte(r), nil }

func failing(message string) lambda.Handler {
	return lambda.NewHandler(func() error { return errors.New(message) })
}

// dial opens a socket that the test's end closes.
func (s *stack) dial(options *websocket.DialOptions) *websocket.Conn {
	s.t.Helper()
	conn, _, err := websocket.Dial(within(s.t), s.ws+"/live", options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// answer is a whole HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

func readAnswer(t *testing.T, r *http.Response) answer {
	t.Helper()
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r.StatusCode, r.Header, string(body)}
}

// refused opens a socket that has to be refused, and gives the answer.
func (s *stack) refused(path string, options *websocket.DialOptions) answer {
	s.t.Helper()
	conn, r, err := websocket.Dial(within(s.t), s.ws+path, options)
	if err == nil {
		_ = conn.CloseNow()
		s.t.Fatal("the handshake was not refused")
	}
	if r == nil {
		s.t.Fatal(err)
	}
	return readAnswer(s.t, r)
}

// call makes a request of the HTTP API, without following redirects.
func (s *stack) call(method, path, body string, headers http.Header) answer {
	s.t.Helper()
	return do(s.t, method, s.http+path, body, headers)
}

func do(t *testing.T, method, url, body string, headers http.Header) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(within(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range headers {
		request.Header[name] = values
	}
	r, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	return readAnswer(t, r)
}

// dialRaw opens a socket without a WebSocket library on this side, hence without goroutines.
func (s *stack) dialRaw() *rawConn {
	s.t.Helper()
	conn := s.dialTCP()
	conn.send([]byte(handshakeText))
	if status := conn.status(); status != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake answered %d", status)
	}
	return conn
}

const handshakeText = "GET /live HTTP/1.1\r\nHost: gateway.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"

func (s *stack) dialTCP() *rawConn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.ws, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return &rawConn{t: s.t, Conn: conn, reader: bufio.NewReaderSize(conn, 256)}
}

type rawConn struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func (c *rawConn) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawConn) status() int {
	c.t.Helper()
	r, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	return r.StatusCode
}

// closeCode reads frames until the server's close frame.
func (c *rawConn) closeCode() int {
	c.t.Helper()
	for {
		var header [2]byte
		if _, err := io.ReadFull(c.reader, header[:]); err != nil {
			c.t.Fatal(err)
		}
		payload := make([]byte, header[1]&0x7f)
		if _, err := io.ReadFull(c.reader, payload); err != nil {
			c.t.Fatal(err)
		}
		if header[0]&0x0f == 8 {
			return int(binary.BigEndian.Uint16(payload))
		}
	}
}

// awaitEnd reads until the server has closed the connection.
func (c *rawConn) awaitEnd() {
	c.t.Helper()
	var b [256]byte
	for {
		if _, err := c.reader.Read(b[:]); err != nil {
			return
		}
	}
}

// frame is a client's frame with a mask of zeros.
func frame(first byte, payload []byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

const (
	finText     = 0x81
	text        = 0x01
	finBinary   = 0x82
	binaryFrame = 0x02
	more        = 0x00
	finMore     = 0x80
	finClose    = 0x88
)

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// next waits for the next of what a function was given.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// none checks that nothing is left. It is of use once everything has been delivered, after Close.
func none[T any](t *testing.T, from <-chan T) {
	t.Helper()
	select {
	case v := <-from:
		t.Errorf("unexpected: %+v", v)
	default:
	}
}

// settle closes the gateway, after which every event has been delivered.
func (s *stack) settle() {
	s.t.Helper()
	if err := s.gateway.Close(within(s.t)); err != nil {
		s.t.Fatal(err)
	}
}

func send(t *testing.T, conn *websocket.Conn, kind websocket.MessageType, message string) {
	t.Helper()
	if err := conn.Write(within(t), kind, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	kind, message, err := conn.Read(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.MessageText {
		t.Errorf("received a message of type %v, want text", kind)
	}
	return string(message)
}

// closedWith reads until the connection is closed and gives the code.
func closedWith(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	for {
		if _, _, err := conn.Read(within(t)); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

// decode reads JSON strictly: a field the type does not know is an error.
func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}
