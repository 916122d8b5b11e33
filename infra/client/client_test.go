package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// serve is a WebSocket server that runs one handler per connection.
func serve(t *testing.T, handle func(*websocket.Conn)) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}})
		if err != nil {
			return // the client sees it
		}
		defer func() { _ = conn.CloseNow() }() // for the handler that did not
		handle(conn)
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

func dial(t *testing.T, address string) *Participant {
	t.Helper()
	p, err := Dial(t.Context(), address, "token", DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Abandon)
	return p
}

func TestDial_ARefusalSaysWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		contentType, body string
		want              Problem
	}{
		"problem document": {
			"application/problem+json", `{"status":403,"code":"seats_exhausted","detail":"All 25 seats are in use.","limit":25}`,
			Problem{Status: 403, Code: CodeSeatsExhausted, Detail: "All 25 seats are in use.", Document: true},
		},
		"gateway's own": {"application/json", `{"message":"Unauthorized"}`, Problem{Status: 403, Detail: "Unauthorized"}},
		"gateway's own, of a connection": {
			"application/json", `{"message":"Internal server error","connectionId":"c=","requestId":"r="}`,
			Problem{Status: 403, Detail: "Internal server error", ConnectionID: "c="},
		},
		"no JSON": {"text/plain", "nope\n", Problem{Status: 403, Detail: "nope"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", answer.contentType)
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(answer.body))
			}))
			defer server.Close()
			_, err := Dial(t.Context(), server.URL, "token", DialOptions{})
			r, ok := errors.AsType[*Refused](err)
			if !ok || r.Status != answer.want.Status || r.Code != answer.want.Code ||
				r.Detail != answer.want.Detail || r.ConnectionID != answer.want.ConnectionID || r.Document != answer.want.Document {
				t.Errorf("refused with %+v, want %+v", err, answer.want)
			}
		})
	}
}

func TestDial_TheTokenIsInNoError(t *testing.T) {
	t.Parallel()
	_, err := Dial(t.Context(), "ws://127.0.0.1:1/live", "a-secret", DialOptions{})
	if err == nil || strings.Contains(err.Error(), "a-secret") {
		t.Errorf("error %v, want one without the token", err)
	}
}

func TestNext_GivingUpLosesNoMessage(t *testing.T) {
	t.Parallel()
	speak := make(chan struct{})
	p := dial(t, serve(t, func(conn *websocket.Conn) {
		<-speak
		_ = conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"pong"}`))
		_ = conn.Close(websocket.StatusGoingAway, "bye")
	}))
	impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Next(impatient); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Next gave %v, want it to give up", err)
	}
	close(speak)
	if m, err := p.Next(t.Context()); err != nil || m.Type != TypePong {
		t.Fatalf("Next gave %+v (%v), want the pong", m, err)
	}
	_, err := p.Next(t.Context())
	if closed, ok := errors.AsType[*Closed](err); !ok || closed.Code != 1001 || closed.Reason != "bye" {
		t.Errorf("Next gave %v, want the close frame's 1001 bye", err)
	}
}

func TestLeaving_CleanSendsACloseFrameAndAbandonDoesNot(t *testing.T) {
	t.Parallel()
	for name, leaving := range map[string]struct {
		leave func(*Participant)
		want  websocket.StatusCode
	}{
		"clean":     {func(p *Participant) { _ = p.CloseClean() }, websocket.StatusNormalClosure},
		"abandoned": {(*Participant).Abandon, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan websocket.StatusCode, 1)
			p := dial(t, serve(t, func(conn *websocket.Conn) {
				_, _, err := conn.Read(context.Background())
				seen <- websocket.CloseStatus(err)
			}))
			leaving.leave(p)
			if got := <-seen; got != leaving.want {
				t.Errorf("the server saw close status %d, want %d", got, leaving.want)
			}
		})
	}
}

func TestDial_TheSubprotocolCarriesTheToken(t *testing.T) {
	t.Parallel()
	offered := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offered <- r.Header.Get("Sec-WebSocket-Protocol") + r.URL.RawQuery
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	_, _ = Dial(t.Context(), server.URL, "abc", DialOptions{SubprotocolToken: true, Lobby: true})
	if got, want := <-offered, "seatmeter.v1,token.abclobby=true"; got != want {
		t.Errorf("offered %q, want %q", got, want)
	}
}
