package httpapi

import (
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

//go:embed console.html
var consolePage []byte

// Console serves what is open to everyone: the health check, the OpenAPI
// document of all operations, and a page that shows the seats of a tenant to
// whoever has a bearer; beside them the document of the WebSocket's messages,
// and both documents as a page for reading. It knows every path of the API, and
// so answers for it where there is none: which methods a path has, and that
// there is no such path.
func Console(log *slog.Logger, messages []byte) http.Handler {
	// For their descriptions alone: none of these operations is ever called.
	all := New(Config{Log: log})
	all.AddLicenses(nil, nil, nil)
	all.AddHosts(nil, nil)
	all.AddConferences(nil, nil, nil)
	all.AddConnections(nil, nil, nil, nil, JoinTokens{})
	all.AddUsage(nil, nil, nil, nil)
	all.AddLedger(nil, nil, nil)
	all.AddAudit(nil)
	all.AddStatements(nil, nil)
	mux := http.NewServeMux()
	for address, item := range all.OpenAPI().Paths {
		for _, method := range methodsOf(item) {
			mux.HandleFunc(method+" "+address, elsewhere)
		}
	}
	// Each is made when it is first asked for: preflights and health checks need
	// not wait for that.
	document := sync.OnceValues(func() (*huma.OpenAPI, error) { return all.OpenAPI(), describe(all.OpenAPI()) })
	openAPI := sync.OnceValues(func() ([]byte, error) {
		d, err := document()
		if err != nil {
			return nil, err
		}
		return json.Marshal(d)
	})
	page := sync.OnceValues(func() ([]byte, error) {
		d, err := document()
		if err != nil {
			return nil, err
		}
		return renderDocs(d, messages)
	})
	const briefly = "public, max-age=300"
	mux.HandleFunc("GET /healthz", give("application/json", []byte(`{"status":"ok"}`), "no-store"))
	mux.HandleFunc("GET /v1/openapi.json", all.giveMade("application/json", consolePolicy, briefly, openAPI))
	mux.HandleFunc("GET /v1/asyncapi.json", give("application/json", messages, briefly))
	mux.HandleFunc("GET /v1/docs", all.giveMade("text/html; charset=utf-8", docsPolicy(), briefly, page))
	mux.HandleFunc("GET /v1/docs.js", give("text/javascript; charset=utf-8", docsScript, briefly))
	mux.HandleFunc("GET /console/{$}", give("text/html; charset=utf-8", consolePage, "no-cache"))
	mux.Handle("GET /{$}", http.RedirectHandler("/console/", http.StatusTemporaryRedirect))
	mux.Handle("GET /console", http.RedirectHandler("/console/", http.StatusPermanentRedirect))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(mux, w, r) })
}

// elsewhere takes what other functions answer. Only a path that the gateway
// reads in another way than the mux comes here, and is one that is not there.
func elsewhere(w http.ResponseWriter, r *http.Request) { refuseRequest(w, r, unknownPath()) }

func methodsOf(item *huma.PathItem) []string {
	var methods []string
	for method, operation := range map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	} {
		if operation != nil {
			methods = append(methods, method)
		}
	}
	return methods
}

const consolePolicy = "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

func give(contentType string, body []byte, caching string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { write(w, contentType, consolePolicy, caching, body) }
}

// giveMade gives what is made first.
func (a *API) giveMade(contentType, policy, caching string, made func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := made()
		if err != nil {
			a.log.ErrorContext(r.Context(), "a document was not made", "request", callerOf(r.Context()).requestID, "error", err)
			refuseRequest(w, r, problem.As(err))
			return
		}
		write(w, contentType, policy, caching, body)
	}
}

func write(w http.ResponseWriter, contentType, policy, caching string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set(headerCacheControl, caching)
	_, _ = w.Write(body) // into memory
}
