package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"seatmeter/infra/command"
	"seatmeter/infra/lab/drill"
)

type drillCommand struct {
	For time.Duration `default:"5s" help:"How long people come and go before the backup, and again after it (default: ${default})."`
}

// Help is the command's longer help.
func (drillCommand) Help() string {
	return "Rehearses a restore on DynamoDB Local: while people join and leave, all tables are copied as they are at one moment, as a point-in-time restore does. A stack then serves with the copies. Seats of people who are gone must be given back by reconciliation, the books must balance, and the pool must admit exactly its limit. Takes about three minutes, most of it waiting for reconciliation. Ends with status 1 if anything does not hold."
}

// Run runs the drill.
func (c drillCommand) Run(ctx context.Context) (err error) {
	root, err := command.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "seatmeter-drill-")
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	got, err := drill.Run(ctx, drill.Options{Template: filepath.Join(root, command.TemplateFile), DataDir: dir, For: c.For, Progress: os.Stderr})
	if err != nil {
		return err
	}
	for _, broken := range got.Broken {
		fmt.Println("broken:", broken)
	}
	fmt.Printf("%d joins before the backup; %d items restored in %.1f s; %d seats of people who were gone, given back within %.0f s; %d blocks, whose books were checked\n",
		got.Joins, got.Items, got.Backup.Seconds(), got.Stale, got.Mended.Seconds(), got.Blocks)
	if len(got.Broken) > 0 {
		return command.StatusFailed
	}
	return nil
}
