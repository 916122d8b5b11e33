package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"seatmeter/infra/local/rights"
)

// seen has the tokens of this run, and logged the stack's log.
var (
	seen   = &secrets{parts: map[string]bool{}}
	logged = &logbook{}
)

// secrets are the parts of tokens, each long enough to be unmistakable.
type secrets struct {
	mu    sync.Mutex
	parts map[string]bool
}

func (s *secrets) add(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for part := range strings.SplitSeq(token, ".") {
		if len(part) >= 20 && !strings.ContainsAny(part, " ,") {
			s.parts[part] = true
		}
	}
}

// addBase64 adds the words of a secret in base64, with its prefix and without.
func (s *secrets) addBase64(prefix, secret string) {
	for _, text := range []string{secret, strings.TrimPrefix(secret, prefix)} {
		for _, word := range words.FindAllString(text, -1) {
			s.add(word)
		}
	}
}

// logbook stores a log. It is safe for concurrent use.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *logbook) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func (r *logbook) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSpace(r.text.String()), "\n")
}

var (
	// A JSON object begins so in base64, and a JWT's header is one.
	looksLikeJWT     = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{15,}`)
	looksLikeAddress = regexp.MustCompile(`[A-Za-z0-9._+-]+(@|%40)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`)
	words            = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)
)

// leak finds the first secret of a line, and returns the line with the secret masked.
func (s *secrets) leak(line string) (masked string, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, word := range words.FindAllString(line, -1) {
		if s.parts[word] {
			line, found = strings.ReplaceAll(line, word, "[a part of a token]"), true
		}
	}
	for what, pattern := range map[string]*regexp.Regexp{"[looks like a JWT]": looksLikeJWT, "[an address]": looksLikeAddress} {
		if pattern.MatchString(line) {
			line, found = pattern.ReplaceAllString(line, what), true
		}
	}
	return line, found
}

// refused is in the line of a call to which the function has no right in template.yaml.
var refused = fmt.Sprintf("%q:%q", "msg", rights.Refused)

// search searches a log for secrets, for calls without a right, and for a line of each
// function.
func (s *secrets) search(lines, functions []string) error {
	var wrong []string
	for _, line := range lines {
		if masked, found := s.leak(line); found {
			wrong = append(wrong, "a secret in the log: "+masked)
		}
		if strings.Contains(line, refused) {
			wrong = append(wrong, line)
		}
	}
	for _, name := range functions {
		of := fmt.Sprintf("%q:%q", "function", name)
		silent := true
		for _, line := range lines {
			silent = silent && !strings.Contains(line, of)
		}
		if silent {
			wrong = append(wrong, "the log has no line of "+name)
		}
	}
	if len(wrong) > 20 {
		wrong = append(wrong[:20], fmt.Sprintf("and %d more", len(wrong)-20))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the run's log:\n%s", strings.Join(wrong, "\n"))
	}
	return nil
}

func TestLog_TheSearchFindsSecretsInBase64(t *testing.T) {
	var some secrets
	some.parts = make(map[string]bool)
	some.addBase64("whsec_", "whsec_bWFkZSB1cCBtYWRlIHVw+bWFkZSB1cCBtYWRlIHVw/=")
	for _, line := range []string{`{"secret":"whsec_bWFkZSB1cCBtYWRlIHVw+x"}`, `{"error":"illegal base64 bWFkZSB1cCBtYWRlIHVw"}`} {
		if _, found := some.leak(line); !found {
			t.Errorf("not found in %s", line)
		}
	}
}

func TestLog_TheSearchFindsCallsWithoutARight(t *testing.T) {
	line := fmt.Sprintf(`{"msg":%q,"function":"hosts"}`, rights.Refused)
	if err := seen.search([]string{`{"msg":"good"}`, line}, nil); err == nil {
		t.Error("not found")
	}
}

func TestLog_TheSearchFindsSecrets(t *testing.T) {
	bearer := running.bearer(t, vendor, "")
	parts := strings.Split(bearer, ".")
	for name, line := range map[string]string{
		"a token":               `{"msg":"asked","token":"` + bearer + `"}`,
		"its header":            `{"error":"near ` + parts[0] + `"}`,
		"its claims":            `{"error":"near ` + parts[1] + `"}`,
		"its signature":         `{"error":"near ` + parts[2] + `"}`,
		"a token of no test's":  `{"url":"ws://here/?token=eyJhbGciOiJub25lIn0.e30."}`,
		"an address":            `{"error":"put item host#ann@example.com"}`,
		"an address in a URL":   `{"path":"/v1/tenants/acme/hosts/ann%40example.com"}`,
		"an address, quoted in": `{"error":"no \"ann@mail.example.org\" here"}`,
	} {
		err := seen.search([]string{`{"msg":"good"}`, line}, nil)
		if err == nil {
			t.Errorf("%s is not found", name)
			continue
		}
		for _, secret := range append(parts, "ann@", "ann%40") {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the report tells it: %v", name, err)
			}
		}
	}
	if err := seen.search([]string{`{"msg":"left","function":"disconnect","connection":"Ab3dEfGh1jK=","post":"POST/@connections/Ab3d"}`}, []string{"disconnect"}); err != nil {
		t.Errorf("what is no secret is found: %v", err)
	}
	if err := seen.search([]string{`{"msg":"left","function":"disconnect"}`}, []string{"disconnect", "connect"}); err == nil {
		t.Error("a silent function is not found")
	}
}
