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

type object = map[string]any

// The types of the server's messages. Package meeting sends the last three.
const (
	typeAdmitted        = "admitted"
	typeLobby           = "lobby"
	typeQueued          = "queued"
	typeRefused         = "refused"
	typePong            = "pong"
	typeError           = "error"
	typeConferenceLive  = "conference_live"
	typeConferenceEnded = "conference_ended"
	typeRemoved         = "removed"
)

// said describes a message from the server.
type said struct {
	name, summary, text string
	required            []string // besides type
	optional            []string
}

var (
	// whyNot are the optional members of messages with a problem.
	whyNot = []string{"conference", "limit", "in_use", "request_id", "errors", "retry_after_seconds"}

	fromServer = []said{
		{typeAdmitted, "You hold a seat", "The answer to `status` and `join` while you hold a seat. Also the answer to a `leave` that a later `join` has overtaken.", []string{"connection_id", "conference", "limit", "in_use", "grace_seconds", "expires_at", "ping_within_seconds", "resume_token"}, nil},
		{typeLobby, "You are in the lobby, without a seat", "The answer to `status`, `join` and `leave` while you hold no seat.", []string{"connection_id", "conference"}, nil},
		{typeQueued, "You wait for a seat", "The answer to `join` with `wait`, and to `status`, while you wait for a seat of a full license. Sent again when your position changes, at most every five seconds. When it is your turn, `admitted` follows. A place can be behind one that an administrator put first.", []string{"connection_id", "conference", "position", "since"}, nil},
		{typeRefused, "You cannot have a seat", "The answer to a refused `join`. You stay in the lobby, and can send `join` again.", []string{"code", "detail"}, whyNot},
		{typeConferenceLive, "The conference went live", "Sent to everyone in the conference's lobby, who can now send `join`. This message can get lost, but `join` always tells the current state.", nil, nil},
		{typeConferenceEnded, "The conference has ended", "Sent to everyone in the conference and in its lobby. The server then closes the connection.", nil, nil},
		{typeRemoved, "You were removed", "An administrator removed you, or another connection resumed your seat. The server then closes the connection.", []string{"detail"}, nil},
		{typePong, "The answer to ping", "The connection is open, and its idle time starts again.", nil, nil},
		{typeError, "The message cannot be handled", "The answer to a message that is malformed, or cannot be handled now. The connection and its seat are unchanged.", []string{"code", "detail"}, whyNot},
	}
)

// fromClient describes the client's actions, each with the types of its answers.
var fromClient = []struct {
	name, summary, text string
	answers             []string
}{
	{actionStatus, "Ask whether you hold a seat", "Safe to retry: changes nothing.", []string{typeAdmitted, typeQueued, typeLobby, typeError}},
	{actionJoin, "Take a seat", "Takes a seat for this connection. With `wait`, it waits for one where the license is full, behind all who wait already. Safe to retry: a connection that holds a seat keeps it, and takes no second one; one that waits keeps its place.", []string{typeAdmitted, typeQueued, typeLobby, typeRefused, typeError}},
	{actionLeave, "Give the seat back and stay connected", "The seat is free at once, or you no longer wait, and you are in the lobby. Safe to retry.", []string{typeLobby, typeAdmitted, typeError}},
	{actionPing, "Keep the connection open", "API Gateway closes a connection after ten idle minutes. Safe to retry: changes nothing.", []string{typePong, typeError}},
}

const schemaRef = "#/components/schemas/"

// The names of schemas that several messages share.
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

// members are the members of all messages. Reply has each of them.
func members() object {
	return object{
		"connection_id": text("This connection's id. The HTTP API uses the same id.", "MadeUpConnec002="),
		"conference":    text("The conference that you are in or waiting for. With `host_busy`: the conference that the host is running.", "weekly"),
		"limit":         quantity("How many seats there are in the pool of your seat, or of the seat that you asked for. To a named host, whose own first connection has a seat beside the pool, that of the participants.", "seats", 0, 25),
		"in_use":        quantity("How many of the pool's seats are in use, including those held for lost connections. For a pool of more than 1,920 seats, the figure can be ten seconds old.", "seats", 0, 12),
		"position":      quantity("Your place in the queue: 1 is next.", "places", 1, 3),
		"since": object{
			"type": "string", "format": "date-time", "examples": []string{"2026-09-21T14:13:20.000Z"}, "description": "When you began to wait.",
		},
		"grace_seconds": quantity("How long your seat is held for you if the connection is lost; 0 if it is not held.", "seconds", 0, 30),
		"expires_at": object{
			"type": "string", "format": "date-time", "examples": []string{"2026-09-21T16:13:20.000Z"},
			"description": "When API Gateway closes this connection. Connect with the resume token before then, and continue on the new connection.",
		},
		"ping_within_seconds": quantity("Send a message, such as `ping`, at least this often. A connection that is idle for longer may be closed.", "seconds", 1, 540),
		"resume_token":        text("Connect with it to resume this seat. Keep it secret.", "made-up.resume.token"),
		"code":                object{"$ref": schemaRef + codeSchema, "description": "The problem's code, the same as over HTTP."},
		"detail":              text("What is wrong, or the reason, in words.", "All 25 seats are in use."),
		"request_id":          text("The message's id, which is also in the service's log.", "MadeUpRequest00="),
		"errors": object{
			"type": "array", "description": "The faulty members of the message.", "items": object{"$ref": schemaRef + fieldSchema},
		},
		"retry_after_seconds": quantity("How long to wait before retrying.", "seconds", 1, 5),
	}
}

// sharedSchemas are the schemas that several messages share.
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
				"detail":  text("What is wrong, in words.", "is there more than once"),
			},
		},
	}
}

// schemaName returns the name of a message's schema.
func schemaName(message string) string {
	name := ""
	for word := range strings.SplitSeq(message, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// named is the member that names the message.
func named(message string) object {
	return object{"type": "string", "const": message, "description": "The message's type.", "examples": []string{message}}
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

// examplesFile has the handlers' real answers. A test writes it.
//
//go:embed examples.json
var examplesFile []byte

// Examples are recorded messages and refusals.
type Examples struct {
	// Messages are the server's messages, by type.
	Messages map[string][]json.RawMessage `json:"messages"`
	Refusals []RefusedHandshake           `json:"refusals"`
}

// RefusedHandshake is the answer to a refused handshake.
type RefusedHandshake struct {
	Status      int               `json:"status"`
	ContentType string            `json:"content_type"`
	Headers     map[string]string `json:"headers,omitempty"`
	Body        json.RawMessage   `json:"body"`
}

// handshakeCodes are the problems that a handshake can be refused with.
var handshakeCodes = []problem.Code{
	problem.TokenInvalid, problem.Invalid, problem.Forbidden, problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostsExhausted,
	problem.LicenseExpired, problem.LicenseSuspended, problem.NotFound, problem.HostBusy, problem.ConferenceNotLive,
	problem.ConferenceEnded, problem.RateLimited, problem.Unavailable,
}

const about = `The WebSocket API of Seatmeter, for conference clients.

Connect with a join token, which you get from the HTTP API. Send it in the query, or as a sub-protocol, which keeps it out of logs. Without ` + "`lobby=true`" + ` the handshake takes a seat, or is refused with the problem's HTTP status. Browsers hide that status from scripts. If you need the reason there, connect to the lobby and send ` + "`join`" + `.

The server sends nothing until you ask. First send ` + "`status`" + `, and keep the ` + "`resume_token`" + ` of the answer. If you lose the connection, connect with that token within the license's ` + "`reconnect_grace_seconds`" + ` to get the same seat; you need no join token. Do the same when the connection is nearly two hours old, since API Gateway closes it then. It also closes a connection after ten idle minutes.

A normal close (1000, or a close frame without a code), ` + "`leave`" + ` and a removal free the seat at once. When a page is reloaded or closed (1001, as browsers send it), its seat is held for at most 10 seconds of the grace. After any other end of the connection, including API Gateway's own, the seat is held for the whole grace. The server closes the connection with 1003 if you send a binary frame.

Spell the handshake's parameters exactly, and send each once, in the query or as a sub-protocol, with a value (an empty ` + "`token`" + ` counts as left out). A misspelt parameter (` + "`Lobby=true`, `lobby=1`" + `) is refused as ` + "`invalid`" + `, takes no seat, and is named in the answer. Unknown parameters are ignored.

Messages are JSON text of at most 4096 bytes. They must have the member ` + "`action`" + `, spelt so, once. All are safe to retry.`

// AsyncAPI returns the AsyncAPI 3.0 document of the WebSocket API.
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
			"tags":    []object{{"name": "Conferences", "description": "For conference clients."}},
		},
		"defaultContentType": "application/json",
		"servers": object{
			"aws": object{
				"host": "{api}.execute-api.{region}.amazonaws.com", "pathname": "/{stage}", "protocol": "wss",
				"description": "Use the `url` that comes with a join token.",
				"variables": object{
					"api": object{"description": "The API's id."}, "region": object{"description": "The API's AWS region."}, "stage": object{"description": "The API's stage."},
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

// messages are the parts of the document that grow with each message.
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
			"type": "object", "description": c.summary + ".", "required": []string{"action"}, "properties": properties(c.name),
		}, []object{{"payload": object{"action": c.name}}})
		m.addOperation(c.name, "receive", c.name)["reply"] = object{"channel": channel(), "messages": inChannel(c.answers...)}
	}
}

// properties are the members of a client's message.
func properties(action string) object {
	members := object{"action": named(action)}
	if action == actionJoin {
		members["wait"] = object{
			"type": "boolean", "default": false, "examples": []bool{true},
			"description": "Whether to wait for a seat where none is free, instead of being refused.",
		}
	}
	return members
}

func (m messages) addMessage(name, title, summary string, schema object, examples []object) {
	m.schemas[schemaName(name)] = schema
	m.components[name] = object{
		"name": name, "title": title, "summary": summary, "examples": examples, "payload": object{"$ref": schemaRef + schemaName(name)},
	}
	m.inChannel[name] = object{"$ref": "#/components/messages/" + name}
}

// addOperation adds the operation that sends or receives a message.
func (m messages) addOperation(name, action, message string) object {
	about, _ := m.components[message].(object)
	operation := object{
		"action": action, "channel": channel(), "summary": about["title"], "description": about["summary"], "messages": inChannel(message),
	}
	m.operations[name] = operation
	return operation
}

func channel() object { return object{"$ref": "#/channels/conference"} }

// inChannel returns references to messages.
func inChannel(names ...string) []object {
	list := make([]object, len(names))
	for i, name := range names {
		list[i] = object{"$ref": "#/channels/conference/messages/" + name}
	}
	return list
}

// handshake returns the schemas of the handshake's query and headers.
func handshake() (query, headers object) {
	query = object{"type": "object", "description": "The parameters of the handshake.", "properties": object{
		parameterToken:  text("A join token. Required, here or as a sub-protocol, unless you resume.", "made-up.join.token"),
		parameterResume: text("The resume token of an earlier connection, whose seat this connection resumes. If you also send a join token, it must be the same person's, but may have expired.", "made-up.resume.token"),
		parameterLobby: object{
			"type": "string", "enum": []string{"true", "false"}, "examples": []string{"true"},
			"description": "`true` connects to the lobby, without a seat. `false`, the default, takes a seat. With `resume`, it takes effect only if the resume fails.",
		},
		parameterWait: object{
			"type": "string", "enum": []string{"true", "false"}, "examples": []string{"true"},
			"description": "`true` connects and waits where no seat is free. `false`, the default, refuses the handshake then. Send `status` to learn your position. With `lobby`, it has no effect.",
		},
	}}
	headers = object{"type": "object", "description": "The headers of the handshake.", "properties": object{
		headerProtocol: text("An alternative to the query. Offer `seatmeter.v1`, which the server chooses, and `token.<join token>` or `resume.<resume token>`.", "seatmeter.v1, token.made-up.join.token"),
		headerOrigin:   text("Browsers send it. If the license has `allowed_origins`, it must be one of them. Clients that send none are admitted.", "https://meet.example.com"),
	}}
	return query, headers
}

// refusals documents the handshake's answers other than 101, with recorded examples.
// Answers without a code are API Gateway's own.
func refusals(seen []RefusedHandshake) []object {
	list := []object{}
	for _, code := range handshakeCodes {
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
		{http.StatusUnauthorized, "The token is missing, malformed, expired or from another issuer."},
		{http.StatusTooManyRequests, "The account's limit on new connections per second is exceeded."},
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
