package httpapi

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"seatmeter/shared/problem"
)

// Console serves what needs no bearer: the health check, the console page, the
// OpenAPI and AsyncAPI documents, and the documentation page. It knows the paths of
// all operations, so that it answers preflights, and 404 and 405 for paths that no
// other function serves.
func Console(log *slog.Logger, messages []byte, site Site) (http.Handler, error) {
	// Only to describe the operations. None of them is ever called.
	all := New(Config{Log: log})
	all.AddLicenses(nil, nil, nil)
	all.AddHosts(nil, nil)
	all.AddPeople(nil)
	all.AddExport(nil, Files{})
	all.AddDeletion(nil, nil, nil, 0)
	all.AddConferences(nil, nil, nil)
	all.AddConnections(nil, nil, nil, nil, JoinTokens{})
	all.AddQueue(nil, nil)
	all.AddSeats(Seats{})
	all.AddUsage(nil, nil, nil, Files{})
	all.AddLedger(nil, nil, Files{})
	all.AddAudit(nil)
	all.AddStatements(nil, nil, Files{})
	all.AddWebhooks(WebhookConfig{})
	mux := http.NewServeMux()
	for address, item := range all.OpenAPI().Paths {
		for _, method := range methodsOf(item) {
			mux.HandleFunc(method+" "+address, elsewhere)
		}
	}
	// The documents are built on first use, so that preflights and health checks do
	// not wait for them.
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
	mux.HandleFunc("GET /v1/openapi.json", all.giveMade("application/json", dataPolicy, briefly, openAPI))
	mux.HandleFunc("GET /v1/asyncapi.json", give("application/json", messages, briefly))
	mux.HandleFunc("GET /v1/docs", all.giveMade("text/html; charset=utf-8", docsPolicy(), briefly, page))
	mux.HandleFunc("GET /v1/docs.js", give("text/javascript; charset=utf-8", docsScript, briefly))
	if err := site.serveOn(mux); err != nil {
		return nil, err
	}
	mux.Handle("GET /{$}", http.RedirectHandler("/console/", http.StatusTemporaryRedirect))
	mux.Handle("GET /console", http.RedirectHandler("/console/", http.StatusPermanentRedirect))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(mux, w, r) }), nil
}

// elsewhere answers the paths of other functions. A request comes here only if the
// gateway reads its path otherwise than the mux does; no such path exists.
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

// dataPolicy is the policy of what is not a page.
const dataPolicy = "default-src 'none'; frame-ancestors 'none'"

func give(contentType string, body []byte, caching string) http.HandlerFunc {
	return giveUnder(dataPolicy, contentType, body, caching)
}

// giveMade serves a document that is built on first use.
func (a *API) giveMade(contentType, policy, caching string, made func() ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := made()
		if err != nil {
			a.log.ErrorContext(r.Context(), "a document was not made", "error", err)
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
	_, _ = w.Write(body) // writing to memory cannot fail
}
