package apigateway_test

import (
	"net/http"
	"testing"

	"github.com/coder/websocket"
)

func (s *stack) closeAll(query string) answer {
	s.t.Helper()
	return do(s.t, http.MethodPost, s.ws+"/.close?"+query, "", nil)
}

func TestTheGatewayClosesConnectionsWithAnyCodeOnRequest(t *testing.T) {
	for query, want := range map[string]struct {
		code   int64
		reason string
		frame  websocket.StatusCode // -1: none
	}{
		"":                               {1001, "Going away", 1001},
		"code=1003&reason=Unsupported":   {1003, "Unsupported", 1003},
		"code=1008":                      {1008, "", 1008},
		"code=1009":                      {1009, "", 1009},
		"code=1011":                      {1011, "", 1011},
		"code=1012&reason=Restarts+soon": {1012, "Restarts soon", 1012},
		"code=1006":                      {1006, "", -1},
		"code=0":                         {0, "", -1},
	} {
		t.Run(query, func(t *testing.T) {
			s := start(t, nil, nil)
			conn := s.dial(nil)
			if got := s.closeAll(query); got.status != http.StatusOK {
				t.Fatalf("answered %d %s", got.status, got.body)
			}
			if got := closedWith(t, conn); got != want.frame {
				t.Errorf("the client saw %d, want %d", got, want.frame)
			}
			got := next(t, s.disconnected).RequestContext
			if got.DisconnectStatusCode != want.code || got.DisconnectReason == nil || *got.DisconnectReason != want.reason {
				t.Errorf("disconnected with %d %q, want %d %q", got.DisconnectStatusCode, *got.DisconnectReason, want.code, want.reason)
			}
			s.settle()
			none(t, s.disconnected)
		})
	}
}

func TestAShareOfTheConnectionsCanBeClosed(t *testing.T) {
	s := start(t, nil, nil)
	for range 10 {
		s.dial(nil)
	}
	s.closeAll("share=0.4")
	for range 4 {
		next(t, s.disconnected)
	}
	none(t, s.disconnected)
}

func TestAnInvalidCloseRequestIsRefused(t *testing.T) {
	s := start(t, nil, nil)
	for _, query := range []string{"code=999", "code=1005", "code=2000", "code=x", "share=2", "share=NaN"} {
		if got := s.closeAll(query); got.status != http.StatusBadRequest {
			t.Errorf("%s is answered %d", query, got.status)
		}
	}
	if got := do(t, http.MethodGet, s.ws+"/.close", "", nil); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET is answered %d", got.status)
	}
}
