// Package wsapi serves the WebSocket API: it decodes the events of API Gateway's
// routes, calls the domain, and encodes the answers. It makes no decisions about
// seats.
//
// Terms: a join token or a resume token comes in the query string or as a
// sub-protocol, which keeps it out of access logs. A refused handshake has the status
// of its problem, and a problem document. After the handshake all answers are
// messages pushed to the connection, since the routes have no responses.
package wsapi

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"seatmeter/shared/conference"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

const (
	protocol       = "seatmeter.v1"
	protocolToken  = "token."
	protocolResume = "resume."
	headerProtocol = "Sec-WebSocket-Protocol"
	headerOrigin   = "Origin"

	parameterToken  = "token"
	parameterResume = "resume"
	parameterLobby  = "lobby"
	parameterWait   = "wait"

	lobbyTrue  = "true"
	lobbyFalse = "false"
)

// errUnauthorized has the exact text with which an authorizer makes API Gateway
// answer 401.
var errUnauthorized = errors.New("Unauthorized")

// Authorizer checks join and resume tokens before $connect runs.
type Authorizer struct {
	signer *jointoken.Signer
	now    func() time.Time
	log    *slog.Logger
}

// NewAuthorizer returns an authorizer.
func NewAuthorizer(signer *jointoken.Signer, now func() time.Time, log *slog.Logger) *Authorizer {
	return &Authorizer{signer, now, log}
}

// bearer is what a handshake's tokens prove: the pass and, for a resume, the stay
// whose seat is to be resumed.
type bearer struct {
	pass   jointoken.Pass
	resume jointoken.Claim
}

// identify verifies a handshake's tokens. A resuming client needs no join token. If
// it sends one, it must be the same person's, and may have expired. Malformed
// parameters are left to $connect, which can name them; for the handshake to get
// there, any valid token in it will do.
func (a *Authorizer) identify(ctx context.Context, h handshakeInput) (bearer, error) {
	if len(h.faults) > 0 {
		return a.anyOf(ctx, h)
	}
	if h.resume == "" {
		pass, err := a.signer.Verify(ctx, h.join, a.now())
		return bearer{pass: pass}, err
	}
	pass, claim, err := a.signer.VerifyResume(ctx, h.resume, a.now())
	if err != nil && h.lobby && h.join != "" { // admit to the lobby, where join reports the reason
		pass, err := a.signer.Verify(ctx, h.join, a.now())
		return bearer{pass: pass}, err
	}
	if err != nil || h.join == "" {
		return bearer{pass, claim}, err
	}
	holder, err := a.signer.Recognize(ctx, h.join, a.now())
	if err == nil && !holder.SameBearer(pass) {
		err = problem.New(problem.TokenInvalid, "The two tokens are not the same person's.")
	}
	if fresh, late := a.signer.Verify(ctx, h.join, a.now()); late == nil {
		pass.IssuedMillis = max(pass.IssuedMillis, fresh.IssuedMillis)
	}
	return bearer{pass, claim}, err
}

// anyOf returns the bearer of the first valid token.
func (a *Authorizer) anyOf(ctx context.Context, h handshakeInput) (bearer, error) {
	for _, token := range h.joins {
		if pass, err := a.signer.Verify(ctx, token, a.now()); err == nil {
			return bearer{pass: pass}, nil
		}
	}
	for _, token := range h.resumes {
		if pass, claim, err := a.signer.VerifyResume(ctx, token, a.now()); err == nil {
			return bearer{pass, claim}, nil
		}
	}
	return bearer{}, problem.New(problem.TokenInvalid, "There is no good token.")
}

// Handle allows the connection and passes on what its tokens prove, or answers
// Unauthorized. Any other error means that no key could be read, and that the client
// may try again. It changes nothing and is safe to repeat.
func (a *Authorizer) Handle(ctx context.Context, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	who, err := a.identify(ctx, readHandshake(parts{
		event.QueryStringParameters, event.MultiValueQueryStringParameters, event.Headers, event.MultiValueHeaders,
	}))
	if err != nil && !problem.Is(err, problem.TokenInvalid) {
		metrics.Count(ctx, metrics.Refused(problem.Unavailable), 1)
		return events.APIGatewayCustomAuthorizerResponse{}, err
	}
	if err != nil {
		metrics.Count(ctx, metrics.Refused(problem.TokenInvalid), 1)
		a.log.InfoContext(ctx, "a token was refused", "error", err)
		return events.APIGatewayCustomAuthorizerResponse{}, errUnauthorized
	}
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: string(who.pass.Tenant),
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version: "2012-10-17",
			Statement: []events.IAMPolicyStatement{{
				Action: []string{"execute-api:Invoke"}, Effect: "Allow", Resource: []string{event.MethodArn},
			}},
		},
		Context: who.write(),
	}, nil
}

func (b bearer) write() map[string]any {
	p := b.pass
	context := map[string]any{
		"tenant": string(p.Tenant), "conference": string(p.Conference), "number": strconv.FormatInt(int64(p.Number), 10),
		"identity": p.Identity, "role": string(p.Role), "issued": strconv.FormatInt(p.IssuedMillis, 10),
	}
	if p.Pseudonym != "" {
		context["pseudonym"] = p.Pseudonym
	}
	if b.resume.Connection != "" {
		context["resume"], context["stay"] = string(b.resume.Connection), b.resume.Stay
	}
	return context
}

// readBearer reads what the authorizer passed on. API Gateway converts all of it to
// text.
func readBearer(context any) (bearer, bool) {
	values, ok := context.(map[string]any)
	if !ok {
		return bearer{}, false
	}
	text := func(name string) string {
		s, _ := values[name].(string)
		return s
	}
	number, err := strconv.ParseInt(text("number"), 10, 64)
	issued, _ := strconv.ParseInt(text("issued"), 10, 64) // zero precedes any removal
	p := jointoken.Pass{
		IssuedMillis: issued, Tenant: tenant.ID(text("tenant")), Conference: conference.ID(text("conference")), Number: conference.Number(number),
		Identity: text("identity"), Pseudonym: text("pseudonym"), Role: jointoken.Role(text("role")),
	}
	ok = err == nil && p.Tenant != "" && p.Conference != "" && p.Identity != ""
	return bearer{p, jointoken.Claim{Connection: seat.ConnectionID(text("resume")), Stay: text("stay")}}, ok
}

// headerLines returns all values of a header, in whatever case its name is.
func headerLines(headers map[string]string, multi map[string][]string, header string) []string {
	var lines []string
	for name, values := range multi {
		if strings.EqualFold(name, header) {
			lines = append(lines, values...)
		}
	}
	if lines != nil {
		return lines
	}
	for name, value := range headers {
		if strings.EqualFold(name, header) {
			lines = append(lines, value)
		}
	}
	return lines
}
