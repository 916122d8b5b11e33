package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"seatmeter/shared/wiring"
	"seatmeter/shared/wiring/api"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/issuer"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/export"
	"seatmeter/shared/gateway"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/objects"
)

// idleConnections is how many idle connections to the engine stay open: enough for
// all functions that run concurrently.
const idleConnections = 256

// awsConfig returns a configuration for services on this machine, which accept any
// credentials. All functions share its connections.
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

// Rates are the limits on a tenant's joins and calls per second.
type Rates struct{ JoinsPerSecond, CallsPerSecond int }

// Environment has what the functions read from environment variables on AWS.
type Environment struct {
	// Store is shared by the functions. On AWS, each opens its own.
	Store          *dynamo.Store
	Processes      Processes
	JoinTokenKey   []byte
	CursorSecret   []byte
	WebSocketURL   string
	ConnectionsURL string
	// ExportsURL is the address of an S3. ExportsBucket is the bucket there for large
	// answers.
	ExportsURL    string
	ExportsBucket string
	Rates         Rates
	Log           *slog.Logger
}

// Starter starts an execution environment of a function.
type Starter func() (lambda.Handler, error)

// Functions returns the functions by the name of their folder. Each start is a
// process of its own, as on AWS.
func Functions(ctx context.Context, env Environment) (map[string]Starter, error) {
	cfg, err := awsConfig(ctx)
	if err != nil {
		return nil, err
	}
	cfg.HTTPClient = env.Processes.HTTP(cfg.HTTPClient)
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
	process := func(name string) wiring.Process { // on AWS each function has a log of its own
		return wiring.Process{Store: store, Log: env.Log.With("function", name), Now: time.Now}
	}
	web := func(name string) api.Process {
		return api.Process{Process: process(name), Seal: seal, CallsPerSecond: env.Rates.CallsPerSecond}
	}
	tokens := httpapi.JoinTokens{Signer: signer, WebSocketURL: env.WebSocketURL}
	start := func(handle func() any) Starter {
		return func() (lambda.Handler, error) { return lambda.NewHandler(handle()), nil }
	}
	return map[string]Starter{
		"authorize":  start(func() any { return wiring.Authorize(signer, time.Now, env.Log.With("function", "authorize")) }),
		"connect":    start(func() any { return wiring.Connect(process("connect"), connections, env.Rates.JoinsPerSecond) }),
		"disconnect": start(func() any { return wiring.Disconnect(process("disconnect")) }),
		"message": start(func() any {
			return wiring.Message(process("message"), connections, env.Rates.JoinsPerSecond, signer)
		}),
		"reconcile":   start(func() any { return wiring.Reconcile(process("reconcile"), connections) }),
		"queue":       start(func() any { return wiring.Queue(process("queue"), connections, signer) }),
		"rollup":      start(func() any { return wiring.Rollup(process("rollup")) }),
		"licenses":    start(func() any { return api.Licenses(web("licenses")) }),
		"hosts":       start(func() any { return api.Hosts(web("hosts")) }),
		"conferences": start(func() any { return api.Conferences(web("conferences"), connections, tokens) }),
		"usage":       start(func() any { return api.Usage(web("usage"), exports) }),
		"statements":  start(func() any { return api.Statements(web("statements")) }),
		"console": func() (lambda.Handler, error) {
			handle, err := api.Console(process("console").Log, httpapi.Site{
				Issuer: issuer.URL, ClientID: issuer.ConsoleClient, Scope: "openid", Metadata: apigateway.IssuerPath + issuer.DiscoveryPath,
				Origins: []string{env.ExportsURL},
			})
			if err != nil {
				return nil, fmt.Errorf("make the console: %w", err)
			}
			return lambda.NewHandler(handle), nil
		},
	}, nil
}
