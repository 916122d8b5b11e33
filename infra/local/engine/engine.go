// Package engine runs DynamoDB Local, AWS's own single-machine DynamoDB, for the local stack and the
// tests.
//
// Start uses, in this order: a running engine at [Options.Endpoint] or DYNAMODB_ENDPOINT; Maven's
// artifact on this machine's Java; Docker's image. Maven's download is cached and verified at every
// start, so a second start needs no network and takes about a second.
//
// DynamoDB Local listens on every interface and accepts any credentials, and has no option to
// change that. Docker binds its port to 127.0.0.1.
package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Version is the version of DynamoDB Local.
const Version = "3.1.0"

// EndpointVariable names the environment variable with the URL of an engine to use instead of
// starting one.
const EndpointVariable = "DYNAMODB_ENDPOINT"

// ErrUnavailable is wrapped by errors of [Start] on a machine that cannot run an engine. The message
// names the missing tool in one line. Other errors (a taken port, an endpoint that does not answer,
// an engine that ends) do not wrap it.
var ErrUnavailable = errors.New("DynamoDB Local cannot run on this machine")

const (
	readyWithin = 60 * time.Second
	stopWithin  = 5 * time.Second
	// Another process may take a free port before Java has bound it.
	freePortTries = 3
)

// Options configures an engine. The zero value is an engine in memory on a free port.
type Options struct {
	// Endpoint is the URL of a running engine; empty: that of DYNAMODB_ENDPOINT, if set.
	Endpoint string
	// Own starts an engine even if DYNAMODB_ENDPOINT names one.
	Own bool
	// Port to listen on; 0: a free one.
	Port int
	// DataDir stores the tables, and is made if absent; empty: tables are in memory. Two engines
	// must not share a DataDir.
	DataDir string
	// CacheDir stores Maven's download; empty: seatmeter/dynamodb-local-<version> in the user's
	// cache folder. Any number of processes may share it.
	CacheDir string
	// Progress gets a line for each slow step: a download, a pull. Nil discards them.
	Progress io.Writer
}

// Engine is a running DynamoDB.
type Engine struct {
	// Endpoint is its URL. Any region and any alphanumeric credentials see the same tables.
	Endpoint string
	// Source is "endpoint", "maven" or "docker".
	Source string

	launch  *launcher // nil for an engine that Start found running
	options Options

	mu      sync.Mutex // held while process is being replaced
	process *process
	done    chan struct{}
	once    sync.Once // closes done
}

// Start returns an engine that answers. ctx bounds only the start, with its downloads. The engine
// runs until [Engine.Stop] or, on Linux, until the end of this process. Safe to retry.
func Start(ctx context.Context, options Options) (*Engine, error) {
	if options.Progress == nil {
		options.Progress = io.Discard
	}
	named := os.Getenv(EndpointVariable)
	if options.Own {
		named = ""
	}
	if endpoint := cmp.Or(options.Endpoint, named); endpoint != "" {
		if err := answers(ctx, endpoint); err != nil {
			return nil, fmt.Errorf("DynamoDB at %s does not answer (unset %s to have one started): %w", endpoint, EndpointVariable, err)
		}
		return &Engine{Endpoint: endpoint, Source: "endpoint"}, nil
	}
	launch, err := findLauncher(ctx, &options)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		engine, err := launch.start(ctx, options)
		if err == nil || options.Port != 0 || try == freePortTries || !errors.Is(err, errDied) {
			return engine, err
		}
	}
}

// Stop terminates the engine, and kills it after 5 seconds. An engine that Start found running is
// left running. Safe to call twice.
func (e *Engine) Stop() {
	if e.launch == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.process.stop(stopWithin)
	e.ended()
}

// Done is closed when an engine of Start has ended, by Stop or by itself, and not by a Restart. For
// an engine that Start found running it is never closed.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Restart kills an engine, as a crash would, and starts it with the same port and data folder. It
// returns when the engine answers; ctx bounds that. It refuses an engine that Start found running,
// that has ended, or that has its tables in memory. After any other error the engine has ended.
func (e *Engine) Restart(ctx context.Context) error {
	if e.launch == nil {
		return errors.New("restart DynamoDB Local: another process started it")
	}
	if e.options.DataDir == "" {
		return errors.New("restart DynamoDB Local: its tables are in memory and would be lost")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.process.ended:
		return errors.New("restart DynamoDB Local: it has ended")
	default:
	}
	e.process.kill()
	process, err := e.launch.run(ctx, e.Endpoint, e.options)
	if err != nil {
		return fmt.Errorf("restart DynamoDB Local: %w", err)
	}
	e.process = process
	go e.watch(process)
	return nil
}

// watch closes Done when the process ends, unless Restart has replaced the process.
func (e *Engine) watch(p *process) {
	<-p.ended
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process == p {
		e.ended()
	}
}

func (e *Engine) ended() { e.once.Do(func() { close(e.done) }) }

// launcher is a way to start an engine: it makes the command for a port and a data folder.
type launcher struct {
	source  string
	command func(port int, dataDir string) command
}

func findLauncher(ctx context.Context, options *Options) (*launcher, error) {
	if options.CacheDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("finding the cache folder: %w", err)
		}
		options.CacheDir = filepath.Join(cache, "seatmeter", "dynamodb-local-"+Version)
	}
	maven, mavenErr := fromMaven(ctx, *options)
	if mavenErr == nil {
		return maven, nil
	}
	docker, dockerErr := fromDocker(ctx, *options)
	if dockerErr == nil {
		return docker, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: it needs Java 17 with Maven (%w), or Docker (%w), or %s=URL",
		ErrUnavailable, mavenErr, dockerErr, EndpointVariable)
}

func (l *launcher) start(ctx context.Context, options Options) (*Engine, error) {
	port, err := claim(ctx, options.Port)
	if err != nil {
		return nil, err
	}
	if options.DataDir != "" {
		if options.DataDir, err = filepath.Abs(options.DataDir); err != nil {
			return nil, fmt.Errorf("finding the data folder: %w", err)
		}
		if err := os.MkdirAll(options.DataDir, 0o750); err != nil {
			return nil, fmt.Errorf("making the data folder: %w", err)
		}
	}
	options.Port = port
	engine := &Engine{
		Endpoint: "http://127.0.0.1:" + strconv.Itoa(port), Source: l.source,
		launch: l, options: options, done: make(chan struct{}),
	}
	if engine.process, err = l.run(ctx, engine.Endpoint, options); err != nil {
		return nil, err
	}
	go engine.watch(engine.process)
	return engine, nil
}

// run starts a process and returns when it answers.
func (l *launcher) run(ctx context.Context, endpoint string, options Options) (*process, error) {
	process, err := run(l.command(options.Port, options.DataDir))
	if err != nil {
		return nil, fmt.Errorf("starting DynamoDB Local: %w", err)
	}
	if err := process.awaitReady(ctx, endpoint); err != nil {
		process.stop(stopWithin)
		return nil, err
	}
	return process, nil
}

// claim finds a free port, or checks that the given port is free, on every interface, as the engine
// listens on all of them.
func claim(ctx context.Context, port int) (int, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return 0, fmt.Errorf("port %d for DynamoDB Local is taken: %w", port, err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("finding a free port: unexpected address %v", listener.Addr())
	}
	return address.Port, nil
}

// errDied is in the error of an engine that ended before it answered.
var errDied = errors.New("DynamoDB Local ended before it answered")

func (p *process) awaitReady(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := answers(ctx, endpoint)
		select {
		case <-p.ended: // checked first: another engine on the same port may have answered
			return fmt.Errorf("%w; its log:\n%s", errDied, p.log)
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for DynamoDB Local (%w): %w; its log:\n%s", ctx.Err(), err, p.log)
		}
	}
}

// answers lists the tables without the SDK, whose retries would hide the reason of a failure.
// DynamoDB Local requires a signature but does not verify it.
func answers(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ListTables was answered %s", response.Status)
	}
	return nil
}
