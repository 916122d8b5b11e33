package apigateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"seatmeter/infra/local/template"
)

// crossOrigin is the HTTP API's CORS configuration. Guide, "Configure CORS for HTTP APIs": preflights
// are answered by the gateway itself; to a request with an Origin it adds the configured headers "to
// the response from an integration", and ignores those that the integration gives. Of its own
// answers, such as the 401 of an authorizer, the guide says nothing, so they get none here: a page
// must not rely on reading them.
type crossOrigin struct{ *template.CORS }

const corsPrefix = "Access-Control-"

// isPreflight tells a browser's question whether a page may make a request from one's own OPTIONS:
// the guide wants both headers.
func (c crossOrigin) isPreflight(r *http.Request) bool {
	return c.CORS != nil && r.Method == http.MethodOptions &&
		r.Header.Get("Origin") != "" && r.Header.Get(corsPrefix+"Request-Method") != ""
}

// answerPreflight says what the configuration allows, whatever was asked for: the browser compares.
func (c crossOrigin) answerPreflight(w http.ResponseWriter, r *http.Request) {
	if origin := c.allowed(r); origin != "" {
		h := w.Header()
		h.Set(corsPrefix+"Allow-Origin", origin)
		setList(h, corsPrefix+"Allow-Methods", c.AllowMethods)
		setList(h, corsPrefix+"Allow-Headers", c.AllowHeaders)
		if c.MaxAgeSeconds > 0 {
			h.Set(corsPrefix+"Max-Age", strconv.Itoa(c.MaxAgeSeconds))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// mark replaces what an integration says of other origins by what is configured.
func (c crossOrigin) mark(headers http.Header, r *http.Request) {
	if c.CORS == nil {
		return
	}
	for name := range headers {
		if strings.HasPrefix(name, corsPrefix) {
			headers.Del(name)
		}
	}
	if origin := c.allowed(r); origin != "" {
		headers.Set(corsPrefix+"Allow-Origin", origin)
		setList(headers, corsPrefix+"Expose-Headers", c.ExposeHeaders)
	}
}

// allowed is the origin that an answer names: a request's own or, where all are, *; none without an
// Origin that is allowed.
func (c crossOrigin) allowed(r *http.Request) string {
	origin := r.Header.Get("Origin")
	switch {
	case origin == "":
		return ""
	case slices.Contains(c.AllowOrigins, "*"):
		return "*"
	case slices.Contains(c.AllowOrigins, origin):
		return origin
	}
	return ""
}

func setList(h http.Header, name string, values []string) {
	if len(values) > 0 {
		h.Set(name, strings.Join(values, ","))
	}
}
