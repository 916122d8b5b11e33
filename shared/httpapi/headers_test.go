package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

// odd are parts of a path that name nothing: as they are sent, but that a body
// and a query have them decoded.
var odd = []string{
	"%2F", "a%2Fb", "%2f..%2f..", "..%2F..%2Fetc%2Fpasswd", "%2e%2e", "%2E", "..%5c", "%00", "acme%00", "%ff", "%c3%28", "%ed%a0%80", "%zz", "%",
	"%0d%0a", "acme%0d%0aSet-Cookie:%20a=b", "acme%0aLocation:%20https:%2F%2Fexample.net", "%20", "acme%20", "acme;x=1", "acme%3Bx", "%23", "%3F", "a%3Fb=c",
	"*", "{tenant}", "{}", "$", "%22%3E%3Cscript%3E", "%E2%80%AE", strings.Repeat("a", 65), strings.Repeat("a", 5000), strings.Repeat("%41", 400), "null", "%",
}

func TestAnUnknownPathIsNotFound(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	check := func(method, target string, got answer) {
		t.Helper()
		switch {
		case got.status == http.StatusUnprocessableEntity && method == http.MethodPut:
			got.refused(problem.Invalid, "#/tenant")
		default:
			got.refused(problem.NotFound)
		}
		if t.Failed() {
			t.Fatalf("so it was of %s %.100s", method, target)
		}
	}
	for path, operations := range describe(t).Paths {
		for method, operation := range operations {
			if !strings.Contains(path, "{") {
				continue
			}
			method, body := strings.ToUpper(method), ""
			if tried, ok := bodies[operation.ID]; ok {
				body = written(tried[0], "", "")
			}
			// (An identity is any text.)
			for _, parameter := range []string{"{tenant}", "{conference}", "{email}", "{connection}", "{period}", "{webhook}"} {
				// A seat of a conference that there is not has lapsed, and is released already.
				if !strings.Contains(path, parameter) || parameter == "{conference}" && strings.Contains(path, "/seats/") {
					continue
				}
				for _, part := range odd {
					if part == "null" && method == http.MethodPut { // a name like any other
						continue
					}
					named := target(strings.Replace(path, parameter, "\x00", 1)) + required(operation, "")
					asked := strings.Replace(named, "\x00", part, 1)
					check(method, asked, w.call(whoMay(method, path), method, asked, body))
				}
			}
		}
	}
	for _, path := range []string{
		"", "/", "//", "/v1", "/v1/", "/v1/tenants/", "//v1/tenants", "/v1//tenants", "/v1/./tenants", "/v1/../v1/tenants", "/v1/tenants/../tenants",
		"/v1/tenants/acme/license/", "/v1/tenants/acme//license", "/v1/tenants/acme/license/..", "/v1/tenants/acme/hosts/../license",
		"/v1/tenants/acme/./license", "/V1/tenants", "/v1/Tenants", "/v1/tenants\\acme", "v1/tenants", "https://example.net/v1/tenants", "//example.net/..",
		"/v1/tenants/acme/license%00", "/v1/tenants/a%2Fb/license", "/v1/tenants\x00", "/v1/tenants\xff",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "", "G\r\nT"} {
			check("", path, w.call(vendor, method, path, ""))
		}
	}
}

// Whatever comes in by a path, a query, a header or a body: nothing that ends a
// line, and no header that was not ours, goes out by a header.
func TestInputCannotInjectHeaders(t *testing.T) {
	ours := map[string]bool{
		"content-type": true, "content-disposition": true, "location": true, "link": true, "etag": true, "retry-after": true,
		"allow": true, "accept": true, "accept-encoding": true, "cache-control": true, "last-modified": true, "vary": true, "x-content-type-options": true,
	}
	check := func(got answer) {
		t.Helper()
		for name, value := range got.headers {
			if !ours[name] || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || strings.Contains(value, "injected") {
				t.Errorf("answered %d with %s: %q", got.status, name, value)
			}
		}
		if got.status >= 500 {
			t.Errorf("answered %d: %s", got.status, got.body)
		}
	}
	w := populated(t)
	for _, bad := range []string{"injected\r\nset-cookie: a=b", "\ninjected", "injected\u0085\x00", `injected"; filename="x`} {
		for path, operations := range describe(t).Paths {
			for method, operation := range operations {
				method, body := strings.ToUpper(method), ""
				if tried, ok := bodies[operation.ID]; ok {
					body = written(tried[0], "", "")
					for name := range tried[0] {
						check(w.call(vendor, method, target(path), strings.ReplaceAll(written(tried[0], name, quoted("?")), "?", bad)))
						check(w.call(vendor, method, target(path), written(tried[0], name, quoted(`injected\r\nset-cookie: a=b`))))
					}
				}
				if operation.ID == "delete-host" || operation.ID == "remove-connection" || operation.ID == "remove-connection-of-conference" || operation.ID == "remove-participant" {
					continue // what the others need
				}
				for _, part := range []string{"{tenant}", "{conference}", "{email}", "{connection}", "{period}"} {
					if !strings.Contains(path, part) {
						continue
					}
					for _, sent := range []string{bad, url.PathEscape(bad)} {
						check(w.call(vendor, method, target(strings.Replace(path, part, sent, 1))+required(operation, ""), body, "accept", "text/csv"))
					}
				}
				for _, p := range operation.Parameters {
					for _, sent := range []string{bad, url.QueryEscape(bad)} {
						if p.In == "query" {
							check(w.call(vendor, method, target(path)+required(operation, p.Name)+"&"+p.Name+"="+sent, body, "accept", "text/csv"))
						}
					}
				}
				for _, header := range []string{"accept", "if-match", "idempotency-key", "content-type", "host"} {
					check(w.call(vendor, method, target(path)+required(operation, ""), body, header, bad))
				}
			}
		}
	}
}

func TestAMalformedKeyIsRefusedByName(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	for _, key := range []string{"", " ", "a b", "a\tb", "é", "a\x7f", "a\x00", "a\r\nb", "\xff", strings.Repeat("k", 256)} {
		w.call(vendor, "POST", "/v1/tenants/acme/hosts", `{"email":"zoe@example.org"}`, "idempotency-key", key).refused(problem.Invalid, "#/Idempotency-Key")
	}
}
