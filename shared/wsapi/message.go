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
	"seatmeter/shared/departure"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/meeting"
	"seatmeter/shared/occupancy"
	"seatmeter/shared/problem"
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
	Limit        *int              `json:"limit,omitempty"`
	InUse        *int              `json:"in_use,omitempty"`
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
	gateway    meeting.Gateway
	signer     *jointoken.Signer
	log        *slog.Logger
}

// MessengerConfig has the dependencies of a Messenger. All are required.
type MessengerConfig struct {
	Admissions *admission.Admissions
	Departures *departure.Departures
	Occupancy  *occupancy.Reader
	Gateway    meeting.Gateway
	Signer     *jointoken.Signer
	Log        *slog.Logger
}

// NewMessenger returns the handler of $default.
func NewMessenger(c MessengerConfig) *Messenger {
	return &Messenger{c.Admissions, c.Departures, c.Occupancy, c.Gateway, c.Signer, c.Log}
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
	action, fault := readAction(event)
	invalid := problem.New(problem.Invalid, strings.TrimSpace(fault+` Send {"action": "status"|"join"|"leave"|"ping"}.`))
	at := clockMillis(event.RequestContext.RequestTimeEpoch)
	switch action {
	case actionPing:
		return Reply{Type: "pong"}, false, nil
	case actionStatus:
		s, seated, err := m.departures.SessionState(ctx, id)
		if err != nil {
			return Reply{}, false, err
		}
		reply, err = m.where(ctx, s, seated, at)
		return reply, false, err
	case actionJoin:
		s, began, err := m.admissions.Join(ctx, id, at)
		if err != nil {
			return m.refused(ctx, s, at, err), false, err
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

// byteOrderMark is U+FEFF, which some editors put before a text.
const byteOrderMark = "\ufeff"

// readAction returns a message's action, or the message's fault. The member must be
// spelt exactly and occur once. Other members are ignored.
func readAction(event Event) (action, fault string) {
	switch {
	case event.IsBase64Encoded:
		return "", "A message is text."
	case len(event.Body) > maxMessage:
		return "", fmt.Sprintf("A message has at most %d bytes.", maxMessage)
	case strings.HasPrefix(event.Body, byteOrderMark):
		return "", "The message begins with a byte order mark."
	case !json.Valid([]byte(event.Body)):
		return "", "A message is JSON."
	}
	decoder := json.NewDecoder(strings.NewReader(event.Body))
	if token, _ := decoder.Token(); token != json.Delim('{') {
		return "", "A message is a JSON object."
	}
	found := false
	for decoder.More() {
		name, _ := decoder.Token() // the token is valid, so there is no error
		var value json.RawMessage
		_ = decoder.Decode(&value)
		if text, _ := name.(string); !strings.EqualFold(text, "action") {
			continue
		}
		if name != "action" {
			return "", "The member action is spelt in small letters."
		}
		if found {
			return "", "The member action is there more than once."
		}
		found = true
		_ = json.Unmarshal(value, &action) // another type than text is no known action
	}
	return action, ""
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
	pass := jointoken.Pass{Tenant: s.Tenant, Conference: s.Conference, Number: s.Number, Identity: s.Identity, Role: s.Role}
	reply.ResumeToken, err = m.signer.SignResume(pass, s.Claim(), time.UnixMilli(atMillis), time.UnixMilli(s.BeganMillis).Add(resumable))
	reply.Type, reply.Limit, reply.InUse, reply.GraceSeconds = "admitted", &pool.Limit, &pool.InUse, &pool.GraceSeconds
	reply.ExpiresAt = time.UnixMilli(s.BeganMillis + session.LifeMillis).UTC().Format(moments)
	reply.PingWithinSeconds = pingWithinSeconds
	return reply, err
}

// refused begins the answer to a refused join. It adds how full the pool is, unless
// the refusal already has that, or the pool cannot be read.
func (m *Messenger) refused(ctx context.Context, s session.Session, atMillis int64, cause error) Reply {
	reply := Reply{Type: "refused"}
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
	if p.Code == problem.Unavailable {
		m.log.ErrorContext(ctx, "a message failed", "connection", id, "request", requestID, "error", err)
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
