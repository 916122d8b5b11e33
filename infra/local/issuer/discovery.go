package issuer

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const (
	// DiscoveryPath is where the discovery document is.
	DiscoveryPath = "/.well-known/openid-configuration"

	jwksPath = "/.well-known/jwks.json"
)

// JWKS is the key set (RFC 7517) that verifies the issuer's tokens.
func (i *Issuer) JWKS() []byte { return slices.Clone(i.jwks) }

// ServeHTTP serves OIDC discovery and the key set under /.well-known/, and the
// console's sign-in by the authorization code with PKCE.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allowed := []string{http.MethodGet, http.MethodHead}
	var handler http.HandlerFunc
	switch r.URL.Path {
	case DiscoveryPath:
		handler = func(w http.ResponseWriter, r *http.Request) { giveJSON(w, discovery(r)) }
	case jwksPath:
		handler = func(w http.ResponseWriter, _ *http.Request) { giveJSON(w, i.jwks) }
	case authorizePath:
		handler, allowed = i.authorize, append(allowed, http.MethodPost)
	case tokenPath:
		handler, allowed = i.token, []string{http.MethodPost}
	default:
		http.NotFound(w, r)
		return
	}
	if !slices.Contains(allowed, r.Method) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	handler(w, r)
}

func giveJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client may have gone
}

// discovery returns the discovery document. The key set is named below the issuer's
// name, and the sign-in at the address of the request.
func discovery(r *http.Request) []byte {
	here := "http://" + r.Host + strings.TrimSuffix(strings.SplitN(r.RequestURI, "?", 2)[0], DiscoveryPath)
	body, err := json.Marshal(map[string]any{
		"issuer":                                URL,
		"jwks_uri":                              URL + jwksPath,
		"authorization_endpoint":                here + authorizePath,
		"token_endpoint":                        here + tokenPath,
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"subject_types_supported":               []string{"public"},

		"authorization_response_iss_parameter_supported": true,
	})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return body
}
