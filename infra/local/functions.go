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

// Rates are how many joins and calls a second a tenant may make.
type Rates struct{ JoinsPerSecond, CallsPerSecond int }

// Environment is what the functions read from their environment on AWS.
type Environment struct {
	// Store is where the functions keep their state. Opened once; on AWS, each
	// function opens its own.
	Store          *dynamo.Store
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
	// On AWS each function has a log of its own.
	log := func(name string) *slog.Logger { return env.Log.With("function", name) }
	door := func(log *slog.Logger) *admission.Door { return admission.NewDoor(store, connections, log) }
	entrance := func(log *slog.Logger) *admission.Door {
		d := door(log)
		d.LimitJoins(rate.NewLimiter(store, log), env.Rates.JoinsPerSecond)
		return d
	}
	start := func(handle func() any) Starter {
		return func() (lambda.Handler, error) { return lambda.NewHandler(handle()), nil }
	}
	api := func(name string, add func(*httpapi.API, *slog.Logger)) Starter {
		return start(func() any {
			log := log(name)
			served := httpapi.New(log, seal)
			served.KeepKeys(store, time.Now)
			served.LimitCalls(rate.NewLimiter(store, log), env.Rates.CallsPerSecond)
			served.KeepAudit(store)
			add(served, log)
			return httpapi.Serve(served)
		})
	}
	return map[string]Starter{
		"authorize": start(func() any { return wsapi.NewAuthorizer(signer, time.Now, log("authorize")).Handle }),
		"connect": start(func() any {
			log := log("connect")
			return wsapi.NewConnector(entrance(log), log).Handle
		}),
		"disconnect": start(func() any {
			log := log("disconnect")
			return wsapi.NewDisconnector(door(log), log).Handle
		}),
		"message": start(func() any {
			log := log("message")
			return wsapi.NewMessenger(entrance(log), connections, signer, log).Handle
		}),
		"licenses": api("licenses", func(a *httpapi.API, log *slog.Logger) { a.AddLicenses(door(log), store) }),
		"hosts":    api("hosts", func(a *httpapi.API, log *slog.Logger) { a.AddHosts(door(log), store) }),
		"conferences": api("conferences", func(a *httpapi.API, log *slog.Logger) {
			d := door(log)
			a.AddConferences(d, store)
			a.AddConnections(d, store, signer, env.WebSocketURL)
		}),
		"usage": api("usage", func(a *httpapi.API, log *slog.Logger) {
			d := door(log)
			a.AddUsage(d, store, exports)
			a.AddLedger(d, store, exports)
			a.AddAudit(store)
		}),
		"statements": api("statements", func(a *httpapi.API, log *slog.Logger) {
			a.AddStatements(statement.NewCloser(store, rollup.New(store, log, time.Now), time.Now), store)
		}),
		"rollup": start(func() any { return jobs.NewRollup(rollup.New(store, log("rollup"), time.Now)).Handle }),
		"reconcile": start(func() any {
			log := log("reconcile")
			run := reconcile.New(store, door(log), connections, log, time.Now)
			return jobs.NewReconciler(run, log).Handle
		}),
		"console": func() (lambda.Handler, error) {
			messages, err := wsapi.AsyncAPI()
			if err != nil {
				return nil, fmt.Errorf("describe the messages: %w", err)
			}
			return lambda.NewHandler(httpapi.Serve(httpapi.Console(log("console"), messages))), nil
		},
	}, nil
}
