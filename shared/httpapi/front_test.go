package httpapi_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

const acmeLicense = "/v1/tenants/acme/license"

func TestAWrongMethodListsTheAllowedOnes(t *testing.T) {
	for target, allow := range map[string]string{
		"/v1/tenants":                              "GET, HEAD, OPTIONS",
		acmeLicense:                                "GET, HEAD, PUT, OPTIONS",
		"/v1/tenants/acme/hosts":                   "GET, HEAD, POST, OPTIONS",
		"/v1/tenants/acme/hosts/ann@example.org":   "GET, HEAD, PATCH, DELETE, OPTIONS",
		"/v1/tenants/acme/hosts/ann%40example.org": "GET, HEAD, PATCH, DELETE, OPTIONS",
		"/v1/tenants/acme/conferences/weekly/end":  "POST, OPTIONS",
		"/v1/tenants/acme/seats/s":                 "GET, HEAD, PUT, DELETE, OPTIONS",
		"/v1/tenants/acme/seats/renew":             "POST, OPTIONS",
		"/v1/usage":                                "GET, HEAD, OPTIONS",
		"/v1/openapi.json":                         "GET, HEAD, OPTIONS",
		"/healthz":                                 "GET, HEAD, OPTIONS",
		"/console":                                 "GET, HEAD, OPTIONS",
		"/console/":                                "GET, HEAD, OPTIONS",
		"/":                                        "GET, HEAD, OPTIONS",
	} {
		for _, method := range []string{"TRACE", "PROPFIND", "get"} {
			got := console(t, target, method)
			got.refused(problem.MethodNotAllowed)
			if got.headers["allow"] != allow {
				t.Errorf("%s %s allows %q, want %q", method, target, got.headers["allow"], allow)
			}
		}
		got := console(t, target, http.MethodOptions)
		if got.status != http.StatusNoContent || got.body != "" || got.headers["allow"] != allow || got.headers["content-type"] != "" {
			t.Errorf("OPTIONS %s: answered %d %q, %v, want 204 and %q", target, got.status, got.body, got.headers, allow)
		}
	}
}

// A path is what it says. Nobody is redirected with a bearer in the hand.
func TestAPathMustMatchExactly(t *testing.T) {
	for _, target := range []string{
		"/v1", "/v1/tenants/", acmeLicense + "/", "//v1/tenants", "/v1//tenants", "/v1/tenants//license", "/v1/./tenants",
		"/v1/tenants/acme/../acme/license", "/V1/tenants", "/v1/tenants/a%2Fb/license", "/console//", "/healthz/", "//",
	} {
		for _, method := range []string{"GET", "POST", "OPTIONS", "TRACE"} {
			got := console(t, target, method)
			got.refused(problem.NotFound)
			if got.headers["allow"] != "" || got.headers["location"] != "" {
				t.Errorf("%s %s: %v", method, target, got.headers)
			}
		}
		newWorld(t).call(vendor, http.MethodGet, target, "").refused(problem.NotFound)
	}
}

func TestHeadIsAnsweredAsGetWithoutTheBody(t *testing.T) {
	w := meetingOfTwo(t)
	for _, target := range []string{
		"/v1/tenants", acmeLicense, acmeLicense + "/history", "/v1/tenants/acme/seats", ledger,
		"/v1/tenants/acme/hosts", "/v1/tenants/acme/conferences/nothing", "/v1/tenants/nowhere/license",
	} {
		get, head := w.call(vendor, http.MethodGet, target, ""), w.call(vendor, http.MethodHead, target, "")
		if head.status != get.status || head.body != "" || !maps.Equal(head.headers, get.headers) {
			t.Errorf("%s: HEAD is answered %d, %v and %q; GET %d, %v", target, head.status, head.headers, head.body, get.status, get.headers)
		}
	}
	w.call(vendor, http.MethodPut, acmeLicense, `{"model":"concurrent","seats":25}`).ok()
	get, head := console(t, "/v1/openapi.json", http.MethodGet), console(t, "/v1/openapi.json", http.MethodHead)
	if head.status != 200 || head.body != "" || !maps.Equal(head.headers, get.headers) {
		t.Errorf("HEAD is answered %d, %v; GET %v", head.status, head.headers, get.headers)
	}
}

func TestAnUnchangedLicenseIsNotSentAgain(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	etag := w.call(vendor, http.MethodGet, acmeLicense, "").headers["etag"]
	for tag, has := range map[string]bool{
		etag: true, "W/" + etag: true, "*": true, `"7", ` + etag: true, strings.Trim(etag, `"`): true,
		"": false, `"7"`: false, `"1`: false,
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			got := w.call(vendor, method, acmeLicense, "", "if-none-match", tag)
			want := http.StatusOK
			if has {
				want = http.StatusNotModified
			}
			if got.status != want || got.headers["etag"] != etag || has && (got.body != "" || got.headers["content-type"] != "") {
				t.Errorf("%s, if none matches %s: answered %d %q, %v, want %d", method, tag, got.status, got.body, got.headers, want)
			}
		}
	}
	w.concurrent("acme", 26)
	if got := w.call(vendor, http.MethodGet, acmeLicense, "", "if-none-match", etag); got.status != 200 || !strings.Contains(got.body, "26") {
		t.Errorf("a changed license is answered %d %s", got.status, got.body)
	}
	w.call(caller{role: "tenant_admin", tenant: "globex"}, http.MethodGet, acmeLicense, "", "if-none-match", "*").refused(problem.NotFound)
	w.call(caller{role: "root"}, http.MethodGet, acmeLicense, "", "if-none-match", "*").refused(problem.Forbidden)
	w.call(vendor, http.MethodGet, "/v1/tenants/nowhere/license", "", "if-none-match", "*").refused(problem.NotFound)
}

func TestAnswersAreNotCachedWithoutRevalidation(t *testing.T) {
	w := meetingOfTwo(t)
	for target, want := range map[string]string{
		"/v1/tenants/acme/seats": "no-store", ledger: "no-store", "/v1/tenants/nowhere/seats": "no-store",
		acmeLicense: "private, no-cache", // so that If-None-Match is of use in a browser too
	} {
		if got := w.call(vendor, http.MethodGet, target, "").headers["cache-control"]; got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for target, want := range map[string]string{
		"/v1/openapi.json": "public, max-age=300", "/console/": "no-cache", "/healthz": "no-store", "/nothing": "no-store",
	} {
		if got := console(t, target, http.MethodGet).headers["cache-control"]; got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}
