package httpapi

import (
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed console.html
var consolePage []byte

// Console serves what is open to everyone: the health check, the OpenAPI
// document of all operations, and a page that shows the seats of a tenant to
// whoever has a bearer. It knows every path of the API, and so answers for it
// where there is none: which methods a path has, and that there is no such path.
func Console(log *slog.Logger) (http.Handler, error) {
	all := New(log, nil) // for their descriptions alone
	all.AddLicenses(nil, nil)
	all.AddHosts(nil, nil)
	all.AddConferences(nil, nil)
	all.AddConnections(nil, nil, nil, "")
	all.AddUsage(nil, nil, nil)
	all.AddLedger(nil, nil, nil)
	all.AddStatements(nil, nil)
	if err := describe(all.OpenAPI()); err != nil {
		return nil, err
	}
	document, err := json.Marshal(all.OpenAPI())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for address, item := range all.OpenAPI().Paths {
		for _, method := range methodsOf(item) {
			mux.HandleFunc(method+" "+address, elsewhere)
		}
	}
	mux.HandleFunc("GET /healthz", give("application/json", []byte(`{"status":"ok"}`), "no-store"))
	mux.HandleFunc("GET /v1/openapi.json", give("application/json", document, "public, max-age=300"))
	mux.HandleFunc("GET /console/{$}", give("text/html; charset=utf-8", consolePage, "no-cache"))
	mux.Handle("GET /console", http.RedirectHandler("/console/", http.StatusPermanentRedirect))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(mux, w, r) }), nil
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

func give(contentType string, body []byte, caching string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'")
		w.Header().Set(headerCacheControl, caching)
		_, _ = w.Write(body) // into memory
	}
}
