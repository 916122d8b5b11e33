package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/command"
	"seatmeter/infra/lab/bench"
	"seatmeter/infra/local/issuer"
)

// socketsCommand is the clients' side of the sockets benchmark. It is a process of
// its own, since the limit of open files is for each process.
type socketsCommand struct {
	Sockets   int    `arg:"" help:"Connections to hold."`
	HTTP      string `env:"SEATMETER_HTTP" required:"" help:"The stack's HTTP API."`
	WebSocket string `env:"SEATMETER_WEBSOCKET" required:"" help:"The stack's WebSocket API."`
	Data      string `env:"SEATMETER_DATA" required:"" help:"The stack's data directory."`
}

// Run measures the stack that started this process, and prints the report.
func (c socketsCommand) Run(ctx context.Context) error {
	const workers = 32
	keys, err := issuer.Open(c.Data)
	if err != nil {
		return fmt.Errorf("bench sockets: %w", err)
	}
	bearer, err := keys.Mint("vendor", "", time.Hour, time.Now())
	if err != nil {
		return fmt.Errorf("bench sockets: %w", err)
	}
	report, err := bench.Sockets(ctx, bench.SocketsOptions{
		Admin: client.NewAdmin(c.HTTP, bearer), WebSocket: c.WebSocket, Process: os.Getppid(),
		Sockets: c.Sockets, Workers: workers, Progress: benchCommand{}.progress,
	})
	if err != nil {
		return fmt.Errorf("bench sockets: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// benchSockets starts a stack, which starts the clients.
func benchSockets(ctx context.Context, c benchCommand, _ *benchEngine) (report bench.Report, err error) {
	self, err := os.Executable()
	if err != nil {
		return report, fmt.Errorf("find this program: %w", err)
	}
	root, err := command.Root()
	if err != nil {
		return report, err
	}
	stack := exec.CommandContext(ctx, filepath.Join(root, "scripts", "seatmeter"), "stack", "--store", "memory", "--", self, "sockets", fmt.Sprint(c.Sockets))
	stack.Stderr = os.Stderr
	out, err := stack.Output()
	if err != nil {
		return report, fmt.Errorf("run a stack: %w", err)
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return report, fmt.Errorf("read what was measured: %w", err)
	}
	return report, nil
}
