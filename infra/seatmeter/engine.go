package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"seatmeter/infra/command"
	"seatmeter/infra/local/engine"
)

type engineCommand struct {
	Command []string `arg:"" passthrough:"" help:"The command and its arguments, after --."`
}

// Help is the command's longer help.
func (engineCommand) Help() string {
	return "The engine keeps its tables in memory, listens on a free port and ends with the command, whose exit status is passed on. If DYNAMODB_ENDPOINT is set already, the command runs on that."
}

// Validate runs before Run.
func (c engineCommand) Validate() error { return someCommand(c.Command) }

// Run starts the engine, runs the command and stops the engine.
func (c engineCommand) Run(ctx context.Context) error {
	database, err := engine.Start(ctx, engine.Options{Progress: os.Stderr})
	if err != nil {
		return err
	}
	defer database.Stop()
	return run(ctx, afterDashes(c.Command), engine.EndpointVariable+"="+database.Endpoint)
}

// afterDashes returns the command without the -- before it.
func afterDashes(words []string) []string {
	if len(words) > 0 && words[0] == "--" {
		return words[1:]
	}
	return words
}

func someCommand(words []string) error {
	if len(afterDashes(words)) == 0 {
		return errors.New("which command is to be run? It comes after --")
	}
	return nil
}

// run runs a command with additional environment variables, and waits for it. Signals
// are passed on, so that the command decides when to end.
func run(ctx context.Context, words []string, variables ...string) error {
	process := exec.CommandContext(context.WithoutCancel(ctx), words[0], words[1:]...)
	process.Env = append(os.Environ(), variables...)
	process.Stdin, process.Stdout, process.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", words[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	for {
		select {
		case s := <-signals:
			if s == os.Interrupt && interactive() {
				continue // the terminal has sent it to the command too
			}
			_ = process.Process.Signal(s) // the command may just have ended
		case err := <-ended:
			return status(err)
		}
	}
}

func interactive() bool {
	stdin, err := os.Stdin.Stat()
	return err == nil && stdin.Mode()&os.ModeCharDevice != 0
}

// status returns a shell's status: 128 and the signal's number for a command that a
// signal ended.
func status(err error) error {
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	if w, ok := failed.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return command.Status(128 + int(w.Signal()))
	}
	return command.Status(failed.ExitCode())
}
