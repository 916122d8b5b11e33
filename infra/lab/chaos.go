package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"seatmeter/infra/command"
	"seatmeter/infra/lab/chaos"
	"seatmeter/infra/local"
)

type chaosCommand struct {
	Joins   int           `default:"20000" help:"Stop after this number of admissions (default: ${default})."`
	For     time.Duration `default:"0" placeholder:"DURATION" help:"Stop joining after this time, if that is earlier (default: no bound)."`
	Seed    uint64        `placeholder:"N" help:"Make decisions repeatable, as far as their order is (default: random)."`
	Store   string        `enum:"dynamodb,memory" default:"dynamodb" placeholder:"dynamodb|memory" help:"Where state is stored (default: ${default})."`
	JSON    bool          `help:"Print one JSON object."`
	Verbose bool          `short:"v" help:"Log what the functions log."`
}

// Help is the command's longer help.
func (chaosCommand) Help() string {
	return "Real clients contend for the seats of nine tenants of both models on a stack of their own, while 20 % of the $disconnect events are lost, 10 % repeated, 10 % delayed or reordered, functions' processes end between two calls, and DynamoDB Local is killed once and started again. Two of the tenants have more clients than seats, and so always a queue. At the end all clients leave, every seat must come back, and every pool is filled to its limit. Ends with status 1 if a pool was oversold, a seat lost, a ghost not reclaimed within three minutes of being observable, or the books do not balance."
}

// scratch is the directory for the stack's data: in memory if there is such a
// file system, since the disk is not under test; "" means the default directory.
func scratch() string {
	const inMemory = "/dev/shm"
	if info, err := os.Stat(inMemory); err != nil || !info.IsDir() || os.Getenv("TMPDIR") != "" {
		return ""
	}
	return inMemory
}

// Run runs the chaos.
func (c chaosCommand) Run(ctx context.Context) (err error) {
	root, err := command.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(scratch(), "seatmeter-chaos-")
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o := chaos.Usual()
	o.Template, o.DataDir, o.Store = filepath.Join(root, command.TemplateFile), dir, local.Store(c.Store)
	o.Joins, o.For, o.Seed, o.Progress = c.Joins, c.For, c.Seed, os.Stderr
	if o.Seed == 0 {
		o.Seed = uint64(rand.Uint32())
	}
	if c.Verbose {
		o.Log = slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	fmt.Fprintf(os.Stderr, "Chaos with seed %d.\n", o.Seed)
	report, err := chaos.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	if c.JSON {
		err = json.NewEncoder(os.Stdout).Encode(report)
	} else {
		err = report.Print(os.Stdout)
	}
	if err != nil {
		return fmt.Errorf("chaos: %w", err)
	}
	for _, breach := range report.Breaches {
		fmt.Fprintf(os.Stderr, "seatmeter: chaos: %s\n", breach)
	}
	if len(report.Breaches) > 0 {
		fmt.Fprintf(os.Stderr, "seatmeter: chaos: guarantees were broken with --seed %d\n", o.Seed)
		return command.StatusFailed
	}
	return nil
}
