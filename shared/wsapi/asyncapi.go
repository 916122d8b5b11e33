package wsapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

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
	name, summary, text string
	required            []string // besides the one that names it
	optional            []string
}

var (
	// whyNot are the members that a problem may have.
	whyNot = []string{"conference", "limit", "in_use", "request_id", "errors", "retry_after_seconds"}

	fromServer = []said{
		{typeAdmitted, "You hold a seat", "The answer to `status` and `join` while you hold a seat. Also the answer to a `leave` that a later `join` has overtaken.", []string{"connection_id", "conference", "limit", "in_use", "grace_seconds", "expires_at", "ping_within_seconds", "resume_token"}, nil},
		{typeLobby, "You are in the lobby, without a seat", "The answer to `status`, `join` and `leave` while you hold no seat.", []string{"connection_id", "conference"}, nil},
		{typeRefused, "You cannot have a seat", "The answer to a `join` that is refused. You stay in the lobby, and can send `join` again.", []string{"code", "detail"}, whyNot},
		{typeConferenceLive, "The conference went live", "Told to everyone in its lobby, who can now send `join`. This message can get lost: `join` always tells.", nil, nil},
		{typeConferenceEnded, "The conference has ended", "Told to everyone in the conference and in its lobby. The connection is closed after it.", nil, nil},
		{typeRemoved, "You were removed", "An administrator removed you, or another connection has taken over your seat. The connection is closed after it.", []string{"detail"}, nil},
		{typePong, "The answer to ping", "The connection is open, and counts as used.", nil, nil},
		{typeError, "The message cannot be handled", "The answer to a message that is not understood, or that cannot be handled now. The connection stays as it is.", []string{"code", "detail"}, whyNot},
	}
)

// fromClient are the actions, each with what may come in answer.
var fromClient = []struct {
	name, summary, text string
	answers             []string
}{
	{actionStatus, "Ask whether you hold a seat", "Changes nothing: safe to repeat.", []string{typeAdmitted, typeLobby, typeError}},
	{actionJoin, "Take a seat", "Takes a seat for this connection. A connection that holds one keeps it and takes no second one: safe to repeat.", []string{typeAdmitted, typeLobby, typeRefused, typeError}},
	{actionLeave, "Give the seat back and stay connected", "The seat is free at once, and the connection is in the lobby. Safe to repeat.", []string{typeLobby, typeAdmitted, typeError}},
	{actionPing, "Keep the connection open", "A connection is closed after ten idle minutes. Changes nothing: safe to repeat.", []string{typePong, typeError}},
}

const schemaRef = "#/components/schemas/"

// The schemas that several messages refer to.
const (
	codeSchema  = "ProblemCode"
	fieldSchema = "InvalidMember"
)

func text(description, example string) object {
	return object{"type": "string", "minLength": 1, "description": description, "examples": []string{example}}
}

func quantity(description, unit string, least, example int) object {
	return object{"type": "integer", "minimum": least, "description": description + " Unit: " + unit + ".", "examples": []int{example}}
}

// members are those of all messages; Reply has each of them.
func members() object {
	return object{
		"connection_id": text("This connection's id, by which the HTTP API names it too.", "MadeUpConnec002="),
		"conference":    text("The conference that you are in or wait for. Of `host_busy`: the conference that stands in the way.", "weekly"),
		"limit":         quantity("How many seats the pool has that your seat is of, or would be of. A named host's own first connection has a pool of one.", "seats", 0, 25),
		"in_use":        quantity("How many seats of that pool are in use, those held for lost connections included. Of a pool of more than 1,920 seats it can be ten seconds old.", "seats", 0, 12),
		"grace_seconds": quantity("For how long your seat is held for you if the connection is lost. 0: it is not.", "seconds", 0, 30),
		"expires_at": object{
			"type": "string", "format": "date-time", "examples": []string{"2026-09-21T16:13:20.000Z"},
			"description": "When the platform closes this connection. Connect before that with the resume token, and go on on the new connection.",
		},
		"ping_within_seconds": quantity("Send something at least so often, for instance `ping`: a connection that is idle for longer may be closed.", "seconds", 1, 540),
		"resume_token":        text("Connect with it to go on in this seat. It is a secret.", "made-up.resume.token"),
		"code":                object{"$ref": schemaRef + codeSchema, "description": "The problem's code, which is the same over HTTP."},
		"detail":              text("What is wrong, or why, for people.", "All 25 seats are in use."),
		"request_id":          text("The message's id. The service's log has it too.", "MadeUpRequest00="),
		"errors": object{
			"type": "array", "description": "One entry for each faulty member.", "items": object{"$ref": schemaRef + fieldSchema},
		},
		"retry_after_seconds": quantity("How long to wait before the next try.", "seconds", 1, 5),
	}
}

// sharedSchemas are those that several messages refer to.
func sharedSchemas() object {
	codes, meanings := []string{}, "A problem's code.\n"
	for _, code := range problem.Codes() {
		codes = append(codes, string(code))
		meanings += "\n- `" + string(code) + "`: " + code.Meaning()
	}
	return object{
		codeSchema: object{"type": "string", "enum": codes, "description": meanings, "examples": codes[:1]},
		fieldSchema: object{
			"type": "object", "required": []string{"pointer", "detail"}, "description": "What is wrong with a member of the input.",
			"properties": object{
				"pointer": text("A JSON pointer to the faulty member, as a URI fragment.", "#/action"),
				"detail":  text("What is wrong with it, for people.", "is there more than once"),
			},
		},
	}
}

// schemaName is the name of a message's schema.
func schemaName(message string) string {
	name := ""
	for word := range strings.SplitSeq(message, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// named is the member that says which message it is.
func named(message string) object {
	return object{"type": "string", "const": message, "description": "Says which message this is.", "examples": []string{message}}
}

func (s said) schema() object {
	properties := object{"type": named(s.name)}
	for _, name := range slices.Concat(s.required, s.optional) {
		properties[name] = members()[name]
	}
	return object{
		"type": "object", "description": s.summary + ".", "properties": properties, "required": append([]string{"type"}, s.required...),
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
	m := messages{components: object{}, inChannel: object{}, operations: object{}, schemas: sharedSchemas()}
	m.schemas["HandshakeQuery"], m.schemas["HandshakeHeaders"] = handshake()
	m.add(examples)
	document, err := json.Marshal(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Seatmeter", "version": "1", "description": about,
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"tags":    []object{{"name": "Conferences", "description": "For the clients of conferences."}},
		},
		"defaultContentType": "application/json",
		"servers": object{
			"aws": object{
				"host": "{api}.execute-api.{region}.amazonaws.com", "pathname": "/{stage}", "protocol": "wss",
				"description": "The `url` of a join token has all of it.",
				"variables": object{
					"api": object{"description": "The API's id."}, "region": object{"description": "Its AWS region."}, "stage": object{"description": "Its stage."},
				},
			},
		},
		"channels": object{"conference": object{
			"address": "/", "title": "A connection", "messages": m.inChannel,
			"bindings": object{"ws": object{
				"method": http.MethodGet, "bindingVersion": "0.1.0",
				"query": object{"$ref": schemaRef + "HandshakeQuery"}, "headers": object{"$ref": schemaRef + "HandshakeHeaders"},
			}},
			"x-handshake-refusals": refusals(examples.Refusals),
		}},
		"operations": m.operations,
		"components": object{"messages": m.components, "schemas": m.schemas},
	})
	if err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return document, nil
}

// messages are the parts of the document that each message adds to.
type messages struct{ components, inChannel, operations, schemas object }

func (m messages) add(examples Examples) {
	for _, s := range fromServer {
		shown := []object{}
		for _, payload := range examples.Messages[s.name] {
			shown = append(shown, object{"payload": payload})
		}
		m.addMessage(s.name, s.summary, s.text, s.schema(), shown)
		m.addOperation("tell_"+s.name, "send", s.name)
	}
	for _, c := range fromClient {
		m.addMessage(c.name, c.summary, c.text, object{
			"type": "object", "description": c.summary + ".", "required": []string{"action"}, "properties": object{"action": named(c.name)},
		}, []object{{"payload": object{"action": c.name}}})
		m.addOperation(c.name, "receive", c.name)["reply"] = object{"channel": channel(), "messages": inChannel(c.answers...)}
	}
}

func (m messages) addMessage(name, title, summary string, schema object, examples []object) {
	m.schemas[schemaName(name)] = schema
	m.components[name] = object{
		"name": name, "title": title, "summary": summary, "examples": examples, "payload": object{"$ref": schemaRef + schemaName(name)},
	}
	m.inChannel[name] = object{"$ref": "#/components/messages/" + name}
}

// addOperation adds what is done with a message that was added.
func (m messages) addOperation(name, action, message string) object {
	about, _ := m.components[message].(object)
	operation := object{
		"action": action, "channel": channel(), "summary": about["title"], "description": about["summary"], "messages": inChannel(message),
	}
	m.operations[name] = operation
	return operation
}

func channel() object { return object{"$ref": "#/channels/conference"} }

// inChannel refers to messages.
func inChannel(names ...string) []object {
	list := make([]object, len(names))
	for i, name := range names {
		list[i] = object{"$ref": "#/channels/conference/messages/" + name}
	}
	return list
}

// handshake is how to connect: the schemas of its query and of its headers.
func handshake() (query, headers object) {
	query = object{"type": "object", "description": "The parameters of the handshake.", "properties": object{
		parameterToken:  text("A join token. Needed, here or as a sub-protocol, unless the connection resumes another.", "made-up.join.token"),
		parameterResume: text("The resume token of an earlier connection, whose seat passes on to this one. A join token beside it may have expired, but must be the same person's.", "made-up.resume.token"),
		parameterLobby: object{
			"type": "string", "enum": []string{"true", "false"}, "examples": []string{"true"},
			"description": "`true` connects without a seat; `false`, or left out, with one. It says nothing where `resume` is given.",
		},
	}}
	headers = object{"type": "object", "description": "The headers of the handshake.", "properties": object{
		headerProtocol: text("Instead of the query: offer `seatmeter.v1`, which is the one that the server chooses, and `token.<join token>` or `resume.<resume token>`.", "seatmeter.v1, token.made-up.join.token"),
		headerOrigin:   text("Sent by browsers. Where the license has `allowed_origins` it must be one of them. Clients that send none are let in.", "https://meet.example.com"),
	}}
	return query, headers
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
