package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Event and Response are an HTTP API's payload format 2.0.
type (
	Event    = events.APIGatewayV2HTTPRequest
	Response = events.APIGatewayV2HTTPResponse
)

// Lambda handles the HTTP API's events.
type Lambda func(context.Context, Event) (Response, error)

// Claims are the names of the bearer's claims that have the caller's role and tenant.
// An empty name is role or tenant.
type Claims struct{ Role, Tenant string }

// Serve adapts an HTTP handler to Lambda, for bearers with the usual names of claims.
func Serve(handler http.Handler) Lambda { return Claims{}.Serve(handler) }

// Serve adapts an HTTP handler to Lambda. (The usual library for this,
// aws-lambda-go-api-proxy, is archived.)
func (n Claims) Serve(handler http.Handler) Lambda {
	return func(ctx context.Context, event Event) (Response, error) {
		base, path := splitPath(event)
		request, err := readEvent(context.WithValue(ctx, callerKey{}, n.caller(event)), event, path)
		if err != nil {
			return Response{}, err
		}
		w := &answer{header: make(http.Header), status: http.StatusOK}
		if encodable(w, request) {
			handler.ServeHTTP(w, request)
		}
		w.conditional(request)
		rebase(w.header, base)
		w.header.Set("X-Content-Type-Options", "nosniff")
		if w.header.Get(headerCacheControl) == "" {
			w.header.Set(headerCacheControl, "no-store") // an answer is for one caller, at one time
		}
		w.encode(request)
		return w.response(), nil
	}
}

func readEvent(ctx context.Context, event Event, path string) (*http.Request, error) {
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return nil, fmt.Errorf("read the event's body: %w", err)
		}
	}
	// The path is not parsed: the mux decides whether it exists. An HTTP API decodes
	// the path, and a second decoding would spoil a host's address with a "%".
	address := &url.URL{Path: path, RawQuery: event.RawQueryString}
	request := (&http.Request{
		Method: event.RequestContext.HTTP.Method, URL: address, RequestURI: address.RequestURI(), Header: make(http.Header),
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Host: event.RequestContext.DomainName,
		RemoteAddr: event.RequestContext.HTTP.SourceIP, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	for name, value := range event.Headers {
		request.Header.Set(name, value)
	}
	return request.WithContext(context.WithValue(ctx, preconditionsKey{}, readPreconditions(request.Header))), nil
}

const headerCacheControl = "Cache-Control"

// answer is an http.ResponseWriter that keeps the answer in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) { a.status = status }

func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *answer) response() Response {
	headers := make(map[string]string, len(a.header))
	for name, values := range a.header {
		headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	response := Response{StatusCode: a.status, Headers: headers, Body: a.body.String()}
	if !utf8.Valid(a.body.Bytes()) {
		response.Body, response.IsBase64Encoded = base64.StdEncoding.EncodeToString(a.body.Bytes()), true
	}
	return response
}

// caller is the caller as the gateway's JWT authorizer verified it.
type caller struct {
	role   Role
	tenant string
	// bound is true for a caller who may see only that tenant: every tenant_admin, and
	// finance or a server whose bearer has the claim of the tenant, whatever the claim says.
	bound bool
	// subject is the bearer's claim sub.
	subject string
	// requestID is in the log and in problem documents.
	requestID string
	at        time.Time
}

type callerKey struct{}

func (n Claims) caller(event Event) caller {
	c := caller{requestID: event.RequestContext.RequestID, at: time.UnixMilli(event.RequestContext.TimeEpoch)}
	if a := event.RequestContext.Authorizer; a != nil && a.JWT != nil {
		of, claimed := a.JWT.Claims[cmp.Or(n.Tenant, "tenant")]
		c.role, c.tenant, c.subject = Role(claimOf(a.JWT.Claims[cmp.Or(n.Role, "role")])), claimOf(of), a.JWT.Claims["sub"]
		c.bound = c.role == RoleTenantAdmin || (c.role == RoleFinance || c.role == RoleServer) && claimed
	}
	return c
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}
