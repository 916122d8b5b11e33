package apigateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/template"
)

// web starts a stack whose HTTP function records its events.
func web(t *testing.T, change func(*apigateway.Config)) (*stack, <-chan events.APIGatewayV2HTTPRequest) {
	t.Helper()
	given := make(chan events.APIGatewayV2HTTPRequest, 100)
	return start(t, functions{"web": lambda.NewHandler(func(e events.APIGatewayV2HTTPRequest) (map[string]any, error) {
		given <- e
		return map[string]any{"statusCode": 200}, nil
	})}, change), given
}

func TestARequestBecomesAnEventInPayloadFormat2(t *testing.T) {
	s, given := web(t, nil)
	got := s.call(http.MethodPost, "/open/ann%40acme.test?a=1&b=x%20y&a=2", `{"n":1}`, http.Header{
		"Content-Type": {"application/json; charset=utf-8"},
		"X-Part":       {"one", "two"},
		"Cookie":       {"c=1; d=2"},
		"User-Agent":   {"tester"},
	})
	e := next(t, given)
	host := strings.TrimPrefix(s.http, "http://")
	_, port, _ := strings.Cut(host, ":")
	want := events.APIGatewayV2HTTPRequest{
		Version:               "2.0",
		RouteKey:              "POST /open/{name}",
		RawPath:               "/open/ann@acme.test",
		RawQueryString:        "a=1&b=x%20y&a=2",
		Cookies:               []string{"c=1", "d=2"},
		QueryStringParameters: map[string]string{"a": "1,2", "b": "x y"},
		PathParameters:        map[string]string{"name": "ann@acme.test"},
		Headers: map[string]string{
			"host": host, "content-type": "application/json; charset=utf-8", "x-part": "one,two", "user-agent": "tester",
			"accept-encoding": "gzip", "content-length": "7",
			"x-forwarded-for": "127.0.0.1", "x-forwarded-port": port, "x-forwarded-proto": "http",
		},
		Body: `{"n":1}`,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "POST /open/{name}", AccountID: "000000000000", Stage: "$default", APIID: "local",
			RequestID: got.header.Get("Apigw-Requestid"), DomainName: "127.0.0.1", DomainPrefix: "127",
			Time: e.RequestContext.Time, TimeEpoch: e.RequestContext.TimeEpoch,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/open/ann@acme.test", Protocol: "HTTP/1.1", SourceIP: "127.0.0.1", UserAgent: "tester",
			},
		},
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", e.RequestContext.Time)
	if err != nil || at.Unix() != e.RequestContext.TimeEpoch/1000 || time.Since(at) > time.Minute {
		t.Errorf("time %q, timeEpoch %d: %v", e.RequestContext.Time, e.RequestContext.TimeEpoch, err)
	}
}

func TestBodiesThatAreNoTextComeInBase64(t *testing.T) {
	s, given := web(t, nil)
	for name, c := range map[string]struct {
		contentType, body, want string
		encoded                 bool
	}{
		"JSON":              {"application/json", "{}", "{}", false},
		"text":              {"text/csv", "a,b", "a,b", false},
		"no type":           {"", "plain", "plain", false},
		"form":              {"application/x-www-form-urlencoded", "a=b", "YT1i", true},
		"binary":            {"application/octet-stream", "\x00\xff", "AP8=", true},
		"JSON in no UTF-8":  {"application/json", "\xff", "/w==", true},
		"nothing at all":    {"application/octet-stream", "", "", false},
		"problem documents": {"application/problem+json", "{}", "e30=", true},
	} {
		headers := http.Header{}
		if c.contentType != "" {
			headers.Set("Content-Type", c.contentType)
		}
		s.call(http.MethodPost, "/open/x", c.body, headers)
		if e := next(t, given); e.Body != c.want || e.IsBase64Encoded != c.encoded {
			t.Errorf("%s: body %q, isBase64Encoded %t", name, e.Body, e.IsBase64Encoded)
		}
	}
}

func TestTheMostSpecificRouteIsTaken(t *testing.T) {
	s, given := web(t, func(c *apigateway.Config) {
		c.Template.Routes = nil
		for _, key := range []string{
			"ANY /{proxy+}", "GET /a/{b}", "GET /a/{b}/c", "ANY /a/b", "GET /a/b", "GET /a/{rest+}", "GET /a/{b}/{d}", "GET /end/",
		} {
			method, path, _ := strings.Cut(key, " ")
			c.Template.Routes = append(c.Template.Routes, template.Route{Method: method, Path: path, Function: "web", Open: true})
		}
	})
	for _, c := range []struct{ method, path, route string }{
		{"GET", "/a/b", "GET /a/b"},
		{"PUT", "/a/b", "ANY /a/b"},
		{"GET", "/a/x", "GET /a/{b}"},
		{"PUT", "/a/x", "ANY /{proxy+}"},
		{"GET", "/a/x/c", "GET /a/{b}/c"},
		{"GET", "/a/x/y", "GET /a/{b}/{d}"},
		{"GET", "/a/x/y/z", "GET /a/{rest+}"},
		{"GET", "/end/", "GET /end/"},
		{"GET", "/end", "ANY /{proxy+}"},
		{"GET", "/a%2Fb", "GET /a/b"}, // decoded before the route is looked for
	} {
		s.call(c.method, c.path, "", nil)
		if got := next(t, given).RouteKey; got != c.route {
			t.Errorf("%s %s took %s, want %s", c.method, c.path, got, c.route)
		}
	}
}

func TestAGreedyParameterTakesTheRestOfThePath(t *testing.T) {
	s, given := web(t, func(c *apigateway.Config) {
		c.Template.Routes = []template.Route{
			{Method: "GET", Path: "/files/{rest+}", Function: "web", Open: true}, {Function: "web", Open: true},
		}
	})
	s.call(http.MethodGet, "/files/a/b%20c", "", nil)
	if got := next(t, given).PathParameters; got["rest"] != "a/b c" {
		t.Errorf("parameters %v", got)
	}
	s.call(http.MethodGet, "/files/", "", nil)
	if got := next(t, given).RouteKey; got != "$default" {
		t.Errorf("took %s, want $default", got)
	}
}

func TestWithoutARouteARequestIsNotFound(t *testing.T) {
	s, given := web(t, nil)
	for _, c := range [][2]string{{"GET", "/"}, {"GET", "/nowhere"}, {"DELETE", "/kept"}, {"GET", "/open/"}, {"GET", "/open/a/b"}, {"GET", "/kept/"}} {
		got := s.call(c[0], c[1], "", nil)
		if got.status != http.StatusNotFound || got.body != `{"message":"Not Found"}` {
			t.Errorf("%v answered %d %s", c, got.status, got.body)
		}
	}
	none(t, given)
}

func TestTheJWTAuthorizerWantsAValidBearer(t *testing.T) {
	s, given := web(t, nil)
	mint := func(age time.Duration) string {
		token, err := s.issuer.Mint("tenant_admin", "acme", time.Minute, time.Now().Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for name, header := range map[string]string{
		"none": "", "empty": "Bearer ", "another scheme": "Basic YTpi", "no token": "Bearer abc", "expired": "Bearer " + mint(time.Hour),
	} {
		got := s.call(http.MethodGet, "/kept", "", http.Header{"Authorization": {header}})
		if got.status != http.StatusUnauthorized || got.body != `{"message":"Unauthorized"}` ||
			!strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: answered %d %s %v", name, got.status, got.body, got.header)
		}
	}
	for _, headers := range [][]string{{mint(0), mint(0)}, {"Bearer " + mint(0), "Bearer abc"}, {"Bearer abc", "Bearer " + mint(0)}} {
		if got := s.call(http.MethodGet, "/kept", "", http.Header{"Authorization": headers}); got.status != http.StatusUnauthorized {
			t.Errorf("%d headers at once: answered %d", len(headers), got.status)
		}
	}
	none(t, given)
	for _, header := range []string{"Bearer " + mint(0), "bearer " + mint(0), mint(0)} {
		s.call(http.MethodGet, "/kept", "", http.Header{"Authorization": {header}})
		e := next(t, given)
		if e.RequestContext.Authorizer == nil || e.RequestContext.Authorizer.JWT.Claims["tenant"] != "acme" ||
			e.RequestContext.Authorizer.JWT.Claims["role"] != "tenant_admin" || e.RequestContext.Authorizer.JWT.Claims["exp"] == "" {
			t.Errorf("authorizer %+v", e.RequestContext.Authorizer)
		}
	}
}

func TestAnOpenRouteIgnoresBearers(t *testing.T) {
	s, given := web(t, nil)
	s.call(http.MethodGet, "/open/x", "", http.Header{"Authorization": {"Bearer nonsense"}})
	if e := next(t, given); e.RequestContext.Authorizer != nil {
		t.Errorf("authorizer %+v", e.RequestContext.Authorizer)
	}
}

func TestTheFunctionsResponseIsTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		status   int
		body     string
		headers  http.Header
	}{
		"plain":          {`{"statusCode":201,"body":"made","headers":{"content-type":"text/csv","x-a":"1"}}`, 201, "made", http.Header{"Content-Type": {"text/csv"}, "X-A": {"1"}}},
		"no type":        {`{"statusCode":200,"body":"a"}`, 200, "a", http.Header{"Content-Type": {"text/plain;charset=UTF-8"}}},
		"empty":          {`{"statusCode":204}`, 204, "", nil},
		"base64":         {`{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`, 200, "\x00\xff", nil},
		"cookies":        {`{"statusCode":200,"cookies":["a=1","b=2; Secure"]}`, 200, "", http.Header{"Set-Cookie": {"a=1", "b=2; Secure"}}},
		"many values":    {`{"statusCode":303,"headers":{"location":"/x"},"multiValueHeaders":{"x-a":["1","2"]}}`, 303, "", http.Header{"Location": {"/x"}, "X-A": {"1", "2"}}},
		"wrong length":   {`{"statusCode":200,"body":"abc","headers":{"Content-Length":"1"}}`, 200, "abc", nil},
		"bare object":    {`{"a":1}`, 200, `{"a":1}`, http.Header{"Content-Type": {"application/json"}}},
		"bare text":      {`"hello"`, 200, "hello", http.Header{"Content-Type": {"application/json"}}},
		"not JSON":       {`hello`, 500, `{"message":"Internal Server Error"}`, nil},
		"odd status":     {`{"statusCode":"two"}`, 500, `{"message":"Internal Server Error"}`, nil},
		"low status":     {`{"statusCode":99}`, 500, `{"message":"Internal Server Error"}`, nil},
		"high status":    {`{"statusCode":600}`, 500, `{"message":"Internal Server Error"}`, nil},
		"null status":    {`{"statusCode":null}`, 500, `{"message":"Internal Server Error"}`, nil},
		"body no text":   {`{"statusCode":200,"body":{"a":1}}`, 500, `{"message":"Internal Server Error"}`, nil},
		"body no base64": {`{"statusCode":200,"body":"%","isBase64Encoded":true}`, 500, `{"message":"Internal Server Error"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, functions{"web": raw(c.response)}, nil)
			got := s.call(http.MethodGet, "/open/x", "", nil)
			if got.status != c.status || got.body != c.body {
				t.Errorf("answered %d %q, want %d %q", got.status, got.body, c.status, c.body)
			}
			for name, want := range c.headers {
				if diff := cmp.Diff(want, got.header[name]); diff != "" {
					t.Errorf("%s (-want +got)\n%s", name, diff)
				}
			}
		})
	}
}

func TestAFunctionThatFailsIsAnInternalServerError(t *testing.T) {
	for name, handler := range map[string]lambda.Handler{
		"error":    failing("secret"),
		"panic":    lambda.NewHandler(func() error { panic("secret") }),
		"too long": raw(`{"statusCode":200,"body":"` + strings.Repeat("a", 6<<20) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, functions{"web": handler}, nil)
			got := s.call(http.MethodGet, "/open/x", "", nil)
			if got.status != http.StatusInternalServerError || got.body != `{"message":"Internal Server Error"}` {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

func TestAFunctionThatIsTooSlowIsUnavailable(t *testing.T) {
	finish := make(chan struct{})
	s := start(t, functions{"web": lambda.NewHandler(func(ctx context.Context) error {
		<-finish
		return ctx.Err()
	})}, func(c *apigateway.Config) { c.Limits.HTTPTimeout = 50 * time.Millisecond })
	got := s.call(http.MethodGet, "/open/x", "", nil)
	close(finish)
	if got.status != http.StatusServiceUnavailable || got.body != `{"message":"Service Unavailable"}` {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}

func TestRequestsOverTheLimitsReachNoFunction(t *testing.T) {
	s, given := web(t, nil)
	for name, c := range map[string]struct {
		path, body string
		headers    http.Header
		status     int
		message    string
	}{
		"body":    {"/open/x", strings.Repeat("a", 10<<20+1), nil, 413, `{"message":"Request Entity Too Large"}`},
		"headers": {"/open/x", "", http.Header{"X-Long": {strings.Repeat("a", 10_240)}}, 431, `{"message":"Request Header Fields Too Large"}`},
		"path":    {"/open/" + strings.Repeat("a", 10_240), "", nil, 431, `{"message":"Request Header Fields Too Large"}`},
		"query":   {"/open/x?" + strings.Repeat("a", 10_240), "", nil, 431, `{"message":"Request Header Fields Too Large"}`},
	} {
		got := s.call(http.MethodPost, c.path, c.body, c.headers)
		if got.status != c.status || got.body != c.message {
			t.Errorf("%s: answered %d %s", name, got.status, got.body)
		}
	}
	none(t, given)
}

func TestTheIssuersKeysAreServedBesideTheAPI(t *testing.T) {
	s := start(t, nil, nil)
	got := s.call(http.MethodGet, "/.issuer/.well-known/jwks.json", "", nil)
	if got.status != http.StatusOK || got.body != string(s.issuer.JWKS()) {
		t.Errorf("answered %d %s", got.status, got.body)
	}
}
