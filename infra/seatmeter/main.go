// Command seatmeter runs Seatmeter on one machine and tries it out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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

	Sockets socketsCommand `cmd:"" hidden:"" help:"The clients of bench sockets."`
}

func main() {
	var c commands
	parsed := kong.Parse(&c,
		kong.Name("seatmeter"),
		kong.Description("Conferencing licenses enforced at the door: the local stack and its tools."),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process the hard way
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.Run()
	if status, ok := errors.AsType[exitStatus](err); ok {
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seatmeter:", err)
		os.Exit(1)
	}
}

// exitStatus ends the process with a status and says nothing.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
