package local

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"seatmeter/shared/courier"
	"seatmeter/shared/jobs"
	"seatmeter/shared/keys"
	"seatmeter/shared/metrics"
	"seatmeter/shared/problem"
	"seatmeter/shared/table/parquet"
	"seatmeter/shared/table/xlsx"
	"seatmeter/shared/webhook"
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
	"seatmeter/shared/reconcile"
)

// idleConnections is how many idle connections to the engine stay open: enough for
// all functions that run concurrently.
const idleConnections = 256

// deleteAfterDays is the template's default.
const deleteAfterDays = 30

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
	// Store returns the store of a function, with the function's rights.
	Store func(function string) *dynamo.Store
	// Limit returns a client for a function's calls of connections, with the function's
	// rights.
	Limit          func(function string, over aws.HTTPClient) aws.HTTPClient
	Processes      Processes
	JoinTokenKeys  keys.Source
	CursorKeys     keys.Source
	WebSocketURL   string
	ConnectionsURL string
	// ExportsURL is the address of an S3. ExportsBucket is the bucket there for large
	// answers.
	ExportsURL    string
	ExportsBucket string
	Rates         Rates
	// Parts takes parts of rounds of reconciliation.
	Parts reconcile.Queue
	// Ticks has the function signals run later. Bus prints its events; nil: it does not.
	Ticks jobs.Ticker
	Bus   courier.Bus
	// InsecureWebhooks lets webhooks be on this machine, and without TLS.
	InsecureWebhooks bool
	Log              *slog.Logger
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
	connections := func(function string) *gateway.Gateway {
		limited := cfg.Copy()
		limited.HTTPClient = env.Limit(function, cfg.HTTPClient)
		return gateway.New(limited, env.ConnectionsURL)
	}
	storage := cfg.Copy()
	storage.BaseEndpoint = aws.String(env.ExportsURL)
	files := httpapi.Files{
		Exports: export.New(objects.New(storage, env.ExportsBucket)), XLSX: xlsx.Write, Parquet: parquet.Write,
	}
	log := slog.New(metrics.NewHandler(env.Log.Handler()))
	process := func(function string) wiring.Process {
		return wiring.Process{Store: env.Store(function), Log: log, Now: time.Now, Stack: "local"}
	}
	signer := func() (*jointoken.Signer, error) {
		ring, err := keys.Open(ctx, env.JoinTokenKeys, time.Now)
		return jointoken.NewSigner(ring), problem.Wrap("open the keys of join tokens", err)
	}
	signing := func(handle func(*jointoken.Signer) lambda.Handler) Starter {
		return func() (lambda.Handler, error) {
			s, err := signer()
			if err != nil {
				return nil, err
			}
			return handle(s), nil
		}
	}
	start := func(handle func() lambda.Handler) Starter {
		return func() (lambda.Handler, error) { return handle(), nil }
	}
	web := func(function string, handle func(api.Process) lambda.Handler) Starter {
		return func() (lambda.Handler, error) {
			ring, err := keys.Open(ctx, env.CursorKeys, time.Now)
			if err != nil {
				return nil, fmt.Errorf("open the keys of cursors: %w", err)
			}
			of := api.Process{Process: process(function), Seal: httpapi.NewSeal(ring), CallsPerSecond: env.Rates.CallsPerSecond, JoinsPerSecond: env.Rates.JoinsPerSecond}
			return handle(of), nil
		}
	}
	return map[string]Starter{
		"authorize": signing(func(s *jointoken.Signer) lambda.Handler {
			return wiring.Authorize(process("authorize"), s)
		}),
		"connect": start(func() lambda.Handler {
			return wiring.Connect(process("connect"), connections("connect"), env.Rates.JoinsPerSecond)
		}),
		"disconnect": start(func() lambda.Handler { return wiring.Disconnect(process("disconnect")) }),
		"message": signing(func(s *jointoken.Signer) lambda.Handler {
			return wiring.Message(process("message"), connections("message"), env.Rates.JoinsPerSecond, s)
		}),
		"reconcile": start(func() lambda.Handler {
			return wiring.Reconcile(process("reconcile"), connections("reconcile"), env.Parts)
		}),
		"queue": signing(func(s *jointoken.Signer) lambda.Handler {
			return wiring.Queue(process("queue"), connections("queue"), s)
		}),
		"rollup":   start(func() lambda.Handler { return wiring.Rollup(process("rollup"), 0, 0) }),
		"licenses": web("licenses", func(p api.Process) lambda.Handler { return api.Licenses(p, deleteAfterDays) }),
		"hosts":    web("hosts", func(p api.Process) lambda.Handler { return api.Hosts(p) }),
		"conferences": func() (lambda.Handler, error) {
			s, err := signer()
			if err != nil {
				return nil, err
			}
			tokens := httpapi.JoinTokens{Signer: s, WebSocketURL: env.WebSocketURL}
			return web("conferences", func(p api.Process) lambda.Handler { return api.Conferences(p, connections("conferences"), tokens) })()
		},
		"usage":      web("usage", func(p api.Process) lambda.Handler { return api.Usage(p, files) }),
		"statements": web("statements", func(p api.Process) lambda.Handler { return api.Statements(p, files) }),
		"signals": web("signals", func(p api.Process) lambda.Handler {
			return api.Signals(p, webhook.NewGuard(env.InsecureWebhooks), env.Bus, env.Ticks)
		}),
		"console": func() (lambda.Handler, error) {
			handle, err := api.Console(process("console"), httpapi.Site{
				Issuer: issuer.URL, ClientID: issuer.ConsoleClient, Scope: "openid", Metadata: apigateway.IssuerPath + issuer.DiscoveryPath,
				Origins: []string{env.ExportsURL},
			})
			if err != nil {
				return nil, fmt.Errorf("make the console: %w", err)
			}
			return handle, nil
		},
	}, nil
}
