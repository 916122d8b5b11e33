package e2e

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"seatmeter/infra/client"
)

// forger knows the keys, and makes tokens that differ from valid ones in one point.
type forger struct {
	t       *testing.T
	stack   *stack
	key     *rsa.PrivateKey // the issuer's own
	other   *rsa.PrivateKey
	curve   *ecdsa.PrivateKey
	joining []byte // what signs join and resume tokens
}

func newForger(t *testing.T, s *stack) *forger {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dataDir, "issuer.pem"))
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{t: t, stack: s}
	var errs [4]error
	f.key, errs[0] = jwt.ParseRSAPrivateKeyFromPEM(text)
	f.other, errs[1] = rsa.GenerateKey(rand.Reader, 2048)
	f.curve, errs[2] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	f.joining, errs[3] = os.ReadFile(filepath.Join(s.dataDir, "join-token.key"))
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return f
}

// forge signs a valid token's header and claims with changes. A change to nil removes
// a member.
func (f *forger) forge(good string, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	f.t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(good, jwt.MapClaims{})
	if err != nil {
		f.t.Fatal(err)
	}
	forged := jwt.NewWithClaims(method, maps.Clone(parsed.Claims.(jwt.MapClaims)))
	change := func(in, changes map[string]any) {
		maps.Copy(in, changes)
		maps.DeleteFunc(in, func(_ string, value any) bool { return value == nil })
	}
	for _, name := range []string{"kid", "typ"} {
		if value, ok := parsed.Header[name]; ok {
			forged.Header[name] = value
		}
	}
	change(forged.Header, header)
	change(forged.Claims.(jwt.MapClaims), claims)
	text, err := forged.SignedString(key)
	if err != nil {
		f.t.Fatal(err)
	}
	seen.add(text)
	return text
}

// ask makes a request with the given bytes as Authorization headers.
func (f *forger) ask(method, path string, authorization ...string) int {
	f.t.Helper()
	host := strings.TrimPrefix(f.stack.HTTP, "http://")
	var dialer net.Dialer
	connection, err := dialer.DialContext(f.t.Context(), "tcp", host)
	if err != nil {
		f.t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		f.t.Fatal(err)
	}
	var request strings.Builder
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, host)
	for _, value := range authorization {
		fmt.Fprintf(&request, "Authorization: %s\r\n", value)
	}
	request.WriteString("\r\n")
	// A server may answer before it has read the whole request.
	_, sending := connection.Write([]byte(request.String()))
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		f.t.Fatalf("no answer: %v", errors.Join(err, sending))
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func later(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// Each token would delete a host if it were accepted as a vendor's.
func TestBearer_AForgedOneReadsAndChangesNothing(t *testing.T) {
	t.Parallel()
	f, c := newForger(t, running), named(t, 2, 25)
	conference, host := c.live(c.host(0))
	good := running.bearer(t, vendor, "")
	rs := jwt.SigningMethodRS256
	public, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	jwk := map[string]any{
		"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "mine",
		"n": base64.RawURLEncoding.EncodeToString(f.other.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(f.other.E)).Bytes()),
	}
	mine := func(header map[string]any) string { return f.forge(good, rs, f.other, header, nil) }
	ours := func(header, claims map[string]any) string { return f.forge(good, rs, f.key, header, claims) }
	claim := func(name string, value any) string { return ours(nil, map[string]any{name: value}) }
	kid := func(value any) string { return ours(map[string]any{"kid": value}, nil) }
	parts := strings.Split(good, ".")

	tokens := map[string]string{
		"none":                          f.forge(good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
		"None":                          f.forge(good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"alg": "None"}, nil),
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"another's header":              rewritten(t, parts[0], map[string]any{"alg": "none"}) + "." + parts[1] + "." + parts[2],
		"another's claims":              parts[0] + "." + rewritten(t, parts[1], map[string]any{"sub": "root"}) + "." + parts[2],
		"HS256 by the public PEM":       f.forge(good, jwt.SigningMethodHS256, block, nil, nil),
		"HS256 by the public DER":       f.forge(good, jwt.SigningMethodHS256, public, nil, nil),
		"HS256 by the key set":          f.forge(good, jwt.SigningMethodHS256, running.issuer.JWKS(), nil, nil),
		"HS256 by nothing":              f.forge(good, jwt.SigningMethodHS256, []byte{}, nil, nil),
		"HS256 by the join tokens' key": f.forge(good, jwt.SigningMethodHS256, f.joining, nil, nil),
		"RS384":                         f.forge(good, jwt.SigningMethodRS384, f.key, nil, nil),
		"PS256":                         f.forge(good, jwt.SigningMethodPS256, f.key, nil, nil),
		"ES256":                         f.forge(good, jwt.SigningMethodES256, f.curve, nil, nil),
		"another key":                   mine(nil),
		"another key in jwk":            mine(map[string]any{"jwk": jwk, "kid": "mine"}),
		"another key in jwk, our kid":   mine(map[string]any{"jwk": jwk}),
		"another key at jku":            mine(map[string]any{"jku": "http://127.0.0.1:1/jwks.json"}),
		"another key at x5u":            mine(map[string]any{"x5u": "http://127.0.0.1:1/key.pem"}),
		"kid missing":                   kid(nil),
		"kid unknown":                   kid("unknown"),
		"kid a path":                    kid("../../../../dev/null"),
		"kid SQL":                       kid("' UNION SELECT 'key' --"),
		"kid a URL":                     kid(running.HTTP + "/.issuer/.well-known/jwks.json"),
		"kid a list":                    kid([]string{"a"}),
		"expired":                       claim("exp", later(-time.Second)),
		"never expires":                 claim("exp", nil),
		"exp a text":                    claim("exp", fmt.Sprint(later(time.Hour))),
		"exp a list":                    claim("exp", []int64{later(time.Hour)}),
		"not yet valid":                 claim("nbf", later(time.Hour)),
		"issued in the future":          claim("iat", later(time.Hour)),
		"another issuer":                claim("iss", "https://elsewhere.example"),
		"no issuer":                     claim("iss", nil),
		"another audience":              claim("aud", "elsewhere"),
		"other audiences":               claim("aud", []string{"elsewhere", "nowhere"}),
		"no audience":                   claim("aud", nil),
		"audience of join tokens":       claim("aud", "seatmeter-join"),
		"a join token":                  c.token(conference, c.host(0), client.RoleHost),
		"a resume token":                c.ask(host, client.ActionStatus, client.TypeAdmitted).ResumeToken,
		"two in one":                    good + "," + good,
		"two with a blank":              good + " " + good,
		"four parts":                    good + "." + parts[2],
		"half":                          parts[0],
		"no token":                      "null",
		"9 KB":                          strings.Repeat("x", 9_000),
		"9 KB of dots":                  strings.Repeat(".", 9_000),
	}
	victim := "/v1/tenants/" + c.id + "/hosts/" + c.host(1)
	wantStatus := func(name string, want int, authorization ...string) {
		t.Helper()
		if got := f.ask(http.MethodDelete, victim, authorization...); got != want {
			t.Errorf("%s was answered %d, want %d", name, got, want)
		}
	}
	for name, token := range tokens {
		seen.add(token)
		wantStatus(name, http.StatusUnauthorized, "Bearer "+token)
		if got := f.ask(http.MethodGet, victim, "Bearer "+token); got != http.StatusUnauthorized {
			t.Errorf("%s: reading was answered %d, want 401", name, got)
		}
	}

	// Valid tokens, whose claims give no permissions.
	for name, token := range map[string]string{
		"a role in capitals":   claim("role", "VENDOR"),
		"a role with a blank":  claim("role", "vendor "),
		"a role with a NUL":    claim("role", "vendor\x00"),
		"a list of roles":      claim("role", []string{vendor, "finance"}),
		"roles in an object":   claim("role", map[string]any{vendor: true}),
		"a role that is true":  claim("role", true),
		"no role":              claim("role", nil),
		"two roles":            claim("role", "vendor,finance"),
		"another claim's role": ours(nil, map[string]any{"role": nil, "Role": vendor, "roles": vendor}),
	} {
		wantStatus(name, http.StatusForbidden, "Bearer "+token)
	}
	for name, tenant := range map[string]any{
		"an object": map[string]any{"id": c.id}, "a list": []string{c.id, "another"}, "in capitals": strings.ToUpper(c.id),
		"with a blank": c.id + " ", "with a NUL": c.id + "\x00", "a pattern": "*", "a path": c.id + "/../" + c.id,
		"a look-alike": strings.Replace(c.id, "a", "а", 1), "empty": "", "a number": 1, "null": nil,
	} {
		token := ours(nil, map[string]any{"role": tenantAdmin, "tenant": tenant})
		wantStatus("a tenant that is "+name, http.StatusNotFound, "Bearer "+token)
	}

	// The gateway does not read tokens from these.
	for name, lines := range map[string][]string{
		"no scheme's token":       {"Basic " + good},
		"two headers":             {"Bearer " + good, "Bearer " + good},
		"a good one and a bad":    {"Bearer " + good, "Bearer x"},
		"a bad one and a good":    {"Bearer x", "Bearer " + good},
		"two schemes in one":      {"Bearer Bearer " + good},
		"two in one, by a comma":  {"Bearer x, Bearer " + good},
		"nothing":                 {""},
		"a scheme without token":  {"Bearer"},
		"a scheme glued to it":    {"Bearer" + good},
		"a token in the middle":   {"x Bearer " + good},
		"a scheme with a suffix":  {"Bearers " + good},
		"a token between a quote": {`Bearer "` + good + `"`},
	} {
		wantStatus(name, http.StatusUnauthorized, lines...)
	}
	// A malformed request is refused before its token is read.
	wantStatus("a NUL", http.StatusBadRequest, "Bearer "+good+"\x00")
	wantStatus("a NUL within", http.StatusBadRequest, "Bearer "+parts[0]+"\x00."+parts[1]+"."+parts[2])
	wantStatus("a line break", http.StatusBadRequest, "Bearer "+parts[0]+"\n"+parts[1])
	wantStatus("1 MB", http.StatusRequestHeaderFieldsTooLarge, "Bearer "+strings.Repeat("x", 1<<20))
	wantStatus("1 MB, signed", http.StatusRequestHeaderFieldsTooLarge, "Bearer "+claim("more", strings.Repeat("x", 1<<20)))

	if _, err := c.api.Host(c.within(), c.id, c.host(1)); err != nil {
		t.Fatalf("the host is gone: %v", err)
	}
	c.wantIn(host)
	// The scheme ignores case (RFC 9110, 11.1).
	for _, scheme := range []string{"bearer", "BEARER", "bEaReR"} {
		if got := f.ask(http.MethodGet, victim, scheme+" "+good); got != http.StatusOK {
			t.Errorf("%s was answered %d, want 200", scheme, got)
		}
	}
	wantStatus("the good token that all differ from", http.StatusNoContent, "Bearer "+good)
}

func TestJoinToken_ForgedOnesTakeNoSeat(t *testing.T) {
	t.Parallel()
	f, c := newForger(t, running), license(t, client.Concurrent(25))
	conference, host := c.live("ada@example.com")
	other, _ := c.live("eve@example.com")
	good := c.token(conference, "bob@example.com", client.RoleParticipant)
	resume := c.ask(host, client.ActionStatus, client.TypeAdmitted).ResumeToken
	hs := jwt.SigningMethodHS256
	ours := func(of string, header, claims map[string]any) string {
		return f.forge(of, hs, f.joining, header, claims)
	}
	claim := func(name string, value any) string { return ours(good, nil, map[string]any{name: value}) }
	forgeries := func(of string) map[string]string {
		return map[string]string{
			"none":             f.forge(of, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, nil),
			"another key":      f.forge(of, hs, []byte(strings.Repeat("k", 32)), nil, nil),
			"no key":           f.forge(of, hs, []byte{}, nil, nil),
			"HS512":            f.forge(of, jwt.SigningMethodHS512, f.joining, nil, nil),
			"RS256":            f.forge(of, jwt.SigningMethodRS256, f.key, nil, nil),
			"a bearer":         running.bearer(t, vendor, ""),
			"typ JWT":          ours(of, map[string]any{"typ": "JWT"}, nil),
			"no typ":           ours(of, map[string]any{"typ": nil}, nil),
			"another audience": ours(of, nil, map[string]any{"aud": "seatmeter"}),
			"no audience":      ours(of, nil, map[string]any{"aud": nil}),
			"expired":          ours(of, nil, map[string]any{"exp": later(-time.Second)}),
			"never expires":    ours(of, nil, map[string]any{"exp": nil}),
			"not yet valid":    ours(of, nil, map[string]any{"nbf": later(time.Hour)}),
			"no tenant":        ours(of, nil, map[string]any{"tenant": nil}),
			"a tenant's path":  ours(of, nil, map[string]any{"tenant": c.id + "#x"}),
			"a number of 0":    ours(of, nil, map[string]any{"number": 0}),
			"a number as text": ours(of, nil, map[string]any{"number": "1"}),
			"a list of roles":  ours(of, nil, map[string]any{"role": []string{"host"}}),
			"role of a vendor": ours(of, nil, map[string]any{"role": vendor}),
			"nobody":           ours(of, nil, map[string]any{"sub": ""}),
			"4,097 bytes":      ours(of, nil, map[string]any{"more": strings.Repeat("x", 4097)}),
		}
	}
	joins := forgeries(good)
	joins["a resume token"] = resume
	joins["a resume token called a join token"] = ours(resume, map[string]any{"typ": "join+jwt"}, map[string]any{"aud": "seatmeter-join"})
	joins["a join token for both"] = ours(resume, map[string]any{"typ": "join+jwt"}, map[string]any{"aud": []string{"seatmeter-join", "seatmeter-resume"}})
	for name, token := range joins {
		for _, o := range []client.DialOptions{{}, {Lobby: true}, {SubprotocolToken: true}} {
			_, err := c.dial(c.within(), token, o)
			want401(t, fmt.Sprintf("%s (%+v)", name, o), err)
		}
	}
	resumes := forgeries(resume)
	resumes["a join token"] = good
	resumes["a join token called a resume token"] = ours(good, map[string]any{"typ": "resume+jwt"}, map[string]any{"aud": "seatmeter-resume"})
	resumes["a resume token without a stay"] = ours(resume, nil, map[string]any{"stay": nil})
	for name, token := range resumes {
		_, err := c.dial(c.within(), "", client.DialOptions{Resume: token})
		want401(t, name+" to resume", err)
	}
	// The two tokens of a handshake must be of one person.
	_, err := c.dial(c.within(), good, client.DialOptions{Resume: resume})
	want401(t, "another's join token beside a resume token", err)

	// A signed token is invalid for another conference's number.
	for name, token := range map[string]string{
		"a number that is nobody's":            claim("number", 1_000_000),
		"another conference's name":            claim("conference", other),
		"a conference that is not there":       claim("conference", "none"),
		"a tenant that is not there":           claim("tenant", newID("nobody")),
		"another tenant's, by the same number": claim("tenant", license(t, client.Concurrent(1)).id),
	} {
		_, err := c.dial(c.within(), token, client.DialOptions{})
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status/100 != 4 {
			t.Errorf("%s was answered by %v, want a refusal", name, err)
		}
	}
	// Longer than the gateway reads.
	_, err = c.dial(c.within(), claim("more", strings.Repeat("x", 1<<20)), client.DialOptions{})
	if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status/100 != 4 {
		t.Errorf("1 MB was answered by %v, want a refusal", err)
	}
	c.wantInUse(2)
	c.wantIn(host)
	c.join(conference, "bob@example.com", client.RoleParticipant)
}

func want401(t *testing.T, name string, err error) {
	t.Helper()
	if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != http.StatusUnauthorized {
		t.Errorf("%s was answered by %v, want 401", name, err)
	}
}
