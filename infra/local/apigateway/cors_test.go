package apigateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/template"
)

const (
	page    = "https://admin.example"
	another = "https://elsewhere.example"
)

// shared is a stack whose HTTP API may be called by the pages of some origins, and whose function
// thinks otherwise.
func shared(t *testing.T, origins ...string) *stack {
	t.Helper()
	meddling := raw(`{"statusCode":201,"headers":{"access-control-allow-origin":"https://evil.example",
		"Access-Control-Allow-Credentials":"true","etag":"\"1\""}}`)
	return start(t, functions{"web": meddling}, func(c *apigateway.Config) {
		c.Template.CORS = &template.CORS{
			AllowOrigins: origins, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"authorization", "if-match"},
			ExposeHeaders: []string{"etag", "link"}, MaxAgeSeconds: 600,
		}
		c.Template.Routes = append(c.Template.Routes, template.Route{Method: "OPTIONS", Path: "/{proxy+}", Function: "web", Open: true})
	})
}

// accessControl are the headers of an answer that speak of other origins.
func accessControl(a answer) map[string]string {
	found := map[string]string{}
	for name := range a.header {
		if rest, ok := strings.CutPrefix(name, "Access-Control-"); ok {
			found[rest] = strings.Join(a.header[name], "|")
		}
	}
	return found
}

func TestPreflightsAreAnsweredBeforeAnyAuthorizer(t *testing.T) {
	preflight := func(origin string) http.Header {
		return http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"PUT"}, "Access-Control-Request-Headers": {"authorization"}}
	}
	allowing := func(origin string) map[string]string {
		return map[string]string{"Allow-Origin": origin, "Allow-Methods": "GET,PUT", "Allow-Headers": "authorization,if-match", "Max-Age": "600"}
	}
	for name, c := range map[string]struct {
		origins []string
		origin  string
		want    map[string]string
	}{
		"every origin":  {[]string{"*"}, page, allowing("*")},
		"one of two":    {[]string{another, page}, page, allowing(page)},
		"none of them":  {[]string{another}, page, map[string]string{}},
		"nearly one":    {[]string{page}, page + ".evil.example", map[string]string{}},
		"a part of one": {[]string{page}, "https://admin", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := shared(t, c.origins...)
			for _, path := range []string{"/kept", "/open/x", "/nowhere", "/"} {
				got := s.call(http.MethodOptions, path, "", preflight(c.origin))
				if got.status != http.StatusNoContent || got.body != "" {
					t.Errorf("%s: answered %d %s", path, got.status, got.body)
				}
				if diff := cmp.Diff(c.want, accessControl(got)); diff != "" {
					t.Errorf("%s (-want +got)\n%s", path, diff)
				}
			}
		})
	}
}

func TestOptionsThatAreNoPreflightGoToTheirRoute(t *testing.T) {
	s := shared(t, "*")
	for name, headers := range map[string]http.Header{
		"no origin": {"Access-Control-Request-Method": {"PUT"}}, "no method": {"Origin": {page}}, "neither": nil,
	} {
		if got := s.call(http.MethodOptions, "/kept", "", headers); got.status != http.StatusCreated {
			t.Errorf("%s: answered %d, want the function's 201", name, got.status)
		}
	}
}

func TestAnIntegrationsCORSHeadersAreReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		origins []string
		origin  string
		want    map[string]string
	}{
		"every origin": {[]string{"*"}, page, map[string]string{"Allow-Origin": "*", "Expose-Headers": "etag,link"}},
		"one of two":   {[]string{another, page}, page, map[string]string{"Allow-Origin": page, "Expose-Headers": "etag,link"}},
		"none of them": {[]string{another}, page, map[string]string{}},
		"no origin":    {[]string{"*"}, "", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			headers := http.Header{}
			if c.origin != "" {
				headers.Set("Origin", c.origin)
			}
			got := shared(t, c.origins...).call(http.MethodGet, "/open/x", "", headers)
			if got.status != http.StatusCreated || got.header.Get("Etag") != `"1"` {
				t.Errorf("answered %d %v", got.status, got.header)
			}
			if diff := cmp.Diff(c.want, accessControl(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTheGatewaysOwnAnswersHaveNoCORSHeaders(t *testing.T) {
	s := shared(t, "*")
	for path, status := range map[string]int{"/kept": http.StatusUnauthorized, "/nowhere": http.StatusNotFound} {
		got := s.call(http.MethodGet, path, "", http.Header{"Origin": {page}})
		if got.status != status || len(accessControl(got)) != 0 {
			t.Errorf("%s: answered %d %v", path, got.status, got.header)
		}
	}
}

func TestWithoutCORSConfigurationIntegrationsSetTheirOwnHeaders(t *testing.T) {
	s := start(t, functions{"web": raw(`{"statusCode":200,"headers":{"access-control-allow-origin":"https://own.example"}}`)}, nil)
	got := s.call(http.MethodGet, "/open/x", "", http.Header{"Origin": {page}})
	if diff := cmp.Diff(map[string]string{"Allow-Origin": "https://own.example"}, accessControl(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
