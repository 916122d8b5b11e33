package engine_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/infra/local/engine"
)

const table = "things"

func TestAnEngineHoldsATableAndStopLeavesNothing(t *testing.T) {
	e := start(t, engine.Options{})
	tables := client(e.Endpoint)
	createTable(t, tables)
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "acme"}}
	if _, err := tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
		t.Fatal(err)
	}
	if got := get(t, tables); got["pk"] == nil {
		t.Errorf("read back %v, want the item that was put", got)
	}

	e.Stop()
	e.Stop() // safe to call twice
	select {
	case <-e.Done():
	default:
		t.Error("the engine still runs after Stop")
	}
	if again := start(t, engine.Options{Port: port(t, e.Endpoint)}); again.Endpoint != e.Endpoint {
		t.Errorf("started at %s, want the released port: %s", again.Endpoint, e.Endpoint)
	}
}

func TestTablesSurviveARestartWithADataFolder(t *testing.T) {
	data := filepath.Join(t.TempDir(), "made", "when absent")
	e := start(t, engine.Options{DataDir: data})
	createTable(t, client(e.Endpoint))
	e.Stop()

	e = start(t, engine.Options{DataDir: data})
	if got := tableNames(t, e.Endpoint); len(got) != 1 || got[0] != table {
		t.Errorf("tables after a restart: %v, want [%s]", got, table)
	}
}

func TestARestartKeepsPortTablesAndItems(t *testing.T) {
	e := start(t, engine.Options{DataDir: t.TempDir()})
	endpoint, tables := e.Endpoint, client(e.Endpoint)
	createTable(t, tables)
	item := map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "acme"}}
	if _, err := tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(table), Item: item}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := get(t, tables); got["pk"] == nil || e.Endpoint != endpoint {
			t.Errorf("read back %v from %s, want the item that was put, from %s", got, e.Endpoint, endpoint)
		}
		select {
		case <-e.Done():
			t.Fatal("the restart was reported as an end")
		default:
		}
	}
	e.Stop()
	<-e.Done()
	if err := e.Restart(t.Context()); err == nil {
		t.Error("an engine that was stopped was restarted")
	}
}

func TestAForeignOrInMemoryEngineIsNotRestarted(t *testing.T) {
	inMemory := start(t, engine.Options{})
	if err := inMemory.Restart(t.Context()); err == nil {
		t.Error("an engine in memory was restarted")
	}
	other, err := engine.Start(t.Context(), engine.Options{Endpoint: inMemory.Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Restart(t.Context()); err == nil {
		t.Error("an engine of another process was restarted")
	}
	tableNames(t, inMemory.Endpoint) // fails the test if the engine does not answer
}

func TestAnOwnEngineIsStartedBesideANamedOne(t *testing.T) {
	named := start(t, engine.Options{})
	t.Setenv(engine.EndpointVariable, named.Endpoint)
	own, err := engine.Start(t.Context(), engine.Options{Own: true})
	if err != nil {
		t.Fatal(err)
	}
	defer own.Stop()
	if own.Endpoint == named.Endpoint {
		t.Errorf("the engine is that at %s", named.Endpoint)
	}
}

func TestAnEndpointThatDoesNotAnswerIsNamed(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, endpoint := range map[string]string{"nobody listens": gone.URL, "not DynamoDB": refusing.URL} {
		t.Run(name, func(t *testing.T) {
			_, err := engine.Start(t.Context(), engine.Options{Endpoint: endpoint})
			if err == nil || !strings.Contains(err.Error(), endpoint) {
				t.Errorf("error %v, want one that names %s", err, endpoint)
			}
			if errors.Is(err, engine.ErrUnavailable) {
				t.Errorf("error %v is ErrUnavailable, which means that there is no endpoint", err)
			}
		})
	}
}

func TestAnEndpointThatAnswersIsUsedAndOutlivesStop(t *testing.T) {
	running := start(t, engine.Options{})
	t.Setenv(engine.EndpointVariable, running.Endpoint)
	e, err := engine.Start(t.Context(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Endpoint != running.Endpoint || e.Source != "endpoint" {
		t.Errorf("got %s from %s, want %s from its endpoint", e.Endpoint, e.Source, running.Endpoint)
	}
	e.Stop()
	tableNames(t, running.Endpoint) // fails the test if the engine does not answer
}

func TestATakenPortIsNamed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := port(t, "http://"+listener.Addr().String())
	_, err = startOwn(t, engine.Options{Port: taken})
	if err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(taken)) {
		t.Errorf("error %v, want one that names port %d", err, taken)
	}
}

func TestWithoutJavaOrDockerOneLineSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	_, err := startOwn(t, engine.Options{CacheDir: filepath.Join(t.TempDir(), "cache")})
	if !errors.Is(err, engine.ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	for _, want := range []string{"no java", "no docker", engine.EndpointVariable} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is more than one line", err)
	}
}

func TestAnEngineThatDiesShowsItsLog(t *testing.T) {
	start(t, engine.Options{}).Stop() // fills the cache, for which the fake Java is of no use
	home := t.TempDir()
	fake := "#!/bin/sh\n[ \"$1\" = -version ] && { echo 'openjdk version \"21.0.1\"'; exit; }\necho 'no room for the heap' >&2\nexit 1\n"
	if err := os.MkdirAll(filepath.Join(home, "bin"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "java"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JAVA_HOME", home)
	_, err := startOwn(t, engine.Options{})
	if err == nil || !strings.Contains(err.Error(), "no room for the heap") {
		t.Errorf("error %v, want one with the engine's log", err)
	}
}

func TestACancelledStartStops(t *testing.T) {
	needEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv(engine.EndpointVariable, "")
	if _, err := engine.Start(ctx, engine.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// start starts an engine of its own, even if DYNAMODB_ENDPOINT is set, and stops it after the test.
func start(t *testing.T, options engine.Options) *engine.Engine {
	t.Helper()
	e, err := startOwn(t, options)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func startOwn(t *testing.T, options engine.Options) (*engine.Engine, error) {
	t.Helper()
	needEngine(t)
	t.Setenv(engine.EndpointVariable, "")
	e, err := engine.Start(t.Context(), options)
	if e != nil {
		t.Cleanup(e.Stop)
	}
	return e, err
}

func needEngine(t *testing.T) {
	t.Helper()
	if os.Getenv("SEATMETER_TEST_STORE") == "memory" {
		t.Skip("needs DynamoDB")
	}
}

func client(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: aws.String(endpoint),
		Region:       "local",
		Credentials:  credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func createTable(t *testing.T, tables *dynamodb.Client) {
	t.Helper()
	_, err := tables.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName:            aws.String(table),
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, tables *dynamodb.Client) map[string]types.AttributeValue {
	t.Helper()
	out, err := tables.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName:      aws.String(table),
		Key:            map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "acme"}},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

func tableNames(t *testing.T, endpoint string) []string {
	t.Helper()
	out, err := client(endpoint).ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	return out.TableNames
}

func port(t *testing.T, endpoint string) int {
	t.Helper()
	number, err := strconv.Atoi(endpoint[strings.LastIndex(endpoint, ":")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return number
}
