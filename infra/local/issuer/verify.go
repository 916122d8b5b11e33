package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Verify checks a token as the HTTP API's JWT authorizer does: its RS256 signature by the key of its
// kid, its issuer and audience, and that its times of issue, start and expiry are right for now. It
// returns the claims in the format of events: all as strings. Errors wrap ErrInvalid.
//
// The authorizer's fall-back from aud to client_id, and scopes, are left out: tokens here have
// neither.
func (i *Issuer) Verify(token string, now time.Time) (map[string]string, error) {
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(token, claims, i.verificationKey,
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer(URL),
		jwt.WithAudience(Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithTimeFunc(func() time.Time { return now }),
		jwt.WithJSONNumber(),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	texts := make(map[string]string, len(claims))
	for name, claim := range claims {
		texts[name] = claimText(claim)
	}
	return texts, nil
}

func (i *Issuer) verificationKey(token *jwt.Token) (any, error) {
	if token.Header["kid"] != i.keyID {
		return nil, errors.New("unknown kid")
	}
	return &i.key.PublicKey, nil
}

// claimText formats a claim as HTTP APIs do: lists as [a b], numbers as they are in the token.
func claimText(claim any) string {
	switch c := claim.(type) {
	case string:
		return c
	case []any:
		parts := make([]string, len(c))
		for n, part := range c {
			parts[n] = claimText(part)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case map[string]any:
		text, err := json.Marshal(c)
		if err != nil {
			return fmt.Sprint(c)
		}
		return string(text)
	default:
		return fmt.Sprint(c)
	}
}
