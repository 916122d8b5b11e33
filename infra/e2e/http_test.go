package e2e

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local/template"
)

// exchange is an answer without decompression and redirects.
type exchange struct {
	status int
	header http.Header
	body   string
}

// ask makes one request. The headers are names and values in turn.
func ask(t *testing.T, method, path, bearer string, headers ...string) exchange {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, running.HTTP+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	request.Header["Accept-Encoding"] = []string{request.Header.Get("Accept-Encoding")} // not the client's own
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return exchange{answer.StatusCode, answer.Header, string(body)}
}

// isProblem checks that an answer is a problem document of this code.
func (e exchange) isProblem(t *testing.T, status int, code client.Code) {
	t.Helper()
	var d struct {
		Status int         `json:"status"`
		Code   client.Code `json:"code"`
		Type   string      `json:"type"`
	}
	if err := json.Unmarshal([]byte(e.body), &d); err != nil {
		t.Errorf("answered %d %s: %v", e.status, e.body, err)
	}
	if e.status != status || d.Status != status || d.Code != code || d.Type != "urn:seatmeter:problem:"+string(code) ||
		e.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered %d %s %s, want %d %s", e.status, e.header.Get("Content-Type"), e.body, status, code)
	}
}

// methodsOfPaths are the methods that the template has for each path.
func methodsOfPaths(t *testing.T) map[string][]string {
	t.Helper()
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string][]string{}
	for _, route := range read.Routes {
		if route.Path != "" && route.Path != "/{proxy+}" {
			paths[route.Path] = append(paths[route.Path], route.Method)
		}
	}
	return paths
}

// The gateway routes calls by the template, and one function answers all others by the API's
// description. The two agree.
func TestHTTP_EveryPathListsItsMethods(t *testing.T) {
	t.Parallel()
	paths := methodsOfPaths(t)
	if len(paths) < 20 {
		t.Fatalf("the template has the paths %v", paths)
	}
	for path, methods := range paths {
		want := slices.Sorted(slices.Values(append(methods, http.MethodOptions)))
		target := strings.NewReplacer("{tenant}", "acme", "{email}", "ann%40example.com", "{conference}", "weekly",
			"{connection}", "abc=", "{period}", "2026-01").Replace(path)
		check := func(e exchange) {
			if got := slices.Sorted(strings.SplitSeq(e.header.Get("Allow"), ", ")); !slices.Equal(got, want) {
				t.Errorf("%s allows %v, want %v", path, got, want)
			}
		}
		options := ask(t, http.MethodOptions, target, "")
		if check(options); options.status != http.StatusNoContent || options.body != "" {
			t.Errorf("OPTIONS %s: answered %d %s", path, options.status, options.body)
		}
		refused := ask(t, "PROPFIND", target, "")
		check(refused)
		refused.isProblem(t, http.StatusMethodNotAllowed, "method_not_allowed")
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			// PUT of seats/renew is a renewal of the seat with this name: the gateway knows no better.
			if general := strings.Replace(path, "/seats/renew", "/seats/{seat}", 1); !slices.Contains(methods, method) && !slices.Contains(paths[general], method) {
				e := ask(t, method, target, "")
				if check(e); e.status != http.StatusMethodNotAllowed {
					t.Errorf("%s %s: answered %d %s", method, path, e.status, e.body)
				}
			}
		}
	}
}

func TestHTTP_NoSuchPathIsAProblemDocument(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/nowhere", "/v1", "/v1/tenants/", "//v1/tenants", "/v1//tenants", "/v1/tenants/acme/license/", "/v1/tenants/a%2Fb/license",
		"/v1/tenants/acme/hosts%252Fann", "/v1/tenants/../tenants", "/favicon.ico",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			ask(t, method, path, "").isProblem(t, http.StatusNotFound, "not_found")
		}
	}
}

func TestHTTP_HeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	vendor := running.bearer(t, "vendor", "")
	now := time.Now().UTC()
	period := fmt.Sprintf("from=%s&to=%s", now.Add(-time.Hour).Format(time.RFC3339), now.Format(time.RFC3339))
	at := "/v1/tenants/" + c.id
	for _, path := range []string{
		"/v1/tenants", at + "/license", at + "/license/history", at + "/hosts", at + "/seats", at + "/conferences", at + "/ledger?" + period,
		at + "/usage?" + period, at + "/statements", at + "/conferences/nothing", "/healthz", "/v1/openapi.json", "/console", "/console/",
	} {
		get, head := ask(t, http.MethodGet, path, vendor), ask(t, http.MethodHead, path, vendor)
		for _, e := range []exchange{get, head} {
			for _, own := range []string{"Apigw-Requestid", "Date", "Content-Length"} {
				e.header.Del(own)
			}
		}
		if head.status != get.status || head.body != "" || !maps.EqualFunc(head.header, get.header, slices.Equal) {
			t.Errorf("%s: HEAD is answered %d %v, GET %d %v", path, head.status, head.header, get.status, get.header)
		}
		if got := get.header.Get("X-Content-Type-Options"); got != "nosniff" || get.header.Get("Cache-Control") == "" {
			t.Errorf("%s: headers %v", path, get.header)
		}
	}
	if e := ask(t, http.MethodHead, at+"/license", ""); e.status != http.StatusUnauthorized {
		t.Errorf("without a bearer HEAD is answered %d", e.status)
	}
}

// A browser sends a preflight for a page of another origin, and then the allowed call.
func TestHTTP_APageOfAnotherOriginMayChangeALicense(t *testing.T) {
	t.Parallel()
	const origin = "https://admin.example.com"
	c := license(t, client.Concurrent(25))
	path := "/v1/tenants/" + c.id + "/license"
	preflight := ask(t, http.MethodOptions, path, "", "Origin", origin,
		"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "authorization,content-type,if-match")
	if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != "*" ||
		preflight.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Fatalf("the preflight is answered %d %v", preflight.status, preflight.header)
	}
	for name, values := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
		"Access-Control-Allow-Headers": {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "accept"},
	} {
		allowed := strings.Split(preflight.header.Get(name), ",")
		for _, value := range values {
			if !slices.Contains(allowed, value) {
				t.Errorf("%s has %v, and not %s", name, allowed, value)
			}
		}
	}
	got := ask(t, http.MethodGet, path, running.bearer(t, "vendor", ""), "Origin", origin)
	exposed := strings.Split(got.header.Get("Access-Control-Expose-Headers"), ",")
	if got.status != http.StatusOK || got.header.Get("Access-Control-Allow-Origin") != "*" || !slices.Contains(exposed, "etag") {
		t.Errorf("answered %d %v", got.status, got.header)
	}
	// A page can read errors too.
	lost := ask(t, http.MethodGet, "/nowhere", "", "Origin", origin)
	if lost.isProblem(t, http.StatusNotFound, "not_found"); lost.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", lost.header)
	}
}

func TestHTTP_LongAnswersAreCompressedIfAccepted(t *testing.T) {
	t.Parallel()
	plain := ask(t, http.MethodGet, "/v1/openapi.json", "")
	zipped := ask(t, http.MethodGet, "/v1/openapi.json", "", "Accept-Encoding", "gzip, deflate, br")
	if plain.header.Get("Content-Encoding") != "" || zipped.header.Get("Content-Encoding") != "gzip" ||
		plain.header.Get("Vary") != "Accept-Encoding" || zipped.header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v and %v", plain.header, zipped.header)
	}
	r, err := gzip.NewReader(strings.NewReader(zipped.body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != plain.body || 4*len(zipped.body) > len(plain.body) {
		t.Errorf("%d bytes are %d (%v), want %d", len(zipped.body), len(text), err, len(plain.body))
	}
}

func TestHTTP_AnUnchangedLicenseIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	path, vendor := "/v1/tenants/"+c.id+"/license", running.bearer(t, "vendor", "")
	first := ask(t, http.MethodGet, path, vendor, "Accept-Encoding", "gzip")
	again := ask(t, http.MethodGet, path, vendor, "If-None-Match", first.header.Get("Etag"))
	if again.status != http.StatusNotModified || again.body != "" || again.header.Get("Etag") != first.header.Get("Etag") {
		t.Errorf("answered %d %q %v", again.status, again.body, again.header)
	}
	c.change(client.Concurrent(26))
	changed := ask(t, http.MethodGet, path, vendor, "If-None-Match", first.header.Get("Etag"))
	if changed.status != http.StatusOK || changed.header.Get("Etag") == first.header.Get("Etag") {
		t.Errorf("answered %d %v", changed.status, changed.header)
	}
}
