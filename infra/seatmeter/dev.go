package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
	"seatmeter/infra/local/apigateway"
	"seatmeter/infra/local/engine"
)

// closeWithin is how long Ctrl-C waits for seats to be given back.
const closeWithin = 15 * time.Second

type devCommand struct {
	dataFlag

	HTTPPort         int    `name:"http-port" default:"3000" help:"Port of the HTTP API, 0 for a free one (default: ${default})."`
	WSPort           int    `name:"ws-port" default:"3001" help:"Port of the WebSocket API, 0 for a free one (default: ${default})."`
	Store            string `enum:",dynamodb,memory" default:"" placeholder:"dynamodb|memory" help:"Where state is kept (default: dynamodb, or memory where there is no DynamoDB Local to be had)."`
	DynamoDBEndpoint string `name:"dynamodb-endpoint" placeholder:"URL" help:"A DynamoDB that runs already (default: one is started)."`
	Template         string `placeholder:"FILE" type:"existingfile" help:"The SAM template (default: template.yaml of the project)."`
	Verbose          bool   `short:"v" help:"Log what the functions log."`
	Yes              bool   `help:"Install what DynamoDB Local needs without asking (see scripts/setup --help)."`

	Limits limitFlags `embed:"" group:"API Gateway's limits, shortened"`
	Faults faultFlags `embed:"" group:"What befalls $disconnect events, as shares from 0 to 1"`
}

type limitFlags struct {
	IdleTimeout   time.Duration `default:"10m" placeholder:"10m" help:"How long a connection may be silent."`
	MaxConnection time.Duration `default:"2h" placeholder:"2h" help:"How long a connection may last."`
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
	stack, err := c.start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return exitStatus(130) // interrupted: the user knows
		}
		return err
	}
	failed := c.welcome(ctx, stack, options.DataDir)
	if failed == nil {
		select {
		case <-ctx.Done():
		case failed = <-stack.Failed():
		}
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
		root, err := projectRoot()
		if err != nil {
			return local.Options{}, fmt.Errorf("%w; say where it is with --template", err)
		}
		file = filepath.Join(root, templateFile)
	}
	level := slog.LevelWarn
	if c.Verbose {
		level = slog.LevelDebug
	}
	return local.Options{
		Template:         file,
		DataDir:          dir,
		Store:            local.Store(c.Store),
		DynamoDBEndpoint: c.DynamoDBEndpoint,
		HTTPPort:         c.HTTPPort,
		WSPort:           c.WSPort,
		Demo:             true,
		Limits:           apigateway.Limits{Idle: c.Limits.IdleTimeout, Life: c.Limits.MaxConnection},
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

// start has installed what an engine needs, where there is none. Then it falls
// back to memory, unless the command line says where state is to be kept.
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

// setUp has what DynamoDB Local needs installed, and tells whether it is there.
// The script says what it does, or what to do.
func (c devCommand) setUp(ctx context.Context) bool {
	root, err := projectRoot()
	if err != nil {
		return false
	}
	command := exec.CommandContext(ctx, filepath.Join(root, "scripts", "setup"), "java", "maven")
	if c.Yes {
		command.Args = slices.Insert(command.Args, 1, "--yes")
	}
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	return command.Run() == nil
}

// welcome says where everything is, and what to try.
func (c devCommand) welcome(ctx context.Context, stack *local.Stack, dataDir string) error {
	e := stack.Endpoints
	fmt.Printf(`
Seatmeter is running; Ctrl-C stops it.

  HTTP       %s
  WebSocket  %s
  console    %s
  DynamoDB   %s
  data       %s

Bearers for 12 hours (./scripts/token makes others):
`, e.HTTP, e.WebSocket, e.Console, cmp.Or(e.DynamoDB, "none: state is in memory and ends with this process"), dataDir)
	var admin string
	for _, who := range []struct{ role, tenant string }{{"vendor", ""}, {"finance", ""}, {"tenant_admin", welcomeTenant}} {
		bearer, err := stack.Issuer.Mint(who.role, who.tenant, tokenLifetime, time.Now())
		if err != nil {
			return err
		}
		fmt.Printf("\n%s\n%s\n", strings.TrimSpace(who.role+" "+who.tenant), bearer)
		admin = bearer
	}
	data := ""
	if c.Data != "" {
		data = " --data " + c.Data
	}
	fmt.Printf(`
Look at the seats of %[1]s:
  curl -s -H "Authorization: Bearer $(./scripts/token --role tenant_admin --tenant %[1]s%[2]s)" %[3]s/v1/tenants/%[1]s/seats
`, welcomeTenant, data, e.HTTP)
	join, err := welcomeToken(ctx, client.NewAdmin(e.HTTP, admin))
	if err != nil {
		fmt.Printf("(No conference to try: %v.)\n", err) // such as when acme's license was changed
		return nil
	}
	fmt.Printf("Take one, with any WebSocket client, and say {\"action\":\"status\"}:\n  npx wscat -c '%s?token=%s'\n", e.WebSocket, join)
	return nil
}

const (
	welcomeTenant     = "acme"
	welcomeConference = "welcome"
	welcomeHost       = "ada@acme.example"
)

// welcomeToken makes a join token for a day, and the conference if need be.
func welcomeToken(ctx context.Context, admin *client.Admin) (string, error) {
	_, err := admin.CreateConference(ctx, welcomeTenant, client.Conference{
		Conference: welcomeConference, Host: welcomeHost, Title: "Welcome",
	})
	if p, ok := errors.AsType[*client.Problem](err); err != nil && (!ok || p.Code != client.CodeAlreadyExists) {
		return "", err
	}
	token, err := admin.CreateJoinToken(ctx, welcomeTenant, welcomeConference, client.JoinRequest{
		Identity: welcomeHost, Role: client.RoleHost, ExpiresInSeconds: int((24 * time.Hour).Seconds()),
	})
	return token.Token, err
}
