package e2e

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"seatmeter/infra/client"
	"seatmeter/infra/local/issuer"
)

func TestJoinToken_AnythingElseIsRefused(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	conference, _ := c.live("ada@example.com")
	good := c.token(conference, "bob@example.com", client.RoleParticipant)
	parts := strings.Split(good, ".")
	other := strings.Split(c.token(c.schedule("eve@example.com"), "eve@example.com", client.RoleHost), ".")
	for name, token := range map[string]string{
		"missing":                       "",
		"malformed":                     "not-a-token",
		"dots alone":                    "..",
		"half of one":                   parts[0] + "." + parts[1],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"another token's signature":     parts[0] + "." + parts[1] + "." + other[2],
		"another conference's contents": parts[0] + "." + other[1] + "." + parts[2],
		"the host's role":               parts[0] + "." + rewritten(t, parts[1], map[string]any{"role": "host"}) + "." + parts[2],
		"a longer life":                 parts[0] + "." + rewritten(t, parts[1], map[string]any{"exp": time.Now().Add(time.Hour).Unix()}) + "." + parts[2],
		"signed with another key":       signed(t, good, jwt.SigningMethodHS256, []byte("some other key of 32 bytes, or so")),
		"signed with nothing":           signed(t, good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"a bearer":                      c.stack.bearer(t, "vendor", ""),
		"a tenant's bearer":             c.stack.bearer(t, "tenant_admin", c.id),
		"100 KB":                        strings.Repeat("x", 100_000),
	} {
		for _, o := range []client.DialOptions{{}, {Lobby: true}} {
			_, err := c.dial(c.within(), token, o)
			r, ok := errors.AsType[*client.Refused](err)
			tooLong := ok && len(token) > 10_000 && r.Status/100 == 4 // by the gateway, before anybody reads it
			if !tooLong && (!ok || r.Status != http.StatusUnauthorized) {
				t.Errorf("%s (lobby: %t) was answered by %v, want 401", name, o.Lobby, err)
			}
		}
	}
	c.wantInUse(1)
	c.join(conference, "bob@example.com", client.RoleParticipant)
}

// rewritten changes claims of a token's middle part.
func rewritten(t *testing.T, part string, changes map[string]any) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	maps.Copy(claims, changes)
	if text, err = json.Marshal(claims); err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// signed is a token with another's header and claims, signed with a key that
// is not the server's.
func signed(t *testing.T, original string, method jwt.SigningMethod, key any) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(original, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	forged := jwt.NewWithClaims(method, parsed.Claims)
	forged.Header["typ"] = parsed.Header["typ"]
	text, err := forged.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestJoinToken_ExpiresExactlyAtItsExpiry(t *testing.T) {
	if testing.Short() {
		t.Skip("no token expires in less than 10 s")
	}
	t.Parallel()
	c := license(t, client.Concurrent(25))
	made, err := c.api.CreateJoinToken(c.within(), c.id, c.schedule("ada@example.com"), client.JoinRequest{
		Identity: "ada@example.com", Role: client.RoleHost, ExpiresInSeconds: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(made.ExpiresAt); left <= 5*time.Second || left > 10*time.Second {
		t.Errorf("expires in %v, want just under 10 s", left)
	}
	host, err := c.dial(c.within(), made.Token, client.DialOptions{})
	if err != nil {
		t.Fatalf("before its expiry: %v", err)
	}
	eventually(t, func() error {
		p, err := c.dial(c.within(), made.Token, client.DialOptions{Lobby: true})
		if err == nil {
			p.Abandon()
			return errors.New("the token still holds")
		}
		if r, ok := errors.AsType[*client.Refused](err); !ok || r.Status != http.StatusUnauthorized {
			return fmt.Errorf("answered by %w, want 401", err)
		}
		return nil
	})
	if time.Now().Before(made.ExpiresAt) {
		t.Error("it expired before its time")
	}
	c.wantIn(host) // a token lets in; it does not throw out
}

func TestJoinToken_LastsFiveMinutesUnlessAsked(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	made, err := c.api.CreateJoinToken(c.within(), c.id, c.schedule("ada@example.com"), client.JoinRequest{Identity: "bob", Role: client.RoleParticipant})
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(made.ExpiresAt); left < 4*time.Minute || left > 5*time.Minute {
		t.Errorf("expires in %v, want 5 minutes", left)
	}
	if !strings.HasPrefix(made.URL, c.stack.WebSocket) {
		t.Errorf("url %q, want it at %s", made.URL, c.stack.WebSocket)
	}
}

// Which conference and which role is the token's business alone: whatever else
// a client says in its URL changes nothing.
func TestJoinToken_IsBoundToItsConferenceAndRole(t *testing.T) {
	t.Parallel()
	c := named(t, 2, 25)
	mine, _ := c.live(c.host(0))
	other, _ := c.live(c.host(1))
	for _, query := range []string{
		"?conference=" + other,
		"?conference=" + other + "&role=host&tenant=acme&number=1",
	} {
		token := c.token(mine, "bob@example.com", client.RoleParticipant)
		p, err := client.Dial(c.within(), c.stack.WebSocket+query, token, client.DialOptions{Heard: c.stack.heard})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		t.Cleanup(p.Abandon)
		if m := c.ask(p, client.ActionStatus, client.TypeAdmitted); m.Conference != mine {
			t.Errorf("%s: in %s, want %s", query, m.Conference, mine)
		}
	}
	if s := c.seats(); inUseOf(s, mine) != 2 || inUseOf(s, other) != 0 {
		t.Errorf("seats %+v, want both in the token's conference, as participants", s)
	}
	foreign := named(t, 1, 25)
	_, err := foreign.api.CreateJoinToken(c.within(), foreign.id, mine, client.JoinRequest{Identity: "eve@example.com", Role: client.RoleHost})
	wantProblem(t, err, "not_found")
}

func TestBearer_AnythingElseIsRefused(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	foreign, err := issuer.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	forged, err := foreign.Mint("vendor", "", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	expired, err := c.stack.issuer.Mint("vendor", "", time.Hour, time.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, bearer := range map[string]string{
		"missing":      "",
		"malformed":    "not-a-token",
		"forged":       forged,
		"expired":      expired,
		"a join token": c.token(c.schedule("ada@example.com"), "ada@example.com", client.RoleHost),
	} {
		_, err := c.api.As(bearer).License(c.within(), c.id)
		t.Run(name, func(t *testing.T) { wantGatewayRefusal(t, err) })
	}
}

func TestBearer_WithoutAKnownRoleMayDoNothing(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(25))
	for _, role := range []string{"", "root", "VENDOR"} {
		_, err := c.api.As(c.stack.bearer(t, role, c.id)).Seats(c.within(), c.id)
		wantProblem(t, err, "forbidden")
	}
	_, err := c.api.As(c.stack.bearer(t, "tenant_admin", "")).Seats(c.within(), c.id)
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "forbidden" && p.Code != "not_found" {
		t.Errorf("a tenant_admin of no tenant was answered by %v, want it refused", err)
	}
}
