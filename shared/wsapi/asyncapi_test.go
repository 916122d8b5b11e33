package wsapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/wsapi"
	"seatmeter/shared/wsapi/wsapitest"
)

var writeExamples = flag.Bool("examples.write", false, "write examples.json anew")

var readContract = sync.OnceValues(func() (*wsapitest.Contract, error) {
	document, err := wsapi.AsyncAPI()
	if err != nil {
		return nil, err
	}
	return wsapitest.Read(document)
})

// contract is the document's description of the server's messages.
func contract(t testing.TB) *wsapitest.Contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// examples makes the document's examples from real conversations.
func examples(t *testing.T) wsapi.Examples {
	t.Helper()
	e := wsapi.Examples{Messages: make(map[string][]json.RawMessage)}
	keep := func(replies ...wsapi.Reply) {
		t.Helper()
		for _, r := range replies {
			if r.ResumeToken != "" { // it has a random part
				r.ResumeToken = "made-up.resume.token"
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			e.Messages[r.Type] = append(e.Messages[r.Type], text)
		}
	}
	refused := func(r wsapi.Response) {
		t.Helper()
		if r.StatusCode < 400 {
			t.Fatalf("answered %d", r.StatusCode)
		}
		headers := maps.Clone(r.Headers)
		kind := headers["Content-Type"]
		delete(headers, "Content-Type")
		e.Refusals = append(e.Refusals, wsapi.RefusedHandshake{Status: r.StatusCode, ContentType: kind, Headers: headers, Body: json.RawMessage(r.Body)})
	}

	w := newWorld(t, concurrent(1))
	first := w.in(w.visit(1, weekly, jointoken.RoleParticipant).lobby())
	second := w.visit(2, weekly, jointoken.RoleParticipant)
	keep(w.send(first, status), w.send(first, join), w.send(first, ping), w.send(first, "hello"))
	refused(w.handshake(second))
	keep(w.send(w.in(w.visit(3, weekly, jointoken.RoleParticipant).lobby()), join))
	waits := concurrent(1)
	waits.QueueLimit = 1
	w.license(waits)
	keep(w.send(w.in(w.visit(7, weekly, jointoken.RoleParticipant).lobby()), joinAndWait))
	w.remove(first.id)
	keep(w.gateway.told(first.id)[4])
	waiting := w.in(w.visit(4, weekly, jointoken.RoleParticipant).lobby())
	w.end(weekly)
	keep(w.gateway.told(waiting.id)[0])
	refused(w.handshake(w.visit(5, weekly, jointoken.RoleParticipant)))
	misspelt := w.visit(6, board, jointoken.RoleParticipant)
	misspelt.query["lobby"] = "True"
	refused(w.handshake(misspelt))
	refused(w.shake(event(t, "connect", func(e, _ map[string]any) { delete(e["requestContext"].(map[string]any), "authorizer") })))

	w = newWorld(t, named(5, 1))
	early := w.visit(1, weekly, jointoken.RoleParticipant)
	refused(w.handshake(early))
	waiting = w.in(w.visit(2, weekly, jointoken.RoleParticipant).lobby())
	w.in(w.visit(3, weekly, jointoken.RoleHost))
	keep(w.gateway.told(waiting.id)[0])
	w.in(w.visit(4, weekly, jointoken.RoleParticipant))
	refused(w.handshake(w.visit(5, weekly, jointoken.RoleParticipant)))
	refused(w.handshake(w.visit(6, board, jointoken.RoleHost)))

	suspended := concurrent(25)
	suspended.Status = license.StatusSuspended
	refused(newWorld(t, suspended).handshakeOf(1))
	expired := concurrent(25)
	expired.ExpiresAt = time.UnixMilli(start - 1000)
	refused(newWorld(t, expired).handshakeOf(1))
	return e
}

func (w *world) handshakeOf(n int) wsapi.Response {
	return w.handshake(w.visit(n, weekly, jointoken.RoleParticipant))
}

func TestTheExamplesAreRealMessages(t *testing.T) {
	made, err := json.MarshalIndent(examples(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	const file = "examples.json"
	if *writeExamples {
		if err := os.WriteFile(file, made, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), string(made)); diff != "" {
		t.Errorf("%s is not what clients are told. Write it anew with: go test ./shared/wsapi -run Examples -examples.write\n%s", file, diff)
	}
}

func TestEveryMessageIsDescribedByASchemaThatItsExamplesMatch(t *testing.T) {
	var document struct {
		Operations map[string]struct {
			Action string
			Reply  *struct{ Messages []struct{} }
		}
		Components struct {
			Messages map[string]struct {
				Summary  string
				Examples []struct{ Payload json.RawMessage }
			}
		}
	}
	text, err := wsapi.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	types := slices.Sorted(maps.Keys(contract(t).Types()))
	want := []string{"admitted", "conference_ended", "conference_live", "error", "lobby", "pong", "queued", "refused", "removed"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("the server's messages:\n%s", diff)
	}
	for _, name := range types {
		m := document.Components.Messages[name]
		if m.Summary == "" || len(m.Examples) == 0 {
			t.Errorf("%s has the summary %q and %d examples", name, m.Summary, len(m.Examples))
		}
		for _, example := range m.Examples {
			if err := contract(t).Check(example.Payload); err != nil {
				t.Error(err)
			}
		}
	}
	for _, action := range []string{"status", "join", "leave", "ping"} {
		o := document.Operations[action]
		if o.Action != "receive" || o.Reply == nil || len(o.Reply.Messages) == 0 || len(document.Components.Messages[action].Examples) == 0 {
			t.Errorf("%s: %+v", action, o)
		}
	}
}

func TestEveryMemberOfAReplyIsDescribed(t *testing.T) {
	text, err := wsapi.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[wsapi.Reply]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !bytes.Contains(text, []byte(`"`+name+`":{`)) {
			t.Errorf("%s is not described", name)
		}
	}
}

// schemas are the document's schemas by name.
func schemas(t *testing.T) map[string]schema {
	t.Helper()
	var document struct {
		Components struct{ Schemas map[string]schema }
	}
	text, err := wsapi.AsyncAPI()
	if err == nil {
		err = json.Unmarshal(text, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type, Description    string
	Enum, Examples       []any
	Items                *schema
	Properties           map[string]schema
	AdditionalProperties any
}

func TestEveryMemberOfAMessageIsExplained(t *testing.T) {
	seen := 0
	for name, of := range schemas(t) {
		if of.Description == "" || of.AdditionalProperties != nil {
			t.Errorf("%s is described as %q, additional %v", name, of.Description, of.AdditionalProperties)
		}
		for member, s := range of.Properties {
			seen++
			composed := s.Ref != "" || s.Type == "array"
			if s.Description == "" || !composed && len(s.Examples) == 0 || s.Type == "integer" && !strings.Contains(s.Description, "Unit: ") {
				t.Errorf("%s.%s: %+v", name, member, s)
			}
			for _, value := range s.Enum {
				if !strings.Contains(s.Description, fmt.Sprintf("`%s`", value)) {
					t.Errorf("%s.%s does not explain %v", name, member, value)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("looked at %d", seen)
	}
}

// Generators name the types of their clients by these.
func TestEveryObjectAndEnumerationHasANameOfItsOwn(t *testing.T) {
	for name, of := range schemas(t) {
		for member, s := range of.Properties {
			if s.Type == "object" || s.Items != nil && s.Items.Ref == "" || len(s.Enum) > 2 {
				t.Errorf("%s.%s has a type without a name", name, member)
			}
		}
	}
	text, err := wsapi.AsyncAPI()
	if err != nil {
		t.Fatal(err)
	}
	if payloads := strings.Count(string(text), `"payload":{"$ref":"#/components/schemas/`); payloads != 13 {
		t.Errorf("%d payloads have a name, want 13", payloads)
	}
}

func TestAnUndocumentedMessageIsDetected(t *testing.T) {
	good := `{"type":"admitted","connection_id":"c","conference":"weekly","limit":25,"in_use":1,"grace_seconds":30,"expires_at":"2026-09-21T16:13:20.000Z","ping_within_seconds":540,"resume_token":"t"}`
	if err := contract(t).Check([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{
		`hello`, `[]`, `{}`, `{"type":"welcome"}`, `{"type":"status"}`, `{"type":["pong"]}`, `{"type":"pong","more":1}`,
		strings.Replace(good, `"limit":25,`, "", 1), strings.Replace(good, "25", `"25"`, 1), strings.Replace(good, "25", "-1", 1),
		strings.Replace(good, "{", `{"code":"invalid",`, 1), `{"type":"refused","code":"too_many","detail":"No."}`,
		`{"type":"error","code":"invalid"}`, `{"type":"error","code":"invalid","detail":"No.","errors":[{"pointer":"#","detail":"No.","more":1}]}`,
	} {
		if err := contract(t).Check([]byte(wrong)); err == nil {
			t.Errorf("%s passes", wrong)
		}
	}
}

var readRefusals = sync.OnceValues(func() (map[string]bool, error) {
	var document struct {
		Channels struct {
			Conference struct {
				Refusals []struct {
					Status int
					Code   problem.Code
				} `json:"x-handshake-refusals"`
			}
		}
	}
	text, err := wsapi.AsyncAPI()
	if err != nil {
		return nil, err
	}
	described := make(map[string]bool)
	err = json.Unmarshal(text, &document)
	for _, r := range document.Channels.Conference.Refusals {
		described[fmt.Sprint(r.Status, r.Code)] = true
	}
	return described, err
})

// wantDescribed checks that the document describes a handshake's refusal. Every
// test calls it for each handshake.
func (w *world) wantDescribed(r wsapi.Response) {
	w.t.Helper()
	if r.StatusCode < 300 {
		return
	}
	described, err := readRefusals()
	if err != nil {
		w.t.Fatal(err)
	}
	var p problem.Document
	if err := json.Unmarshal([]byte(r.Body), &p); err != nil || !described[fmt.Sprint(r.StatusCode, p.Code)] {
		w.t.Errorf("a handshake was answered %d %s, which is not described (%v)", r.StatusCode, r.Body, err)
	}
}

// remove has an administrator remove a connection.
func (w *world) remove(id seat.ConnectionID) {
	w.t.Helper()
	if _, err := w.newProcess().Remove(w.t.Context(), meeting.Removal{Tenant: acme, Conference: weekly, Reason: "An administrator removed you.", At: w.now()}, id); err != nil {
		w.t.Fatal(err)
	}
}
