package wsapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/wsapi"
)

const fuzzedSeats = 2

// fuzzed is a world with one person in a seat and one in the lobby, whose
// connections are always the same, so that events can name them.
func fuzzed(t testing.TB) (w *world, seated, waiting visit) {
	t.Helper()
	w = openWorld(t, concurrent(fuzzedSeats))
	seated = w.in(w.visit(1, weekly, jointoken.RoleHost))
	waiting = w.in(w.visit(2, weekly, jointoken.RoleParticipant).lobby())
	return w, seated, waiting
}

// resuming is a connection that resumes the seat of another.
func (w *world) resuming(n int, seated visit) visit {
	w.t.Helper()
	v := w.visit(n, weekly, jointoken.RoleHost)
	v.query = map[string]string{"resume": w.send(seated, `{"action":"status"}`).ResumeToken}
	return v
}

// deliver calls a Lambda with any bytes. A malformed event may fail; a well-formed
// one must be answered without an error.
func deliver[Event any](t *testing.T, h lambda.Handler, raw []byte) (answer wsapi.Response, answered bool) {
	t.Helper()
	var e Event
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&e); err != nil {
		if _, err := h.Invoke(context.Background(), raw); err == nil {
			t.Error("it took what is no event")
		}
		return answer, false
	}
	answer, err := invoke[wsapi.Response](t, h, raw)
	if err != nil || answer.StatusCode < 200 || answer.StatusCode >= 500 {
		t.Errorf("answered %d: %s, %v", answer.StatusCode, answer.Body, err)
	}
	return answer, err == nil
}

// checkBooks checks that no seat is oversold or unaccounted for.
func (w *world) checkBooks() {
	w.t.Helper()
	recorded := make(map[seat.Block]int64)
	for stay, err := range w.store.Stays(context.Background(), acme, math.MinInt64, math.MaxInt64) {
		if err != nil {
			w.t.Fatal(err)
		}
		recorded[stay.Block]++
	}
	for _, b := range w.blocks() {
		open := int64(0)
		for _, m := range b.Members {
			if !m.Held() {
				open++
			}
		}
		if b.InUse > b.Capacity || b.InUse != len(b.Members) || b.Taken != recorded[b.Block]+open+b.Voids {
			w.t.Errorf("the books do not balance: %+v, recorded %d", b, recorded[b.Block])
		}
	}
}

// checkReplies checks that replies are of the contract, and none reports an internal
// error.
func (w *world) checkReplies() {
	w.t.Helper()
	w.gateway.mu.Lock()
	defer w.gateway.mu.Unlock()
	for id, replies := range w.gateway.pushed {
		for _, r := range replies {
			switch r.Type {
			case "admitted", "lobby", "refused", "conference_live", "conference_ended", "removed", "pong", "error":
			default:
				w.t.Errorf("%s was told %+v", id, r)
			}
			if r.Code == problem.Internal || r.Code == problem.Unavailable {
				w.t.Errorf("%s was told %+v", id, r)
			}
		}
	}
}

// FuzzAuthorizeEvent: an allowed handshake has a signed token.
func FuzzAuthorizeEvent(f *testing.F) {
	w, seated, waiting := fuzzed(f)
	f.Add([]byte(event(f, "authorize", func(_, _ map[string]any) {})))
	for _, v := range []visit{
		seated, waiting, w.resuming(3, seated),
		{protocols: []string{"seatmeter.v1", "token." + seated.token}},
		{protocols: []string{"resume." + seated.token + ", token." + seated.token}},
		{query: map[string]string{"token": seated.token[:len(seated.token)-1]}},
	} {
		f.Add([]byte(w.authorizeEvent(v)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, _, _ := fuzzed(t)
		var e events.APIGatewayCustomAuthorizerRequestTypeRequest
		isEvent := json.NewDecoder(bytes.NewReader(raw)).Decode(&e) == nil
		allowed, err := invoke[events.APIGatewayCustomAuthorizerResponse](t, w.authorize, raw)
		if isEvent && err != nil && err.Error() != "Unauthorized" {
			t.Errorf("answered %v", err)
		}
		if err != nil {
			return
		}
		read, err := json.Marshal(e) // the event in canonical spelling
		if err != nil {
			t.Fatal(err)
		}
		signed := false
		for token := range w.tokens {
			signed = signed || strings.Contains(string(read), token)
		}
		// Each world makes a resume token of its own for the first person.
		signed = signed || allowed.Context["resume"] == string(w.visit(1, weekly, jointoken.RoleHost).id)
		if who := allowed.Context["identity"]; !signed || who != string(ann) && who != "person-2@example.org" {
			t.Errorf("let in: %+v", allowed)
		}
	})
}

// FuzzConnectEvent: a handshake and its repeat have a status of the contract, and
// the books balance.
func FuzzConnectEvent(f *testing.F) {
	w, seated, waiting := fuzzed(f)
	f.Add([]byte(event(f, "connect", func(_, _ map[string]any) {})))
	for _, v := range []visit{
		seated, waiting, w.visit(3, weekly, jointoken.RoleParticipant), w.visit(4, board, jointoken.RoleHost),
		w.visit(5, weekly, jointoken.RoleParticipant).lobby(), w.resuming(6, seated),
	} {
		f.Add([]byte(w.connectEvent(v)))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, _, _ := fuzzed(t)
		deliver[wsapi.Event](t, w.connect, raw)
		before := w.inUse()
		w.restart()
		deliver[wsapi.Event](t, w.connect, raw)
		if after := w.inUse(); after != before {
			t.Errorf("%d seats in use, %d when delivered again", before, after)
		}
		w.checkBooks()
	})
}

// FuzzDisconnectEvent: the end of a connection frees no other seat, and the books
// balance.
func FuzzDisconnectEvent(f *testing.F) {
	w, seated, waiting := fuzzed(f)
	f.Add([]byte(event(f, "disconnect", func(_, _ map[string]any) {})))
	for _, v := range []visit{seated, waiting, w.visit(3, weekly, jointoken.RoleParticipant)} {
		f.Add([]byte(w.disconnectEvent(v)))
		f.Add([]byte(event(f, "disconnect", func(_, request map[string]any) {
			request["connectionId"], request["disconnectStatusCode"] = v.id, 1006
		})))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, seated, _ := fuzzed(t)
		for range 2 {
			deliver[wsapi.Event](t, w.disconnect, raw)
			w.checkBooks()
			w.restart()
		}
		var e wsapi.Event
		if json.NewDecoder(bytes.NewReader(raw)).Decode(&e) != nil || e.RequestContext.ConnectionID != string(seated.id) {
			w.wantInUse(1)
		}
	})
}

// FuzzMessageEvent: any event of a message is answered, and the books balance.
func FuzzMessageEvent(f *testing.F) {
	w, seated, waiting := fuzzed(f)
	f.Add([]byte(event(f, "message", func(_, _ map[string]any) {})))
	for _, v := range []visit{seated, waiting, w.visit(3, weekly, jointoken.RoleParticipant)} {
		for _, action := range []string{"status", "join", "leave", "ping"} {
			f.Add([]byte(w.messageEvent(v, `{"action":"`+action+`"}`)))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		w, _, _ := fuzzed(t)
		for range 2 {
			deliver[wsapi.Event](t, w.message, raw)
			w.checkBooks()
			w.restart()
		}
		w.checkReplies()
	})
}

// FuzzMessageBody: only a join takes a seat, and only a leave frees one.
func FuzzMessageBody(f *testing.F) {
	for _, body := range []string{
		`{"action":"status"}`, `{"action":"join"}`, `{"action":"leave"}`, `{"action":"ping"}`,
		`{"action":"JOIN"}`, `{"action":["join"]}`, `"join"`, `{}`, ``,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w, seated, waiting := fuzzed(t)
		for _, v := range []visit{waiting, seated} {
			before := w.inUse()
			w.send(v, body)
			if change := w.inUse() - before; change > 0 && !asks(body, "join") || change < 0 && !asks(body, "leave") {
				t.Errorf("%q: %d more seats are in use", body, change)
			}
		}
		w.checkReplies()
		w.checkBooks()
	})
}

// asks tells whether a message requests an action.
func asks(body, action string) bool {
	var members map[string]any
	return len(body) <= 4096 && json.Unmarshal([]byte(body), &members) == nil && members["action"] == action
}
