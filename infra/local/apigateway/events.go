package apigateway

import (
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// The WebSocket API's events, as in aws-lambda-go's
// events/testdata/apigw-websocket-*.json. They are not taken from its events package,
// so that members that AWS omits are omitted here too.

type eventType string

const (
	eventTypeConnect    eventType = "CONNECT"
	eventTypeMessage    eventType = "MESSAGE"
	eventTypeDisconnect eventType = "DISCONNECT"
)

const (
	routeConnect    = "$connect"
	routeDisconnect = "$disconnect"
	routeDefault    = "$default"
)

// requestTimeLayout is the format of requestTime, the Common Log Format's.
const requestTimeLayout = "02/Jan/2006:15:04:05 -0700"

type authorizerEvent struct {
	Type      string `json:"type"`
	MethodARN string `json:"methodArn"`
	handshakeRequest
	RequestContext requestContext `json:"requestContext"`
}

type socketEvent struct {
	handshakeRequest
	RequestContext  requestContext `json:"requestContext"`
	Body            string         `json:"body,omitempty"`
	IsBase64Encoded bool           `json:"isBase64Encoded"`
}

// handshakeRequest has the parts of the handshake that events repeat.
type handshakeRequest struct {
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Query             map[string]string   `json:"queryStringParameters,omitempty"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
}

type requestContext struct {
	RouteKey             string            `json:"routeKey"`
	Authorizer           map[string]string `json:"authorizer,omitempty"`
	MessageID            string            `json:"messageId,omitempty"`
	EventType            eventType         `json:"eventType"`
	ExtendedRequestID    string            `json:"extendedRequestId"`
	RequestTime          string            `json:"requestTime"`
	MessageDirection     string            `json:"messageDirection"`
	DisconnectStatusCode int               `json:"disconnectStatusCode,omitempty"`
	// DisconnectReason is present even if it is empty.
	DisconnectReason *string      `json:"disconnectReason,omitempty"`
	Stage            string       `json:"stage"`
	ConnectedAt      int64        `json:"connectedAt"`
	RequestTimeEpoch int64        `json:"requestTimeEpoch"`
	Identity         identity     `json:"identity"`
	RequestID        string       `json:"requestId"`
	DomainName       string       `json:"domainName"`
	ConnectionID     connectionID `json:"connectionId"`
	APIID            string       `json:"apiId"`
}

type identity struct {
	UserAgent string `json:"userAgent"`
	SourceIP  string `json:"sourceIp"`
}

func (g *Gateway) context(c *connection, kind eventType, route string, at time.Time) requestContext {
	requestID := newID()
	return requestContext{
		RouteKey:          route,
		EventType:         kind,
		ExtendedRequestID: requestID,
		RequestTime:       at.UTC().Format(requestTimeLayout),
		MessageDirection:  "IN",
		Stage:             g.api.Stage,
		ConnectedAt:       c.connectedAt.UnixMilli(),
		RequestTimeEpoch:  at.UnixMilli(),
		Identity:          c.identity,
		RequestID:         requestID,
		DomainName:        c.domain,
		ConnectionID:      c.id,
		APIID:             apiID,
	}
}

func (g *Gateway) authorizerEvent(c *connection, request handshakeRequest) authorizerEvent {
	return authorizerEvent{
		Type:             "REQUEST",
		MethodARN:        g.methodARN(),
		handshakeRequest: request,
		RequestContext:   g.context(c, eventTypeConnect, routeConnect, c.connectedAt),
	}
}

func (g *Gateway) methodARN() string {
	return "arn:aws:execute-api:local:000000000000:" + apiID + "/" + g.api.Stage + "/" + routeConnect
}

func (g *Gateway) connectEvent(c *connection, request handshakeRequest) socketEvent {
	e := socketEvent{
		handshakeRequest: request,
		RequestContext:   g.context(c, eventTypeConnect, routeConnect, c.connectedAt),
	}
	e.RequestContext.Authorizer = c.authorizer
	return e
}

func (g *Gateway) messageEvent(c *connection, route string, message []byte) socketEvent {
	e := socketEvent{RequestContext: g.context(c, eventTypeMessage, route, time.Now()), Body: string(message)}
	e.RequestContext.MessageID = newID()
	e.RequestContext.Authorizer = c.authorizer
	if !utf8.Valid(message) {
		e.Body = base64.StdEncoding.EncodeToString(message)
		e.IsBase64Encoded = true
	}
	return e
}

func (g *Gateway) disconnectEvent(c *connection, how ending) socketEvent {
	e := socketEvent{RequestContext: g.context(c, eventTypeDisconnect, routeDisconnect, how.at)}
	e.Headers = map[string]string{"Host": c.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
	e.MultiValueHeaders = map[string][]string{}
	for name, value := range e.Headers {
		e.MultiValueHeaders[name] = []string{value}
	}
	e.RequestContext.DisconnectStatusCode = how.status
	e.RequestContext.DisconnectReason = &how.reason
	if g.config.AuthorizerContextOnDisconnect {
		e.RequestContext.Authorizer = c.authorizer
	}
	return e
}

func newHandshakeRequest(r *http.Request) handshakeRequest {
	h := handshakeRequest{
		Headers:           map[string]string{"Host": r.Host},
		MultiValueHeaders: map[string][]string{"Host": {r.Host}},
	}
	for name, values := range r.Header {
		// Clients write these names otherwise than net/http does.
		if suffix, ok := strings.CutPrefix(name, "Sec-Websocket-"); ok {
			name = "Sec-WebSocket-" + suffix
		}
		h.Headers[name] = values[len(values)-1]
		h.MultiValueHeaders[name] = values
	}
	if query := queryOf(r.URL.RawQuery); len(query) > 0 {
		h.Query, h.MultiValueQuery = map[string]string{}, query
		for name, values := range query {
			h.Query[name] = values[len(values)-1]
		}
	}
	return h
}

// queryOf decodes a query pair by pair. A pair that cannot be decoded is passed on as
// it was sent; net/url would omit it.
func queryOf(raw string) url.Values {
	query := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		query.Add(decoded(name), decoded(value))
	}
	return query
}

func decoded(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

func newIdentity(r *http.Request) identity {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return identity{UserAgent: r.UserAgent(), SourceIP: host}
}

// domainName returns the host without its port.
func domainName(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}
