package httpapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Site is the console as it is served: its files, and where its users sign in.
type Site struct {
	// Files are index.html and what it loads. Without an index.html, /console/ says
	// how to build the console.
	Files fs.FS
	// Issuer is the OIDC issuer of the bearers, and ClientID the console's client
	// there. Without a ClientID nobody can sign in.
	Issuer, ClientID string
	// Scope is the scope that the console asks for.
	Scope string
	// Claims are the claims by which the page tells who is signed in.
	Claims Claims
	// Metadata is the address of the issuer's discovery document, where it is not at
	// its usual place below Issuer.
	Metadata string
	// Origins are origins that the page may call beside its own and the issuer's.
	Origins []string
}

const (
	siteIndex = "index.html"
	// siteReadme stands for the page until it is built.
	siteReadme = "README.txt"
)

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Seatmeter</title>
<h1>Seatmeter</h1>
<p>This Seatmeter was built without its console. <code>./scripts/build</code> builds the console, and needs Node.js.
The API is documented at <a href="/v1/docs">/v1/docs</a>.</p>
</html>
`

// serveOn adds the console's pages to a mux.
func (s Site) serveOn(mux *http.ServeMux) error {
	policy, err := s.policy()
	if err != nil {
		return err
	}
	index, err := fs.ReadFile(s.Files, siteIndex)
	if err != nil {
		index = []byte(notBuilt)
	}
	const html, forever = "text/html; charset=utf-8", "public, max-age=31536000, immutable"
	mux.HandleFunc("GET /console/{$}", giveUnder(policy, html, index, "no-cache"))
	config, err := json.Marshal(map[string]string{
		"issuer": s.Issuer, "client_id": s.ClientID, "scope": s.Scope, "metadata": s.Metadata,
		"role_claim": cmp.Or(s.Claims.Role, "role"), "tenant_claim": cmp.Or(s.Claims.Tenant, "tenant"),
	})
	if err != nil {
		return fmt.Errorf("write the console's settings: %w", err)
	}
	mux.HandleFunc("GET /console/config.json", give("application/json", config, "no-cache"))
	list, err := fs.ReadDir(s.Files, ".")
	if err != nil {
		return fmt.Errorf("list the console's files: %w", err)
	}
	for _, file := range list {
		name := file.Name()
		if name == siteIndex || name == siteReadme {
			continue
		}
		body, err := fs.ReadFile(s.Files, name)
		if err != nil {
			return fmt.Errorf("read the console's %s: %w", name, err)
		}
		// The names have a hash of the content.
		mux.HandleFunc("GET /console/"+name, giveUnder(policy, mime.TypeByExtension(path.Ext(name)), body, forever))
	}
	return nil
}

// policy returns the page's Content-Security-Policy.
func (s Site) policy() (string, error) {
	connect := []string{"'self'"}
	for _, address := range append([]string{s.Issuer}, s.Origins...) {
		if address == "" {
			continue
		}
		at, err := url.Parse(address)
		if err != nil || at.Host == "" {
			return "", fmt.Errorf("the console cannot call %q, which is no URL", address)
		}
		connect = append(connect, at.Scheme+"://"+at.Host)
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src " + strings.Join(connect, " ") +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", nil
}

func giveUnder(policy, contentType string, body []byte, caching string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { write(w, contentType, policy, caching, body) }
}
