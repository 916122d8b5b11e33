package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/shared/admission"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/export"
	"seatmeter/shared/gateway"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/idempotency"
	"seatmeter/shared/jobs"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/objects"
	"seatmeter/shared/rate"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/rollup"
	"seatmeter/shared/statement"
	"seatmeter/shared/wsapi"
)

// idleConnections is how many connections to one engine are kept open: enough
// for all the functions that may run at once.
const idleConnections = 256

// awsConfig is a configuration for engines of this machine, which take any
// credentials and no other machine sees. All functions share its connections.
func awsConfig(ctx context.Context) (aws.Config, error) {
	sharedClient := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 2*idleConnections, idleConnections
	})
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("local"), config.WithHTTPClient(sharedClient),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")))
	if err != nil {
		return cfg, fmt.Errorf("make a local AWS configuration: %w", err)
	}
	return cfg, nil
}

// OpenDynamo opens the store on a DynamoDB at an endpoint.
func OpenDynamo(ctx context.Context, endpoint string, tables dynamo.Tables) (*dynamo.Store, error) {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	cfg.BaseEndpoint = aws.String(endpoint)
	return dynamo.New(dynamo.NewClient(cfg), tables), nil
}

// State is all that the functions keep.
type State interface {
	reconcile.Store
	statement.Store
	idempotency.Keys
	rate.Counter
}

// Rates are how many joins and calls a second a tenant may make.
type Rates struct{ JoinsPerSecond, CallsPerSecond int }

// Environment is what the functions read from their environment on AWS.
type Environment struct {
	// Store is where the functions keep their state. Opened once; on AWS, each
	// function opens its own.
	Store          State
	JoinTokenKey   []byte
	CursorSecret   []byte
	WebSocketURL   string
	ConnectionsURL string
	// ExportsURL is an S3, ExportsBucket the bucket there for large answers.
	ExportsURL    string
	ExportsBucket string
	Rates         Rates
	Log           *slog.Logger
}

// Starter starts a function: what it gives is one of its execution
// environments.
type Starter func() (lambda.Handler, error)

// Functions are the functions by the name of their folder, each environment
// with a door of its own, as each is a process of its own on AWS.
func Functions(ctx context.Context, env Environment) (map[string]Starter, error) {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	cfg.HTTPClient = mortalClient{cfg.HTTPClient}
	signer, err := jointoken.NewSigner(env.JoinTokenKey)
	if err != nil {
		return nil, fmt.Errorf("use the join token key: %w", err)
	}
	seal, err := httpapi.NewSeal(env.CursorSecret)
	if err != nil {
		return nil, fmt.Errorf("use the cursor secret: %w", err)
	}
	store, connections := env.Store, gateway.New(cfg, env.ConnectionsURL)
	files := cfg.Copy()
	files.BaseEndpoint = aws.String(env.ExportsURL)
	exports := export.New(objects.New(files, env.ExportsBucket))
	door := func() *admission.Door { return admission.NewDoor(store, connections, env.Log) }
	entrance := func() *admission.Door {
		d := door()
		d.LimitJoins(rate.NewLimiter(store, env.Log), env.Rates.JoinsPerSecond)
		return d
	}
	start := func(handle func() any) Starter {
		return func() (lambda.Handler, error) { return lambda.NewHandler(handle()), nil }
	}
	api := func(add func(*httpapi.API)) Starter {
		return start(func() any {
			served := httpapi.New(env.Log, seal)
			served.KeepKeys(store, time.Now)
			served.LimitCalls(rate.NewLimiter(store, env.Log), env.Rates.CallsPerSecond)
			add(served)
			return httpapi.Serve(served)
		})
	}
	return map[string]Starter{
		"authorize":  start(func() any { return wsapi.NewAuthorizer(signer, time.Now, env.Log).Handle }),
		"connect":    start(func() any { return wsapi.NewConnector(entrance(), env.Log).Handle }),
		"disconnect": start(func() any { return wsapi.NewDisconnector(door(), env.Log).Handle }),
		"message":    start(func() any { return wsapi.NewMessenger(entrance(), connections, signer, env.Log).Handle }),
		"licenses":   api(func(a *httpapi.API) { a.AddLicenses(door(), store) }),
		"hosts":      api(func(a *httpapi.API) { a.AddHosts(door(), store) }),
		"conferences": api(func(a *httpapi.API) {
			d := door()
			a.AddConferences(d, store)
			a.AddConnections(d, store, signer, env.WebSocketURL)
		}),
		"usage": api(func(a *httpapi.API) {
			d := door()
			a.AddUsage(d, store, exports)
			a.AddLedger(d, store, exports)
		}),
		"statements": api(func(a *httpapi.API) {
			a.AddStatements(statement.NewCloser(store, rollup.New(store, env.Log, time.Now), time.Now), store)
		}),
		"rollup": start(func() any { return jobs.NewRollup(rollup.New(store, env.Log, time.Now)).Handle }),
		"reconcile": start(func() any {
			run := reconcile.New(store, door(), connections, env.Log, time.Now)
			return jobs.NewReconciler(run, env.Log).Handle
		}),
		"console": func() (lambda.Handler, error) {
			messages, err := wsapi.AsyncAPI()
			if err != nil {
				return nil, fmt.Errorf("describe the messages: %w", err)
			}
			return lambda.NewHandler(httpapi.Serve(httpapi.Console(env.Log, messages))), nil
		},
	}, nil
}
