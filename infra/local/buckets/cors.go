package buckets

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"seatmeter/infra/local/template"
)

const corsPrefix = "Access-Control-"

// crossOrigin applies each bucket's CORS rules as S3 does (user guide, "How does
// Amazon S3 evaluate the CORS configuration on a bucket?"). It removes the CORS
// headers of the S3 library behind it.
type crossOrigin struct {
	next http.Handler
	// rules are by bucket name.
	rules map[string][]template.BucketCORS
}

func (c crossOrigin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := r.Header.Get(corsPrefix + "Request-Method")
	if r.Method == http.MethodOptions && asked != "" {
		rule, origin, ok := c.find(r, asked)
		if !ok {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>AccessForbidden</Code><Message>CORSResponse: This CORS request is not allowed.</Message></Error>"))
			return
		}
		allow(w.Header(), rule, origin)
		if headers := r.Header.Get(corsPrefix + "Request-Headers"); headers != "" {
			w.Header().Set(corsPrefix+"Allow-Headers", headers)
		}
		if rule.MaxAgeSeconds > 0 {
			w.Header().Set(corsPrefix+"Max-Age", strconv.Itoa(rule.MaxAgeSeconds))
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	answer := &ruled{ResponseWriter: w, say: func(h http.Header) {
		if rule, origin, ok := c.find(r, r.Method); ok {
			allow(h, rule, origin)
		}
	}}
	c.next.ServeHTTP(answer, r)
	answer.begin()
}

// find returns the first rule of the bucket that matches the origin, the method and
// the headers that a preflight asks for, and the origin that the answer allows.
func (c crossOrigin) find(r *http.Request, method string) (template.BucketCORS, string, bool) {
	origin := r.Header.Get("Origin")
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	for _, rule := range c.rules[bucket] {
		at := slices.IndexFunc(rule.AllowOrigins, func(pattern string) bool { return fits(pattern, origin) })
		if origin == "" || at < 0 || !slices.Contains(rule.AllowMethods, method) || !takes(rule.AllowHeaders, r.Header.Get(corsPrefix+"Request-Headers")) {
			continue
		}
		if rule.AllowOrigins[at] == "*" {
			origin = "*"
		}
		return rule, origin, true
	}
	return template.BucketCORS{}, "", false
}

// takes reports whether all headers of a list are allowed.
func takes(allowed []string, list string) bool {
	for name := range strings.SplitSeq(strings.ToLower(list), ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.ContainsFunc(allowed, func(pattern string) bool { return fits(strings.ToLower(pattern), name) }) {
			return false
		}
	}
	return true
}

// fits reports whether a text matches a pattern, which may have one * for any text.
func fits(pattern, text string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

func allow(h http.Header, rule template.BucketCORS, origin string) {
	h.Set(corsPrefix+"Allow-Origin", origin)
	if origin != "*" {
		h.Set(corsPrefix+"Allow-Credentials", "true")
	}
	h.Set(corsPrefix+"Allow-Methods", strings.Join(rule.AllowMethods, ", "))
	if len(rule.ExposeHeaders) > 0 {
		h.Set(corsPrefix+"Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// ruled replaces an answer's CORS headers.
type ruled struct {
	http.ResponseWriter
	say   func(http.Header)
	begun bool
}

func (w *ruled) begin() {
	if w.begun {
		return
	}
	w.begun = true
	for name := range w.Header() {
		if strings.HasPrefix(name, corsPrefix) {
			w.Header().Del(name)
		}
	}
	w.say(w.Header())
}

// WriteHeader implements http.ResponseWriter.
func (w *ruled) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *ruled) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // its own
}
