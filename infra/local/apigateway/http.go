package apigateway

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

const issuerPath = "/.issuer"

func (g *Gateway) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if g.config.Issuer != nil && strings.HasPrefix(r.URL.Path, issuerPath+"/") {
		http.StripPrefix(issuerPath, g.config.Issuer).ServeHTTP(w, r)
		return
	}
	if !g.work.begin() {
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
		return
	}
	defer g.work.end()

	requestID := newID()
	w.Header().Set("Apigw-Requestid", requestID)
	if headerBytes(r) > g.limits.HeaderBytes {
		answer(w, http.StatusRequestHeaderFieldsTooLarge, notice{Message: "Request Header Fields Too Large"})
		return
	}
	if g.cors.isPreflight(r) {
		g.cors.answerPreflight(w, r)
		return
	}
	route, parameters, ok := g.routes.match(r.Method, r.URL.Path)
	if !ok {
		answer(w, http.StatusNotFound, notice{Message: "Not Found"})
		return
	}
	var claims map[string]string
	if !route.Open {
		if claims, ok = g.bearerClaims(w, r); !ok {
			answer(w, http.StatusUnauthorized, notice{Message: "Unauthorized"})
			return
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.limits.RequestBytes))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		answer(w, http.StatusRequestEntityTooLarge, notice{Message: "Request Entity Too Large"})
		return
	}
	if err != nil {
		answer(w, http.StatusBadRequest, notice{Message: "Bad Request"})
		return
	}
	event := newHTTPEvent(r, route, parameters, claims, body, requestID, time.Now())
	raw, err := g.invoke(route.Function, g.limits.HTTPTimeout, event)
	if errors.Is(err, errIntegrationTimeout) {
		answer(w, http.StatusServiceUnavailable, notice{Message: "Service Unavailable"})
		return
	}
	if err == nil {
		err = g.sendHTTPResponse(w, r, raw)
	}
	if err != nil {
		g.config.Log.Warn("request failed", "route", route.Key(), "request_id", requestID, "error", err)
		answer(w, http.StatusInternalServerError, notice{Message: "Internal Server Error"})
	}
}

// bearerClaims is the JWT authorizer. Its identity source is the Authorization
// header; like AWS, it also accepts a token without "Bearer". Two Authorization
// headers are refused: AWS does not document which one it reads.
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
