package httpapi_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
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

func TestTheDocumentationNeedsNoScriptAndItsPolicyAllowsNothingButItsStyle(t *testing.T) {
	page := console(t, "/v1/docs", "GET")
	policy := page.headers["content-security-policy"]
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %s", policy)
	}
	for _, forbidden := range []string{"<script", "<img", "<iframe", "<link", " style=", " onclick", "javascript:", "ZgotmplZ"} {
		if strings.Contains(page.body, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
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
