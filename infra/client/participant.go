package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"
)

// Subprotocol is the sub-protocol of clients that keep their token out of the URL.
const Subprotocol = "seatmeter.v1"

// maxMessageBytes is API Gateway's limit on a message.
const maxMessageBytes = 128 << 10

// Action is a client's request.
type Action string

// The actions.
const (
	ActionStatus Action = "status"
	ActionJoin   Action = "join"
	ActionLeave  Action = "leave"
	ActionPing   Action = "ping"
	// ActionWait is a join with wait.
	ActionWait Action = "wait"
)

// MessageType is the type of a server's message.
type MessageType string

// The message types.
const (
	TypeAdmitted        MessageType = "admitted"
	TypeLobby           MessageType = "lobby"
	TypeQueued          MessageType = "queued"
	TypeRefused         MessageType = "refused"
	TypeConferenceLive  MessageType = "conference_live"
	TypeConferenceEnded MessageType = "conference_ended"
	TypeRemoved         MessageType = "removed"
	TypePong            MessageType = "pong"
	TypeError           MessageType = "error"
)

// Message is a message from the server. Type decides which members are set.
type Message struct {
	Type         MessageType `json:"type"`
	ConnectionID string      `json:"connection_id"`
	Conference   string      `json:"conference"`
	Limit        *int        `json:"limit"`
	InUse        *int        `json:"in_use"`
	ResumeToken  string      `json:"resume_token"`
	Position     int         `json:"position"`
	Since        time.Time   `json:"since"`
	Code         Code        `json:"code"`
	Detail       string      `json:"detail"`
	RetrySeconds int         `json:"retry_after_seconds"`
}

// DialOptions says how to connect.
type DialOptions struct {
	// Lobby connects without a seat.
	Lobby bool
	// Wait connects and waits where no seat is free.
	Wait bool
	// Resume is the resume token of the connection whose seat is resumed.
	Resume string
	// Heard gets every message as it arrives, before Next returns it. It must not
	// block.
	Heard func(text []byte)
	// SubprotocolToken sends the token as a sub-protocol, not in the URL.
	SubprotocolToken bool
	// Origin is the origin of a browser's page; empty for other clients.
	Origin string
}

// Refused is a refused handshake. Only its status is certain: API Gateway may drop
// the body.
type Refused struct{ Problem }

func (r *Refused) Error() string { return "connection refused: " + r.Problem.Error() }

// Closed is the end of a connection as the client saw it.
type Closed struct {
	// Code is the close frame's; -1 without one.
	Code   int
	Reason string
	cause  error
}

func (c *Closed) Error() string { return fmt.Sprintf("connection closed: %v", c.cause) }

func (c *Closed) Unwrap() error { return c.cause }

// Participant is a connection of a conference client.
type Participant struct {
	socket   *websocket.Conn
	messages chan Message
	hangUp   context.CancelFunc
	closed   error // set before messages is closed
}

// Dial connects to the WebSocket API with a join token. It returns a *Refused if the
// handshake is refused. The context bounds only the handshake.
func Dial(ctx context.Context, address, token string, o DialOptions) (*Participant, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	var options websocket.DialOptions
	query := target.Query()
	if o.SubprotocolToken {
		options.Subprotocols = []string{Subprotocol, "token." + token}
	} else {
		query.Set("token", token)
	}
	if o.Lobby {
		query.Set("lobby", "true")
	}
	if o.Wait {
		query.Set("wait", "true")
	}
	if o.Resume != "" {
		query.Set("resume", o.Resume)
	}
	if o.Origin != "" {
		options.HTTPHeader = http.Header{"Origin": {o.Origin}}
	}
	target.RawQuery = query.Encode()
	socket, answer, err := websocket.Dial(ctx, target.String(), &options)
	switch {
	case err == nil:
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		// coder/websocket keeps the first KB of the body, enough for a problem.
		body, _ := io.ReadAll(answer.Body)
		return nil, &Refused{parseProblem(answer.StatusCode, answer.Header, body)}
	default:
		// The library's error has the URL, and so the token.
		return nil, fmt.Errorf("dial %s: %w", target.Host, withoutURL(err))
	}
	socket.SetReadLimit(maxMessageBytes)
	reading, hangUp := context.WithCancel(context.Background())
	p := &Participant{socket: socket, messages: make(chan Message, 64), hangUp: hangUp}
	go p.read(reading, o.Heard)
	return p, nil
}

func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// read reads all the time: a Read whose context ends would close the connection, but
// Next must be able to stop waiting.
func (p *Participant) read(ctx context.Context, heard func([]byte)) {
	defer close(p.messages)
	for {
		_, content, err := p.socket.Read(ctx)
		if err != nil {
			ended := &Closed{Code: int(websocket.CloseStatus(err)), cause: err}
			if frame, ok := errors.AsType[websocket.CloseError](err); ok {
				ended.Reason = frame.Reason
			}
			p.closed = ended
			return
		}
		if heard != nil {
			heard(content)
		}
		var m Message
		if err := json.Unmarshal(content, &m); err != nil {
			p.closed = fmt.Errorf("the server's message: %w", err)
			return
		}
		select {
		case p.messages <- m:
		case <-ctx.Done():
			p.closed = &Closed{Code: -1, cause: ctx.Err()}
			return
		}
	}
}

// Subprotocol returns the sub-protocol that the server chose; empty if none.
func (p *Participant) Subprotocol() string { return p.socket.Subprotocol() }

// Send asks for an action.
func (p *Participant) Send(ctx context.Context, action Action) error {
	message := struct {
		Action Action `json:"action"`
		Wait   bool   `json:"wait,omitempty"`
	}{Action: action}
	if action == ActionWait {
		message.Action, message.Wait = ActionJoin, true
	}
	text, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("send %s: %w", action, err)
	}
	return p.SendRaw(ctx, text)
}

// SendRaw sends a text message unchanged.
func (p *Participant) SendRaw(ctx context.Context, text []byte) error {
	return p.write(ctx, websocket.MessageText, text)
}

// SendBinary sends a binary message, which API Gateway refuses.
func (p *Participant) SendBinary(ctx context.Context, content []byte) error {
	return p.write(ctx, websocket.MessageBinary, content)
}

func (p *Participant) write(ctx context.Context, kind websocket.MessageType, content []byte) error {
	if err := p.socket.Write(ctx, kind, content); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Next waits for the next message. After the last message of an ended connection it
// returns a *Closed. If ctx ends, no message is lost: the next call returns it.
func (p *Participant) Next(ctx context.Context) (Message, error) {
	select {
	case m, open := <-p.messages:
		if !open {
			return Message{}, p.closed
		}
		return m, nil
	case <-ctx.Done():
		return Message{}, fmt.Errorf("waiting for a message: %w", ctx.Err())
	}
}

// Ask sends an action and returns the next message.
func (p *Participant) Ask(ctx context.Context, action Action) (Message, error) {
	if err := p.Send(ctx, action); err != nil {
		return Message{}, err
	}
	return p.Next(ctx)
}

// Codes of close frames (RFC 6455, 7.4.1).
const (
	CloseNormal    = int(websocket.StatusNormalClosure)
	CloseGoingAway = int(websocket.StatusGoingAway) // a browser's, when its page is left
	CloseNoCode    = int(websocket.StatusNoStatusRcvd)
)

// CloseClean sends a normal close frame and waits up to 10 s for the answer.
func (p *Participant) CloseClean() error { return p.CloseWith(CloseNormal, "") }

// CloseWith is CloseClean with another code and reason.
func (p *Participant) CloseWith(code int, reason string) error {
	defer p.hangUp()
	if err := p.socket.Close(websocket.StatusCode(code), reason); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// Abandon drops the TCP connection without a close frame, as a crash does.
func (p *Participant) Abandon() {
	defer p.hangUp()
	_ = p.socket.CloseNow() // gone is gone
}
