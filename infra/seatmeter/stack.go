package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"seatmeter/infra/local"
)

type stackCommand struct {
	Store            string   `enum:"dynamodb,memory" default:"dynamodb" help:"Where state is kept (default: ${default})."`
	History          bool     `help:"Give the demo tenants three months of history."`
	InsecureWebhooks bool     `help:"Let webhooks be on this machine, and without TLS."`
	Verbose          bool     `short:"v" help:"Log what the functions log."`
	Command          []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Help is the command's longer help.
func (stackCommand) Help() string {
	return "The stack has the demo tenants, listens on free ports, keeps its data in a folder that goes with it, and ends with the command, whose exit status is passed on. The command finds it by SEATMETER_HTTP, SEATMETER_WEBSOCKET and SEATMETER_DATA (for --data)."
}

// Validate runs before Run.
func (c stackCommand) Validate() error { return someCommand(c.Command) }

// Run starts a stack, runs the command and stops the stack.
func (c stackCommand) Run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "seatmeter-stack-")
	if err != nil {
		return fmt.Errorf("make a data directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dev := devCommand{
		dataFlag: dataFlag{Data: filepath.Join(dir, "data")}, Store: c.Store, History: c.History, InsecureWebhooks: c.InsecureWebhooks, Verbose: c.Verbose,
	}
	options, err := dev.options()
	if err != nil {
		return err
	}
	// If DYNAMODB_ENDPOINT names an engine, its other tables are not ours.
	options.Progress, options.TablePrefix, options.Temporary = os.Stderr, "stack-"+rand.Text(), true
	stack, err := local.Start(ctx, options)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		err = errors.Join(err, stack.Close(closing))
	}()
	return run(ctx, afterDashes(c.Command),
		"SEATMETER_HTTP="+stack.Endpoints.HTTP, "SEATMETER_WEBSOCKET="+stack.Endpoints.WebSocket, "SEATMETER_DATA="+options.DataDir)
}
