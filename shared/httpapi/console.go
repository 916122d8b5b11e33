package httpapi

import (
	_ "embed"
	"encoding/json"
	"log/slog"
	"net/http"
)

//go:embed console.html
var consolePage []byte

// Console serves what is open to everyone: the health check, the OpenAPI
// document of all operations, and a page that shows the seats of a tenant to
// whoever has a bearer.
func Console(log *slog.Logger) (http.Handler, error) {
	all := New(log)
	all.AddLicenses(nil, nil)
	all.AddHosts(nil, nil)
	all.AddConferences(nil, nil)
	all.AddConnections(nil, nil, nil, "")
	all.AddUsage(nil, nil, nil)
	all.AddLedger(nil, nil, nil)
	all.AddStatements(nil, nil)
	document, err := json.Marshal(all.OpenAPI())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", give("application/json", []byte(`{"status":"ok"}`)))
	mux.HandleFunc("GET /v1/openapi.json", give("application/json", document))
	mux.HandleFunc("GET /console/{$}", give("text/html; charset=utf-8", consolePage))
	mux.Handle("GET /console", http.RedirectHandler("/console/", http.StatusPermanentRedirect))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(mux, w, r) }), nil
}

func give(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // into memory
	}
}
