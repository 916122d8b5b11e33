package main

import (
	"context"
	"errors"
	"os"

	"seatmeter/infra/command"
	"seatmeter/infra/local"
	"seatmeter/infra/smoke"
)

type smokeCommand struct {
	dataFlag

	HTTP      string `placeholder:"URL" help:"The HTTP API: HttpUrl of a stack's outputs. Without it, the local stack is tried."`
	WebSocket string `name:"websocket" placeholder:"URL" help:"The WebSocket API: WebSocketUrl of the outputs."`
	Token     string `env:"SEATMETER_TOKEN" placeholder:"BEARER" help:"A vendor's bearer; better in $$SEATMETER_TOKEN, where no list of processes shows it."`
	Tests     bool   `help:"Also run the end-to-end tests that need no more than this: licenses, joins, lobby, conferences. They take a minute, make some fifty tenants, and have them deleted."`
}

// byURL are the end-to-end tests of what is sold, which need a vendor's bearer alone.
const byURL = "^Test(ConcurrentUser|NamedUser|Lobby|Message|Connect|Conference|License)_"

// Help is the command's longer help.
func (smokeCommand) Help() string {
	return "Gives a tenant of its own a license of two seats, joins with real sockets until one is refused, reads the report, and removes what it made. Takes some seconds. Ends with status 1 and the step that failed."
}

// Validate runs before Run.
func (c smokeCommand) Validate() error {
	switch {
	case (c.HTTP == "") != (c.WebSocket == ""):
		return errors.New("--http and --websocket go together")
	case c.HTTP != "" && c.Token == "":
		return errors.New("no bearer: set SEATMETER_TOKEN to a vendor's")
	}
	return nil
}

// Run tries the APIs.
func (c smokeCommand) Run(ctx context.Context) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	if err := smoke.Run(ctx, target, os.Stdout); err != nil || !c.Tests {
		return err
	}
	root, err := command.Root()
	if err != nil {
		return err
	}
	return run(ctx, []string{"go", "-C", root, "test", "-count=1", "-run", byURL, "./infra/e2e"},
		"SEATMETER_HTTP="+target.HTTP, "SEATMETER_WEBSOCKET="+target.WebSocket, "SEATMETER_TOKEN="+target.Token)
}

func (c smokeCommand) target() (smoke.Target, error) {
	if c.HTTP != "" {
		return smoke.Target{HTTP: c.HTTP, WebSocket: c.WebSocket, Token: c.Token}, nil
	}
	dir, err := c.dir()
	if err != nil {
		return smoke.Target{}, err
	}
	endpoints, err := local.ReadEndpoints(dir)
	if err != nil {
		return smoke.Target{}, err
	}
	bearer, err := mint(dir, "vendor", "")
	return smoke.Target{HTTP: endpoints.HTTP, WebSocket: endpoints.WebSocket, Token: bearer}, err
}
