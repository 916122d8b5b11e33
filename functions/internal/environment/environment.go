// Package environment reads a Lambda's settings from environment variables, and
// builds its AWS clients, once per process.
package environment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/gateway"
	"seatmeter/shared/httpapi"
	"seatmeter/shared/metrics"
	"seatmeter/shared/wiring"
)

// The environment variables that template.yaml sets.
const (
	liveTable           = "LIVE_TABLE"
	ledgerTable         = "LEDGER_TABLE"
	usageTable          = "USAGE_TABLE"
	connectionsEndpoint = "CONNECTIONS_ENDPOINT"
	joinsPerSecond      = "JOINS_PER_SECOND"
	callsPerSecond      = "CALLS_PER_SECOND"
	closeAfterDays      = "CLOSE_AFTER_DAYS"
	deleteAfterDays     = "DELETE_AFTER_DAYS"
	retentionDays       = "RETENTION_DAYS"
	stackName           = "STACK_NAME"
	issuer              = "ISSUER"
	roleClaim           = "ROLE_CLAIM"
	tenantClaim         = "TENANT_CLAIM"
	downloadsOrigin     = "DOWNLOADS_ORIGIN"

	eventBus = "EVENT_BUS" // may be empty

	// Those of the console's sign-in may be empty.
	consoleClientID = "CONSOLE_CLIENT_ID"
	consoleScope    = "CONSOLE_SCOPE"
	tokenOrigin     = "SIGN_IN_ORIGIN"
)

// Environment gives a function its settings and clients. Start reports a missing
// setting after the function has asked for it.
type Environment struct {
	AWS     aws.Config
	Log     *slog.Logger
	missing []error
}

// Start builds a function's handler and serves it. It does not return.
func Start(build func(context.Context, *Environment) (handler any, err error)) {
	log := slog.New(metrics.NewHandler(slog.NewJSONHandler(os.Stdout, nil)))
	ctx := context.Background()
	handler, err := open(ctx, log, build)
	if err != nil {
		log.Error("the function cannot start", "error", err)
		os.Exit(1)
	}
	lambda.Start(handler)
}

func open(ctx context.Context, log *slog.Logger, build func(context.Context, *Environment) (any, error)) (any, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithHTTPClient(client()))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	env := &Environment{AWS: cfg, Log: log}
	handler, err := build(ctx, env)
	if err := errors.Join(append(env.missing, err)...); err != nil {
		return nil, err
	}
	return handler, nil
}

// Process returns a process with the live table and the ledger.
func (e *Environment) Process() wiring.Process {
	return e.process(dynamo.Tables{Live: e.Get(liveTable), Ledger: e.Get(ledgerTable)})
}

// UsageProcess returns a process with the live table, the ledger and the usage table.
func (e *Environment) UsageProcess() wiring.Process {
	return e.process(dynamo.Tables{Live: e.Get(liveTable), Ledger: e.Get(ledgerTable), Usage: e.Get(usageTable)})
}

func (e *Environment) process(tables dynamo.Tables) wiring.Process {
	p := e.Bare()
	p.Store = dynamo.New(dynamo.NewClient(e.AWS), tables)
	return p
}

// Bare returns a process without tables.
func (e *Environment) Bare() wiring.Process {
	return wiring.Process{Log: e.Log, Now: time.Now, Stack: e.Get(stackName)}
}

// Gateway returns the gateway to the WebSocket API's connections.
func (e *Environment) Gateway() *gateway.Gateway {
	return gateway.New(e.AWS, e.Get(connectionsEndpoint))
}

// JoinsPerSecond returns the limit on each tenant's joins per second.
func (e *Environment) JoinsPerSecond() int { return e.number(joinsPerSecond, 1) }

// CallsPerSecond returns the limit on each tenant's API calls per second.
func (e *Environment) CallsPerSecond() int { return e.number(callsPerSecond, 1) }

// Claims returns the names of the bearer's claims that have the role and the tenant.
func (e *Environment) Claims() httpapi.Claims {
	return httpapi.Claims{Role: e.Get(roleClaim), Tenant: e.Get(tenantClaim)}
}

// Site returns where the console's users sign in.
func (e *Environment) Site() httpapi.Site {
	return httpapi.Site{
		Issuer: e.Get(issuer), ClientID: os.Getenv(consoleClientID), Scope: os.Getenv(consoleScope),
		Claims: e.Claims(), Origins: []string{e.Get(downloadsOrigin), os.Getenv(tokenOrigin)},
	}
}

// EventBus returns the name of the event bus; empty: there is none.
func (e *Environment) EventBus() string { return os.Getenv(eventBus) }

// CloseAfterDays returns how many days after its end a month is closed by itself; zero:
// never.
func (e *Environment) CloseAfterDays() int { return e.number(closeAfterDays, 0) }

// DeleteAfterDays returns how many days after the request a tenant is deleted.
func (e *Environment) DeleteAfterDays() int { return e.number(deleteAfterDays, 1) }

// RetentionDays returns for how many days after its month a record is kept; zero: for ever.
func (e *Environment) RetentionDays() int { return e.number(retentionDays, 0) }

// number reads a setting that is a whole number, of this or more.
func (e *Environment) number(name string, least int) int {
	value, err := strconv.Atoi(e.Get(name))
	if os.Getenv(name) != "" && (err != nil || value < least) {
		e.missing = append(e.missing, fmt.Errorf("%s is not a whole number of %d or more", name, least))
	}
	return value
}

// Get reads a required setting.
func (e *Environment) Get(name string) string {
	value := os.Getenv(name)
	if value == "" {
		e.missing = append(e.missing, fmt.Errorf("%s is not set", name))
	}
	return value
}
