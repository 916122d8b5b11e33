package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
)

// limitSockets is the number of connections that the stack must have open at once.
const limitSockets = 10_000

// SocketsOptions configures Sockets.
type SocketsOptions struct {
	Admin     *client.Admin
	WebSocket string
	// Process is the id of the stack's process, whose memory is measured.
	Process int
	// Workers open the Sockets.
	Sockets, Workers int
	Progress         func(string)
}

// Sockets fills a tenant's seats with connections, and counts those that are open
// at the same time.
func Sockets(ctx context.Context, o SocketsOptions) (Report, error) {
	token, err := socketsToken(ctx, o)
	if err != nil {
		return Report{}, err
	}
	before, err := residentKilobytes(o.Process)
	if err != nil {
		return Report{}, err
	}
	began := time.Now()
	crowd, err := connect(ctx, o, token)
	took := time.Since(began)
	defer func() {
		for _, p := range crowd {
			p.Abandon()
		}
	}()
	if err != nil {
		return Report{}, err
	}
	held, err := answering(ctx, crowd, o)
	if err != nil {
		return Report{}, err
	}
	seats, err := o.Admin.Seats(ctx, string(benchTenant))
	if err != nil {
		return Report{}, fmt.Errorf("read the seats: %w", err)
	}
	if seats.InUse != len(crowd) {
		return Report{}, fmt.Errorf("%d seats in use with %d connections", seats.InUse, len(crowd))
	}
	after, err := residentKilobytes(o.Process)
	if err != nil {
		return Report{}, err
	}
	perSocket := float64(after-before) / float64(len(crowd))
	return Report{
		Rates: []Rate{{"joins while the sockets fill", float64(len(crowd)) / took.Seconds()}},
		Figures: []Figure{
			figure("sockets_held", "connections of the local stack that are open and have a seat at the same time", []float64{float64(held)}).atLeast(limitSockets),
			figure("socket_kilobytes", "memory of the stack for each connection, with its seat and session (memory store)", []float64{perSocket}),
		},
	}, nil
}

// socketsToken makes a tenant with a conference, and a join token for all clients.
func socketsToken(ctx context.Context, o SocketsOptions) (string, error) {
	if _, err := o.Admin.PutLicense(ctx, string(benchTenant), client.Concurrent(o.Sockets)); err != nil {
		return "", fmt.Errorf("license the tenant: %w", err)
	}
	c, err := o.Admin.CreateConference(ctx, string(benchTenant), client.Conference{Conference: string(benchRoom), Host: "host@example.org"})
	if err != nil {
		return "", fmt.Errorf("schedule a conference: %w", err)
	}
	const anHour = 3600
	token, err := o.Admin.CreateJoinToken(ctx, string(benchTenant), c.Conference, client.JoinRequest{
		Identity: "p@example.org", Role: client.RoleParticipant, ExpiresInSeconds: anHour,
	})
	if err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return token.Token, nil
}

// connect opens all connections, and returns those that it opened.
func connect(ctx context.Context, o SocketsOptions, token string) ([]*client.Participant, error) {
	var mu sync.Mutex
	var crowd []*client.Participant
	var group errgroup.Group
	var next atomic.Int64
	for range o.Workers {
		group.Go(func() error {
			for int(next.Add(1)) <= o.Sockets {
				p, err := client.Dial(ctx, o.WebSocket, token, client.DialOptions{})
				if err != nil {
					return fmt.Errorf("connect: %w", err)
				}
				mu.Lock()
				crowd = append(crowd, p)
				if n := len(crowd); n%1000 == 0 {
					o.Progress(fmt.Sprintf("%d of %d connected", n, o.Sockets))
				}
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	return crowd, err
}

// answering counts the connections that answer, after all were opened.
func answering(ctx context.Context, crowd []*client.Participant, o SocketsOptions) (int, error) {
	o.Progress("checking that each connection is open")
	var held atomic.Int64
	var group errgroup.Group
	group.SetLimit(o.Workers)
	for _, p := range crowd {
		group.Go(func() error {
			answer, err := p.Ask(ctx, client.ActionPing)
			if err == nil && answer.Type == client.TypePong {
				held.Add(1)
			}
			return err //nolint:wrapcheck // wrapped below
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("ping: %w", err)
	}
	return int(held.Load()), nil
}

// residentKilobytes reads the resident memory of a process on Linux.
func residentKilobytes(process int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, fmt.Errorf("read the memory of the stack: %w", err)
	}
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) > 1 && string(fields[0]) == "VmRSS:" {
			kilobytes, err := strconv.Atoi(string(fields[1]))
			if err != nil {
				return 0, fmt.Errorf("memory of the stack: %w", err)
			}
			return kilobytes, nil
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", process)
}
