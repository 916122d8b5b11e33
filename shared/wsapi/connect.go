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
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// Event is what API Gateway sends for every WebSocket route.
type Event = events.APIGatewayWebsocketProxyRequest

// Response is what API Gateway makes of a route's answer: for $connect the
// handshake's, for the others nothing.
type Response = events.APIGatewayProxyResponse

// retryAfter is the hint in refusals that are our own fault: somebody stands at
// the door.
const retryAfter = time.Second

// Connector handles $connect.
type Connector struct {
	admissions *admission.Admissions
	log        *slog.Logger
}

// NewConnector makes a handler of $connect.
func NewConnector(admissions *admission.Admissions, log *slog.Logger) *Connector {
	return &Connector{admissions, log}
}

// Handle admits a connection to a seat or to the lobby, or lets it go on in the
// seat of an earlier one, or refuses the handshake. Safe to repeat: see
// admission.Admissions.
func (c *Connector) Handle(ctx context.Context, event Event) (Response, error) {
	request := event.RequestContext
	who, ok := readBearer(request.Authorizer)
	pass := who.pass
	if !ok || request.ConnectionID == "" {
		return refusal(problem.New(problem.TokenInvalid, "The connection was not authorized."), request.RequestID), nil
	}
	asked := readHandshake(parts{
		event.QueryStringParameters, event.MultiValueQueryStringParameters, event.Headers, event.MultiValueHeaders,
	})
	if len(asked.faults) > 0 {
		return refusal(problem.InvalidFields(asked.faults...), request.RequestID), nil
	}
	v := admission.Visitor{Pass: pass, Connection: seat.ConnectionID(request.ConnectionID), AtMillis: clockMillis(request.ConnectedAt), Origin: originOf(event)}
	enter := c.admissions.Connect
	if who.resume != (jointoken.Claim{}) {
		enter = func(ctx context.Context, v admission.Visitor) error { return c.resume(ctx, v, who.resume, asked.lobby) }
	} else if asked.lobby {
		enter = c.admissions.EnterLobby
	}
	if err := enter(ctx, v); err != nil {
		p := asRefusal(err)
		level := slog.LevelInfo
		switch p.Code {
		case problem.Unavailable:
			level = slog.LevelError
		case problem.RateLimited:
			level = slog.LevelDebug // the limiter tells of the storm, once
		}
		c.log.Log(ctx, level, "refused", "tenant", pass.Tenant, "conference", pass.Conference,
			"connection", request.ConnectionID, "code", p.Code, "error", p)
		return refusal(p, request.RequestID), nil
	}
	c.log.InfoContext(ctx, "admitted", "tenant", pass.Tenant, "conference", pass.Conference, "connection", request.ConnectionID)
	return Response{StatusCode: http.StatusOK, Headers: chosenProtocol(event)}, nil
}

// resume lets a connection go on with a stay. With the lobby asked for as well, one
// that cannot goes there, where join tells it why.
func (c *Connector) resume(ctx context.Context, v admission.Visitor, from jointoken.Claim, lobby bool) error {
	err := c.admissions.Resume(ctx, v, from)
	if p, refused := errors.AsType[*problem.Error](err); lobby && refused && p.Code != problem.Unavailable {
		return c.admissions.EnterLobby(ctx, v)
	}
	return err
}

// clockMillis bounds a time of the gateway's clock to those that a block can
// hold, from 1970 to the year 3084. Others are no times.
func clockMillis(millis int64) int64 { return min(max(millis, 0), seat.MaxMillis) }

// asRefusal makes whatever went wrong on our side a refusal to try again: a
// join must not depend on what is out of order.
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

// opaqueOrigin is what browsers send for pages that have no origin to speak of,
// and stands here for an Origin header that names none, or more than one. It is
// of no license's list.
const opaqueOrigin = "null"

// originOf is the origin of the page that connects; empty if no browser's page
// does.
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

func refusal(p *problem.Error, requestID string) Response {
	document := p.Document()
	document.RequestID = requestID
	body, err := json.Marshal(document)
	if err != nil {
		body = nil // a Document always encodes; a bare status is still a refusal
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

// NewDisconnector makes a handler of $disconnect.
func NewDisconnector(departures *departure.Departures, log *slog.Logger) *Disconnector {
	return &Disconnector{departures, log}
}

// The statuses of closes (RFC 6455, 7.4.1) that end a stay otherwise than as lost.
const (
	statusNormal    = 1000
	statusGoingAway = 1001
	statusNotSet    = 1005 // a close frame without a status, as by a browser's close()
)

// reasonByGateway is what API Gateway says with its own 1001, after ten idle
// minutes or two hours. A browser that leaves a page gives no reason, which comes
// as an empty text. Both have been seen in events; AWS promises neither.
const reasonByGateway = "Going away"

// ending tells from its $disconnect how a connection ended. A normal close is the
// client's own, or answers a removal. Any other is taken for a lost connection
// unless it is certain that a page went away: so a client keeps its seat over a
// restart of the gateway, whichever code that comes with.
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

// Handle ends the connection's stay at the time of its close. Safe to repeat,
// late, and before its $connect: see departure.Departures.Leave. An error makes the
// invocation fail, so that it shows in the metrics.
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
