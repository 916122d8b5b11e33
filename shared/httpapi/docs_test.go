package httpapi_test

import (
	"encoding/xml"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/problem"
)

func TestTheDocumentationShowsEveryCallProblemAndMessage(t *testing.T) {
	page := console(t, "/v1/docs", "GET")
	if page.status != 200 || page.headers["content-type"] != "text/html; charset=utf-8" {
		t.Fatalf("answered %d, %v", page.status, page.headers)
	}
	var anchors []string
	for _, methods := range contractFor(t).document.Paths {
		for _, op := range methods {
			anchors = append(anchors, op.OperationID)
		}
	}
	for _, code := range problem.Codes() {
		anchors = append(anchors, "problem-"+string(code))
	}
	for _, name := range []string{"admitted", "lobby", "refused", "conference_live", "conference_ended", "removed", "pong", "error"} {
		anchors = append(anchors, "told-"+name)
	}
	for _, name := range []string{"status", "join", "leave", "ping"} {
		anchors = append(anchors, "send-"+name)
	}
	for _, anchor := range anchors {
		if strings.Count(page.body, ` id="`+anchor+`"`) != 1 {
			t.Errorf("%s is shown %d times", anchor, strings.Count(page.body, ` id="`+anchor+`"`))
		}
	}
}

func TestTheDocumentationsLinksLeadSomewhere(t *testing.T) {
	body := console(t, "/v1/docs", "GET").body
	links := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(body, -1)
	if len(links) < 50 {
		t.Errorf("%d links", len(links))
	}
	for _, link := range links {
		if !strings.Contains(body, ` id="`+link[1]+`"`) {
			t.Errorf("#%s leads nowhere", link[1])
		}
	}
}

func TestTheDocumentationsPolicyAllowsItsStyleAndItsScriptOnly(t *testing.T) {
	page := console(t, "/v1/docs", "GET")
	policy := page.headers["content-security-policy"]
	if !strings.HasPrefix(policy, "default-src 'none'; script-src 'self'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	body := strings.Replace(page.body, `<script src="docs.js"></script>`, "", 1)
	for _, forbidden := range []string{"<script", "<img", "<iframe", "<link", " style=", " onclick", "javascript:", "ZgotmplZ", "<nil>", "no value"} {
		if strings.Contains(body, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
	script := console(t, "/v1/docs.js", "GET")
	if script.status != 200 || script.headers["content-type"] != "text/javascript; charset=utf-8" || strings.Contains(script.body, "http") {
		t.Errorf("the script is answered %d, %v", script.status, script.headers)
	}
	for _, used := range []string{"search", "found"} {
		if !strings.Contains(page.body, ` id="`+used+`"`) || !strings.Contains(script.body, "'"+used+"'") {
			t.Errorf("the page or its script has no %s", used)
		}
	}
}

// plainText is the text of a page, or of a description, without any spaces.
func plainText(text string) string {
	text = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(strings.ReplaceAll(html.UnescapeString(text), "`", ""), "\n- ", "")
	return strings.Join(strings.Fields(text), "")
}

func TestTheDocumentationShowsEveryMemberParameterAndHeader(t *testing.T) {
	text := plainText(console(t, "/v1/docs", "GET").body)
	for name, nodes := range contractFor(t).described() {
		for _, n := range nodes {
			if slices.Contains(n.at, "Location") { // which means something else in each answer
				continue
			}
			if !strings.Contains(text, plainText(n.text("description"))) {
				t.Errorf("%s (%s) is not shown", n, name)
			}
		}
	}
}

func TestTheGuideSetsEachVariableBeforeItIsUsed(t *testing.T) {
	_, guide, _ := strings.Cut(console(t, "/v1/docs", "GET").body, `<h2 id="guide">`)
	guide, _, _ = strings.Cut(guide, "</section>")
	set, used := make(map[string]bool), 0
	for _, block := range regexp.MustCompile(`(?s)<pre[^>]*><code>(.*?)</code></pre>`).FindAllStringSubmatch(guide, -1) {
		for line := range strings.Lines(html.UnescapeString(block[1])) {
			for _, name := range regexp.MustCompile(`\$([a-z_]+)`).FindAllStringSubmatch(line, -1) {
				used++
				if !set[name[1]] {
					t.Errorf("%s is used before it is set: %s", name[1], line)
				}
			}
			if name, _, ok := strings.Cut(line, "="); ok && regexp.MustCompile(`^[a-z_]+$`).MatchString(name) {
				set[name] = true
			}
		}
	}
	if used < 10 {
		t.Errorf("%d variables are used", used)
	}
}

// A tag that is not closed would swallow what follows.
func TestTheDocumentationIsWellFormed(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(console(t, "/v1/docs", "GET").body))
	d.Entity = xml.HTMLEntity
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheMessagesDocumentIsServed(t *testing.T) {
	got := console(t, "/v1/asyncapi.json", "GET")
	if got.status != 200 || got.headers["content-type"] != "application/json" || !strings.Contains(got.body, `"asyncapi":"3.0.0"`) {
		t.Errorf("answered %d, %v", got.status, got.headers)
	}
}

// How long the first request waits: for what is always there, and for what is
// made when it is first asked for.
func BenchmarkTheFirstRequest(b *testing.B) {
	for _, path := range []string{"/healthz", "/v1/openapi.json", "/v1/docs"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				handler, err := newConsole()
				if err != nil {
					b.Fatal(err)
				}
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil)); w.Code != http.StatusOK {
					b.Fatalf("answered %d", w.Code)
				}
			}
		})
	}
}
