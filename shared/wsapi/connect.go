package wsapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/shared/admission"
	"seatmeter/shared/departure"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Event is API Gateway's event for every WebSocket route.
type Event = events.APIGatewayWebsocketProxyRequest

// Response is a route's answer. API Gateway uses only that of $connect: it becomes
// the handshake's answer.
type Response = events.APIGatewayProxyResponse

// retryAfter is sent with refusals that are the service's fault. It is short, since a
// person is waiting to join.
const retryAfter = time.Second

// Connector handles $connect.
type Connector struct {
	admissions *admission.Admissions
	log        *slog.Logger
}

// NewConnector returns the handler of $connect.
func NewConnector(admissions *admission.Admissions, log *slog.Logger) *Connector {
	return &Connector{admissions, log}
}

// Handle admits a connection to a seat or to the lobby, resumes an earlier
// connection's seat, or refuses the handshake. Safe to repeat: see
// admission.Admissions.
func (c *Connector) Handle(ctx context.Context, event Event) (Response, error) {
	request := event.RequestContext
	who, ok := readBearer(request.Authorizer)
	pass := who.pass
	if !ok || request.ConnectionID == "" {
		return refuse(ctx, problem.New(problem.TokenInvalid, "The connection was not authorized."), request.RequestID), nil
	}
	asked := readHandshake(parts{
		event.QueryStringParameters, event.MultiValueQueryStringParameters, event.Headers, event.MultiValueHeaders,
	})
	if len(asked.faults) > 0 {
		return refuse(ctx, problem.InvalidFields(asked.faults...), request.RequestID), nil
	}
	v := admission.Visitor{Pass: pass, Connection: seat.ConnectionID(request.ConnectionID), AtMillis: clockMillis(request.ConnectedAt), Origin: originOf(event), Wait: asked.wait}
	enter := c.admissions.Connect
	if who.resume != (jointoken.Claim{}) {
		enter = func(ctx context.Context, v admission.Visitor) error { return c.resume(ctx, v, who.resume, asked.lobby) }
	} else if asked.lobby {
		enter = c.admissions.EnterLobby
	}
	if err := enter(ctx, v); err != nil {
		p := asRefusal(err)
		answer := refuse(ctx, p, request.RequestID)
		level := slog.LevelInfo
		switch p.Code {
		case problem.Unavailable:
			level = slog.LevelError
		case problem.RateLimited:
			level = slog.LevelDebug // the limiter logs a storm of joins once
		}
		c.log.Log(ctx, level, "refused", "tenant", pass.Tenant, "conference", pass.Conference,
			"connection", request.ConnectionID, "code", p.Code, "error", p)
		return answer, nil
	}
	c.log.InfoContext(ctx, "admitted", "tenant", pass.Tenant, "conference", pass.Conference, "connection", request.ConnectionID)
	return Response{StatusCode: http.StatusOK, Headers: chosenProtocol(event)}, nil
}

// resume continues an earlier connection's stay. If that fails and the client asked
// for the lobby as well, it is admitted to the lobby, where join reports the reason.
func (c *Connector) resume(ctx context.Context, v admission.Visitor, from jointoken.Claim, lobby bool) error {
	err := c.admissions.Resume(ctx, v, from)
	if p, refused := errors.AsType[*problem.Error](err); lobby && refused && p.Code != problem.Unavailable {
		return c.admissions.EnterLobby(ctx, v)
	}
	return err
}

// clockMillis limits a time of the gateway's clock to those that a block can store,
// from 1970 to the year 3084.
func clockMillis(millis int64) int64 { return min(max(millis, 0), seat.MaxMillis) }

// asRefusal converts an internal error to a refusal that the client can retry.
func asRefusal(err error) *problem.Error {
	p := problem.As(err)
	if p.Code == problem.Internal {
		p = problem.New(problem.Unavailable, "Please try again.").Because(err)
	}
	if p.Code == problem.Unavailable && p.RetryAfter == 0 {
		sooner := *p
		sooner.RetryAfter = retryAfter
		return &sooner
	}
	return p
}

// chosenProtocol accepts our sub-protocol if the client offers it.
func chosenProtocol(event Event) map[string]string {
	if slices.Contains(splitList(headerLines(event.Headers, event.MultiValueHeaders, headerProtocol)), protocol) {
		return map[string]string{headerProtocol: protocol}
	}
	return nil
}

// opaqueOrigin is what browsers send for pages without an origin. Here it also stands
// for an Origin header with no or several origins. No license lists it.
const opaqueOrigin = "null"

// originOf returns the origin of the page that connects; empty if the client is no
// browser.
func originOf(event Event) string {
	lines := headerLines(event.Headers, event.MultiValueHeaders, headerOrigin)
	switch {
	case len(lines) == 0:
		return ""
	case len(lines) > 1 || lines[0] == "":
		return opaqueOrigin
	}
	return lines[0]
}

// refuse is the answer to a refused handshake, which is counted.
func refuse(ctx context.Context, p *problem.Error, requestID string) Response {
	metrics.Count(ctx, metrics.Refused(p.Code), 1)
	document := p.Document()
	document.RequestID = requestID
	body, err := json.Marshal(document)
	if err != nil {
		body = nil // encoding a Document cannot fail; if it did, a status without a body is still a refusal
	}
	headers := map[string]string{"Content-Type": "application/problem+json"}
	if seconds := p.RetrySeconds(); seconds > 0 {
		headers["Retry-After"] = strconv.FormatInt(seconds, 10)
	}
	return Response{StatusCode: document.Status, Headers: headers, Body: string(body)}
}

// Disconnector handles $disconnect.
type Disconnector struct {
	departures *departure.Departures
	log        *slog.Logger
}

// NewDisconnector returns the handler of $disconnect.
func NewDisconnector(departures *departure.Departures, log *slog.Logger) *Disconnector {
	return &Disconnector{departures, log}
}

// Close statuses (RFC 6455, 7.4.1) with a meaning of their own. Any other counts as a
// lost connection.
const (
	statusNormal    = 1000
	statusGoingAway = 1001
	statusNotSet    = 1005 // a close frame without a status, as from a browser's close()
)

// reasonByGateway is the reason that API Gateway gives when it closes a connection
// with 1001, after ten idle minutes or two hours. A browser that leaves a page gives
// an empty reason. Both were observed in events; AWS documents neither.
const reasonByGateway = "Going away"

// ending returns how a connection ended, from its $disconnect event. A normal close
// comes from the client, or follows a removal. Any other close counts as a lost
// connection unless it certainly is a page that was left, so that clients keep their
// seats over a restart of the gateway, whatever code that sends.
func ending(request events.APIGatewayWebsocketProxyRequestContext) usage.End {
	switch reason := request.DisconnectReason; request.DisconnectStatusCode {
	case statusNormal, statusNotSet:
		return usage.EndClosed
	case statusGoingAway:
		if reason != nil && *reason != reasonByGateway {
			return usage.EndGoingAway
		}
	}
	return usage.EndDropped
}

// Handle ends the connection's stay at the time of the close. Safe to repeat, late,
// and before its $connect: see departure.Departures.Leave. It returns an error so
// that the failure shows in the metrics.
func (d *Disconnector) Handle(ctx context.Context, event Event) (Response, error) {
	request := event.RequestContext
	if request.ConnectionID == "" {
		return Response{StatusCode: http.StatusOK}, nil
	}
	id := seat.ConnectionID(request.ConnectionID)
	if err := d.departures.Leave(ctx, id, clockMillis(request.RequestTimeEpoch), ending(request)); err != nil {
		d.log.ErrorContext(ctx, "a leave is left to reconciliation", "connection", id, "error", err)
		return Response{StatusCode: http.StatusInternalServerError}, err
	}
	d.log.InfoContext(ctx, "left", "connection", id, "status", request.DisconnectStatusCode)
	return Response{StatusCode: http.StatusOK}, nil
}
