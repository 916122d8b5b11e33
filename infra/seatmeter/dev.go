package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"seatmeter/infra/command"
	"seatmeter/infra/local"
	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/engine"
)

// closeWithin is how long Ctrl-C waits for seats to be freed.
const closeWithin = 15 * time.Second

type devCommand struct {
	dataFlag

	HTTPPort         int    `name:"http-port" default:"3000" help:"Port of the HTTP API, 0 for a free one (default: ${default})."`
	WSPort           int    `name:"ws-port" default:"3001" help:"Port of the WebSocket API, 0 for a free one (default: ${default})."`
	Store            string `enum:",dynamodb,memory" default:"" placeholder:"dynamodb|memory" help:"Where state is kept (default: dynamodb, or memory where there is no DynamoDB Local to be had)."`
	DynamoDBEndpoint string `name:"dynamodb-endpoint" placeholder:"URL" help:"A DynamoDB that runs already (default: one is started)."`
	Template         string `placeholder:"FILE" type:"existingfile" help:"The SAM template (default: template.yaml of the project)."`
	Events           bool   `help:"Print the events that go to the event bus on AWS, one a line."`
	InsecureWebhooks bool   `help:"Let webhooks be on this machine, and without TLS."`
	Verbose          bool   `short:"v" help:"Log what the functions log."`
	History          bool   `negatable:"" default:"true" help:"Give the demo tenants, when they are made, stays of the three months before this one."`
	Yes              bool   `help:"Install what DynamoDB Local needs without asking (see scripts/setup --help)."`

	Limits limitFlags `embed:"" group:"API Gateway's limits, shortened"`
	Rates  rateFlags  `embed:"" group:"Seatmeter's own limits"`
	Faults faultFlags `embed:"" group:"What befalls $disconnect events, as shares from 0 to 1"`
}

type limitFlags struct {
	IdleTimeout   time.Duration `default:"10m" placeholder:"10m" help:"How long a connection may be silent."`
	MaxConnection time.Duration `default:"2h" placeholder:"2h" help:"How long a connection may last."`
}

type rateFlags struct {
	JoinsPerSecond int `default:"0" placeholder:"N" help:"Joins of one tenant a second, as the mean of ten seconds (default: the template's)."`
}

type faultFlags struct {
	LoseDisconnects    float64 `default:"0" placeholder:"SHARE" help:"Share that is never delivered, 0 to 1 (default: 0)."`
	RepeatDisconnects  float64 `default:"0" placeholder:"SHARE" help:"Share that is delivered twice, 0 to 1 (default: 0)."`
	DelayDisconnects   float64 `default:"0" placeholder:"SHARE" help:"Share that is delivered up to a second late, 0 to 1 (default: 0)."`
	ReorderDisconnects float64 `default:"0" placeholder:"SHARE" help:"Share that is overtaken by a later one, 0 to 1 (default: 0)."`
	Seed               uint64  `default:"0" placeholder:"N" help:"Makes the faults repeatable."`
}

// Help is the command's longer help.
func (devCommand) Help() string {
	return "Two demo tenants are there from the start: acme, licensed for 25 concurrent connections, and globex, for 5 hosts with 25 participants each. When the stack is ready, endpoints.json in the data directory says where it is. State on DynamoDB is kept there from one run to the next. To see what clients do when API Gateway restarts, POST to /.close of the WebSocket server: ?code=1012 closes every connection with that code, &share=0.5 only half of them."
}

// Run runs the stack until ctx ends.
func (c devCommand) Run(ctx context.Context) error {
	options, err := c.options()
	if err != nil {
		return err
	}
	options.Example = filepath.Join(options.DataDir, "example")
	stack, err := c.start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return command.Status(130) // interrupted: the user knows
		}
		return err
	}
	fmt.Print(c.banner(stack.Endpoints, options.DataDir, time.Now()))
	go buildExample(ctx, options.Example, stack.Endpoints)
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-stack.Failed():
	}
	fmt.Println("\nStopping.")
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
	defer cancel()
	if err := errors.Join(failed, stack.Close(closing)); err != nil {
		return err
	}
	fmt.Println("Everything has stopped.")
	return nil
}

func (c devCommand) options() (local.Options, error) {
	dir, err := c.dir()
	if err != nil {
		return local.Options{}, err
	}
	file := c.Template
	if file == "" {
		root, err := command.Root()
		if err != nil {
			return local.Options{}, fmt.Errorf("%w; say where it is with --template", err)
		}
		file = filepath.Join(root, command.TemplateFile)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	var events io.Writer
	if c.Events {
		events = os.Stdout
	}
	return local.Options{
		Events:           events,
		InsecureWebhooks: c.InsecureWebhooks,
		Template:         file,
		DataDir:          dir,
		Store:            local.Store(c.Store),
		DynamoDBEndpoint: c.DynamoDBEndpoint,
		HTTPPort:         c.HTTPPort,
		WSPort:           c.WSPort,
		Demo:             true,
		History:          c.History,
		Limits:           apigateway.Limits{Idle: c.Limits.IdleTimeout, Life: c.Limits.MaxConnection},
		Rates:            local.Rates{JoinsPerSecond: c.Rates.JoinsPerSecond},
		Faults: apigateway.Faults{
			LoseDisconnect:    c.Faults.LoseDisconnects,
			RepeatDisconnect:  c.Faults.RepeatDisconnects,
			DelayDisconnect:   c.Faults.DelayDisconnects,
			ReorderDisconnect: c.Faults.ReorderDisconnects,
			Seed:              c.Faults.Seed,
		},
		Log:      slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Progress: os.Stdout,
	}, nil
}

// start installs what DynamoDB Local needs if it is missing. If that fails it uses
// memory, unless the command line names a store.
func (c devCommand) start(ctx context.Context, o local.Options) (*local.Stack, error) {
	stack, err := local.Start(ctx, o)
	if errors.Is(err, engine.ErrUnavailable) && c.setUp(ctx) {
		stack, err = local.Start(ctx, o)
	}
	if errors.Is(err, engine.ErrUnavailable) && c.Store == "" {
		fmt.Fprintf(o.Progress, "Keeping state in memory: %v.\n", err)
		o.Store = local.StoreMemory
		return local.Start(ctx, o)
	}
	return stack, err
}

// setUp runs the script that installs what DynamoDB Local needs, and reports whether
// it is there.
func (c devCommand) setUp(ctx context.Context) bool {
	root, err := command.Root()
	if err != nil {
		return false
	}
	setup := exec.CommandContext(ctx, filepath.Join(root, "scripts", "setup"), "java", "maven")
	if c.Yes {
		setup.Args = slices.Insert(setup.Args, 1, "--yes")
	}
	setup.Stdin, setup.Stdout, setup.Stderr = os.Stdin, os.Stdout, os.Stderr
	return setup.Run() == nil
}

// banner prints the addresses, and what to try. With the lines before it, it fits a
// terminal of 80 by 24.
func (c devCommand) banner(e local.Endpoints, dataDir string, now time.Time) string {
	data, try := "", ""
	if c.Data != "" {
		data = " --data " + c.Data
	}
	if c.History {
		lastMonth := now.UTC().AddDate(0, 0, -now.UTC().Day()).Format(periodLayout)
		try = fmt.Sprintf("\n  ./scripts/report --tenant acme --period %s%s", lastMonth, data)
	}
	return fmt.Sprintf(`
Seatmeter is running; Ctrl-C stops it.

  console    %[1]s
  API        %[2]s
  its docs   %[2]s/v1/docs
  WebSocket  %[3]s
  DynamoDB   %[4]s
  data       %[5]s

Tokens for the API, good for 12 hours (the console signs in by itself):
  ./scripts/token --role vendor%[6]s
  ./scripts/token --role finance%[6]s
  ./scripts/token --role tenant_admin --tenant acme%[6]s
To try, in another terminal:
  ./scripts/demo%[6]s%[7]s
`, e.Console, e.HTTP, e.WebSocket, cmp.Or(e.DynamoDB, "none: state is in memory and ends with this process"), dataDir, data, try)
}
