package apigateway

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// readBufferBytes is small so that ten thousand idle connections need little memory.
// Longer reads bypass the buffer.
const readBufferBytes = 512

// handshake runs the authorizer and $connect, and opens the connection or refuses it.
func (g *Gateway) handshake(w http.ResponseWriter, r *http.Request) {
	if !isHandshake(r) {
		w.Header().Set("Upgrade", "websocket")
		answer(w, http.StatusUpgradeRequired, notice{Message: "Upgrade Required"})
		return
	}
	if !g.work.begin() {
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
		return
	}
	defer g.work.end()

	c := g.newConnection(r)
	request := newHandshakeRequest(r)
	if refused := g.authorize(c, request, r.URL.Query()); refused != nil {
		refused.send(w)
		return
	}
	subprotocol, refused := g.connect(c, request, r)
	switch {
	case refused != nil:
		refused.send(w)
	case c.ended.Load():
		// Its DISCONNECT was delivered before $connect answered: the client has left.
	default:
		g.open(c, w, r, subprotocol)
	}
}

// isHandshake checks the headers that the upgrade requires, before any function runs.
func isHandshake(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(r.Header.Get("Sec-WebSocket-Key")))
	return r.Method == http.MethodGet &&
		hasToken(r.Header["Connection"], "upgrade") &&
		hasToken(r.Header["Upgrade"], "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13" &&
		len(r.Header["Sec-Websocket-Key"]) == 1 && err == nil && len(key) == 16
}

func hasToken(values []string, token string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

// authorize calls the authorizer, if there is one, and keeps its context.
func (g *Gateway) authorize(c *connection, request handshakeRequest, query url.Values) *reply {
	if g.api.Authorizer == "" {
		return nil
	}
	for _, source := range g.api.IdentitySources {
		if !request.has(source, query) {
			return refuse(http.StatusUnauthorized, notice{Message: "Unauthorized"})
		}
	}
	event := g.authorizerEvent(c, request)
	response, err := g.invoke(g.api.Authorizer, g.limits.WebSocketTimeout, event)
	if err != nil && isUnauthorized(err) {
		return refuse(http.StatusUnauthorized, notice{Message: "Unauthorized"})
	}
	var decision authorizerResult
	if err == nil {
		decision, err = newAuthorizerResult(response)
	}
	if err != nil {
		g.config.Log.Warn("authorizer failed", "connection", c.id, "error", err)
		return refuse(http.StatusInternalServerError, g.failure(c, event.RequestContext))
	}
	switch decision.effect(g.methodARN()) {
	case effectAllow:
		c.authorizer = decision.context
		return nil
	case effectDeny:
		return refuse(http.StatusForbidden, notice{Message: "User is not authorized to access this resource with an explicit deny"})
	default:
		return refuse(http.StatusForbidden, notice{Message: "User is not authorized to access this resource"})
	}
}

// has reports whether the handshake has a value for an identity source.
func (h handshakeRequest) has(source string, query url.Values) bool {
	if name, ok := strings.CutPrefix(source, "route.request.header."); ok {
		for header, value := range h.Headers {
			if strings.EqualFold(header, name) && value != "" {
				return true
			}
		}
		return false
	}
	if name, ok := strings.CutPrefix(source, "route.request.querystring."); ok {
		return query.Get(name) != ""
	}
	return false
}

// connect runs $connect and returns the chosen sub-protocol, or the refusal.
func (g *Gateway) connect(c *connection, request handshakeRequest, r *http.Request) (string, *reply) {
	function, ok := g.api.Routes[routeConnect]
	if !ok {
		return "", nil
	}
	settle := g.watchForOvertaking(r.Context(), c)
	event := g.connectEvent(c, request)
	raw, err := g.invoke(function, g.limits.WebSocketTimeout, event)
	settle()
	if errors.Is(err, errIntegrationTimeout) {
		m := g.failure(c, event.RequestContext)
		m.Message = "Endpoint request timed out"
		return "", refuse(http.StatusGatewayTimeout, m)
	}
	var response proxyResponse
	if err == nil {
		err = json.Unmarshal(raw, &response)
	}
	if err != nil || response.StatusCode == nil {
		g.config.Log.Warn("$connect gave no response", "connection", c.id, "error", err)
		return "", refuse(http.StatusBadGateway, g.failure(c, event.RequestContext))
	}
	headers := response.allHeaders()
	if status := *response.StatusCode; status < 200 || status > 299 {
		body, err := response.body()
		if err != nil || status < 300 || status > 599 {
			g.config.Log.Warn("$connect gave a malformed response", "connection", c.id, "error", err)
			return "", refuse(http.StatusBadGateway, g.failure(c, event.RequestContext))
		}
		if g.config.BareRefusals {
			return "", refuse(status, notice{Message: http.StatusText(status)})
		}
		return "", &reply{status: status, headers: headers, body: body}
	}
	if chosen := headers["Sec-Websocket-Protocol"]; len(chosen) > 0 {
		return chosen[0], nil
	}
	return "", nil
}

// watchForOvertaking may deliver the DISCONNECT of a client that leaves before
// $connect has answered, by a draw of the dice. The returned function ends the watch.
func (g *Gateway) watchForOvertaking(client context.Context, c *connection) (settle func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(client, func() {
		defer close(done)
		if g.dice.overtakes() {
			g.end(c, vanished(), nil)
		}
	})
	return func() {
		if !stop() {
			<-done
		}
	}
}

// failure is the gateway's answer when a function has failed.
func (g *Gateway) failure(c *connection, request requestContext) notice {
	return notice{Message: "Internal server error", ConnectionID: c.id, RequestID: request.RequestID}
}

// open answers the handshake and starts to read. $connect has succeeded, so a
// DISCONNECT follows in any case.
func (g *Gateway) open(c *connection, w http.ResponseWriter, r *http.Request, subprotocol string) {
	upgrade := &upgrade{ResponseWriter: w, scanner: frameScanner{
		maxFrame: g.limits.FrameBytes, maxMessage: g.limits.MessageBytes,
	}, touch: c.touch}
	options := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the functions check origins
		CompressionMode:    websocket.CompressionDisabled,
	}
	if subprotocol != "" {
		options.Subprotocols = []string{subprotocol} // the library chooses it only if the client offers it
	}
	// Added before the answer is sent, so that a client that has the answer can be
	// reached.
	g.connections.add(c)
	socket, err := websocket.Accept(upgrade, r, options)
	if err == nil {
		socket.SetReadLimit(-1) // frameConn limits reads
		c.socket, c.wire = socket, upgrade.wire
	}
	close(c.ready)
	if err != nil {
		g.config.Log.Debug("client left before the upgrade", "connection", c.id, "error", err)
		g.end(c, vanished(), nil)
		return
	}
	g.config.Log.Debug("connection opened", "connection", c.id)
	g.watch(c)
	if g.work.isClosed() {
		g.hangUp(c, goingAway()) // Close may have listed the connections before this one was added
	}
	// In its own goroutine, so that net/http can free its request and buffers.
	g.work.spawn(func() { g.read(c) })
}

// upgrade takes over the client's connection with small buffers, and checks its
// frames.
type upgrade struct {
	http.ResponseWriter
	scanner frameScanner
	touch   func()
	wire    net.Conn
}

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // peeking at buffered bytes cannot fail
	frames := &frameConn{Conn: conn, early: slices.Clone(early), scanner: u.scanner, touch: u.touch}
	u.wire = conn
	return frames, bufio.NewReadWriter(
		bufio.NewReaderSize(frames, readBufferBytes), bufio.NewWriterSize(conn, readBufferBytes)), nil
}
