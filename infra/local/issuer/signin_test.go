package issuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/local/issuer"
)

// browser signs in to a server of the issuer, and keeps its cookies.
type browser struct {
	t      *testing.T
	issuer *issuer.Issuer
	at     string
	client *http.Client
}

const verifier = "a-verifier-of-at-least-forty-three-characters-as-pkce-asks"

func newBrowser(t *testing.T) browser {
	t.Helper()
	i := open(t, t.TempDir())
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return browser{t, i, server.URL, client}
}

func (b browser) console() string { return b.at + "/console/" }

// authorization is the address of a right authorization request, with some parameters
// changed.
func (b browser) authorization(changed url.Values) string {
	hash := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"client_id": {issuer.ConsoleClient}, "redirect_uri": {b.console()}, "response_type": {"code"}, "state": {"S"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(hash[:])}, "code_challenge_method": {"S256"},
	}
	for name, values := range changed {
		query[name] = values
	}
	return b.at + "/authorize?" + query.Encode()
}

// reply is an answer of the issuer.
type reply struct {
	status   int
	location string
	body     []byte
}

// ask sends a GET or, with a form, a POST.
func (b browser) ask(address string, form url.Values) reply {
	b.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header.Get("Location"), body}
}

// choose is the form of the page. It returns what the console is sent.
func (b browser) choose(role, tenant string) url.Values {
	b.t.Helper()
	return b.sentBack(b.ask(b.authorization(nil), url.Values{"role": {role}, "tenant": {tenant}}))
}

func (b browser) sentBack(got reply) url.Values {
	b.t.Helper()
	to, err := url.Parse(got.location)
	if err != nil || !strings.HasPrefix(got.location, b.console()+"?") {
		b.t.Fatalf("answered %d, sent to %q (%v)", got.status, got.location, err)
	}
	return to.Query()
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// exchange asks the token endpoint, and returns the status with the tokens.
func (b browser) exchange(form url.Values) (int, tokens) {
	b.t.Helper()
	answer := b.ask(b.at+"/token", form)
	var got tokens
	if err := json.Unmarshal(answer.body, &got); err != nil {
		b.t.Fatal(err)
	}
	return answer.status, got
}

func (b browser) byCode(code, verifier string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}, "redirect_uri": {b.console()}}
}

func TestAChosenRoleBecomesABearerOfThatRole(t *testing.T) {
	for chosen, want := range map[string]struct{ role, tenant string }{
		"vendor": {"vendor", ""}, "finance": {"finance", ""}, "tenant_finance": {"finance", "acme"}, "tenant_admin": {"tenant_admin", "acme"},
	} {
		role, tenant := want.role, want.tenant
		b := newBrowser(t)
		back := b.choose(chosen, "acme")
		if back.Get("state") != "S" || back.Get("iss") != issuer.URL {
			t.Errorf("%s: sent back with %v", role, back)
		}
		status, got := b.exchange(b.byCode(back.Get("code"), verifier))
		claims, err := b.issuer.Verify(got.Access, time.Now())
		if status != http.StatusOK || err != nil || claims["role"] != role || claims["tenant"] != tenant {
			t.Errorf("%s: answered %d, claims %v (%v)", role, status, claims, err)
		}
		status, again := b.exchange(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}})
		if claims, err := b.issuer.Verify(again.Access, time.Now()); status != http.StatusOK || err != nil || claims["role"] != role {
			t.Errorf("%s: renewed %d, claims %v (%v)", role, status, claims, err)
		}
	}
}

func TestACodeIsGoodOnceAndForItsVerifier(t *testing.T) {
	b := newBrowser(t)
	for name, form := range map[string]url.Values{
		"no code":            b.byCode("", verifier),
		"another verifier":   b.byCode(b.choose("vendor", "").Get("code"), "another"),
		"a code to refresh":  {"grant_type": {"refresh_token"}, "refresh_token": {b.choose("vendor", "").Get("code")}},
		"another page":       {"grant_type": {"authorization_code"}, "code": {b.choose("vendor", "").Get("code")}, "code_verifier": {verifier}},
		"an unknown grant":   {"grant_type": {"password"}},
		"an unknown refresh": {"grant_type": {"refresh_token"}, "refresh_token": {"unknown"}},
	} {
		if status, got := b.exchange(form); status != http.StatusBadRequest || got.Access != "" {
			t.Errorf("%s: answered %d", name, status)
		}
	}
	code := b.choose("vendor", "").Get("code")
	if status, _ := b.exchange(b.byCode(code, verifier)); status != http.StatusOK {
		t.Fatalf("answered %d", status)
	}
	if status, _ := b.exchange(b.byCode(code, verifier)); status != http.StatusBadRequest {
		t.Errorf("the second time answered %d", status)
	}
}

func TestASecondSignInNeedsNoPage(t *testing.T) {
	b := newBrowser(t)
	silent := b.authorization(url.Values{"prompt": {"none"}})
	if back := b.sentBack(b.ask(silent, nil)); back.Get("error") != "login_required" {
		t.Errorf("sent back with %v", back)
	}
	b.choose("tenant_admin", "acme")
	back := b.sentBack(b.ask(silent, nil))
	_, got := b.exchange(b.byCode(back.Get("code"), verifier))
	if claims, err := b.issuer.Verify(got.Access, time.Now()); err != nil || claims["tenant"] != "acme" {
		t.Errorf("claims %v (%v)", claims, err)
	}
}

func TestOnlyTheConsoleOfTheStackSignsIn(t *testing.T) {
	b := newBrowser(t)
	for name, changed := range map[string]url.Values{
		"another client": {"client_id": {"other"}},
		"another host":   {"redirect_uri": {"https://elsewhere.example/console/"}},
		"another path":   {"redirect_uri": {b.at + "/elsewhere/"}},
		"no PKCE":        {"code_challenge": {""}},
		"plain PKCE":     {"code_challenge_method": {"plain"}},
		"implicit":       {"response_type": {"token"}},
	} {
		if got := b.ask(b.authorization(changed), nil); got.status != http.StatusBadRequest {
			t.Errorf("%s: answered %d", name, got.status)
		}
	}
	got := b.ask(b.authorization(nil), url.Values{"role": {"tenant_admin"}})
	if got.status != http.StatusBadRequest {
		t.Errorf("a tenant_admin of no tenant: answered %d", got.status)
	}
}
