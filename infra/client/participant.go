package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/coder/websocket"
)

// Subprotocol is what a client speaks that keeps its token out of the URL.
const Subprotocol = "seatmeter.v1"

// maxMessageBytes is API Gateway's bound on a message.
const maxMessageBytes = 128 << 10

// Action is what a client may ask for.
type Action string

// The actions.
const (
	ActionStatus Action = "status"
	ActionJoin   Action = "join"
	ActionLeave  Action = "leave"
	ActionPing   Action = "ping"
)

// MessageType says what the server's message is about.
type MessageType string

// The message types.
const (
	TypeAdmitted        MessageType = "admitted"
	TypeLobby           MessageType = "lobby"
	TypeRefused         MessageType = "refused"
	TypeConferenceLive  MessageType = "conference_live"
	TypeConferenceEnded MessageType = "conference_ended"
	TypeRemoved         MessageType = "removed"
	TypePong            MessageType = "pong"
	TypeError           MessageType = "error"
)

// Message is anything the server says. Which members are set depends on Type.
type Message struct {
	Type         MessageType `json:"type"`
	ConnectionID string      `json:"connection_id"`
	Conference   string      `json:"conference"`
	Limit        *int        `json:"limit"`
	InUse        *int        `json:"in_use"`
	ResumeToken  string      `json:"resume_token"`
	Code         Code        `json:"code"`
	Detail       string      `json:"detail"`
	RetrySeconds int         `json:"retry_after_seconds"`
}

// DialOptions says how to connect.
type DialOptions struct {
	// Lobby connects without a seat.
	Lobby bool
	// Resume is the resume token of the connection whose seat this one takes over.
	Resume string
	// Heard is given every message as it came, before Next gives it. It must not
	// wait.
	Heard func(text []byte)
	// SubprotocolToken sends the token as a sub-protocol, not in the URL.
	SubprotocolToken bool
	// Origin is that of the page that connects, as a browser says; empty: no browser.
	Origin string
}

// Refused is a handshake that was refused. Its status is certain; the rest is in the
// body, which API Gateway may keep to itself.
type Refused struct{ Problem }

func (r *Refused) Error() string { return "connection refused: " + r.Problem.Error() }

// Closed is the end of a connection, as far as the client saw it.
type Closed struct {
	// Code is the close frame's, or -1 where there was none.
	Code   int
	Reason string
	cause  error
}

func (c *Closed) Error() string { return fmt.Sprintf("connection closed: %v", c.cause) }

func (c *Closed) Unwrap() error { return c.cause }

// Participant is one connection of a conference client.
type Participant struct {
	socket   *websocket.Conn
	messages chan Message
	hangUp   context.CancelFunc
	closed   error // set before messages is closed
}

// Dial connects to the WebSocket API at address with a join token. A refused
// handshake returns a *Refused. The context bounds the handshake only.
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
		// coder/websocket keeps the first KB of the body, which a problem fits in.
		body, _ := io.ReadAll(answer.Body)
		return nil, &Refused{parseProblem(answer.StatusCode, answer.Header, body)}
	default:
		// The library's text holds the URL, and that the token.
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

// read keeps reading, because a Read whose context ends takes the connection
// with it, and Next must be able to give up waiting without that.
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

// Subprotocol is what the server chose, if anything.
func (p *Participant) Subprotocol() string { return p.socket.Subprotocol() }

// Send asks for an action.
func (p *Participant) Send(ctx context.Context, action Action) error {
	text, err := json.Marshal(struct {
		Action Action `json:"action"`
	}{action})
	if err != nil {
		return fmt.Errorf("send %s: %w", action, err)
	}
	return p.SendRaw(ctx, text)
}

// SendRaw sends one text message as it is.
func (p *Participant) SendRaw(ctx context.Context, text []byte) error {
	return p.write(ctx, websocket.MessageText, text)
}

// SendBinary sends one binary message, which API Gateway does not take.
func (p *Participant) SendBinary(ctx context.Context, content []byte) error {
	return p.write(ctx, websocket.MessageBinary, content)
}

func (p *Participant) write(ctx context.Context, kind websocket.MessageType, content []byte) error {
	if err := p.socket.Write(ctx, kind, content); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Next waits for the next message. Once the connection has ended and every
// message was read, it returns a *Closed. Giving up by ctx costs nothing: the
// message comes with the next call.
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

// CloseClean says good-bye with a close frame and waits for the answer, for at
// most 10 s.
func (p *Participant) CloseClean() error { return p.CloseWith(CloseNormal, "") }

// CloseWith closes as CloseClean does, with a close frame of that code and reason.
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
