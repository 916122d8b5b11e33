package apigateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/apigateway"
)

func TestTheAuthorizerIsAskedWithAWSsRequestEvent(t *testing.T) {
	given := make(chan json.RawMessage, 1)
	s := start(t, functions{"authorize": lambda.NewHandler(func(e json.RawMessage) (map[string]any, error) {
		given <- e
		return policy("Allow", "*", nil), nil
	})}, nil)
	conn, _, err := websocket.Dial(within(t), s.ws+"/live?token=secret&n=1&n=2&a%zz=b%20%zz", &websocket.DialOptions{
		Subprotocols: []string{"seatmeter.v1", "token.secret"},
		HTTPHeader:   http.Header{"User-Agent": {"tester"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()

	var e struct {
		Type, MethodArn                                    string
		Headers, QueryStringParameters                     map[string]string
		MultiValueHeaders, MultiValueQueryStringParameters map[string][]string
		RequestContext                                     events.APIGatewayWebsocketProxyRequestContext
	}
	decode(t, next(t, given), &e)
	if e.Type != "REQUEST" || e.MethodArn != "arn:aws:execute-api:local:000000000000:local/live/$connect" {
		t.Errorf("type %q, methodArn %q", e.Type, e.MethodArn)
	}
	if got := e.Headers["Sec-WebSocket-Protocol"]; got != "seatmeter.v1,token.secret" {
		t.Errorf("offered sub-protocols %q", got)
	}
	if diff := cmp.Diff(map[string]string{"token": "secret", "n": "2", "a%zz": "b%20%zz"}, e.QueryStringParameters); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string][]string{"token": {"secret"}, "n": {"1", "2"}, "a%zz": {"b%20%zz"}}, e.MultiValueQueryStringParameters); diff != "" {
		t.Error(diff)
	}
	if got := e.MultiValueHeaders["Host"]; len(got) != 1 || got[0] != e.Headers["Host"] || got[0] == "" {
		t.Errorf("host %q and %q", got, e.Headers["Host"])
	}
	checkContext(t, e.RequestContext, "$connect", "CONNECT")
}

// checkContext checks what every event's context has to have.
func checkContext(t *testing.T, c events.APIGatewayWebsocketProxyRequestContext, route, kind string) {
	t.Helper()
	if c.RouteKey != route || c.EventType != kind || c.Stage != "live" || c.MessageDirection != "IN" || c.APIID == "" {
		t.Errorf("context %+v", c)
	}
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{15}=$`).MatchString(c.ConnectionID) {
		t.Errorf("connection id %q does not look like one of AWS's", c.ConnectionID)
	}
	if c.Identity.SourceIP != "127.0.0.1" || c.DomainName != "127.0.0.1" {
		t.Errorf("identity %+v, domain %q", c.Identity, c.DomainName)
	}
	if c.RequestID == "" || c.ExtendedRequestID == "" {
		t.Error("no request id")
	}
	for name, millis := range map[string]int64{"connectedAt": c.ConnectedAt, "requestTimeEpoch": c.RequestTimeEpoch} {
		if age := time.Since(time.UnixMilli(millis)); age < 0 || age > time.Minute {
			t.Errorf("%s is %v old", name, age)
		}
	}
	if at, err := time.Parse("02/Jan/2006:15:04:05 -0700", c.RequestTime); err != nil || at.Unix() != c.RequestTimeEpoch/1000 {
		t.Errorf("requestTime %q, requestTimeEpoch %d: %v", c.RequestTime, c.RequestTimeEpoch, err)
	}
}

func TestAConnectionsEventsAgreeAndHaveAWSsFields(t *testing.T) {
	given := make(chan json.RawMessage, 3)
	tell := lambda.NewHandler(func(e json.RawMessage) (response, error) {
		given <- e
		return response{StatusCode: http.StatusOK}, nil
	})
	s := start(t, functions{"connect": tell, "message": tell, "disconnect": tell}, nil)
	conn := s.dial(&websocket.DialOptions{HTTPHeader: http.Header{"User-Agent": {"tester"}}})
	var connect, message, disconnect request
	decode(t, next(t, given), &connect)
	send(t, conn, websocket.MessageText, `{"a": 1}`)
	decode(t, next(t, given), &message)
	if err := conn.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Fatal(err)
	}
	decode(t, next(t, given), &disconnect)

	checkContext(t, connect.RequestContext, "$connect", "CONNECT")
	checkContext(t, message.RequestContext, "$default", "MESSAGE")
	checkContext(t, disconnect.RequestContext, "$disconnect", "DISCONNECT")
	for _, e := range []request{message, disconnect} {
		if e.RequestContext.ConnectionID != connect.RequestContext.ConnectionID || e.RequestContext.ConnectedAt != connect.RequestContext.ConnectedAt {
			t.Errorf("%s is of another connection than %s", e.RequestContext.RouteKey, connect.RequestContext.RouteKey)
		}
		if e.RequestContext.Identity.UserAgent != "tester" {
			t.Errorf("%s has user agent %q", e.RequestContext.RouteKey, e.RequestContext.Identity.UserAgent)
		}
		if len(e.QueryStringParameters) > 0 {
			t.Errorf("%s has a query string", e.RequestContext.RouteKey)
		}
	}
	if message.Body != `{"a": 1}` || message.IsBase64Encoded || message.RequestContext.MessageID == nil || message.Headers != nil {
		t.Errorf("message %+v", message)
	}
	if c := disconnect.RequestContext; c.DisconnectStatusCode != 1000 || c.DisconnectReason == nil || *c.DisconnectReason != "bye" {
		t.Errorf("disconnect %+v", c)
	}
	if _, ok := disconnect.Headers["x-restapi"]; !ok || disconnect.MultiValueHeaders["Host"] == nil {
		t.Errorf("disconnect headers %v", disconnect.Headers)
	}
}

func TestTheAuthorizersContextReachesTheRoutesAsText(t *testing.T) {
	for name, repeated := range map[string]bool{"not repeated on disconnect": false, "repeated on disconnect": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, functions{"authorize": lambda.NewHandler(func() (map[string]any, error) {
				return policy("Allow", "arn:aws:execute-api:*:*:*/*/$connect", map[string]any{
					"tenant": "acme", "seats": 1795435200123, "share": 0.25, "lobby": true, "nothing": nil,
				}), nil
			})}, func(c *apigateway.Config) { c.AuthorizerContextOnDisconnect = repeated })
			conn := s.dial(nil)
			send(t, conn, websocket.MessageText, "hello")
			want := map[string]any{"principalId": "ann", "tenant": "acme", "seats": "1795435200123", "share": "0.25", "lobby": "true"}
			for _, e := range []request{next(t, s.connected), next(t, s.messages)} {
				if diff := cmp.Diff(any(want), e.RequestContext.Authorizer); diff != "" {
					t.Errorf("%s (-want +got)\n%s", e.RequestContext.RouteKey, diff)
				}
			}
			_ = conn.CloseNow()
			got := next(t, s.disconnected).RequestContext.Authorizer
			if repeated != (got != nil) {
				t.Errorf("$disconnect has authorizer %v", got)
			}
		})
	}
}

func TestARefusedHandshakeHasItsStatus(t *testing.T) {
	panicking := lambda.NewHandler(func() error { panic("oops") })
	answering := func(r response) lambda.Handler {
		return lambda.NewHandler(func() (response, error) { return r, nil })
	}
	authorizing := func(result map[string]any) lambda.Handler {
		return lambda.NewHandler(func() (map[string]any, error) { return result, nil })
	}
	for name, c := range map[string]struct {
		function string
		handler  lambda.Handler
		status   int
		body     string
	}{
		"not authorized":         {"authorize", failing("Unauthorized"), 401, `{"message":"Unauthorized"}`},
		"denied":                 {"authorize", authorizing(policy("Deny", "*", nil)), 403, `{"message":"User is not authorized to access this resource with an explicit deny"}`},
		"not allowed":            {"authorize", authorizing(policy("Allow", "arn:aws:execute-api:*/other/$connect", nil)), 403, `{"message":"User is not authorized to access this resource"}`},
		"authorizer fails":       {"authorize", failing("oops"), 500, `"message":"Internal server error"`},
		"authorizer panics":      {"authorize", panicking, 500, `"message":"Internal server error"`},
		"no principal":           {"authorize", raw(`{"policyDocument":{"Statement":[]}}`), 500, `"message":"Internal server error"`},
		"no policy":              {"authorize", raw(`{"principalId":"ann"}`), 500, `"message":"Internal server error"`},
		"no JSON":                {"authorize", raw(`{`), 500, `"message":"Internal server error"`},
		"nested context":         {"authorize", authorizing(policy("Allow", "*", map[string]any{"a": []int{1}})), 500, `"message":"Internal server error"`},
		"result too long":        {"authorize", authorizing(policy("Allow", "*", map[string]any{"a": strings.Repeat("a", 8<<10)})), 500, `"message":"Internal server error"`},
		"$connect refuses":       {"connect", answering(response{StatusCode: 410, Body: "it is over", Headers: map[string]string{"x-why": "ended"}}), 410, "it is over"},
		"$connect redirects":     {"connect", answering(response{StatusCode: 307}), 307, ""},
		"refusal in base64":      {"connect", answering(response{StatusCode: 403, Body: "bm8=", IsBase64Encoded: true}), 403, "no"},
		"$connect fails":         {"connect", failing("oops"), 502, `"message":"Internal server error"`},
		"$connect panics":        {"connect", panicking, 502, `"message":"Internal server error"`},
		"$connect without JSON":  {"connect", raw("ok"), 502, `"message":"Internal server error"`},
		"$connect says nothing":  {"connect", raw("null"), 502, `"message":"Internal server error"`},
		"$connect has no status": {"connect", raw("{}"), 502, `"message":"Internal server error"`},
		"$connect's bad status":  {"connect", raw(`{"statusCode":99}`), 502, `"message":"Internal server error"`},
		"$connect's bad body":    {"connect", raw(`{"statusCode":403,"body":"%","isBase64Encoded":true}`), 502, `"message":"Internal server error"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, functions{c.function: c.handler}, nil)
			got := s.refused("/live", nil)
			if got.status != c.status || !strings.Contains(got.body, c.body) {
				t.Errorf("answered %d %s, want %d %s", got.status, got.body, c.status, c.body)
			}
			if name == "$connect refuses" && got.header.Get("X-Why") != "ended" {
				t.Errorf("headers %v, want the function's", got.header)
			}
			if c.function == "authorize" {
				none(t, s.connected)
			}
			s.settle()
			none(t, s.disconnected)
		})
	}
}

func TestEverySuccessfulStatusOpensTheConnection(t *testing.T) {
	for _, status := range []string{"200", "204", "299"} {
		s := start(t, functions{"connect": raw(`{"statusCode":` + status + `}`)}, nil)
		s.dial(nil)
	}
}

func TestHandshakesAreTakenAtTheRootAndAtTheStageAlone(t *testing.T) {
	s := start(t, nil, nil)
	for _, path := range []string{"", "/", "/live", "/live/"} {
		conn, _, err := websocket.Dial(within(t), s.ws+path, nil)
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		_ = conn.CloseNow()
		next(t, s.connected)
	}
	for _, path := range []string{"/other", "/live/other"} {
		if got := s.refused(path, nil); got.status != http.StatusForbidden {
			t.Errorf("%s answered %d", path, got.status)
		}
	}
	none(t, s.connected)
}

func TestAMalformedHandshakeReachesNoFunction(t *testing.T) {
	s := start(t, nil, nil)
	if got := do(t, http.MethodGet, s.ws+"/live", "", nil); got.status != http.StatusUpgradeRequired {
		t.Errorf("answered %d", got.status)
	}
	none(t, s.authorized)
	none(t, s.connected)
}

func TestWithoutIdentitySourcesTheAuthorizerIsNotCalled(t *testing.T) {
	s := start(t, nil, func(c *apigateway.Config) {
		c.Template.WebSocket.IdentitySources = []string{"route.request.querystring.token", "route.request.header.X-Device"}
	})
	device := &websocket.DialOptions{HTTPHeader: http.Header{"X-Device": {"phone"}}}
	for name, c := range map[string]struct {
		path    string
		options *websocket.DialOptions
	}{
		"neither": {"/live", nil}, "header alone": {"/live", device}, "query alone": {"/live?token=a", nil}, "empty": {"/live?token=", device},
	} {
		if got := s.refused(c.path, c.options); got.status != http.StatusUnauthorized {
			t.Errorf("%s: answered %d", name, got.status)
		}
	}
	none(t, s.authorized)
	conn, _, err := websocket.Dial(within(t), s.ws+"/live?token=a", device)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseNow()
}

func TestASubProtocolIsAgreedOnOnlyIfOfferedAndChosen(t *testing.T) {
	for name, c := range map[string]struct {
		offered []string
		chosen  string
		want    string
	}{
		"offered and chosen":     {[]string{"token.x", "seatmeter.v1"}, "seatmeter.v1", "seatmeter.v1"},
		"chosen but not offered": {[]string{"other"}, "seatmeter.v1", ""},
		"nothing offered":        {nil, "seatmeter.v1", ""},
		"nothing chosen":         {[]string{"seatmeter.v1"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, functions{"connect": lambda.NewHandler(func() (response, error) {
				r := response{StatusCode: http.StatusOK}
				if c.chosen != "" {
					r.Headers = map[string]string{"sec-websocket-protocol": c.chosen}
				}
				return r, nil
			})}, nil)
			if got := s.dial(&websocket.DialOptions{Subprotocols: c.offered}).Subprotocol(); got != c.want {
				t.Errorf("agreed on %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheGatewayGivesUpOnAFunctionThatGoesOn(t *testing.T) {
	finish, finished := make(chan struct{}), make(chan error, 1)
	s := start(t, functions{"connect": lambda.NewHandler(func(ctx context.Context) (response, error) {
		<-finish
		finished <- ctx.Err()
		return response{StatusCode: http.StatusOK}, nil
	})}, func(c *apigateway.Config) { c.Limits.WebSocketTimeout = 50 * time.Millisecond })
	got := s.refused("/live", nil)
	if got.status != http.StatusGatewayTimeout || !strings.Contains(got.body, "Endpoint request timed out") {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	close(finish)
	if err := next(t, finished); err != nil {
		t.Errorf("the function was stopped: %v", err)
	}
	s.settle()
	none(t, s.disconnected)
}

func TestAFunctionEndsAtItsOwnTimeOut(t *testing.T) {
	reason := make(chan error, 1)
	s := start(t, functions{"connect": lambda.NewHandler(func(ctx context.Context) (response, error) {
		<-ctx.Done()
		reason <- ctx.Err()
		return response{StatusCode: http.StatusOK}, nil
	})}, func(c *apigateway.Config) {
		for i := range c.Template.Functions {
			if c.Template.Functions[i].Name == "connect" {
				c.Template.Functions[i].Timeout = 50 * time.Millisecond
			}
		}
	})
	if got := s.refused("/live", nil); got.status != http.StatusBadGateway {
		t.Errorf("answered %d", got.status)
	}
	if err := next(t, reason); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the context ended with %v", err)
	}
}

func TestFunctionsKnowTheirRequestIDAndDeadline(t *testing.T) {
	given := make(chan context.Context, 1)
	s := start(t, functions{"connect": lambda.NewHandler(func(ctx context.Context) (response, error) {
		given <- ctx
		return response{StatusCode: http.StatusOK}, nil
	})}, nil)
	s.dial(nil)
	ctx := next(t, given)
	lc, ok := lambdacontext.FromContext(ctx)
	if !ok || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(lc.AwsRequestID) {
		t.Errorf("lambda context %+v", lc)
	}
	if lc.InvokedFunctionArn != "arn:aws:lambda:local:000000000000:function:connect" {
		t.Errorf("function ARN %s", lc.InvokedFunctionArn)
	}
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Minute {
		t.Errorf("deadline %v", deadline)
	}
}

func TestAClientThatLeavesDuringConnectIsDisconnected(t *testing.T) {
	running, proceed := make(chan struct{}), make(chan struct{})
	s := start(t, functions{"connect": lambda.NewHandler(func() (response, error) {
		running <- struct{}{}
		<-proceed
		return response{StatusCode: http.StatusOK}, nil
	})}, nil)
	conn := s.dialTCP()
	conn.send([]byte(handshakeText))
	next(t, running)
	_ = conn.Close()
	none(t, s.disconnected)
	close(proceed)
	if got := next(t, s.disconnected).RequestContext.DisconnectStatusCode; got != 1006 {
		t.Errorf("disconnected with %d", got)
	}
}

func TestARefusedConnectionIsNotDisconnected(t *testing.T) {
	running, proceed := make(chan struct{}), make(chan struct{})
	s := start(t, functions{"connect": lambda.NewHandler(func() (response, error) {
		running <- struct{}{}
		<-proceed
		return response{StatusCode: http.StatusForbidden}, nil
	})}, nil)
	conn := s.dialTCP()
	conn.send([]byte(handshakeText))
	next(t, running)
	_ = conn.Close()
	close(proceed)
	s.settle()
	none(t, s.disconnected)
}

func TestAMissingFunctionOrIssuerIsFoundAtOnce(t *testing.T) {
	for name, change := range map[string]func(*apigateway.Config){
		"route's function":      func(c *apigateway.Config) { delete(c.Handlers, "web") },
		"socket's function":     func(c *apigateway.Config) { delete(c.Handlers, "wave") },
		"authorizer":            func(c *apigateway.Config) { delete(c.Handlers, "authorize") },
		"issuer":                func(c *apigateway.Config) { c.Issuer = nil },
		"selection expression":  func(c *apigateway.Config) { c.Template.WebSocket.RouteSelection = "$request.header.a" },
		"fault above one":       func(c *apigateway.Config) { c.Faults.LoseDisconnect = 1.1 },
		"fault below zero":      func(c *apigateway.Config) { c.Faults.DelayDisconnect = -0.1 },
		"fault of not a number": func(c *apigateway.Config) { c.Faults.RepeatDisconnect = nan() },
	} {
		c := apigateway.Config{Template: testTemplate(), Handlers: map[string]lambda.Handler{}}
		for _, f := range c.Template.Functions {
			c.Handlers[f.Name] = raw("{}")
		}
		var err error
		if c.Issuer, err = sharedIssuer(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if _, err := apigateway.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}
