package wsapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"seatmeter/shared/problem"
)

// object is a part of the document.
type object = map[string]any

// The server's messages. Two of them, and removed, are sent by the door.
const (
	typeAdmitted        = "admitted"
	typeLobby           = "lobby"
	typeRefused         = "refused"
	typePong            = "pong"
	typeError           = "error"
	typeConferenceLive  = "conference_live"
	typeConferenceEnded = "conference_ended"
	typeRemoved         = "removed"
)

// said is a message: what it means and which members it has.
type said struct {
	name, summary string
	required      []string // besides the one that names it
	optional      []string
}

var fromServer = []said{
	{typeAdmitted, "You hold a seat. Sent in answer to status and join, and to a leave that a later join has overtaken.", []string{"connection_id", "conference", "limit", "in_use", "resume_token"}, nil},
	{typeLobby, "You are connected and hold no seat. Sent in answer to status, join and leave.", []string{"connection_id", "conference"}, nil},
	{typeRefused, "You asked to join and may not. You are still in the lobby, and may ask again.", []string{"code", "detail"}, []string{"limit", "in_use", "conference", "request_id", "errors", "retry_after_seconds"}},
	{typeConferenceLive, "The conference that you wait for in the lobby went live: send join. A courtesy that may get lost; join tells for certain.", nil, nil},
	{typeConferenceEnded, "The conference has ended. The connection is closed after this.", nil, nil},
	{typeRemoved, "An administrator removed you, or another connection has taken over your seat. The connection is closed after this.", []string{"detail"}, nil},
	{typePong, "The answer to ping.", nil, nil},
	{typeError, "What you sent was not understood, or cannot be done. The connection stays.", []string{"code", "detail"}, []string{"conference", "limit", "in_use", "request_id", "errors", "retry_after_seconds"}},
}

// fromClient are the actions, each with what may come in answer.
var fromClient = []struct {
	name, summary string
	answers       []string
}{
	{actionStatus, "Where am I? Changes nothing.", []string{typeAdmitted, typeLobby, typeError}},
	{actionJoin, "A seat, please. In a seat already, it is answered as status is, and takes no second one.", []string{typeAdmitted, typeLobby, typeRefused, typeError}},
	{actionLeave, "Gives the seat back and stays connected, in the lobby. Safe to repeat.", []string{typeLobby, typeAdmitted, typeError}},
	{actionPing, "Keeps the connection from being closed after ten idle minutes. Changes nothing.", []string{typePong, typeError}},
}

// members are those of all messages; Reply has each of them.
func members() object {
	codes := make([]string, 0, len(problem.Codes()))
	for _, code := range problem.Codes() {
		codes = append(codes, string(code))
	}
	text := func(description string) object {
		return object{"type": "string", "minLength": 1, "description": description}
	}
	count := func(description string) object {
		return object{"type": "integer", "minimum": 0, "description": description}
	}
	return object{
		"connection_id": text("This connection, as the HTTP API names it."),
		"conference":    text("The conference that you are in or wait for; of host_busy, the one that stands in the way."),
		"limit":         count("Seats of the pool that you draw on, or would. A host's own chair is one of one."),
		"in_use":        count("Seats in use in that pool, the held ones included. Of a pool of more than 1,920 seats it may be as it was ten seconds ago."),
		"resume_token":  text("Connect with it to go on in this seat. It is a secret."),
		"code":          object{"type": "string", "enum": codes, "description": "The problem, by the same name as over HTTP."},
		"detail":        text("For a person."),
		"request_id":    text("The message's id, as the log has it."),
		"errors": object{
			"type": "array", "description": "One entry for each faulty member.",
			"items": object{
				"type": "object", "additionalProperties": false, "required": []string{"pointer", "detail"},
				"properties": object{"pointer": text("A JSON pointer."), "detail": text("What is wrong.")},
			},
		},
		"retry_after_seconds": object{"type": "integer", "minimum": 1, "description": "Try again after so long."},
	}
}

func (s said) schema() object {
	properties := object{"type": object{"const": s.name}}
	for _, name := range slices.Concat(s.required, s.optional) {
		properties[name] = members()[name]
	}
	return object{
		"type": "object", "additionalProperties": false, "properties": properties,
		"required": append([]string{"type"}, s.required...),
	}
}

// examplesFile is what the handlers really answered: a test writes it.
//
//go:embed examples.json
var examplesFile []byte

// Examples are what clients and server say to each other.
type Examples struct {
	// Messages are the server's, by type.
	Messages map[string][]json.RawMessage `json:"messages"`
	// Refusals are handshakes that were refused.
	Refusals []RefusedHandshake `json:"refusals"`
}

// RefusedHandshake is the answer to a handshake that was refused.
type RefusedHandshake struct {
	Status      int               `json:"status"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers,omitempty"`
	Body        json.RawMessage   `json:"body"`
}

// doorCodes are the problems for which a handshake is refused.
var doorCodes = []problem.Code{
	problem.TokenInvalid, problem.Invalid, problem.Forbidden, problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostsExhausted,
	problem.LicenseExpired, problem.LicenseSuspended, problem.NotFound, problem.HostBusy, problem.ConferenceNotLive,
	problem.ConferenceEnded, problem.RateLimited, problem.Unavailable,
}

const about = `The WebSocket side of Seatmeter, for conference clients.

Connect with a join token, which the HTTP API makes: in the query, or as a sub-protocol, which keeps it out of logs. Without ` + "`lobby=true`" + ` the handshake takes a seat, or is refused with the HTTP status of the problem. Browsers hide that status from scripts: a client that needs the reason connects to the lobby and sends ` + "`join`" + `.

The server says nothing until it is asked: send ` + "`status`" + ` first, and keep the ` + "`resume_token`" + ` of its answer. A client that was cut off connects with it, within the license's ` + "`reconnect_grace_seconds`" + `, and goes on in the same seat; it needs no join token for that. So does one whose connection is nearly two hours old, which is when the platform closes it. An idle connection is closed after ten minutes.

A normal close (1000, or a close frame without a code) gives the seat back at once. So do ` + "`leave`" + ` and a removal. A page that is reloaded or closed (1001, as browsers send it) keeps its seat for 10 seconds of the grace at the most, and after any other end of the connection, the platform's own included, the seat is held for the whole grace. A binary frame is answered by closing with 1003.

The parameters of the handshake are spelt exactly, each is given once, in the query or as a sub-protocol, and none is empty (an empty ` + "`token`" + ` counts as left out). A handshake with another spelling of one (` + "`Lobby=true`, `lobby=1`" + `) is refused as ` + "`invalid`" + `, takes no seat, and is told which parameter is wrong. Unknown parameters are ignored.

Messages are JSON text of at most 4096 bytes, with the member ` + "`action`" + `, spelt so, once. Each may be sent again.`

// AsyncAPI is the AsyncAPI 3.0 document of the WebSocket side.
func AsyncAPI() ([]byte, error) {
	var examples Examples
	if err := json.Unmarshal(examplesFile, &examples); err != nil {
		return nil, fmt.Errorf("read the examples: %w", err)
	}
	messages, inChannel, operations := object{}, object{}, object{}
	channel := object{"$ref": "#/channels/conference"}
	refer := func(name string) object { return object{"$ref": "#/channels/conference/messages/" + name} }
	add := func(name, summary string, schema object, examples []object) {
		messages[name] = object{"name": name, "title": name, "summary": summary, "payload": schema, "examples": examples}
		inChannel[name] = object{"$ref": "#/components/messages/" + name}
	}
	for _, m := range fromServer {
		shown := []object{}
		for _, payload := range examples.Messages[m.name] {
			shown = append(shown, object{"payload": payload})
		}
		add(m.name, m.summary, m.schema(), shown)
		operations["tell_"+m.name] = object{"action": "send", "channel": channel, "summary": m.summary, "messages": []object{refer(m.name)}}
	}
	for _, m := range fromClient {
		add(m.name, m.summary, object{
			"type": "object", "required": []string{"action"}, "properties": object{"action": object{"const": m.name}},
		}, []object{{"payload": object{"action": m.name}}})
		var answers []object
		for _, answer := range m.answers {
			answers = append(answers, refer(answer))
		}
		operations[m.name] = object{
			"action": "receive", "channel": channel, "summary": m.summary, "messages": []object{refer(m.name)},
			"reply": object{"channel": channel, "messages": answers},
		}
	}
	document, err := json.Marshal(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Seatmeter", "version": "1", "description": about,
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": "application/json",
		"servers": object{
			"aws": object{
				"host": "{api}.execute-api.{region}.amazonaws.com", "pathname": "/{stage}", "protocol": "wss",
				"description": "The `url` of a join token has all of it.",
				"variables":   object{"api": object{}, "region": object{}, "stage": object{}},
			},
		},
		"channels": object{"conference": object{
			"address": "/", "title": "A connection", "messages": inChannel, "bindings": object{"ws": handshake()},
			"x-handshake-refusals": refusals(examples.Refusals),
		}},
		"operations": operations,
		"components": object{"messages": messages},
	})
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return document, nil
}

// handshake is how to connect.
func handshake() object {
	text := func(description string) object { return object{"type": "string", "description": description} }
	return object{
		"method": http.MethodGet, "bindingVersion": "0.1.0",
		"query": object{"type": "object", "properties": object{
			parameterToken:  text("A join token. Needed, here or as a sub-protocol, unless the connection resumes."),
			parameterResume: text("The resume token of an earlier connection: the seat passes on to this one. A join token beside it may have expired, but must be the same person's."),
			parameterLobby:  object{"type": "string", "enum": []string{"true", "false"}, "description": "true connects without a seat; false, or left out: with one. It says nothing where resume is given."},
		}},
		"headers": object{"type": "object", "properties": object{
			headerProtocol: text("Instead of the query: offer seatmeter.v1, which is what the server chooses, and token.<join token> or resume.<resume token>."),
			headerOrigin:   text("Browsers send it. Where the license has allowed_origins it must be one of them; clients that send none are let in."),
		}},
	}
}

// refusals are the answers to a handshake but for 101, with what was seen of
// each. Those without codes are API Gateway's own.
func refusals(seen []RefusedHandshake) []object {
	list := []object{}
	for _, code := range doorCodes {
		refusal := object{"status": code.Status(), "content_type": "application/problem+json", "code": code, "title": code.Title(), "meaning": code.Meaning()}
		for _, r := range seen {
			var body struct {
				Code problem.Code `json:"code"`
			}
			if json.Unmarshal(r.Body, &body) == nil && body.Code == code {
				refusal["example"] = r.Body
			}
		}
		list = append(list, refusal)
	}
	for _, own := range []struct {
		status  int
		meaning string
	}{
		{http.StatusUnauthorized, "A token is missing, malformed, expired or not ours: the authorizer refused it."},
		{http.StatusTooManyRequests, "More connections are being made than the account may make in a second."},
		{http.StatusInternalServerError, "The authorizer failed."},
		{http.StatusBadGateway, "A function failed."},
		{http.StatusGatewayTimeout, "A function did not answer in time."},
	} {
		list = append(list, object{
			"status": own.status, "content_type": "application/json", "meaning": own.meaning,
			"example": object{"message": map[int]string{
				http.StatusUnauthorized: "Unauthorized", http.StatusTooManyRequests: "Too Many Requests",
				http.StatusInternalServerError: "Internal server error", http.StatusBadGateway: "Internal server error",
				http.StatusGatewayTimeout: "Endpoint request timed out",
			}[own.status]},
		})
	}
	return list
}
