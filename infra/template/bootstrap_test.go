package template_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"go.yaml.in/yaml/v4"

	"seatmeter/infra/local/bootstrap"
	"seatmeter/infra/local/buckets"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/rate"
)

// answer is what a function is expected to make of its event.
type answer struct {
	event string // a file in testdata
	// status of its answer; 0: it fails, with the message.
	status  int
	message string
	// silent: nobody waits for an answer, and it gives none.
	silent bool
}

// One event for each function. All tables are empty, so nobody's tenant is there.
var answers = map[string]answer{
	"authorize":   {event: "connect-without-token.json", message: "Unauthorized"},
	"connect":     {event: "connect.json", status: http.StatusNotFound},
	"disconnect":  {event: "disconnect.json", status: http.StatusOK},
	"message":     {event: "ping.json", status: http.StatusOK},
	"licenses":    {event: "list-tenants.json", status: http.StatusOK},
	"hosts":       {event: "list-hosts.json", status: http.StatusNotFound},
	"conferences": {event: "list-conferences.json", status: http.StatusNotFound},
	"usage":       {event: "get-usage.json", status: http.StatusNotFound},
	"console":     {event: "healthz.json", status: http.StatusOK},
	"statements":  {event: "list-statements.json", status: http.StatusNotFound},
	"signals":     {event: "list-webhooks.json", status: http.StatusNotFound},
	"queue":       {event: "every-minute.json", silent: true},
	"reconcile":   {event: "every-minute.json", silent: true},
	"rollup":      {event: "every-minute.json", silent: true},
}

// Each binary is built as sam builds it, but for this machine, and is given the environment that the
// template gives it and no other.
func TestEachBootstrapAnswersARealEvent(t *testing.T) {
	if os.Getenv("SEATMETER_TEST_STORE") == "memory" {
		t.Skip("told to do without DynamoDB, which the functions run on")
	}
	database, err := engine.Start(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Stop)
	read, err := template.Read(templateFile)
	if err != nil {
		t.Fatal(err)
	}
	made := createTables(t, database.Endpoint, read.Tables)
	binaries := build(t)
	secrets := httptest.NewServer(http.HandlerFunc(secretValue))
	defer secrets.Close()
	// The management API, where no connection is open.
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "GoneException")
		w.WriteHeader(http.StatusGone)
	}))
	defer gateway.Close()

	for name, function := range functions(t) {
		t.Run(name, func(t *testing.T) {
			want, ok := answers[name]
			if !ok {
				t.Fatal("the template has this function, and answers no event for it")
			}
			environment := environment(t, name, function, made, endpoints{database.Endpoint, secrets.URL, gateway.URL, "wss://a1b2c3.example.com/live"})
			event, err := os.ReadFile(filepath.Join("testdata", want.event))
			if err != nil {
				t.Fatal(err)
			}
			want.check(t, invoke(t, filepath.Join(binaries, name), environment, event, patience))
		})
	}
}

// patience is how long a function may take for one event, from its start.
const patience = 20 * time.Second

// Clients are told that they may try again, and are not left to the gateway's
// own time-out.
func TestAJoinIsAnsweredInTimeWhileDynamoDBHangs(t *testing.T) {
	// Whoever connects waits to be accepted, and nobody is.
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	hanging := "http://" + listener.Addr().String()
	secrets := httptest.NewServer(http.HandlerFunc(secretValue))
	defer secrets.Close()
	event, err := os.ReadFile(filepath.Join("testdata", answers["connect"].event))
	if err != nil {
		t.Fatal(err)
	}
	connect := functions(t)["connect"]
	given := environment(t, "connect", connect, tables.Tables{}, endpoints{hanging, secrets.URL, hanging, ""})
	got := invoke(t, filepath.Join(build(t), "connect"), given, event, gatewayPatience)
	answer{status: http.StatusServiceUnavailable}.check(t, got)
}

// gatewayPatience is how long API Gateway waits, and the template's functions
// behind it may run.
const gatewayPatience = 28 * time.Second

// endpoints are where a function finds AWS's services.
type endpoints struct{ database, secrets, gateway, webSocket string }

// environment is what the template gives a function, and Lambda.
func environment(t *testing.T, name string, of resource, made tables.Tables, endpoints endpoints) []string {
	t.Helper()
	list := []string{
		"AWS_REGION=local", "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local",
		"AWS_ENDPOINT_URL_DYNAMODB=" + endpoints.database,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + endpoints.secrets,
		"AWS_LAMBDA_FUNCTION_NAME=" + name, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_LOG_FORMAT=JSON",
	}
	each(at(document(t), "Globals", "Function", "Environment", "Variables"), func(variable string, value *yaml.Node) {
		list = append(list, variable+"="+resolve(t, texts(t, *value)[0], made, endpoints))
	})
	for variable, value := range of.Properties.Environment.Variables {
		list = append(list, variable+"="+resolve(t, texts(t, value)[0], made, endpoints))
	}
	return list
}

func (want answer) check(t *testing.T, got outcome) {
	t.Helper()
	if want.status == 0 && !want.silent {
		if got.err == nil || got.err.Error() != want.message {
			t.Errorf("%s (%v), want the error %q; it logged:\n%s", got.payload, got.err, want.message, got.log)
		}
		return
	}
	if got.err != nil {
		t.Fatalf("%v; it logged:\n%s", got.err, got.log)
	}
	if want.silent {
		if string(bytes.TrimSpace(got.payload)) != "null" {
			t.Errorf("%s, want the response null; it logged:\n%s", got.payload, got.log)
		}
		return
	}
	var body struct {
		StatusCode int `json:"statusCode"`
	}
	if err := json.Unmarshal(got.payload, &body); err != nil {
		t.Fatalf("the response is not JSON: %s", got.payload)
	}
	if body.StatusCode != want.status {
		t.Errorf("%s, want status %d; it logged:\n%s", got.payload, want.status, got.log)
	}
}

// outcome is what a function answered, and what it logged.
type outcome struct {
	payload []byte
	err     error
	log     string
}

// invoke starts a bootstrap and hands it one event.
func invoke(t *testing.T, path string, environment []string, event []byte, patience time.Duration) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var log bytes.Buffer
	process, err := bootstrap.Start(path, environment, &log)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := process.Invoke(ctx, event)
	process.Stop()
	return outcome{payload, err, log.String()}
}

// build makes a binary of each function, named as its folder is.
func build(t *testing.T) string {
	t.Helper()
	into := t.TempDir()
	if err := bootstrap.Build(t.Context(), filepath.Dir(templateFile), into); err != nil {
		t.Fatal(err)
	}
	return into
}

// resolve gives an environment variable's value as CloudFormation would.
func resolve(t *testing.T, value string, made tables.Tables, at endpoints) string {
	t.Helper()
	const api = "${WebSocketApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${StageName}"
	switch value {
	case "!Ref JoinsPerSecond", "!Ref CallsPerSecond":
		return strconv.Itoa(rate.DefaultPerSecond)
	case "!Ref Issuer", "!Sub https://${ExportsBucket}.s3.${AWS::Region}.${AWS::URLSuffix}":
		return "https://a1b2c3.example.com"
	case "!Ref RoleClaim":
		return "role"
	case "!Ref TenantClaim":
		return "tenant"
	case "!Ref ConsoleScope":
		return "openid"
	case "!Ref ConsoleClientId", "!Ref TokenOrigin", "!Ref EventBus":
		return "" // their defaults
	case "!Ref JoinTokenSecret", "!Ref CursorSecret":
		return "arn:aws:secretsmanager:local:000000000000:secret:" + strings.TrimPrefix(value, "!Ref ")
	case "!Ref AWS::StackName":
		return "bootstrap"
	case "!Ref CloseAfterDays":
		return "0"
	case "!Ref DeleteAfterDays":
		return "30"
	case "!Ref RetentionDays":
		return "0"
	case "!Sub wss://" + api:
		return at.webSocket
	case "!Sub https://" + api:
		return at.gateway
	case "!Ref PartsQueue", "!Ref TicksQueue":
		return at.gateway
	case "!Ref " + tables.Live:
		return made.Name(tables.Live)
	case "!Ref " + tables.Ledger:
		return made.Name(tables.Ledger)
	case "!Ref " + tables.Usage:
		return made.Name(tables.Usage)
	case "!Ref " + buckets.Exports:
		return buckets.Name("bootstrap", buckets.Exports)
	}
	t.Fatalf("environment value %q: not one that this test knows", value)
	return ""
}

// createTables makes the template's tables under names of this run's own.
func createTables(t *testing.T, endpoint string, list []template.Table) tables.Tables {
	t.Helper()
	cfg, err := engine.Config(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	made := tables.New(dynamodb.NewFromConfig(cfg), fmt.Sprintf("bootstrap-%d", time.Now().UnixNano()), list)
	if err := made.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the engine may be shared with other tests
		if err := made.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return made
}

// secretValue is Secrets Manager's GetSecretValue.
func secretValue(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" {
		http.Error(w, "not permitted", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fmt.Fprintf(w, `{"Name":"Secret","SecretString":%q}`, strings.Repeat("0123456789abcdef", 4))
}
