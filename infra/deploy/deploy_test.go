package deploy

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/smoke"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// bench is a machine with aws and sam, an account, and an issuer.
type bench struct {
	request Request
	// answers are what aws prints, by its first two words; without one it fails.
	answers map[string]string
	// issued are the issuer's documents, by path. ISSUER stands for its URL.
	issued map[string]string
	issuer *httptest.Server
	shown  []string
	tried  []smoke.Target
	failed error
	out    bytes.Buffer
}

const (
	certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
	key         = "arn:aws:kms:eu-central-1:123456789012:key/1"
	policy      = "arn:aws:iam::123456789012:policy/bound"
	topic       = "arn:aws:sns:eu-central-1:123456789012:night"
	stream      = "arn:aws:dynamodb:eu-central-1:123456789012:table/old-ledger/stream/1"
)

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		answers: map[string]string{
			"sts get-caller-identity":        `{"Account":"123456789012"}`,
			"cloudformation describe-stacks": `{"Stacks":[{"StackStatus":"UPDATE_COMPLETE","Parameters":[],"Outputs":[{"OutputKey":"HttpUrl","OutputValue":"https://h"},{"OutputKey":"WebSocketUrl","OutputValue":"wss://w/live"}]}]}`,
			"lambda get-account-settings":    `{"AccountLimit":{"ConcurrentExecutions":1000}}`,
			"dynamodb describe-limits":       `{"TableMaxWriteCapacityUnits":40000,"TableMaxReadCapacityUnits":40000}`,
			"acm describe-certificate":       `{"Certificate":{"Status":"ISSUED","SubjectAlternativeNames":["*.example.com"]}}`,
			"kms describe-key":               `{"KeyMetadata":{"Enabled":true,"KeySpec":"SYMMETRIC_DEFAULT"}}`,
			"iam get-policy":                 `{"Policy":{}}`,
			"sns get-topic-attributes":       `{"Attributes":{}}`,
			"apigateway get-account":         `{"cloudwatchRoleArn":"arn:aws:iam::123456789012:role/logs"}`,
			"dynamodb describe-table":        `{"Table":{"TableStatus":"ACTIVE","LatestStreamArn":"` + stream + `","StreamSpecification":{"StreamViewType":"NEW_AND_OLD_IMAGES"}}}`,
		},
		issued: map[string]string{
			"/.well-known/openid-configuration": `{"issuer":"ISSUER","jwks_uri":"ISSUER/keys"}`,
			"/keys":                             `{"keys":[{"kty":"EC"},{"kty":"RSA","use":"sig"}]}`,
		},
	}
	b.issuer = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := b.issued[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(document, "ISSUER", b.issuer.URL))
	}))
	t.Cleanup(b.issuer.Close)
	b.request = Request{
		Root: "../..", Stack: "seatmeter", Region: "eu-central-1", Shift: AllAtOnce,
		Parameters: []string{"Issuer=" + b.issuer.URL, "Audience=seats"},
	}
	b.request.Token = b.token(nil)
	return b
}

// token is a bearer, with some claims of its own.
func (b *bench) token(claims map[string]any) string {
	all := map[string]any{"iss": b.issuer.URL, "aud": []string{"seats"}, "role": "vendor", "exp": noon.Add(time.Hour).Unix()}
	for name, value := range claims {
		all[name] = value
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return "head." + base64.RawURLEncoding.EncodeToString(text) + ".seal"
}

func (b *bench) run(_ context.Context, words ...string) ([]byte, error) {
	if words[0] == "sam" {
		return []byte("SAM CLI, version 1.170.0"), nil
	}
	answer, ok := b.answers[words[1]+" "+words[2]]
	if !ok {
		return nil, fmt.Errorf("%s %s: not there", words[1], words[2])
	}
	if after, refused := strings.CutPrefix(answer, "error: "); refused {
		return nil, errors.New(after)
	}
	return []byte(answer), nil
}

func (b *bench) do(t *testing.T) error {
	t.Helper()
	return Do(t.Context(), b.request, Tools{
		Run: b.run, Web: b.issuer.Client(), Out: &b.out, Now: func() time.Time { return noon },
		Show: func(_ context.Context, words ...string) error {
			b.shown = append(b.shown, strings.Join(words, " "))
			return b.failed
		},
		Smoke: func(_ context.Context, target smoke.Target, _ io.Writer) error {
			b.tried = append(b.tried, target)
			return nil
		},
	})
}

func (b *bench) give(parameters ...string) {
	b.request.Parameters = append(b.request.Parameters, parameters...)
}

// Each names the wrong value and the right ones.
func TestEveryWrongInputIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	given := func(parameters ...string) func(*bench) { return func(b *bench) { b.give(parameters...) } }
	answered := func(words, answer string, parameters ...string) func(*bench) {
		return func(b *bench) { b.answers[words] = answer; b.give(parameters...) }
	}
	bearer := func(name string, value any) func(*bench) {
		return func(b *bench) { b.request.Token = b.token(map[string]any{name: value}) }
	}
	for name, c := range map[string]struct {
		change func(*bench)
		says   []string
	}{
		"stack":              {func(b *bench) { b.request.Stack = "9 lives" }, []string{`--stack is "9 lives": it has to begin with a letter`}},
		"region":             {func(b *bench) { b.request.Region = "frankfurt" }, []string{`--region is "frankfurt": it has to be a Region such as eu-central-1`}},
		"tag":                {func(b *bench) { b.request.Tags = []string{"cost centre"} }, []string{`--tag is "cost centre": it has to be Name=Value`}},
		"shift":              {func(b *bench) { b.request.Shift = "Slowly" }, []string{`--shift is "Slowly": it has to be one of AllAtOnce, Canary`}},
		"no parameter":       {given("Issuer"), []string{`"Issuer" is no parameter: it has to be Name=Value`}},
		"twice":              {given("Audience=b"), []string{`Audience is given twice, as "seats" and "b"`}},
		"unknown":            {given("Isuer=x"), []string{`Isuer="x": there is no such parameter; there are AlarmEmail, AlarmTopicArn`}},
		"missing":            {func(b *bench) { b.request.Parameters = b.request.Parameters[:1] }, []string{`Audience is not given`}},
		"empty":              {func(b *bench) { b.request.Parameters[1] = "Audience=" }, []string{`Audience is "": it has to be of 1 characters or more`}},
		"too small":          {given("JoinsPerSecond=0"), []string{`JoinsPerSecond is "0": it has to be a whole number from 1 to 1000000`}},
		"too large":          {given("CloseAfterDays=28"), []string{`CloseAfterDays is "28": it has to be a whole number from 0 to 27`}},
		"kept too shortly":   {given("RetentionDays=399"), []string{`RetentionDays is "399": it has to be 0, or a whole number from 400 to 9999`}},
		"no number":          {given("CallsPerSecond=many"), []string{`CallsPerSecond is "many": it has to be a whole number`}},
		"stage":              {given("StageName=a/b"), []string{`StageName is "a/b": it has to be letters, digits, - and _`}},
		"claim":              {given("RoleClaim=my role"), []string{`RoleClaim is "my role": it has to be the name of a claim`}},
		"token origin":       {given("TokenOrigin=https://a/b"), []string{`TokenOrigin is "https://a/b": it has to be an https URL without a path`}},
		"http issuer":        {func(b *bench) { b.request.Parameters[0] = "Issuer=http://a" }, []string{`Issuer is "http://a": it has to be an https URL`}},
		"domain alone":       {given("HttpDomain=api.example.com"), []string{`HttpCertificateArn is "", HttpDomain is "api.example.com": HttpDomain and HttpCertificateArn go together`}},
		"certificate alone":  {given("WebSocketCertificateArn=" + certificate), []string{`WebSocketDomain is "": WebSocketDomain and WebSocketCertificateArn go together`}},
		"domain":             {given("HttpDomain=https://api.example.com", "HttpCertificateArn="+certificate), []string{`HttpDomain is "https://api.example.com": it has to be a domain name`}},
		"no ARN":             {given("HttpDomain=api.example.com", "HttpCertificateArn=mine"), []string{`HttpCertificateArn is "mine": it has to be the ARN of a certificate`}},
		"an alias of a key":  {given("KmsKeyArn=alias/mine"), []string{`KmsKeyArn is "alias/mine": it has to be the ARN of a key (not of an alias)`}},
		"boundary":           {given("PermissionsBoundaryArn=mine"), []string{`PermissionsBoundaryArn is "mine": it has to be the ARN of a policy`}},
		"ledger alone":       {given("LedgerTableName=old-ledger"), []string{`LedgerTableName needs LedgerStreamArn`}},
		"bounded shift":      {func(b *bench) { b.give("PermissionsBoundaryArn=" + policy); b.request.Shift = Shifts[1] }, []string{`one of the two has to be left out`}},
		"no credentials":     {func(b *bench) { delete(b.answers, "sts get-caller-identity") }, []string{`the command aws has to have credentials`}},
		"stack not readable": {answered("cloudformation describe-stacks", "error: AccessDenied"), []string{`--stack is "seatmeter": it has to be readable`}},
		"stack of a failure": {answered("cloudformation describe-stacks", `{"Stacks":[{"StackStatus":"ROLLBACK_COMPLETE"}]}`), []string{`--stack is "seatmeter", whose status is ROLLBACK_COMPLETE`}},
		"stack at work":      {answered("cloudformation describe-stacks", `{"Stacks":[{"StackStatus":"UPDATE_IN_PROGRESS"}]}`), []string{`whose status is UPDATE_IN_PROGRESS`}},
		"executions":         {answered("lambda get-account-settings", `{"AccountLimit":{"ConcurrentExecutions":10}}`, "ReportProcesses=2"), []string{`ReportProcesses is 2, and the account has 10 concurrent executions in eu-central-1: there have to be 104`}},
		"warm throughput":    {given("WarmWriteUnitsPerSecond=50000"), []string{`WarmWriteUnitsPerSecond is 50000: it has to be at most 40000`}},
		"certificate's Region": {
			given("HttpDomain=api.example.com", "HttpCertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/1"),
			[]string{`it has to be of the stack's Region, eu-central-1`},
		},
		"certificate pending": {
			answered("acm describe-certificate", `{"Certificate":{"Status":"PENDING_VALIDATION"}}`, "HttpDomain=api.example.com", "HttpCertificateArn="+certificate),
			[]string{`whose status is PENDING_VALIDATION: it has to be ISSUED`},
		},
		"certificate of another": {given("HttpDomain=api.example.org", "HttpCertificateArn="+certificate), []string{`a certificate for ["*.example.com"]: it has to be one for api.example.org`}},
		"key disabled":           {answered("kms describe-key", `{"KeyMetadata":{"KeySpec":"SYMMETRIC_DEFAULT"}}`, "KmsKeyArn="+key), []string{`enabled: false`}},
		"key for signatures":     {answered("kms describe-key", `{"KeyMetadata":{"Enabled":true,"KeySpec":"RSA_2048"}}`, "KmsKeyArn="+key), []string{`of the kind RSA_2048: it has to be enabled, and symmetric`}},
		"no such policy":         {answered("iam get-policy", "error: NoSuchEntity", "PermissionsBoundaryArn="+policy), []string{`it has to be a policy that is there: NoSuchEntity`}},
		"days of logs":           {given("LogRetentionDays=45"), []string{`LogRetentionDays is "45": it has to be one of 1, 3, 5`}},
		"topic's Region":         {given("AlarmTopicArn=arn:aws:sns:us-east-1:123456789012:night"), []string{`it has to be of the stack's Region, eu-central-1`}},
		"no such topic":          {answered("sns get-topic-attributes", "error: NotFound", "AlarmTopicArn="+topic), []string{`AlarmTopicArn is "` + topic + `": it has to be a topic that is there: NotFound`}},
		"no role for logs":       {answered("apigateway get-account", `{}`, "WebSocketAccessLogs=true"), []string{`WebSocketAccessLogs is "true", and API Gateway has no role to write logs by`}},
		"no such table":          {answered("dynamodb describe-table", "error: ResourceNotFoundException", "LiveTableName=gone"), []string{`LiveTableName is "gone": it has to be a table that is there`}},
		"another stream":         {given("LedgerTableName=old-ledger", "LedgerStreamArn=arn:2"), []string{`LedgerStreamArn is "arn:2": it has to be "` + stream + `"`}},
		"issuer not there":       {func(b *bench) { clear(b.issued) }, []string{`/.well-known/openid-configuration has to be readable, and is not: answered 404`}},
		"issuer of another name": {func(b *bench) { b.request.Parameters[0] += "/" }, []string{`it has to be "https://127.0.0.1:`, `to the letter`}},
		"issuer without RSA":     {func(b *bench) { b.issued["/keys"] = `{"keys":[{"kty":"EC","use":"sig"},{"kty":"RSA","use":"enc"}]}` }, []string{`whose keys are of the types ["EC sig" "RSA enc"]: one has to be an RSA key for signatures`}},
		"issuer without keys":    {func(b *bench) { delete(b.issued, "/keys") }, []string{`/keys have to be readable`}},
		"no bearer":              {func(b *bench) { b.request.Token = "abc" }, []string{`it has to be a vendor's access token of the issuer`}},
		"another issuer's":       {bearer("iss", "https://other"), []string{`the bearer's iss is "https://other": it has to be Issuer`}},
		"another audience's":     {bearer("aud", "other"), []string{`the bearer's audience is ["other"]: it has to have Audience, "seats"`}},
		"a finance's":            {bearer("role", "finance"), []string{`the bearer's claim role is ["finance"]: it has to be vendor`}},
		"expired":                {bearer("exp", noon.Unix()), []string{`the bearer is good until 2026-11-30T12:00:00Z: it has to be good for 15m0s more`}},
		"many at once":           {given("CallsPerSecond=0", "HttpDomain=api.example.com"), []string{`CallsPerSecond is "0"`, `go together`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c.change(b)
			if err := b.do(t); !errors.Is(err, ErrRefused) {
				t.Fatalf("%v, and it printed:\n%s", err, &b.out)
			}
			for _, says := range c.says {
				if !strings.Contains(b.out.String(), says) {
					t.Errorf("it does not say %q:\n%s", says, &b.out)
				}
			}
			if len(b.shown) > 0 || len(b.tried) > 0 {
				t.Errorf("it ran %q", b.shown)
			}
		})
	}
}

func TestADeploymentGivesEveryParameterAndIsTried(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.answers["cloudformation describe-stacks"] = strings.Replace(b.answers["cloudformation describe-stacks"],
		`"Parameters":[]`, `"Parameters":[{"ParameterKey":"JoinsPerSecond","ParameterValue":"7"},{"ParameterKey":"CallsPerSecond","ParameterValue":"8"},{"ParameterKey":"Gone","ParameterValue":"1"}]`, 1)
	b.give("CallsPerSecond=9", "ConsoleScope=openid seats")
	b.request.Tags = []string{"team=licensing and billing"}
	if err := b.do(t); err != nil {
		t.Fatalf("%v\n%s", err, &b.out)
	}
	if len(b.shown) != 3 || b.shown[0] != "./scripts/build" || !strings.HasSuffix(b.shown[1], "sam build") {
		t.Fatalf("it ran %q", b.shown)
	}
	for _, part := range []string{
		"sam deploy --template-file .aws-sam/build/template.yaml --stack-name seatmeter --region eu-central-1",
		`Issuer="` + b.issuer.URL + `"`, `Audience="seats"`, `CallsPerSecond="9"`, `JoinsPerSecond="7"`, `StageName="live"`,
		`ConsoleScope="openid seats"`, `KmsKeyArn=""`, `--tags "team"="licensing and billing"`,
	} {
		if !strings.Contains(b.shown[2], part) {
			t.Errorf("%s lacks %s", b.shown[2], part)
		}
	}
	if strings.Contains(b.shown[2], "Gone") {
		t.Error("a parameter that the template has no more is given")
	}
	if want := (smoke.Target{HTTP: "https://h", WebSocket: "wss://w/live", Token: b.request.Token}); !slices.Equal(b.tried, []smoke.Target{want}) {
		t.Errorf("tried %v, want %v", b.tried, want)
	}
}

func TestCheckingOnlyBuildsAndDeploysNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.request.CheckOnly = true
	delete(b.answers, "sts get-caller-identity") // may be missing then
	if err := b.do(t); err != nil || len(b.shown) != 2 || len(b.tried) != 0 || !strings.Contains(b.out.String(), "Not checked, since there are no credentials") {
		t.Errorf("%v, having run %q, and printed:\n%s", err, b.shown, &b.out)
	}
}

func TestABuildThatFailsDeploysNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.failed = errors.New("exit status 1")
	if err := b.do(t); !errors.Is(err, ErrRefused) || len(b.shown) != 1 || len(b.tried) != 0 {
		t.Errorf("%v, having run %q", err, b.shown)
	}
}

func TestWithoutABearerItIsDeployedAndSaysHowToTryIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.request.Token = ""
	if err := b.do(t); err != nil || len(b.shown) != 3 || len(b.tried) != 0 || !strings.Contains(b.out.String(), "./scripts/smoke --http https://h --websocket wss://w/live") {
		t.Errorf("%v, having run %q, and printed:\n%s", err, b.shown, &b.out)
	}
}

func TestEveryRuleOfTheTemplateIsEvaluated(t *testing.T) {
	t.Parallel()
	template, err := ReadTemplate("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := template.defaults()
	values["Issuer"], values["Audience"] = "https://a", "b"
	if wrong := template.check(values); len(wrong) > 0 {
		t.Errorf("the defaults are wrong: %q", wrong)
	}
	for name, r := range template.Rules {
		broken := false
		for _, parameter := range named(&r.Condition, nil) {
			changed := Values{}
			for n, v := range values {
				changed[n] = v
			}
			changed[parameter] = "given"
			broken = broken || len(r.check(changed)) > 0
		}
		if !broken {
			t.Errorf("no single parameter breaks %s", name)
		}
	}
}

func TestAShiftIsByAliasesOfANewVersion(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changed, err := gradual(text, "Canary10Percent5Minutes", "abc")
	if err != nil {
		t.Fatal(err)
	}
	functions := strings.Count(string(text), "\n    Type: AWS::Serverless::Function\n")
	for part, times := range map[string]int{
		"AutoPublishAlias: live": 1, "AutoPublishCodeSha256: abc": functions, "Type: Canary10Percent5Minutes": functions,
		"Ref: ConnectFunction.Alias": 1, "Ref: DisconnectFunction.Alias": 1, "Ref: MessageFunction.Alias": 1, "Ref: AuthorizeFunction.Alias": 1,
	} {
		if got := strings.Count(string(changed), part); got != times {
			t.Errorf("%s %d times, want %d", part, got, times)
		}
	}
}

func TestAFunctionsShiftWatchesItsAlarmsAndTheAPIs(t *testing.T) {
	t.Parallel()
	const text = `
Globals: {Function: {Timeout: 1}}
Resources:
  AFunction: {Type: AWS::Serverless::Function, Properties: {}}
  BFunction: {Type: AWS::Serverless::Function, Properties: {}}
  OfA: {Type: AWS::CloudWatch::Alarm, Properties: {Dimensions: [{Value: {Ref: AFunction}}]}}
  OfB: {Type: AWS::CloudWatch::Alarm, Properties: {Dimensions: [{Value: {Fn::Sub: "${BFunction}"}}]}}
  OfAPI: {Type: AWS::CloudWatch::Alarm, Properties: {Dimensions: [{Value: {Ref: HttpApi}}]}}
  OfBsMetric: {Type: AWS::CloudWatch::Alarm, Properties: {Dimensions: [{Name: function, Value: b}]}}
  OfTable: {Type: AWS::CloudWatch::Alarm, Properties: {Dimensions: [{Value: {Ref: LiveTable}}]}}
`
	changed, err := gradual([]byte(text), "AllAtOnce", "1")
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(string(changed)), " ")
	for _, want := range []string{"Alarms: [{Ref: OfA}, {Ref: OfAPI}]", "Alarms: [{Ref: OfB}, {Ref: OfAPI}, {Ref: OfBsMetric}]"} {
		if !strings.Contains(flat, want) && !strings.Contains(flat, strings.NewReplacer("[{", "- ", "}, {", " - ", "}]", "").Replace(want)) {
			t.Errorf("no %s in:\n%s", want, changed)
		}
	}
}

// SAM publishes no new version for a changed parameter by itself.
func TestANewVersionIsOneOfOtherCodeOrParameters(t *testing.T) {
	t.Parallel()
	of := func(code string, values Values) string {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "F"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "F", "bootstrap"), []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		v, err := version(dir, values)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	now := of("code", Values{"A": "1"})
	if again := of("code", Values{"A": "1"}); again != now {
		t.Error("the same code and parameters are a new version")
	}
	for name, other := range map[string]string{"code": of("other", Values{"A": "1"}), "a parameter": of("code", Values{"A": "2"})} {
		if other == now {
			t.Errorf("another value of %s is no new version", name)
		}
	}
}
