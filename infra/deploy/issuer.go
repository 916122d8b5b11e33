package deploy

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxDocument is more than any discovery document or key set has, in bytes.
const maxDocument = 1 << 20

// checkIssuer reads an issuer's documents as API Gateway does. With an issuer that it
// cannot read, the deployment would fail, and with keys that it does not take, every
// call.
func checkIssuer(ctx context.Context, web *http.Client, issuer string) []Problem {
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	at := strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
	if err := getJSON(ctx, web, at, &discovery); err != nil {
		return []Problem{problem("Issuer is %q: %s has to be readable, and is not: %v", issuer, at, err)}
	}
	var wrong []Problem
	if discovery.Issuer != issuer {
		wrong = append(wrong, problem("Issuer is %q: it has to be %q to the letter, as the issuer calls itself and as its tokens' iss", issuer, discovery.Issuer))
	}
	if !strings.HasPrefix(discovery.Keys, "https://") {
		return append(wrong, problem("Issuer is %q, whose jwks_uri is %q: it has to be an https URL", issuer, discovery.Keys))
	}
	var keys struct {
		Keys []struct {
			Type string `json:"kty"`
			Use  string `json:"use"`
		} `json:"keys"`
	}
	if err := getJSON(ctx, web, discovery.Keys, &keys); err != nil {
		return append(wrong, problem("Issuer is %q: its keys at %s have to be readable, and are not: %v", issuer, discovery.Keys, err))
	}
	var types []string
	for _, k := range keys.Keys {
		if k.Type == "RSA" && (k.Use == "" || k.Use == "sig") {
			return wrong
		}
		types = append(types, strings.TrimSpace(k.Type+" "+k.Use))
	}
	return append(wrong, problem("Issuer is %q, whose keys are of the types %q: one has to be an RSA key for signatures, since API Gateway takes no other", issuer, types))
}

func getJSON(ctx context.Context, web *http.Client, at string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	answer, err := web.Do(request)
	if err != nil {
		return err //nolint:wrapcheck // it has the address
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", answer.StatusCode)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is not JSON")
	}
	return nil
}

// tokenLasts is how long a bearer has to be good: longer than a deployment takes.
const tokenLasts = 15 * time.Minute

// checkToken finds what the deployed API would refuse a bearer for, without telling
// any of it but its claims.
func checkToken(token string, values Values, now time.Time) []Problem {
	claims, err := claimsOf(token)
	if err != nil {
		return []Problem{problem("the bearer (--token) is no JSON Web Token: it has to be a vendor's access token of the issuer")}
	}
	var wrong []Problem
	if claims["iss"] != values["Issuer"] {
		wrong = append(wrong, problem("the bearer's iss is %q: it has to be Issuer, %q", claims["iss"], values["Issuer"]))
	}
	audience := list(claims["aud"])
	if _, has := claims["aud"]; !has {
		audience = list(claims["client_id"])
	}
	if !slices.Contains(audience, values["Audience"]) {
		wrong = append(wrong, problem("the bearer's audience is %q: it has to have Audience, %q", audience, values["Audience"]))
	}
	if role := list(claims[values["RoleClaim"]]); !slices.Equal(role, []string{"vendor"}) {
		wrong = append(wrong, problem("the bearer's claim %s is %q: it has to be vendor", values["RoleClaim"], role))
	}
	expires, _ := claims["exp"].(float64)
	if until := time.Unix(int64(expires), 0); until.Before(now.Add(tokenLasts)) {
		wrong = append(wrong, problem("the bearer is good until %s: it has to be good for %v more", until.UTC().Format(time.RFC3339), tokenLasts))
	}
	return wrong
}

func claimsOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not three parts")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("decode the claims: %w", err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, fmt.Errorf("read the claims: %w", err)
	}
	return claims, nil
}

// list is a claim that may be one text or several.
func list(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var all []string
		for _, one := range c {
			all = append(all, fmt.Sprint(one))
		}
		return all
	}
	return nil
}
