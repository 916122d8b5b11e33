package apigateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"seatmeter/infra/local/template"
)

// crossOrigin is the HTTP API's CORS configuration. Guide, "Configure CORS for HTTP
// APIs": the gateway itself answers preflights; to a request with an Origin it adds
// the configured headers "to the response from an integration", and ignores the
// integration's own. The guide does not mention the gateway's own answers, such as an
// authorizer's 401, so they get no headers here: a page must not rely on reading
// them.
type crossOrigin struct{ *template.CORS }

const corsPrefix = "Access-Control-"

// isPreflight reports whether an OPTIONS request is a preflight, which has both
// headers by the guide.
func (c crossOrigin) isPreflight(r *http.Request) bool {
	return c.CORS != nil && r.Method == http.MethodOptions &&
		r.Header.Get("Origin") != "" && r.Header.Get(corsPrefix+"Request-Method") != ""
}

// answerPreflight answers with all that the configuration allows. The browser
// compares.
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

// mark replaces an integration's CORS headers by the configured ones.
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

// allowed returns the origin that an answer allows: the request's own, or * if all
// are; empty without an allowed Origin.
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
