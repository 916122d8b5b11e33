package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/problem"
	"seatmeter/shared/wsapi"
)

func newConsole() (http.Handler, error) {
	messages, err := wsapi.AsyncAPI()
	if err != nil {
		return nil, err
	}
	return httpapi.Console(slog.New(slog.DiscardHandler), messages, site)
}

// site is a console of two files.
var site = httpapi.Site{
	Files: fstest.MapFS{
		"index.html":  {Data: []byte("<!doctype html><title>Seatmeter</title>")},
		"main-XYZ.js": {Data: []byte("console")},
	},
	Issuer: "https://issuer.example.org/realm", ClientID: "seatmeter-console", Scope: "openid",
	Origins: []string{"https://files.example.org", ""},
}

// openConsole is one for all tests: it keeps nothing of what it is asked.
var openConsole = sync.OnceValues(newConsole)

func console(t *testing.T, target, method string) answer {
	t.Helper()
	handler, err := openConsole()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	return invoke(t.Context(), t, lambda.NewHandler(httpapi.Serve(handler)), w.event(nobody, method, target, ""))
}

func TestConsoleHealthCheckAndDocumentsNeedNoBearer(t *testing.T) {
	console(t, "/healthz", http.MethodGet).want(200, `{"status":"ok"}`)
	page := console(t, "/console/", http.MethodGet)
	if page.status != 200 || page.headers["content-type"] != "text/html; charset=utf-8" || !strings.HasPrefix(page.body, "<!doctype html>") {
		t.Errorf("answered %d, %v", page.status, page.headers)
	}
	if page.headers["content-security-policy"] == "" || page.headers["x-content-type-options"] != "nosniff" {
		t.Errorf("headers %v", page.headers)
	}
	if got := console(t, "/console", http.MethodGet); got.status != http.StatusPermanentRedirect || got.headers["location"] != "/console/" {
		t.Errorf("answered %d, %v", got.status, got.headers)
	}
	if got := console(t, "/", http.MethodGet); got.status != http.StatusTemporaryRedirect || got.headers["location"] != "/console/" {
		t.Errorf("answered %d, %v", got.status, got.headers)
	}
	console(t, "/console/nothing", http.MethodGet).refused(problem.NotFound)
	console(t, "/v1/tenants", http.MethodGet).refused(problem.NotFound)
}

func TestTheConsolePageRunsOnlyItsOwnScripts(t *testing.T) {
	for target, caching := range map[string]string{"/console/": "no-cache", "/console/main-XYZ.js": "public, max-age=31536000, immutable"} {
		headers := console(t, target, http.MethodGet).headers
		const want = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
			"connect-src 'self' https://issuer.example.org https://files.example.org; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
		if got := headers["content-security-policy"]; got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
		if headers["cache-control"] != caching {
			t.Errorf("%s: cache-control %s, want %s", target, headers["cache-control"], caching)
		}
	}
	console(t, "/console/config.json", http.MethodGet).
		want(200, `{"client_id":"seatmeter-console","issuer":"https://issuer.example.org/realm","metadata":"","scope":"openid","role_claim":"role","tenant_claim":"tenant"}`)
}

func TestWithoutItsFilesTheConsoleSaysHowToBuildIt(t *testing.T) {
	handler, err := httpapi.Console(slog.New(slog.DiscardHandler), nil, httpapi.Site{Files: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	page := invoke(t.Context(), t, lambda.NewHandler(httpapi.Serve(handler)), w.event(nobody, http.MethodGet, "/console/", ""))
	if page.status != 200 || !strings.Contains(page.body, "./scripts/build") {
		t.Errorf("answered %d: %s", page.status, page.body)
	}
}

func TestTheDescriptionNamesEveryOperationAndItsProblems(t *testing.T) {
	got := console(t, "/v1/openapi.json", http.MethodGet)
	if got.status != 200 || got.headers["content-type"] != "application/json" {
		t.Fatalf("answered %d, %v", got.status, got.headers)
	}
	var document struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]any `json:"content"`
			} `json:"responses"`
			Security []map[string][]string `json:"security"`
		} `json:"paths"`
	}
	if err := json.Unmarshal([]byte(got.body), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", document.OpenAPI)
	}
	const tenant = "/v1/tenants/{tenant}"
	want := map[string]string{
		"get " + tenant + "/export": "200",
		"get /v1/tenants":           "200", "put " + tenant + "/license": "200", "get " + tenant + "/license": "200",
		"get " + tenant + "/license/history": "200",
		"get " + tenant:                      "200", "delete " + tenant: "202", "post " + tenant + "/restore": "200",
		"post " + tenant + "/hosts": "201", "get " + tenant + "/hosts": "200", "get " + tenant + "/hosts/{email}": "200",
		"patch " + tenant + "/hosts/{email}": "200", "delete " + tenant + "/hosts/{email}": "204",
		"delete " + tenant + "/people/{identity}": "204",
		"post " + tenant + "/conferences":         "201", "get " + tenant + "/conferences": "200",
		"get " + tenant + "/conferences/{conference}":                             "200",
		"patch " + tenant + "/conferences/{conference}":                           "200",
		"post " + tenant + "/conferences/{conference}/end":                        "200",
		"get " + tenant + "/conferences/{conference}/connections":                 "200",
		"get " + tenant + "/conferences/{conference}/queue":                       "200",
		"post " + tenant + "/conferences/{conference}/queue/{connection}/first":   "200",
		"post " + tenant + "/conferences/{conference}/join-tokens":                "201",
		"delete " + tenant + "/connections/{connection}":                          "204",
		"delete " + tenant + "/conferences/{conference}/connections/{connection}": "204",
		"delete " + tenant + "/conferences/{conference}/participants/{identity}":  "204",
		"get " + tenant + "/seats":                                                "200",
		"get " + tenant + "/usage":                                                "200",
		"get " + tenant + "/usage/peaks":                                          "200",
		"get " + tenant + "/usage/refusals":                                       "200",
		"get " + tenant + "/usage/sizing":                                         "200",
		"get /v1/usage":                                                           "200",
		"post " + tenant + "/statements":                                          "201",
		"get " + tenant + "/statements":                                           "200",
		"get " + tenant + "/statements/{period}":                                  "200",
		"get " + tenant + "/statements/{period}/closing":                          "200",
		"post /v1/statements":                                                     "202",
		"get /v1/statements/{period}/closing":                                     "200",
		"post " + tenant + "/conferences/{conference}/seats":                      "201",
		"put " + tenant + "/conferences/{conference}/seats/{seat}":                "200",
		"delete " + tenant + "/conferences/{conference}/seats/{seat}":             "204",
		"post " + tenant + "/conferences/{conference}/seats/renew":                "200",
		"get " + tenant + "/conferences/{conference}/seats/{seat}":                "200",
		"get " + tenant + "/seats/{seat}":                                         "200",
		"put " + tenant + "/seats/{seat}":                                         "200",
		"delete " + tenant + "/seats/{seat}":                                      "204",
		"post " + tenant + "/seats/renew":                                         "200",
		"post " + tenant + "/webhooks":                                            "201",
		"get " + tenant + "/webhooks":                                             "200",
		"get " + tenant + "/webhooks/{webhook}":                                   "200",
		"patch " + tenant + "/webhooks/{webhook}":                                 "200",
		"delete " + tenant + "/webhooks/{webhook}":                                "204",
		"post " + tenant + "/webhooks/{webhook}/rotate":                           "200",
		"post " + tenant + "/webhooks/{webhook}/test":                             "200",
		"get " + tenant + "/webhooks/{webhook}/deliveries":                        "200",
		"get " + tenant + "/ledger":                                               "200",
		"get " + tenant + "/audit":                                                "200",
	}
	found := make(map[string]bool)
	for path, methods := range document.Paths {
		for method, operation := range methods {
			name := method + " " + path
			found[name] = true
			if _, ok := operation.Responses[want[name]]; !ok {
				t.Errorf("%s answers %v, want %s among them", name, slices.Collect(maps.Keys(operation.Responses)), want[name])
			}
			if _, ok := operation.Responses["422"].Content["application/problem+json"]; !ok {
				t.Errorf("%s: its errors are %v", name, operation.Responses["422"].Content)
			}
			if len(operation.Security) == 0 {
				t.Errorf("%s is open to everyone", name)
			}
		}
	}
	for name := range want {
		if !found[name] {
			t.Errorf("%s is not described", name)
		}
	}
	if len(found) != len(want) {
		t.Errorf("%d operations are described, want %d", len(found), len(want))
	}
}

func TestAFilesFormatsAndRedirectAreDocumented(t *testing.T) {
	var document struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Headers map[string]any            `json:"headers"`
					Content map[string]map[string]any `json:"content"`
				} `json:"responses"`
			} `json:"get"`
		} `json:"paths"`
	}
	body := console(t, "/v1/openapi.json", http.MethodGet).body
	if err := json.Unmarshal([]byte(body), &document); err != nil {
		t.Fatal(err)
	}
	for path, formats := range map[string][]string{
		"/v1/tenants/{tenant}/usage":  {"application/json", spreadsheet, "text/csv"},
		"/v1/tenants/{tenant}/ledger": {"application/json", "application/vnd.apache.parquet", spreadsheet, "application/x-ndjson", "text/csv"},
	} {
		responses := document.Paths[path].Get.Responses
		if got := slices.Sorted(maps.Keys(responses["200"].Content)); !slices.Equal(got, formats) {
			t.Errorf("%s is %v, want %v", path, got, formats)
		}
		for format, content := range responses["200"].Content {
			if content["schema"] == nil {
				t.Errorf("%s: %s has no schema", path, format)
			}
		}
		if responses["303"].Headers["Location"] == nil || responses["200"].Headers["Location"] != nil {
			t.Errorf("%s: 303 has the headers %v, 200 has %v", path, responses["303"].Headers, responses["200"].Headers)
		}
	}
	for _, schema := range []string{"UsageView", "PageLedgerRecord", "LedgerRecord", "StayRecord", "RefusalRecord"} {
		if !strings.Contains(body, `"`+schema+`":{`) {
			t.Errorf("%s is not described", schema)
		}
	}
}
