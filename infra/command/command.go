// Package command is what the commands of this repository have in common: their
// command line, their exit statuses, and where the project is.
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

// Status ends the process with a status and says nothing.
type Status int

// Exit statuses, beside those that a command passes on.
const (
	StatusFailed Status = 1
	StatusMisuse Status = 2
)

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Program is a command that has other commands.
type Program struct {
	Name, About string
	// Commands is a pointer to a struct with a field for each, as kong has it.
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
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process the hard way
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

// helpFor is the command line that explains the one that could not be parsed: of
// the script by whose name the command is called, if there is one.
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
