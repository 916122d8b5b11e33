// Package issuer is a local OIDC issuer for development and tests: it mints bearers as a tenant's
// identity provider does, and verifies them as API Gateway's JWT authorizer does. Access to the
// folder of its key gives access to everything.
package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// URL is the iss claim of every token. It is only a name.
	URL = "http://127.0.0.1/issuer"
	// Audience is the aud claim of every token.
	Audience = "seatmeter"
)

// ErrInvalid is wrapped by the error of every refused token.
var ErrInvalid = errors.New("invalid token")

// Issuer mints and verifies tokens with one RSA key. It is safe for concurrent use.
type Issuer struct {
	key   *rsa.PrivateKey
	keyID string
	jwks  []byte
	// grants are those of the console's sign-in.
	grants grants
}

// Open loads the issuer's key from the folder dir, and creates either if absent. Processes that open
// a new folder at the same time get the same key.
func Open(dir string) (*Issuer, error) {
	key, err := openKey(dir)
	if err != nil {
		return nil, fmt.Errorf("open issuer in %s: %w", dir, err)
	}
	i := &Issuer{key: key, keyID: thumbprint(&key.PublicKey)}
	i.jwks = keySet(&key.PublicKey, i.keyID)
	return i, nil
}

// Mint signs a token for a role and, unless empty, a tenant, valid from now for the lifetime, in
// whole seconds.
func (i *Issuer) Mint(role, tenant string, lifetime time.Duration, now time.Time) (string, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	claims := jwt.MapClaims{
		"iss": URL,
		"aud": Audience,
		"sub": strings.Trim(role+"@"+tenant, "@"),
		"iat": now.Unix(),
		"nbf": now.Unix(),
		"exp": now.Add(lifetime).Unix(),
		"jti": hex.EncodeToString(id),
	}
	if role != "" {
		claims["role"] = role
	}
	if tenant != "" {
		claims["tenant"] = tenant
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = i.keyID
	token.Header["typ"] = "at+jwt" // RFC 9068
	signed, err := token.SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return signed, nil
}
