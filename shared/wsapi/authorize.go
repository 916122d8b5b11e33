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
	"cmp"
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

// identify reads a handshake's tokens. Whoever resumes needs no join token; one
// that is there must be the same person's, and may have expired.
func (a *Authorizer) identify(event events.APIGatewayCustomAuthorizerRequestTypeRequest) (bearer, error) {
	find := func(parameter, prefix string) string {
		return cmp.Or(event.QueryStringParameters[parameter], offered(event.Headers, event.MultiValueHeaders, prefix))
	}
	join, resume := find(parameterToken, protocolToken), find(parameterResume, protocolResume)
	if resume == "" {
		pass, err := a.signer.Verify(join, a.now())
		return bearer{pass: pass}, err
	}
	pass, claim, err := a.signer.VerifyResume(resume, a.now())
	if err != nil || join == "" {
		return bearer{pass, claim}, err
	}
	holder, err := a.signer.Recognize(join, a.now())
	if err == nil && holder != pass {
		err = problem.New(problem.TokenInvalid, "The two tokens are not the same person's.")
	}
	return bearer{pass, claim}, err
}

// Handle allows the connection and passes on what the tokens say, or answers
// Unauthorized. It changes nothing and is safe to repeat.
func (a *Authorizer) Handle(ctx context.Context, event events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	who, err := a.identify(event)
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
		"identity": p.Identity, "role": string(p.Role),
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
	p := jointoken.Pass{
		Tenant: tenant.ID(text("tenant")), Conference: conference.ID(text("conference")), Number: conference.Number(number),
		Identity: text("identity"), Role: jointoken.Role(text("role")),
	}
	ok = err == nil && p.Tenant != "" && p.Conference != "" && p.Identity != ""
	return bearer{p, jointoken.Claim{Connection: seat.ConnectionID(text("resume")), Stay: text("stay")}}, ok
}

// offered finds, among the sub-protocols that a client offers, the first with
// a prefix, and gives what follows it. Where ours is not among them there is
// nothing to agree on: clients would give up a connection that had its seat.
func offered(headers map[string]string, multi map[string][]string, prefix string) (found string) {
	ours := false
	for _, line := range headerLines(headers, multi, headerProtocol) {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			ours = ours || part == protocol
			if rest, ok := strings.CutPrefix(part, prefix); ok && found == "" {
				found = rest
			}
		}
	}
	if !ours {
		return ""
	}
	return found
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
