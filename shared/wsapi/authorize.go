// Package wsapi is the WebSocket side: what the Lambdas behind API Gateway's
// routes do with their events. It unpacks an event, calls the door, and packs
// the answer; it decides nothing about seats.
//
// Terms: a join token comes in the query string or, so that access logs do not
// keep it, as a sub-protocol; so does a resume token. A refused handshake has the status of the
// problem's code and a problem document. After the handshake the client is
// answered by messages pushed to its connection, since the routes have no
// responses of their own.
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

	lobbyTrue  = "true"
	lobbyFalse = "false"
)

// errUnauthorized is the one word by which an authorizer makes API Gateway
// answer 401.
var errUnauthorized = errors.New("Unauthorized")

// Authorizer checks join and resume tokens before $connect runs.
type Authorizer struct {
	signer *jointoken.Signer
	now    func() time.Time
	log    *slog.Logger
}

// NewAuthorizer makes an authorizer.
func NewAuthorizer(signer *jointoken.Signer, now func() time.Time, log *slog.Logger) *Authorizer {
	return &Authorizer{signer, now, log}
}

// bearer is who the tokens of a handshake say is there: a pass and, to resume,
// the stay whose seat is to be taken up.
type bearer struct {
	pass   jointoken.Pass
	resume jointoken.Claim
}

// identify finds out who connects. A client that resumes needs no join token; a
// join token that is there must be the same person's, and may have expired. The
// parameters' form is for $connect to refuse, which can say what is wrong: here
// any good token of such a handshake will do.
func (a *Authorizer) identify(h handshakeInput) (bearer, error) {
	if len(h.faults) > 0 {
		return a.anyOf(h)
	}
	if h.resume == "" {
		pass, err := a.signer.Verify(h.join, a.now())
		return bearer{pass: pass}, err
	}
	pass, claim, err := a.signer.VerifyResume(h.resume, a.now())
	if err != nil && h.lobby && h.join != "" { // into the lobby, where join says why not
		pass, err := a.signer.Verify(h.join, a.now())
		return bearer{pass: pass}, err
	}
	if err != nil || h.join == "" {
		return bearer{pass, claim}, err
	}
	holder, err := a.signer.Recognize(h.join, a.now())
	if err == nil && !holder.SameBearer(pass) {
		err = problem.New(problem.TokenInvalid, "The two tokens are not the same person's.")
	}
	if fresh, late := a.signer.Verify(h.join, a.now()); late == nil {
		pass.IssuedMillis = max(pass.IssuedMillis, fresh.IssuedMillis)
	}
	return bearer{pass, claim}, err
}

// anyOf is the bearer of the first good token.
func (a *Authorizer) anyOf(h handshakeInput) (bearer, error) {
	for _, token := range h.joins {
		if pass, err := a.signer.Verify(token, a.now()); err == nil {
			return bearer{pass: pass}, nil
		}
	}
	for _, token := range h.resumes {
		if pass, claim, err := a.signer.VerifyResume(token, a.now()); err == nil {
			return bearer{pass, claim}, nil
		}
	}
	return bearer{}, problem.New(problem.TokenInvalid, "There is no good token.")
}

// Handle allows the connection and passes on what the tokens say, or answers
// Unauthorized. It changes nothing and is safe to repeat.
func (a *Authorizer) Handle(ctx context.Context, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	who, err := a.identify(readHandshake(parts{
		event.QueryStringParameters, event.MultiValueQueryStringParameters, event.Headers, event.MultiValueHeaders,
	}))
	if err != nil {
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
	if b.resume.Connection != "" {
		context["resume"], context["stay"] = string(b.resume.Connection), b.resume.Stay
	}
	return context
}

// readBearer reads what the authorizer passed on. API Gateway makes all of it
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
	issued, _ := strconv.ParseInt(text("issued"), 10, 64) // zero is earlier than any removal
	p := jointoken.Pass{
		IssuedMillis: issued, Tenant: tenant.ID(text("tenant")), Conference: conference.ID(text("conference")), Number: conference.Number(number),
		Identity: text("identity"), Role: jointoken.Role(text("role")),
	}
	ok = err == nil && p.Tenant != "" && p.Conference != "" && p.Identity != ""
	return bearer{p, jointoken.Claim{Connection: seat.ConnectionID(text("resume")), Stay: text("stay")}}, ok
}

// headerLines gives all values of a header, however its name is written.
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
