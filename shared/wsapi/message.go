package wsapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/shared/admission"
	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/departure"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/metrics"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
	"seatmeter/shared/queue"
	"seatmeter/shared/seat"
	"seatmeter/shared/session"
	"seatmeter/shared/usage"
)

// maxMessage bounds a client's message, in bytes.
const maxMessage = 4096

const (
	actionStatus = "status"
	actionJoin   = "join"
	actionLeave  = "leave"
	actionPing   = "ping"
)

// Reply is a message to a client. Its type decides which members it has.
type Reply struct {
	Type         string            `json:"type"`
	ConnectionID seat.ConnectionID `json:"connection_id,omitempty"`
	Conference   conference.ID     `json:"conference,omitempty"`
	// Position is the place in the queue, from 1, and Since when the wait began.
	Position int    `json:"position,omitempty"`
	Since    string `json:"since,omitempty"`
	Limit    *int   `json:"limit,omitempty"`
	InUse    *int   `json:"in_use,omitempty"`
	// GraceSeconds is how long the seat is held if the connection is lost. ExpiresAt
	// is when API Gateway closes the connection. A client must send something every
	// PingWithinSeconds so that the connection is not closed as idle.
	GraceSeconds      *int            `json:"grace_seconds,omitempty"`
	ExpiresAt         string          `json:"expires_at,omitempty"`
	PingWithinSeconds int             `json:"ping_within_seconds,omitempty"`
	ResumeToken       string          `json:"resume_token,omitempty"`
	Code              problem.Code    `json:"code,omitempty"`
	Detail            string          `json:"detail,omitempty"`
	Errors            []problem.Field `json:"errors,omitempty"`
	RequestID         string          `json:"request_id,omitempty"`
	RetrySeconds      int64           `json:"retry_after_seconds,omitempty"`
}

// Messenger handles messages, which all come through $default.
type Messenger struct {
	admissions *admission.Admissions
	departures *departure.Departures
	occupancy  *occupancy.Reader
	crossings  *crossing.Watch
	gateway    meeting.Gateway
	signer     *jointoken.Signer
	log        *slog.Logger
}

// MessengerConfig has the dependencies of a Messenger. All are required.
type MessengerConfig struct {
	Admissions *admission.Admissions
	Departures *departure.Departures
	Occupancy  *occupancy.Reader
	Crossings  *crossing.Watch
	Gateway    meeting.Gateway
	Signer     *jointoken.Signer
	Log        *slog.Logger
}

// NewMessenger returns the handler of $default.
func NewMessenger(c MessengerConfig) *Messenger {
	return &Messenger{c.Admissions, c.Departures, c.Occupancy, c.Crossings, c.Gateway, c.Signer, c.Log}
}

// Handle does what a message asks, and answers it. Every action is safe to repeat. An
// error leaves the connection open. If the connection turns out to be closed, Handle
// ends its stay.
func (m *Messenger) Handle(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (Response, error) {
	request := event.RequestContext
	id := seat.ConnectionID(request.ConnectionID)
	ok := Response{StatusCode: http.StatusOK}
	if id == "" {
		return ok, nil
	}
	reply, began, err := m.act(ctx, id, event)
	if err != nil {
		reply = m.failed(ctx, id, request.RequestID, reply, err)
	}
	text, err := json.Marshal(reply)
	if err != nil {
		return Response{StatusCode: http.StatusInternalServerError}, fmt.Errorf("write a reply: %w", err)
	}
	err = m.gateway.Push(ctx, id, text)
	if errors.Is(err, meeting.ErrGone) {
		err = m.gone(ctx, id, began, clockMillis(request.RequestTimeEpoch))
	}
	if err != nil {
		m.log.ErrorContext(ctx, "a reply was not delivered", "connection", id, "error", err)
		return Response{StatusCode: http.StatusInternalServerError}, err
	}
	return ok, nil
}

// gone ends the stay of a closed connection. If this message began the stay, its seat
// is not held: the client cannot know of it, for example when a join is delivered
// again after the close.
func (m *Messenger) gone(ctx context.Context, id seat.ConnectionID, began bool, atMillis int64) error {
	end := usage.EndDropped
	if began {
		end = usage.EndClosed
	}
	return m.departures.Leave(ctx, id, atMillis, end)
}

// act does what a message asks, and reports whether that began a stay. With an error,
// the reply has the type in which to report it.
func (m *Messenger) act(ctx context.Context, id seat.ConnectionID, event Event) (reply Reply, began bool, err error) {
	asked, fault := readMessage(event)
	invalid := problem.New(problem.Invalid, strings.TrimSpace(fault+` Send {"action": "status"|"join"|"leave"|"ping"}.`))
	at := clockMillis(event.RequestContext.RequestTimeEpoch)
	switch asked.action {
	case actionPing:
		return Reply{Type: "pong"}, false, nil
	case actionStatus:
		s, seated, err := m.departures.SessionState(ctx, id, at)
		if err != nil {
			return Reply{}, false, err
		}
		position, err := m.admissions.Position(ctx, s)
		if position > 0 || err != nil {
			return queued(s, position), false, err
		}
		reply, err = m.where(ctx, s, seated, at)
		return reply, false, err
	case actionJoin:
		s, began, position, err := m.join(ctx, id, asked.wait, at)
		if err != nil {
			return m.refused(ctx, s, at, err), false, err
		}
		if position > 0 {
			return queued(s, position), false, nil
		}
		reply, err = m.where(ctx, s, s.State == session.StateSeated, at)
		return reply, began, err
	case actionLeave:
		s, err := m.departures.ToLobby(ctx, id, at)
		if err != nil {
			return Reply{}, false, err
		}
		reply, err = m.where(ctx, s, s.State == session.StateSeated, at)
		return reply, false, err
	}
	return Reply{}, false, invalid
}

// join seats a connection, or lets it wait.
func (m *Messenger) join(ctx context.Context, id seat.ConnectionID, wait bool, atMillis int64) (s session.Session, began bool, position int, err error) {
	if wait {
		return m.admissions.JoinOrWait(ctx, id, atMillis)
	}
	s, began, err = m.admissions.Join(ctx, id, atMillis)
	if err != nil || !s.Waits() {
		return s, began, 0, err
	}
	position, err = m.admissions.Position(ctx, s) // it waits already
	return s, false, position, err
}

// queued is the state of a connection that waits for a seat.
func queued(s session.Session, position int) Reply {
	return Reply{
		Type: typeQueued, ConnectionID: s.Connection, Conference: s.Conference, Position: position,
		Since: time.UnixMilli(s.QueuedMillis).UTC().Format(moments),
	}
}

// Queued implements worker.Teller.
func (m *Messenger) Queued(ctx context.Context, w queue.Waiter) error {
	s := session.Session{Connection: w.Connection, Conference: w.Conference, QueuedMillis: w.SinceMillis}
	return m.push(ctx, w.Connection, queued(s, w.Told))
}

// Refused implements worker.Teller.
func (m *Messenger) Refused(ctx context.Context, w queue.Waiter, why error) error {
	return m.push(ctx, w.Connection, m.failed(ctx, w.Connection, "", Reply{Type: typeRefused}, why))
}

// Admitted implements worker.Teller.
func (m *Messenger) Admitted(ctx context.Context, s session.Session, atMillis int64) error {
	reply, err := m.where(ctx, s, true, atMillis)
	if err != nil {
		return err
	}
	return m.push(ctx, s.Connection, reply)
}

func (m *Messenger) push(ctx context.Context, id seat.ConnectionID, reply Reply) error {
	text, err := json.Marshal(reply)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	return m.gateway.Push(ctx, id, text)
}

// byteOrderMark is U+FEFF, which some editors put before a text.
const byteOrderMark = "\ufeff"

// asked is what a client's message asks.
type asked struct {
	action string
	// wait: a join waits where no seat is free.
	wait bool
}

// readMessage returns what a message asks, or the message's fault. Each known member
// must be spelt exactly and occur at most once. Other members are ignored.
func readMessage(event Event) (a asked, fault string) {
	switch {
	case event.IsBase64Encoded:
		return a, "A message is text."
	case len(event.Body) > maxMessage:
		return a, fmt.Sprintf("A message has at most %d bytes.", maxMessage)
	case strings.HasPrefix(event.Body, byteOrderMark):
		return a, "The message begins with a byte order mark."
	case !json.Valid([]byte(event.Body)):
		return a, "A message is JSON."
	}
	decoder := json.NewDecoder(strings.NewReader(event.Body))
	if token, _ := decoder.Token(); token != json.Delim('{') {
		return a, "A message is a JSON object."
	}
	members := map[string]any{"action": &a.action, "wait": &a.wait}
	found := make(map[string]bool)
	for decoder.More() {
		token, _ := decoder.Token() // the token is valid, so there is no error
		var value json.RawMessage
		_ = decoder.Decode(&value)
		name, _ := token.(string)
		known := strings.ToLower(name)
		if members[known] == nil {
			continue
		}
		if name != known {
			return asked{}, fmt.Sprintf("The member %s is spelt in small letters.", known)
		}
		if found[name] {
			return asked{}, fmt.Sprintf("The member %s is there more than once.", name)
		}
		found[name] = true
		if err := json.Unmarshal(value, members[name]); name == "wait" && (err != nil || string(value) == "null") {
			return asked{}, "The member wait is true or false."
		} // an action of another type than text is no known action
	}
	return a, ""
}

const (
	// moments is the format of times: RFC 3339 with milliseconds.
	moments = "2006-01-02T15:04:05.000Z07:00"
	// pingWithinSeconds is a minute less than API Gateway's idle timeout of ten.
	// Source: API Gateway quotas for WebSocket APIs.
	pingWithinSeconds = 540
)

// resumable is how long a resume token is valid: the longest life of a connection and
// the longest grace after it.
const resumable = time.Duration(session.LifeMillis)*time.Millisecond + license.MaxReconnectGraceSeconds*time.Second

// where returns the state of a connection and, if it holds a seat, its resume token.
func (m *Messenger) where(ctx context.Context, s session.Session, seated bool, atMillis int64) (Reply, error) {
	reply := Reply{Type: "lobby", ConnectionID: s.Connection, Conference: s.Conference}
	if !seated {
		return reply, nil
	}
	pool, err := m.occupancy.PoolUsage(ctx, s, atMillis)
	if err != nil {
		return Reply{}, err
	}
	m.crossings.Seen(ctx, pool.Pool, s.Conference, pool.Use(), atMillis)
	pass := jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Pseudonym: s.Pseudonym, Role: s.Role, IssuedMillis: s.IssuedMillis}
	reply.ResumeToken, err = m.signer.SignResume(ctx, pass, s.Claim(), time.UnixMilli(atMillis), time.UnixMilli(s.BeganMillis).Add(resumable))
	reply.Type, reply.Limit, reply.InUse, reply.GraceSeconds = "admitted", &pool.Limit, &pool.InUse, &pool.GraceSeconds
	reply.ExpiresAt = time.UnixMilli(s.BeganMillis + session.LifeMillis).UTC().Format(moments)
	reply.PingWithinSeconds = pingWithinSeconds
	return reply, err
}

// refused begins the answer to a refused join. It adds how full the pool is, unless
// the refusal already has that, or the pool cannot be read.
func (m *Messenger) refused(ctx context.Context, s session.Session, atMillis int64, cause error) Reply {
	reply := Reply{Type: typeRefused}
	if problem.Is(cause, problem.RateLimited) || problem.As(cause).Occupancy != nil {
		return reply // the pool was not asked, or its figures are in the cause
	}
	if pool, err := m.occupancy.PoolUsage(ctx, s, atMillis); err == nil && s.Tenant != "" {
		reply.Limit, reply.InUse = &pool.Limit, &pool.InUse
	}
	return reply
}

// failed adds a problem to a reply, and logs internal causes.
func (m *Messenger) failed(ctx context.Context, id seat.ConnectionID, requestID string, reply Reply, err error) Reply {
	p := asRefusal(err)
	if reply.Type == typeRefused {
		metrics.Count(ctx, metrics.Refused(p.Code), 1)
	}
	if p.Code == problem.Unavailable {
		m.log.ErrorContext(ctx, "a message failed", "connection", id, "error", err)
	}
	reply.RetrySeconds = p.RetrySeconds()
	if reply.Type == "" {
		reply.Type = "error"
	}
	reply.Code, reply.Detail, reply.Errors, reply.RequestID = p.Code, p.Detail, p.Fields, requestID
	reply.Conference = conference.ID(p.Conference) // the one that the host is running
	if p.Occupancy != nil {
		reply.Limit, reply.InUse = &p.Occupancy.Limit, &p.Occupancy.InUse
	}
	return reply
}
