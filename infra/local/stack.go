// Package local runs the whole of Seatmeter in one process: DynamoDB Local or
// tables in memory, an S3 in memory, the project's functions behind an emulation
// of API Gateway, and the template's schedules and streams.
//
// It runs what template.yaml describes. A stack has its data directory to itself
// while it runs; the directory contains the tables, the keys that sign bearers and
// join tokens and, while the stack is ready, endpoints.json with its URLs. All
// servers listen on 127.0.0.1 only, except DynamoDB Local, which has no such
// option.
package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"seatmeter/infra/client"
	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/buckets"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/issuer"
	"seatmeter/infra/local/rights"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/jobs"
	"seatmeter/shared/rate"
)

// Store is where a stack keeps its state.
type Store string

// The stores.
const (
	StoreDynamoDB Store = "dynamodb"
	StoreMemory   Store = "memory"
)

// DefaultTablePrefix is what the names of tables and buckets start with.
const DefaultTablePrefix = "seatmeter"

// Options says what to start. Template and DataDir are required.
type Options struct {
	// Template is the path of the SAM template.
	Template string
	// DataDir is made if absent. Two stacks cannot share one.
	DataDir string
	// Store is StoreDynamoDB unless set.
	Store Store
	// DynamoDBEndpoint is the URL of a running engine. If it is empty, and
	// DYNAMODB_ENDPOINT too, the stack starts one.
	DynamoDBEndpoint string
	// OwnEngine starts an engine even if DYNAMODB_ENDPOINT names one, so that it can
	// be restarted.
	OwnEngine bool
	// TablePrefix is the prefix of tables and buckets. The default is
	// DefaultTablePrefix.
	TablePrefix string
	// Temporary deletes the tables when the stack is closed.
	Temporary bool
	// Example is the folder of the built example page, which /example/ serves; empty: none.
	Example string
	// HTTPPort and WSPort are the ports; 0 for a free one.
	HTTPPort, WSPort int
	// Demo creates missing demo tenants.
	Demo bool
	// History gives new demo tenants a history of three months.
	History bool
	Limits  apigateway.Limits
	Faults  apigateway.Faults
	// Processes is by default one whose processes never die.
	Processes Processes
	// BareRefusals reduces refused handshakes to their status.
	BareRefusals bool
	// Rates are the template's defaults if 0.
	Rates Rates
	// Functions builds the stack's functions. The default is Functions.
	Functions func(context.Context, Environment) (map[string]Starter, error)
	// Events gets a line for each event on the event bus: a CloudEvent in JSON. Nil: there
	// is no bus.
	Events io.Writer
	// InsecureWebhooks lets webhooks be on this machine, and without TLS.
	InsecureWebhooks bool
	// Log is the log of the functions and the gateway. Nil discards it.
	Log *slog.Logger
	// Progress gets a line for each slow step. Nil discards them.
	Progress io.Writer
}

// Stack is a running Seatmeter.
type Stack struct {
	Endpoints Endpoints
	Issuer    *issuer.Issuer

	options   Options
	store     *dynamo.Store
	engine    *engine.Engine // nil for tables in memory
	scheduler *apigateway.Scheduler
	parts     parts
	ticks     ticks
	failed    chan error
	// undo has the functions that stop the parts of the stack, in order of their start.
	undo []func(context.Context) error
}

// Start runs a stack and returns when it is ready. The context bounds only the start.
// The error wraps engine.ErrUnavailable if there is no DynamoDB Local on this
// machine, or ErrInUse if another stack runs on the data directory. After an error,
// nothing is left running.
func Start(ctx context.Context, o Options) (*Stack, error) {
	if o.Functions == nil {
		o.Functions = Functions
	}
	o.Store = cmp.Or(o.Store, StoreDynamoDB)
	o.TablePrefix = cmp.Or(o.TablePrefix, DefaultTablePrefix)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Processes == nil {
		o.Processes = lasting{}
	}
	o.Rates.JoinsPerSecond = cmp.Or(o.Rates.JoinsPerSecond, rate.DefaultPerSecond)
	o.Rates.CallsPerSecond = cmp.Or(o.Rates.CallsPerSecond, rate.DefaultPerSecond)
	s := &Stack{options: o, failed: make(chan error, 8)}
	if err := s.start(ctx); err != nil {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.Close(stopping))
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	system, err := s.readTemplate()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.options.Progress, "Starting ...")
	if err := s.claimDataDir(); err != nil {
		return err
	}
	apis, err := s.listenAPIs(ctx, system.WebSocket.Stage)
	if err != nil {
		return err
	}
	if err := s.serveBuckets(ctx, system.Buckets); err != nil {
		return err
	}
	state, err := s.openDatabase(ctx, system)
	if err != nil {
		return err
	}
	s.store = dynamo.New(state.api, state.names)
	handlers, err := s.buildFunctions(ctx, state, system)
	if err != nil {
		return err
	}
	gateway, err := s.newGateway(system, handlers)
	if err != nil {
		return err
	}
	invoker := apigateway.NewInvoker(system, handlers, s.options.Log)
	if err := s.writeHistory(ctx, state); err != nil {
		return err
	}
	deliveries, err := s.connect(ctx, system.Streams, invoker, state.feed)
	if err != nil {
		return err
	}
	s.serve(apis.http, s.withExample(gateway.HTTP()))
	s.serve(apis.webSocket, gateway.WebSocket())
	// Before the servers end, since the last functions still post through them.
	s.onClose(gateway.Close)
	for _, deliver := range deliveries {
		s.run(deliver)
	}
	s.onClose(func(context.Context) error {
		invoker.Stop()
		return nil
	})
	// The scheduler has an invoker of its own, so that closing it waits for the
	// scheduled runs.
	scheduled := apigateway.NewInvoker(system, handlers, s.options.Log)
	if err := readQueues(system, scheduled, map[string]func(apigateway.Function){
		"reconcile": func(f apigateway.Function) { s.parts.deliver = f },
		"signals":   s.ticks.open,
	}); err != nil {
		return err
	}
	s.onClose(func(context.Context) error {
		s.ticks.stop()
		return nil
	})
	if s.scheduler, err = apigateway.NewScheduler(system.Schedules, scheduled); err != nil {
		return fmt.Errorf("build the schedules: %w", err)
	}
	s.run(s.scheduler.Run)
	if err := s.ticks.Tick(ctx, jobs.Ticks()); err != nil { // the schedule's first run is a minute away
		return fmt.Errorf("begin to tick: %w", err)
	}
	if err := s.seed(ctx); err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return withdraw(s.options.DataDir) })
	return s.Endpoints.announce(s.options.DataDir)
}

func (s *Stack) readTemplate() (*template.Template, error) {
	system, err := template.Read(s.options.Template)
	if err != nil {
		return nil, err
	}
	if system.WebSocket == nil {
		return nil, fmt.Errorf("template %s: there is no WebSocket API in it", s.options.Template)
	}
	return system, nil
}

// claimDataDir locks the data directory until the stack is closed.
func (s *Stack) claimDataDir() error {
	lock, err := claim(s.options.DataDir)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return lock.Close() })
	return withdraw(s.options.DataDir) // a killed stack leaves its endpoints
}

func (s *Stack) buildFunctions(ctx context.Context, state database, system *template.Template) (map[string]lambda.Handler, error) {
	tokenKeys, err := openKeyFiles(s.options.DataDir, joinTokenKeyFile)
	if err != nil {
		return nil, err
	}
	cursorKeys, err := openKeyFiles(s.options.DataDir, cursorKeyFile)
	if err != nil {
		return nil, err
	}
	starters, err := s.options.Functions(context.WithoutCancel(ctx), Environment{
		Store: s.stores(state, system),
		Limit: func(function string, over aws.HTTPClient) aws.HTTPClient {
			f, _ := system.Function(function)
			return rights.LimitConnections(over, f, s.options.Log)
		},
		Processes:      s.options.Processes,
		JoinTokenKeys:  tokenKeys,
		CursorKeys:     cursorKeys,
		WebSocketURL:   s.Endpoints.WebSocket,
		ConnectionsURL: "http" + strings.TrimPrefix(s.Endpoints.WebSocket, "ws"),
		ExportsURL:     s.Endpoints.Exports,
		ExportsBucket:  buckets.Name(s.options.TablePrefix, buckets.Exports),
		Rates:          s.options.Rates,
		Parts:          &s.parts,
		Ticks:          &s.ticks,
		Bus:            busTo(s.options.Events),

		InsecureWebhooks: s.options.InsecureWebhooks,
		Log:              s.options.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	handlers, err := newEnvironments(starters, s.options.Processes)
	if err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	return handlers, nil
}

// stores gives each function a store with the rights that the template gives it.
func (s *Stack) stores(state database, system *template.Template) func(string) *dynamo.Store {
	over, names := s.options.Processes.DynamoDB(state.api), named(state.names)
	return func(function string) *dynamo.Store {
		f, _ := system.Function(function)
		return dynamo.New(rights.Limit(over, f, names, s.options.Log), state.names)
	}
}

// newGateway opens the issuer and makes the gateway that verifies its tokens.
func (s *Stack) newGateway(system *template.Template, handlers map[string]lambda.Handler) (_ *apigateway.Gateway, err error) {
	if s.Issuer, err = issuer.Open(s.options.DataDir); err != nil {
		return nil, err
	}
	gateway, err := apigateway.New(apigateway.Config{
		Template:     system,
		Handlers:     handlers,
		Issuer:       s.Issuer,
		Limits:       s.options.Limits,
		Faults:       s.options.Faults,
		Log:          s.options.Log,
		BareRefusals: s.options.BareRefusals,
	})
	if err != nil {
		return nil, fmt.Errorf("build the gateway: %w", err)
	}
	return gateway, nil
}

// RestartEngine kills the stack's DynamoDB Local and starts it again with the same
// port and data. Meanwhile the functions have no store. It returns when the engine
// answers; ctx bounds that.
func (s *Stack) RestartEngine(ctx context.Context) error {
	if s.engine == nil {
		return errors.New("the stack runs without DynamoDB")
	}
	return s.engine.Restart(ctx)
}

// Store returns the functions' store, for tests. Its calls do not go through
// Options.Processes.
func (s *Stack) Store() *dynamo.Store { return s.store }

func (s *Stack) seed(ctx context.Context) error {
	if !s.options.Demo {
		return nil
	}
	bearer, err := s.Issuer.Mint("vendor", "", time.Minute, time.Now())
	if err != nil {
		return err
	}
	if err := seedDemo(ctx, client.NewAdmin(s.Endpoints.HTTP, bearer)); err != nil {
		return fmt.Errorf("make the demo tenants: %w", err)
	}
	return nil
}

// Tick runs a scheduled function now, or after its current run. It waits for the
// function and returns its error. A function without a schedule is
// apigateway.ErrNotScheduled.
func (s *Stack) Tick(ctx context.Context, function string) error {
	return s.scheduler.Tick(ctx, function)
}

// Failed reports that a part of the stack has ended by itself. The stack should then
// be closed.
func (s *Stack) Failed() <-chan error { return s.failed }

func (s *Stack) fail(err error) {
	select {
	case s.failed <- err:
	default: // one reason is enough
	}
}

func (s *Stack) onClose(f func(context.Context) error) { s.undo = append(s.undo, f) }

// Close stops everything in the reverse order of its start: it refuses new clients,
// disconnects those that are in and frees their seats, then ends the servers and the
// engine. It does not wait beyond ctx. Safe to call again.
func (s *Stack) Close(ctx context.Context) error {
	var failed []error
	for _, undo := range slices.Backward(s.undo) {
		if err := undo(ctx); err != nil {
			failed = append(failed, err)
		}
	}
	s.undo = nil
	return errors.Join(failed...)
}
