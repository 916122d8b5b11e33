package issuer_test

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"seatmeter/infra/local/issuer"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *issuer.Issuer {
	t.Helper()
	i, err := issuer.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func mint(t *testing.T, i *issuer.Issuer, role, tenant string) string {
	t.Helper()
	token, err := i.Mint(role, tenant, time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAMintedTokenVerifiesWithItsClaims(t *testing.T) {
	i := open(t, t.TempDir())
	got, err := i.Verify(mint(t, i, "tenant_admin", "acme"), noon)
	if err != nil {
		t.Fatal(err)
	}
	if got["jti"] == "" {
		t.Error("no jti")
	}
	delete(got, "jti")
	want := map[string]string{
		"iss": issuer.URL, "aud": issuer.Audience, "sub": "tenant_admin@acme",
		"iat": "1795435200", "nbf": "1795435200", "exp": "1795438800",
		"role": "tenant_admin", "tenant": "acme",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEmptyRoleAndTenantAreLeftOut(t *testing.T) {
	i := open(t, t.TempDir())
	got, err := i.Verify(mint(t, i, "", ""), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"role", "tenant"} {
		if claim, ok := got[name]; ok {
			t.Errorf("%s is %q, want it absent", name, claim)
		}
	}
}

func TestATokenIsValidFromNotBeforeUntilJustBeforeExpiry(t *testing.T) {
	i := open(t, t.TempDir())
	token := mint(t, i, "vendor", "")
	for name, c := range map[string]struct {
		at    time.Time
		valid bool
	}{
		"too early":   {noon.Add(-time.Second), false},
		"from now":    {noon, true},
		"last second": {noon.Add(time.Hour - time.Second), true},
		"expired":     {noon.Add(time.Hour), false},
	} {
		_, err := i.Verify(token, c.at)
		if (err == nil) != c.valid {
			t.Errorf("%s: error %v, want valid %t", name, err, c.valid)
		}
	}
}

func TestForeignAndForgedTokensAreRefused(t *testing.T) {
	dir := t.TempDir()
	i, other := open(t, dir), open(t, t.TempDir())
	genuine := mint(t, i, "vendor", "")
	key := privateKey(t, dir)
	kid := header(t, genuine)["kid"]

	signed := func(method jwt.SigningMethod, key any, kid any, change func(jwt.MapClaims)) string {
		claims := jwt.MapClaims{"iss": issuer.URL, "aud": issuer.Audience, "exp": noon.Add(time.Hour).Unix()}
		change(claims)
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	same := func(jwt.MapClaims) {}
	if _, err := i.Verify(signed(jwt.SigningMethodRS256, key, kid, same), noon); err != nil {
		t.Fatalf("the valid token is refused: %v", err)
	}
	for name, token := range map[string]string{
		"empty":          "",
		"no token":       "a.b.c",
		"changed":        genuine[:len(genuine)-6] + "AAAAAA",
		"another's key":  mint(t, other, "vendor", ""),
		"unknown kid":    signed(jwt.SigningMethodRS256, key, "none", same),
		"unsigned":       signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, same),
		"HMAC":           signed(jwt.SigningMethodHS256, i.JWKS(), kid, same),
		"RS512":          signed(jwt.SigningMethodRS512, key, kid, same),
		"wrong issuer":   signed(jwt.SigningMethodRS256, key, kid, func(c jwt.MapClaims) { c["iss"] = "http://elsewhere" }),
		"wrong audience": signed(jwt.SigningMethodRS256, key, kid, func(c jwt.MapClaims) { c["aud"] = "elsewhere" }),
		"no audience":    signed(jwt.SigningMethodRS256, key, kid, func(c jwt.MapClaims) { delete(c, "aud") }),
		"no expiry":      signed(jwt.SigningMethodRS256, key, kid, func(c jwt.MapClaims) { delete(c, "exp") }),
		"issued later":   signed(jwt.SigningMethodRS256, key, kid, func(c jwt.MapClaims) { c["iat"] = noon.Add(time.Minute).Unix() }),
	} {
		if _, err := i.Verify(token, noon); !errors.Is(err, issuer.ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
}

func TestClaimsAreTextAsHTTPAPIsWriteThem(t *testing.T) {
	dir := t.TempDir()
	i := open(t, dir)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": issuer.URL, "aud": []string{issuer.Audience, "other"}, "exp": noon.Add(time.Hour).Unix(),
		"groups": []string{"a", "b"}, "admin": true, "level": 1.5, "address": map[string]any{"city": "Oslo"},
	})
	token.Header["kid"] = header(t, mint(t, i, "", ""))["kid"]
	text, err := token.SignedString(privateKey(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	got, err := i.Verify(text, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"iss": issuer.URL, "aud": "[seatmeter other]", "exp": "1795438800",
		"groups": "[a b]", "admin": "true", "level": "1.5", "address": `{"city":"Oslo"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestProcessesOpeningAtOnceAgreeOnTheKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	sets := make([]string, 8)
	var group errgroup.Group
	for n := range sets {
		group.Go(func() error {
			i, err := issuer.Open(dir)
			if err == nil {
				sets[n] = string(i.JWKS())
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	later := string(open(t, dir).JWKS())
	for _, set := range sets {
		if set != later {
			t.Fatal("two keys")
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 {
		t.Errorf("%d files are left, want only the key", len(files))
	}
	info, err := files[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %o", info.Mode().Perm())
	}
}

func TestADamagedKeyIsAnErrorAndIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "issuer.pem")
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Open(dir); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "damaged" {
		t.Errorf("the file is now %q (%v)", text, err)
	}
}

func TestAnybodyCanVerifyATokenWithThePublishedKeys(t *testing.T) {
	i := open(t, t.TempDir())
	server := httptest.NewServer(i)
	defer server.Close()

	var discovery struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	get(t, server.URL+"/.well-known/openid-configuration", &discovery)
	if discovery.Issuer != issuer.URL || discovery.JWKSURI != issuer.URL+"/.well-known/jwks.json" {
		t.Errorf("discovery %+v", discovery)
	}
	var set struct {
		Keys []struct{ Kty, Use, Alg, Kid, N, E string }
	}
	get(t, server.URL+"/.well-known/jwks.json", &set)
	if len(set.Keys) != 1 || set.Keys[0].Kty != "RSA" || set.Keys[0].Use != "sig" || set.Keys[0].Alg != "RS256" {
		t.Fatalf("key set %+v", set)
	}
	key := set.Keys[0]
	_, err := jwt.Parse(mint(t, i, "vendor", ""), func(token *jwt.Token) (any, error) {
		if token.Header["kid"] != key.Kid || token.Header["typ"] != "at+jwt" {
			t.Errorf("header %v", token.Header)
		}
		return &rsa.PublicKey{N: number(t, key.N), E: int(number(t, key.E).Int64())}, nil
	}, jwt.WithTimeFunc(func() time.Time { return noon }))
	if err != nil {
		t.Error(err)
	}
}

func TestOnlyTheWellKnownPathsAreServed(t *testing.T) {
	i := open(t, t.TempDir())
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodPost, "/.well-known/jwks.json", http.StatusMethodNotAllowed},
	} {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status {
			t.Errorf("%s %s answers %d, want %d", c.method, c.path, w.Code, c.status)
		}
	}
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(bytes)
}

func header(t *testing.T, token string) map[string]any {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header
}

func privateKey(t *testing.T, dir string) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "issuer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
