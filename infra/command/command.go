// Package command has what the repository's commands share: command line parsing,
// exit statuses, and the project's folder.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"
)

// Status is an exit status. As an error, it ends the process without a message.
type Status int

// Exit statuses. A command may also pass on another's.
const (
	StatusFailed Status = 1
	StatusMisuse Status = 2
)

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Program is a command with subcommands.
type Program struct {
	Name, About string
	// Commands is a pointer to a struct with a field for each, as kong requires.
	Commands any
}

// Execute runs the command that the arguments name and returns the exit status.
func (p Program) Execute(args []string, stderr io.Writer) Status {
	parser, err := kong.New(p.Commands, kong.Name(p.Name), kong.Description(p.About))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return StatusFailed
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nSee %s\n", p.Name, err, p.helpFor(err))
		return StatusMisuse
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills the process
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run()
	if status, ok := errors.AsType[Status](err); ok {
		return status
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return StatusFailed
	}
	return 0
}

// helpFor returns the command line that shows help after a parse error: that of the
// script by which the command was called, if there is one.
func (p Program) helpFor(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context.Selected() == nil {
		return "./scripts/" + p.Name + " --help"
	}
	name := parse.Context.Selected().Name
	if root, err := Root(); err == nil {
		if _, err := os.Stat(filepath.Join(root, "scripts", name)); err == nil {
			return "./scripts/" + name + " --help"
		}
	}
	return "./scripts/" + p.Name + " " + name + " --help"
}
