package issuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// ConsoleClient is the console's client id.
const ConsoleClient = "console"

const (
	authorizePath = "/authorize"
	tokenPath     = "/token"

	// consolePath is the only redirect URL, on the server's own address.
	consolePath = "/console/"

	// signedInCookie remembers who signed in last, for a sign-in without a page.
	signedInCookie = "seatmeter-signed-in"

	codeLifetime   = time.Minute
	bearerLifetime = 12 * time.Hour
)

//go:embed signin.html
var signInHTML string

var signInPage = template.Must(template.New("sign in").Parse(signInHTML))

// person has the role and the tenant that a bearer is made out to.
type person struct{ Role, Tenant string }

// valid reports whether the role and the tenant go together.
func (p person) valid() bool {
	switch p.Role {
	case "vendor":
		return p.Tenant == ""
	case "finance": // of one tenant, or of all
		return true
	case "tenant_admin":
		return p.Tenant != ""
	}
	return false
}

// grant is the permission to get a bearer, by a code or a refresh token.
type grant struct {
	person
	challenge   string // of a code: what its verifier hashes to
	redirectURL string
	expires     time.Time
}

// grants are the codes and refresh tokens that are out. Each is good once.
type grants struct {
	mu  sync.Mutex
	out map[string]grant
}

func (g *grants) add(given grant) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.out == nil {
		g.out = make(map[string]grant)
	}
	name := rand.Text()
	g.out[name] = given
	return name
}

func (g *grants) take(name string, now time.Time) (grant, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	given, ok := g.out[name]
	delete(g.out, name)
	return given, ok && now.Before(given.expires)
}

// authorize is the authorization endpoint: GET shows the page on which one chooses a
// role and a tenant, and POST is the choice.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	back, err := redirectOf(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodPost {
		chosen := person{Role: r.PostFormValue("role")}
		switch chosen.Role {
		case "tenant_admin":
			chosen.Tenant = r.PostFormValue("tenant")
		case "tenant_finance":
			if one := r.PostFormValue("tenant"); one != "" {
				chosen = person{"finance", one}
			}
		}
		if !chosen.valid() {
			http.Error(w, "Choose a role; a tenant_admin, and finance of one tenant, also have a tenant.", http.StatusBadRequest)
			return
		}
		i.signIn(w, r, back, chosen)
		return
	}
	before, known := signedIn(r)
	silent := r.URL.Query().Get("prompt") == "none"
	switch {
	case silent && known:
		i.signIn(w, r, back, before)
		return
	case silent:
		redirect(w, r, back, url.Values{"error": {"login_required"}})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = signInPage.Execute(w, before) // the client may have gone
}

// signIn sends the browser back with a code.
func (i *Issuer) signIn(w http.ResponseWriter, r *http.Request, back *url.URL, chosen person) {
	remembered := url.Values{"role": {chosen.Role}, "tenant": {chosen.Tenant}}.Encode()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the local stack has no TLS
		Name: signedInCookie, Value: url.QueryEscape(remembered), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	code := i.grants.add(grant{
		person: chosen, challenge: r.URL.Query().Get("code_challenge"), redirectURL: back.String(), expires: time.Now().Add(codeLifetime),
	})
	redirect(w, r, back, url.Values{"code": {code}})
}

func redirect(w http.ResponseWriter, r *http.Request, back *url.URL, answer url.Values) {
	answer.Set("state", r.URL.Query().Get("state"))
	answer.Set("iss", URL)
	to := *back
	to.RawQuery = answer.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther) //nolint:gosec // redirectOf has checked it
}

// redirectOf checks an authorization request and returns its redirect URL.
func redirectOf(r *http.Request) (*url.URL, error) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	switch {
	case query.Get("client_id") != ConsoleClient:
		return nil, errors.New("the only client is " + ConsoleClient)
	case err != nil || back.Host != r.Host || back.Path != consolePath || back.RawQuery != "":
		return nil, errors.New("redirect_uri is not the console of this stack")
	case query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" || query.Get("code_challenge") == "":
		return nil, errors.New("this issuer knows the authorization code with PKCE (S256) only")
	}
	return back, nil
}

func signedIn(r *http.Request) (person, bool) {
	cookie, err := r.Cookie(signedInCookie)
	if err != nil {
		return person{}, false
	}
	text, err := url.QueryUnescape(cookie.Value)
	if err != nil {
		return person{}, false
	}
	values, err := url.ParseQuery(text)
	before := person{values.Get("role"), values.Get("tenant")}
	return before, err == nil && before.valid()
}

// tokenAnswer is the answer of the token endpoint.
type tokenAnswer struct {
	Bearer    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Refresh   string `json:"refresh_token"`
}

// token is the token endpoint.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	now := time.Now()
	given, ok := i.redeem(r, now)
	if !ok {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant"}`) // the client may have gone
		return
	}
	bearer, err := i.Mint(given.Role, given.Tenant, bearerLifetime, now)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	refresh := i.grants.add(grant{person: given.person, expires: now.Add(bearerLifetime)})
	answer := tokenAnswer{Bearer: bearer, Type: "Bearer", ExpiresIn: int(bearerLifetime.Seconds()), Refresh: refresh}
	if err := json.NewEncoder(w).Encode(answer); err != nil { //nolint:gosec // the tokens are for the client
		return // the client has gone
	}
}

// redeem returns what a code, with its verifier, or a refresh token stands for.
func (i *Issuer) redeem(r *http.Request, now time.Time) (grant, bool) {
	switch r.PostFormValue("grant_type") {
	case "refresh_token":
		given, ok := i.grants.take(r.PostFormValue("refresh_token"), now)
		return given, ok && given.challenge == ""
	case "authorization_code":
		given, ok := i.grants.take(r.PostFormValue("code"), now)
		hash := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		challenge := base64.RawURLEncoding.EncodeToString(hash[:])
		return given, ok && given.challenge != "" && given.redirectURL == r.PostFormValue("redirect_uri") &&
			subtle.ConstantTimeCompare([]byte(challenge), []byte(given.challenge)) == 1
	}
	return grant{}, false
}
