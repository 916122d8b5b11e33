package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"seatmeter/infra/command"
	"seatmeter/infra/gotest"
)

type gotestCommand struct {
	Counts string   `placeholder:"FILE" help:"Add a line to this file: tests passed, failed, skipped."`
	Dir    string   `placeholder:"FOLDER" help:"The module's folder (default: the working directory)."`
	Again  string   `placeholder:"COMMAND" help:"What stands before the commands that run a test again."`
	Words  []string `arg:"" passthrough:"" help:"After --: flags of go test, each in one word, and packages."`
}

// Run runs the tests.
func (c gotestCommand) Run(ctx context.Context) error {
	words := afterDashes(c.Words)
	isFlag := func(word string) bool { return strings.HasPrefix(word, "-") }
	counts, err := gotest.Run(ctx, gotest.Options{
		Dir:      c.Dir,
		Flags:    slices.DeleteFunc(slices.Clone(words), func(word string) bool { return !isFlag(word) }),
		Packages: slices.DeleteFunc(slices.Clone(words), isFlag),
		Again:    c.Again, Out: os.Stdout,
	})
	if err != nil {
		return err
	}
	if err := c.note(counts); err != nil {
		return err
	}
	if counts.Failed > 0 {
		return command.StatusFailed
	}
	return nil
}

func (c gotestCommand) note(counts gotest.Counts) (err error) {
	if c.Counts == "" {
		return nil
	}
	file, err := os.OpenFile(c.Counts, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note the counts: %w", err)
	}
	_, err = fmt.Fprintln(file, counts.Passed, counts.Failed, counts.Skipped)
	return errors.Join(err, file.Close())
}
