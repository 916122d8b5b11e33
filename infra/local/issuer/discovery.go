package issuer

import (
	"encoding/json"
	"net/http"
	"slices"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/.well-known/jwks.json"
)

// JWKS is the key set (RFC 7517) that verifies the issuer's tokens.
func (i *Issuer) JWKS() []byte { return slices.Clone(i.jwks) }

// ServeHTTP serves OIDC discovery and the key set under /.well-known/.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	var body []byte
	switch r.URL.Path {
	case discoveryPath:
		body = discovery()
	case jwksPath:
		body = i.jwks
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client may have gone
}

func discovery() []byte {
	body, err := json.Marshal(map[string]any{
		"issuer":                                URL,
		"jwks_uri":                              URL + jwksPath,
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"token"},
		"subject_types_supported":               []string{"public"},
	})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return body
}
