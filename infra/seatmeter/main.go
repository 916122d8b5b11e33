// Command seatmeter runs Seatmeter on one machine and tries it out.
package main

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

type commands struct {
	Dev    devCommand    `cmd:"" help:"Run the local stack until interrupted."`
	Token  tokenCommand  `cmd:"" help:"Print a bearer for the HTTP API, alone on standard output."`
	Demo   demoCommand   `cmd:"" help:"Let thirty clients contend for the 25 seats of acme, on a running stack."`
	Bench  benchCommand  `cmd:"" help:"Measure joins and usage beside what they are built on and held against."`
	Chaos  chaosCommand  `cmd:"" help:"Let clients contend for seats while everything around them fails, and count what is lost."`
	Books  booksCommand  `cmd:"" help:"Check that every seat ever taken is accounted for."`
	Report reportCommand `cmd:"" help:"Print what a tenant used in a month."`
	Cost   costCommand   `cmd:"" help:"Say what so many joins cost on AWS at list prices, and what each tenant has its part in."`
	Engine engineCommand `cmd:"" help:"Run a command with DYNAMODB_ENDPOINT naming a DynamoDB Local of its own."`
	Stack  stackCommand  `cmd:"" help:"Run a command beside a local stack of its own."`

	Gotest  gotestCommand  `cmd:"" hidden:"" help:"Run go test, and say what it has come to, package by package."`
	Sockets socketsCommand `cmd:"" hidden:"" help:"The clients of bench sockets."`
}

func main() { os.Exit(execute(os.Args[1:], os.Stderr)) }

// Exit statuses, beside those that a command passes on.
const (
	statusFailed = 1
	statusMisuse = 2
)

// execute runs the command that the arguments name and returns the exit status.
func execute(args []string, stderr io.Writer) int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("seatmeter"),
		kong.Description("Conferencing licenses enforced at the door: the local stack and its tools."),
	)
	if err != nil {
		fmt.Fprintln(stderr, "seatmeter:", err)
		return statusFailed
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "seatmeter: %v\nSee %s\n", err, helpFor(err))
		return statusMisuse
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process the hard way
	parsed.BindTo(ctx, (*context.Context)(nil))
	err = parsed.Run()
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if err != nil {
		fmt.Fprintln(stderr, "seatmeter:", err)
		return statusFailed
	}
	return 0
}

// helpFor is the command line that explains the one that could not be parsed: of
// the script by whose name the command is called, if there is one.
func helpFor(err error) string {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context.Selected() == nil {
		return "./scripts/seatmeter --help"
	}
	name := parse.Context.Selected().Name
	if root, err := projectRoot(); err == nil {
		if _, err := os.Stat(filepath.Join(root, "scripts", name)); err == nil {
			return "./scripts/" + name + " --help"
		}
	}
	return "./scripts/seatmeter " + name + " --help"
}

// exitStatus ends the process with a status and says nothing.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
