package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

// textMembers are the members that take any text, and the calls that have them.
var textMembers = []struct{ pointer, method, target, body string }{
	{"#/name", "POST", "/v1/tenants/acme/hosts", `{"email":"zoe@example.org","name":%s}`},
	{"#/name", "PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"name":%s}`},
	{"#/title", "POST", "/v1/tenants/acme/conferences", `{"host":"ann@example.org","title":%s}`},
	{"#/identity", "POST", "/v1/tenants/acme/conferences/weekly/join-tokens", `{"identity":%s,"role":"participant"}`},
}

// texts gives every member that takes text, and a reason, one text after the
// other.
func (w *world) texts(text string, each func(pointer string, got answer)) {
	w.t.Helper()
	sent, err := json.Marshal(text)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range textMembers {
		each(m.pointer, w.call(vendor, m.method, m.target, fmt.Sprintf(m.body, sent)))
	}
	each("#/reason", w.call(vendor, http.MethodDelete, "/v1/tenants/acme/connections/MadeUpConnec001=?reason="+url.QueryEscape(text), ""))
}

func TestNoMemberAcceptsHiddenOrControlCharacters(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	for _, text := range []string{
		"a\x00b", "\x1b[31mred", "a\tb", "a\r\nb", "a\x7fb", "a\u0085b", "a\u202eb", "a\u2066b", "ann\u200b", "a\u2060b", "\ufeffann", "a\u00adb",
		"a\u2028b", "ann\u200d", "ann\ufe0f", "a\ue000", "a\uffff", "a\u3164", " ", "\u3000", "a\U000e0067",
	} {
		w.texts(text, func(pointer string, got answer) { got.refused(problem.Invalid, pointer) })
		if t.Failed() {
			t.Fatalf("so it was of %q", text)
		}
	}
}

func TestEveryMemberAcceptsAllScriptsAndEmoji(t *testing.T) {
	for _, text := range []string{"می\u200cخواهم", "क्\u200dष", "👩🏽\u200d🚀", "❤\ufe0f\u200d🔥", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "山田\u3000太郎", "שלום C++\u200f"} {
		populated(t).texts(text, func(pointer string, got answer) {
			if got.status >= 300 {
				t.Errorf("%q as %s: answered %d %s", text, pointer, got.status, got.body)
			}
		})
	}
}

// spellings are addresses, each in its canonical form and otherwise.
var spellings = map[string][]string{
	"zoë@example.org":       {"zoe\u0308@example.org", "ZOË@Example.org"},
	"ann@bücher.example":    {"ann@xn--bcher-kva.example", "Ann@XN--BCHER-KVA.example", "ann@bu\u0308cher.example"},
	"zoë@δοκιμή.bücher.org": {"ZOE\u0308@xn--jxalpdlp.xn--bcher-kva.org"},
}

func TestAllSpellingsOfAHostTakeOneSlot(t *testing.T) {
	for email, others := range spellings {
		w := newWorld(t)
		w.named("acme", 2, 25)
		w.host("acme", others[0])
		for _, text := range append(others, email) {
			w.call(acmeAdmin, "POST", hosts, fmt.Sprintf(`{"email":%q}`, text)).refused(problem.AlreadyExists)
			for _, path := range []string{url.PathEscape(text), strings.ReplaceAll(url.PathEscape(text), "@", "%40")} {
				got := read[map[string]any](w.call(acmeAdmin, "GET", hosts+"/"+path, ""))
				if got["email"] != email || got["name"] != email {
					t.Errorf("%q is %v", text, got)
				}
			}
		}
		w.host("acme", "bob@example.org")
		w.call(acmeAdmin, "POST", hosts, `{"email":"eve@example.org"}`).refused(problem.HostsExhausted)
		w.call(acmeAdmin, "PATCH", hosts+"/bob@example.org", fmt.Sprintf(`{"email":%q}`, others[0])).refused(problem.AlreadyExists)
		w.call(acmeAdmin, "DELETE", hosts+"/"+url.PathEscape(others[0]), "").ok()
		w.call(acmeAdmin, "GET", hosts+"/"+url.PathEscape(email), "").refused(problem.NotFound)
	}
}

func TestAllSpellingsOfAConferencesHostAreEqual(t *testing.T) {
	for email, others := range spellings {
		w := newWorld(t)
		w.named("acme", 1, 25)
		w.host("acme", email)
		for n, text := range append(others, email) {
			got := read[map[string]any](w.call(acmeAdmin, "POST", conferences, fmt.Sprintf(`{"conference":"c%d","host":%q}`, n, text)))
			if got["host"] != email {
				t.Errorf("%q is %v", text, got["host"])
			}
			for _, identity := range append(others, email) {
				if got := w.identity(fmt.Sprintf("c%d", n), identity, "host"); got != email {
					t.Errorf("%q may come as %q", identity, got)
				}
			}
		}
	}
}

// identity is whom a join token names.
func (w *world) identity(conference, identity, role string) string {
	w.t.Helper()
	made := read[map[string]string](w.call(acmeAdmin, "POST", conferences+"/"+conference+"/join-tokens",
		fmt.Sprintf(`{"identity":%q,"role":%q}`, identity, role)).ok())
	pass, err := w.signer.Verify(context.Background(), made["token"], w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	return pass.Identity
}

func TestAllSpellingsOfAnIdentityAreEqual(t *testing.T) {
	w := populated(t)
	same := maps.Clone(spellings)
	same["Zoë"], same["가"], same["क\u093c"] = []string{"Zoe\u0308"}, []string{"\u1100\u1161"}, []string{"\u0958"}
	same["zoë"] = []string{"zoe\u0308"} // case tells names apart that are no addresses
	for want, others := range same {
		for _, text := range append(slices.Clone(others), want) {
			if got := w.identity("weekly", text, "participant"); got != want {
				t.Errorf("%q is %q, want %q", text, got, want)
			}
		}
	}
}

func TestAddressesNeedADomainAndVisibleCharacters(t *testing.T) {
	w := populated(t)
	defer w.unchanged()()
	for _, email := range []string{
		"ann@example.com\u200b", "a\u200bnn@example.com", "ann@exam\u200bple.com", "ann\u00ad@example.com", "ann@exam\u00adple.com",
		"ann\u200d@example.com", "ann\u202e@example.com", "ann@-example", "ann@example-.org", "ann@exa_mple.org", "ann@example..org",
		"ann@" + strings.Repeat("a", 64) + ".org", "ann@xn--a.org", "ann@example.org.",
	} {
		text := fmt.Sprintf("%q", email)
		w.call(vendor, "POST", "/v1/tenants/acme/hosts", `{"email":`+text+`}`).refused(problem.Invalid, "#/email")
		w.call(vendor, "PATCH", "/v1/tenants/acme/hosts/ann@example.org", `{"email":`+text+`}`).refused(problem.Invalid, "#/email")
		w.call(vendor, "POST", "/v1/tenants/acme/conferences", `{"host":`+text+`}`).refused(problem.Invalid, "#/host")
		w.call(vendor, "GET", "/v1/tenants/acme/hosts/"+url.PathEscape(email), "").refused(problem.NotFound)
	}
}

func TestTheAuditLogKeepsNoControlCharactersOfAPath(t *testing.T) {
	w := populated(t)
	w.call(acmeAdmin, "DELETE", hosts+"/an%1B%5B31mn", "").refused(problem.NotFound)
	w.call(acmeAdmin, "DELETE", "/v1/tenants/acme/connections/a%E2%80%AEb", "").refused(problem.NotFound)
	got := w.call(acmeAdmin, "GET", "/v1/tenants/acme/audit", "").ok().body
	for _, want := range []string{`\"an\\x1b[31mn\"`, `\"a\\u202eb\"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
}
