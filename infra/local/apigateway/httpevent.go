package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// httpRequest is an accepted request.
type httpRequest struct {
	*http.Request
	id                 string
	receivedAt         time.Time
	route              httpRoute
	parameters, claims map[string]string
	body               []byte
}

// event converts a request to payload format 2.0.
func (r httpRequest) event() events.APIGatewayV2HTTPRequest {
	who, domain := newIdentity(r.Request), domainName(r.Request)
	prefix, _, _ := strings.Cut(domain, ".")
	event := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              r.route.Key(),
		RawPath:               r.URL.Path, // percent-decoded, as observed on AWS
		RawQueryString:        r.URL.RawQuery,
		Cookies:               cookies(r.Request),
		Headers:               httpHeaders(r.Request, who),
		QueryStringParameters: joined(r.URL.Query()),
		PathParameters:        r.parameters,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey:     r.route.Key(),
			AccountID:    "000000000000",
			Stage:        "$default",
			RequestID:    r.id,
			APIID:        apiID,
			DomainName:   domain,
			DomainPrefix: prefix,
			Time:         r.receivedAt.UTC().Format(requestTimeLayout),
			TimeEpoch:    r.receivedAt.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: who.SourceIP, UserAgent: who.UserAgent,
			},
		},
		Body: string(r.body),
	}
	if r.claims != nil {
		event.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{Claims: r.claims},
		}
	}
	if !isText(r.Header.Get("Content-Type"), r.body) {
		event.Body = base64.StdEncoding.EncodeToString(r.body)
		event.IsBase64Encoded = true
	}
	return event
}

// httpHeaders returns the event's headers: in lower case, repeated ones joined,
// without cookies, and with those that the gateway adds.
func httpHeaders(r *http.Request, who identity) map[string]string {
	headers := map[string]string{"host": r.Host}
	for name, values := range r.Header {
		if name != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if r.ContentLength >= 0 {
		headers["content-length"] = fmt.Sprint(r.ContentLength)
	}
	proto, port := "http", "80"
	if r.TLS != nil {
		proto, port = "https", "443"
	}
	if _, given, err := net.SplitHostPort(r.Host); err == nil {
		port = given
	}
	headers["x-forwarded-for"] = strings.TrimPrefix(headers["x-forwarded-for"]+", "+who.SourceIP, ", ")
	headers["x-forwarded-port"] = port
	headers["x-forwarded-proto"] = proto
	return headers
}

func cookies(r *http.Request) []string {
	var all []string
	for _, line := range r.Header["Cookie"] {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				all = append(all, cookie)
			}
		}
	}
	return all
}

func joined(query map[string][]string) map[string]string {
	if len(query) == 0 {
		return nil
	}
	all := make(map[string]string, len(query))
	for name, values := range query {
		all[name] = strings.Join(values, ",")
	}
	return all
}

// isText reports whether HTTP APIs pass a body on as text, by its content type. Forms
// are not text.
func isText(contentType string, body []byte) bool {
	if !utf8.Valid(body) {
		return false
	}
	media, _, err := mime.ParseMediaType(contentType)
	if contentType == "" || err != nil {
		return true
	}
	switch media {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return len(body) == 0 || strings.HasPrefix(media, "text/")
}

// sendHTTPResponse sends a function's response. It returns an error, and sends
// nothing, if the response is malformed.
func (g *Gateway) sendHTTPResponse(w http.ResponseWriter, r *http.Request, raw []byte) error {
	response, err := parseHTTPResponse(raw)
	if err != nil {
		return err
	}
	body, err := response.body()
	if err != nil {
		return fmt.Errorf("malformed response: body: %w", err)
	}
	status := *response.StatusCode
	if status < 200 || status > 599 {
		return fmt.Errorf("malformed response: status %d", status)
	}
	headers := response.allHeaders()
	if len(response.Cookies) > 0 {
		headers["Set-Cookie"] = append(headers["Set-Cookie"], response.Cookies...)
	}
	if headers["Content-Type"] == nil && len(body) > 0 {
		headers["Content-Type"] = []string{"text/plain;charset=UTF-8"}
	}
	g.cors.mark(headers, r)
	(&reply{status: status, headers: headers, body: body}).send(w)
	return nil
}

// parseHTTPResponse parses a response. One without a statusCode is itself the body,
// by format 2.0.
func parseHTTPResponse(raw []byte) (proxyResponse, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil && object["statusCode"] != nil {
		var response proxyResponse
		err := json.Unmarshal(raw, &response)
		if err == nil && response.StatusCode == nil {
			err = fmt.Errorf("statusCode is null")
		}
		if err != nil {
			return response, fmt.Errorf("malformed response: %w", err)
		}
		return response, nil
	}
	if !json.Valid(raw) {
		return proxyResponse{}, fmt.Errorf("malformed response: no JSON")
	}
	status := http.StatusOK
	response := proxyResponse{
		StatusCode: &status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(raw),
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		response.Body = text
	}
	return response, nil
}
