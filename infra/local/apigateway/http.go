package apigateway

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// IssuerPath is where the HTTP API's address serves the issuer, which is a server of
// its own elsewhere.
const IssuerPath = "/.issuer"

func (g *Gateway) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if g.config.Issuer != nil && strings.HasPrefix(r.URL.Path, IssuerPath+"/") {
		http.StripPrefix(IssuerPath, g.config.Issuer).ServeHTTP(w, r)
		return
	}
	if !g.work.begin() {
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
		return
	}
	defer g.work.end()

	request := httpRequest{Request: r, id: newID()}
	w.Header().Set("Apigw-Requestid", request.id)
	if !g.accept(w, &request) {
		return
	}
	raw, err := g.invoke(request.route.Function, g.limits.HTTPTimeout, request.event())
	if errors.Is(err, errIntegrationTimeout) {
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
		return
	}
	if err == nil {
		err = g.sendHTTPResponse(w, r, raw)
	}
	if err != nil {
		g.config.Log.Warn("request failed", "route", request.route.Key(), "request_id", request.id, "error", err)
		answer(w, http.StatusInternalServerError, notice{Message: "Internal Server Error"})
	}
}

// accept finds the request's route, authorizes it and reads its body. False: accept
// has answered the request.
func (g *Gateway) accept(w http.ResponseWriter, r *httpRequest) (ok bool) {
	if headerBytes(r.Request) > g.limits.HeaderBytes {
		answer(w, http.StatusRequestHeaderFieldsTooLarge, notice{Message: "Request Header Fields Too Large"})
		return false
	}
	if g.cors.isPreflight(r.Request) {
		g.cors.answerPreflight(w, r.Request)
		return false
	}
	if r.route, r.parameters, ok = g.routes.match(r.Method, r.URL.Path); !ok {
		answer(w, http.StatusNotFound, notice{Message: "Not Found"})
		return false
	}
	if !r.route.Open {
		if r.claims, ok = g.bearerClaims(w, r.Request); !ok {
			answer(w, http.StatusUnauthorized, notice{Message: "Unauthorized"})
			return false
		}
	}
	var err error
	r.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, g.limits.RequestBytes))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		answer(w, http.StatusRequestEntityTooLarge, notice{Message: "Request Entity Too Large"})
		return false
	}
	if err != nil {
		answer(w, http.StatusBadRequest, notice{Message: "Bad Request"})
		return false
	}
	r.receivedAt = time.Now()
	return true
}

// bearerClaims is the JWT authorizer. Its identity source is the Authorization
// header; like AWS, it also accepts a token without "Bearer". Two Authorization
// headers are refused, since AWS does not document which one it reads.
func (g *Gateway) bearerClaims(w http.ResponseWriter, r *http.Request) (map[string]string, bool) {
	token := strings.TrimSpace(strings.Join(r.Header.Values("Authorization"), ","))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" {
		w.Header().Set("WWW-Authenticate", "Bearer")
		return nil, false
	}
	claims, err := g.config.Issuer.Verify(token, time.Now())
	if err != nil {
		g.config.Log.Debug("bearer refused", "error", err)
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return nil, false
	}
	return claims, true
}

// headerBytes returns the length of the request line and the headers in HTTP/1.1.
func headerBytes(r *http.Request) int {
	const separators = len(": \r\n")
	n := len(r.Method) + len(r.RequestURI) + len(r.Proto) + separators
	n += len("Host") + len(r.Host) + separators
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + separators
		}
	}
	return n
}
