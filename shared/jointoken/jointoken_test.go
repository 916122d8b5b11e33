package jointoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/keys"
	"seatmeter/shared/keys/keystest"
	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
)

var (
	key    = []byte(strings.Repeat("k", 32))
	now    = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	expiry = now.Add(jointoken.DefaultLifetime)
	pass   = jointoken.Pass{Tenant: "acme", Conference: "weekly", Number: 7, Identity: "ann@example.org", Role: jointoken.RoleHost}
)

func signer(t testing.TB) *jointoken.Signer {
	t.Helper()
	return jointoken.NewSigner(keystest.Ring(t, "k"))
}

func sign(t testing.TB, p jointoken.Pass) string {
	t.Helper()
	token, err := signer(t).Sign(t.Context(), p, now, expiry)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge makes a token that differs from a good one in what change does.
func forge(t *testing.T, method jwt.SigningMethod, key any, change func(header, claims map[string]any)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"sub": pass.Identity, "aud": "seatmeter-join", "iat": now.Unix(), "exp": expiry.Unix(),
		"tenant": "acme", "conference": "weekly", "number": 7, "role": "host",
	}
	token := jwt.NewWithClaims(method, claims)
	token.Header["typ"] = "join+jwt"
	change(token.Header, claims)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func unchanged(_, _ map[string]any) {}

func wantInvalid(t *testing.T, token string, at time.Time) {
	t.Helper()
	got, err := signer(t).Verify(t.Context(), token, at)
	if !problem.Is(err, problem.TokenInvalid) || got != (jointoken.Pass{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAnIdentityHasItsBoundsInEachOfItsForms(t *testing.T) {
	grows := strings.Repeat("\u0958", jointoken.MaxIdentityLength/3) // NFC takes twice the bytes
	for _, text := range []string{"", strings.Repeat("a", jointoken.MaxIdentityLength+1), grows, "a\u200bb", "\xff"} {
		got, err := jointoken.ParseIdentity(text, "#/identity")
		if fields := problem.FieldsOf(err); got != "" || len(fields) != 1 || fields[0].Pointer != "#/identity" {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"b", strings.Repeat("a", jointoken.MaxIdentityLength), grows[:len(grows)/2]} {
		if got, err := jointoken.ParseIdentity(text, ""); err != nil {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

func TestAVerifiedTokenReturnsItsPass(t *testing.T) {
	for _, role := range []jointoken.Role{jointoken.RoleHost, jointoken.RoleParticipant} {
		p := pass
		p.Role = role
		got, err := signer(t).Verify(t.Context(), sign(t, p), now)
		if err != nil || !got.SameBearer(p) || got.IssuedMillis != now.UnixMilli() {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	// The forger's own tokens are good where nothing is changed: what the
	// other tests refuse, they refuse for the change.
	if got, err := signer(t).Verify(t.Context(), forge(t, jwt.SigningMethodHS256, key, unchanged), now); err != nil || !got.SameBearer(pass) || got.IssuedMillis != now.UnixMilli() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestEveryValidPassSurvivesSigning(t *testing.T) {
	id := rapid.StringMatching(`[A-Za-z0-9_-]{1,64}`)
	s := signer(t)
	rapid.Check(t, func(t *rapid.T) {
		p := jointoken.Pass{
			Tenant: tenant.ID(id.Draw(t, "tenant")), Conference: conference.ID(id.Draw(t, "conference")),
			Number:   conference.Number(rapid.Int64Min(1).Draw(t, "number")),
			Identity: rapid.StringN(1, -1, jointoken.MaxIdentityLength).Draw(t, "identity"), Role: jointoken.RoleParticipant,
		}
		token, err := s.Sign(t.Context(), p, now, expiry)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := s.Verify(t.Context(), token, now); err != nil || !got.SameBearer(p) || got.IssuedMillis != now.UnixMilli() {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
	})
}

func TestTheLongestEscapedIdentityFitsAToken(t *testing.T) {
	p := pass
	p.Tenant, p.Conference = tenant.ID(strings.Repeat("t", 64)), conference.ID(strings.Repeat("c", 64))
	p.Identity = strings.Repeat("<", jointoken.MaxIdentityLength)
	if got, err := signer(t).Verify(t.Context(), sign(t, p), now); err != nil || !got.SameBearer(p) || got.IssuedMillis != now.UnixMilli() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestATokenIsValidUntilButNotAtItsExpiry(t *testing.T) {
	s := signer(t)
	for millis := range int64(1000) {
		until := time.UnixMilli(expiry.UnixMilli() + millis).Add(999 * time.Microsecond)
		told := jointoken.Expiry(until)
		if early := until.Sub(told); early < 0 || early >= time.Second/8 {
			t.Errorf("what is to hold until %v expires %v before", until, early)
		}
		token, err := s.Sign(t.Context(), pass, now, until)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Verify(t.Context(), token, told.Add(-time.Nanosecond)); err != nil {
			t.Errorf("a moment before %v: %v", told, err)
		}
		wantInvalid(t, token, told)
	}
	wantInvalid(t, sign(t, pass), expiry.Add(time.Hour))
}

func TestATokenOfAnotherSignerIsInvalid(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	good := sign(t, pass)
	parts := strings.Split(good, ".")
	for _, test := range []struct{ name, token string }{
		{"none at all", ""},
		{"no token", "hello"},
		{"two parts", parts[0] + "." + parts[1]},
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"four parts", good + "." + parts[2]},
		{"a signature cut short", good[:len(good)-4]},
		{"white space around it", " " + good},
		{"alg none", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, unchanged)},
		{"another key", forge(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), unchanged)},
		{"another algorithm with our key", forge(t, jwt.SigningMethodHS512, key, unchanged)},
		{"RS256", forge(t, jwt.SigningMethodRS256, private, unchanged)},
		{"a public key used as a secret", forge(t, jwt.SigningMethodHS256, publicPEM, unchanged)},
		{"alg RS256 over an HS256 signature", forge(t, jwt.SigningMethodHS256, key, func(header, _ map[string]any) { header["alg"] = "RS256" })},
		{"claims of another token", parts[0] + "." + strings.Split(otherPass(t), ".")[1] + "." + parts[2]},
	} {
		t.Run(test.name, func(t *testing.T) { wantInvalid(t, test.token, now) })
	}
}

func otherPass(t *testing.T) string {
	t.Helper()
	p := pass
	p.Conference = "board"
	return sign(t, p)
}

func TestATokenWithWrongClaimsIsInvalid(t *testing.T) {
	without := func(name string) func(_, _ map[string]any) {
		return func(_, claims map[string]any) { delete(claims, name) }
	}
	with := func(name string, value any) func(_, _ map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	for _, test := range []struct {
		name   string
		change func(header, claims map[string]any)
	}{
		{"no typ", func(header, _ map[string]any) { delete(header, "typ") }},
		{"typ of any JWT", func(header, _ map[string]any) { header["typ"] = "JWT" }},
		{"typ is no text", func(header, _ map[string]any) { header["typ"] = 7 }},
		{"no audience", without("aud")},
		{"another audience", with("aud", "seatmeter")},
		{"no expiry", without("exp")},
		{"expiry is no time", with("exp", "tomorrow")},
		{"not valid yet", with("nbf", now.Add(time.Hour).Unix())},
		{"no tenant", without("tenant")},
		{"tenant out of form", with("tenant", "acme/weekly")},
		{"tenant too long", with("tenant", strings.Repeat("t", 65))},
		{"no conference", without("conference")},
		{"conference out of form", with("conference", "a#b")},
		{"no number", without("number")},
		{"number zero", with("number", 0)},
		{"negative number", with("number", -1)},
		{"number is text", with("number", "7")},
		{"no identity", without("sub")},
		{"empty identity", with("sub", "")},
		{"identity too long", with("sub", strings.Repeat("i", 255))},
		{"no role", without("role")},
		{"a role of the HTTP API", with("role", "vendor")},
	} {
		t.Run(test.name, func(t *testing.T) { wantInvalid(t, forge(t, jwt.SigningMethodHS256, key, test.change), now) })
	}
}

func TestABearerOfTheHTTPAPIIsNoJoinToken(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	bearer := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://issuer.example.org", "aud": "seatmeter", "sub": "admin", "exp": expiry.Unix(), "role": "tenant_admin", "tenant": "acme",
	})
	text, err := bearer.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, text, now)
}

func TestATooLongTokenIsNotParsed(t *testing.T) {
	padding := strings.Repeat("p", jointoken.MaxLength)
	wantInvalid(t, forge(t, jwt.SigningMethodHS256, key, func(_, claims map[string]any) { claims["padding"] = padding }), now)
}

func TestATokensErrorDoesNotRevealItsContent(t *testing.T) {
	for _, token := range []string{
		forge(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), unchanged),
		forge(t, jwt.SigningMethodHS256, key, func(_, claims map[string]any) { claims["exp"] = now.Unix() }),
		forge(t, jwt.SigningMethodHS256, key, func(header, _ map[string]any) { header["typ"] = "JWT" }),
		pass.Identity,
	} {
		_, err := signer(t).Verify(t.Context(), token, now)
		if err == nil {
			t.Fatal("it is valid")
		}
		if strings.Contains(err.Error(), pass.Identity) || strings.Contains(err.Error(), token) {
			t.Errorf("told: %v", err)
		}
	}
}

func TestTokensOfTheLastTwoKeysAreGood(t *testing.T) {
	source := new(keystest.Source)
	source.Replace(keystest.Key("a"))
	open := func() *jointoken.Signer {
		ring, err := keys.Open(t.Context(), source, func() time.Time { return now })
		if err != nil {
			t.Fatal(err)
		}
		return jointoken.NewSigner(ring)
	}
	signed := func(s *jointoken.Signer) (token string) {
		token, err := s.Sign(t.Context(), pass, now, expiry)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	verifier := open()
	first := signed(open())
	source.Replace(keystest.Key("b"))
	second := signed(open())
	for token, key := range map[string]string{second: "the new key", first: "the key before"} {
		if _, err := verifier.Verify(t.Context(), token, now); err != nil {
			t.Errorf("a token of %s: %v", key, err)
		}
	}
	source.Replace(keystest.Key("c"))
	if _, err := open().Verify(t.Context(), first, now); !problem.Is(err, problem.TokenInvalid) {
		t.Errorf("a token of a key that was replaced twice: %v", err)
	}
}

// A release before the first replacement of a key named none.
func TestATokenThatNamesNoKeyIsGood(t *testing.T) {
	source := new(keystest.Source)
	source.Replace(key)
	source.Replace(keystest.Key("b"))
	ring, err := keys.Open(t.Context(), source, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	token := forge(t, jwt.SigningMethodHS256, key, func(map[string]any, map[string]any) {})
	if _, err := jointoken.NewSigner(ring).Verify(t.Context(), token, now); err != nil {
		t.Error(err)
	}
}

// A client that is told 401 gives its token up.
func TestATokenIsNotInvalidWhileKeysCannotBeRead(t *testing.T) {
	source := new(keystest.Source)
	source.Replace(keystest.Key("a"))
	ring, err := keys.Open(t.Context(), source, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no answer")
	source.Fail(failed)
	if _, err := jointoken.NewSigner(ring).Verify(t.Context(), sign(t, pass), now); !errors.Is(err, failed) || problem.Is(err, problem.TokenInvalid) {
		t.Errorf("got %v, want the source's error", err)
	}
}
