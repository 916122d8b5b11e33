package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
)

// The demo's changes of acme's license, and the expected result.
const (
	demoTenant  = "acme"
	demoSeats   = 25
	demoClients = 30
	demoWaiting = demoClients - demoSeats
	demoWithin  = time.Minute
)

// demoBrowsed is how many people the example page shows, which has three seats.
const demoBrowsed = 6

type demoCommand struct {
	dataFlag

	Browser bool `help:"Open the example page in Chromium instead, with six people who contend for three seats."`
}

// Help is the command's longer help.
func (demoCommand) Help() string {
	return "Thirty clients connect to the lobby and ask to join: 25 are admitted and 5 refused. Five leave, and the five that wait get in. Then everyone leaves, and the usage report of this run is printed. Ends with status 1 if any number is another."
}

// Run runs the demo.
func (c demoCommand) Run(ctx context.Context) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	endpoints, err := local.ReadEndpoints(dir)
	if err != nil {
		return err
	}
	if c.Browser {
		return browse(ctx, endpoints, demoBrowsed)
	}
	bearer, err := mint(dir, "vendor", "")
	if err != nil {
		return err
	}
	turn, err := local.AwaitDemo(ctx, dir, func() {
		fmt.Println("Another demo is running on this stack; this one begins when that has ended.")
	})
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer turn.Close()
	ctx, cancel := context.WithTimeout(ctx, demoWithin)
	defer cancel()
	d := demo{api: client.NewAdmin(endpoints.HTTP, bearer), socket: endpoints.WebSocket, out: os.Stdout}
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

type demo struct {
	api        *client.Admin
	socket     string
	out        io.Writer
	conference string
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context) error {
	if err := d.precondition(ctx); err != nil {
		return err
	}
	began := time.Now().Truncate(time.Millisecond)
	d.conference = "demo-" + strings.ReplaceAll(began.UTC().Format("20060102-150405.000"), ".", "-")
	_, err := d.api.CreateConference(ctx, demoTenant, client.Conference{
		Conference: d.conference, Host: "ada@acme.example", Title: "Thirty for twenty-five seats",
	})
	if err != nil {
		return fmt.Errorf("schedule a conference: %w", err)
	}
	d.say("Conference %s of %s, which is licensed for %d concurrent connections.", d.conference, demoTenant, demoSeats)

	everyone, err := d.enterLobby(ctx)
	defer func() {
		for _, p := range everyone {
			p.Abandon() // left over after a failure
		}
	}()
	if err != nil {
		return err
	}
	d.say("%d clients are in the lobby, which takes no seats, and ask to join all at once.", len(everyone))

	in, out, err := d.join(ctx, everyone)
	if err != nil {
		return err
	}
	if len(in) != demoSeats || len(out) != demoWaiting {
		return fmt.Errorf("%d admitted and %d refused, not %d and %d", len(in), len(out), demoSeats, demoWaiting)
	}
	d.say("%d are in. Five leave.", len(in))
	if err := d.leave(ctx, in[:demoWaiting], demoSeats-demoWaiting); err != nil {
		return err
	}
	late, stillOut, err := d.join(ctx, out)
	if err != nil {
		return err
	}
	if len(stillOut) != 0 {
		return fmt.Errorf("%d of the waiting were refused again", len(stillOut))
	}
	d.say("The %d that waited are in. Everyone leaves.", len(late))
	if err := d.leave(ctx, append(late, in[demoWaiting:]...), 0); err != nil {
		return err
	}
	return d.report(ctx, began)
}

// precondition: the demo's numbers need all 25 seats free.
func (d *demo) precondition(ctx context.Context) error {
	seats, err := d.api.Seats(ctx, demoTenant)
	if err != nil {
		return fmt.Errorf("read the seats of %s: %w", demoTenant, err)
	}
	if seats.Model != client.ModelConcurrent || seats.Limit == nil || *seats.Limit != demoSeats {
		return fmt.Errorf("%s is not licensed for %d concurrent connections any more: PUT that license again, or try a fresh --data directory", demoTenant, demoSeats)
	}
	if seats.InUse != 0 {
		return fmt.Errorf("of %[2]s, %[1]d seats are in use, and the demo needs all %[3]d: a client that was cut off frees its seat after half a minute", seats.InUse, demoTenant, demoSeats)
	}
	return nil
}

// enterLobby connects everyone without a seat. With an error, it returns those that
// are connected.
func (d *demo) enterLobby(ctx context.Context) ([]*client.Participant, error) {
	connected := make([]*client.Participant, demoClients)
	group, ctx := errgroup.WithContext(ctx)
	for i := range connected {
		group.Go(func() error {
			request := client.JoinRequest{Identity: fmt.Sprintf("guest%02d@acme.example", i), Role: client.RoleParticipant}
			if i == 0 {
				request = client.JoinRequest{Identity: "ada@acme.example", Role: client.RoleHost}
			}
			token, err := d.api.CreateJoinToken(ctx, demoTenant, d.conference, request)
			if err != nil {
				return fmt.Errorf("make a join token: %w", err)
			}
			connected[i], err = client.Dial(ctx, d.socket, token.Token, client.DialOptions{Lobby: true})
			return err
		})
	}
	err := group.Wait()
	present := connected[:0]
	for _, p := range connected {
		if p != nil {
			present = append(present, p)
		}
	}
	return present, err
}

// join sends everyone's join at once, and prints each refusal.
func (d *demo) join(ctx context.Context, everyone []*client.Participant) (in, out []*client.Participant, err error) {
	answers := make([]client.Message, len(everyone))
	group, asking := errgroup.WithContext(ctx)
	for i, p := range everyone {
		group.Go(func() (err error) {
			answers[i], err = d.askToJoin(asking, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for i, answer := range answers {
		if answer.Type == client.TypeAdmitted {
			in = append(in, everyone[i])
			continue
		}
		if answer.Code != client.CodeSeatsExhausted {
			return nil, nil, fmt.Errorf("refused with %s, not %s", answer.Code, client.CodeSeatsExhausted)
		}
		out = append(out, everyone[i])
		d.say("  refused: %s (%s)", answer.Code, answer.Detail)
	}
	return in, out, nil
}

// askToJoin ignores other messages in the lobby, such as that the conference went
// live.
func (d *demo) askToJoin(ctx context.Context, p *client.Participant) (client.Message, error) {
	if err := p.Send(ctx, client.ActionJoin); err != nil {
		return client.Message{}, err
	}
	for {
		m, err := p.Next(ctx)
		if err != nil {
			return client.Message{}, err
		}
		switch m.Type {
		case client.TypeAdmitted, client.TypeRefused:
			return m, nil
		case client.TypeError, client.TypeRemoved, client.TypeConferenceEnded:
			return client.Message{}, fmt.Errorf("asked to join, was told %s: %s %s", m.Type, m.Code, m.Detail)
		case client.TypeConferenceLive, client.TypeLobby, client.TypePong:
		}
	}
}

// leave closes connections and waits until their seats are free.
func (d *demo) leave(ctx context.Context, leaving []*client.Participant, remaining int) error {
	var group errgroup.Group
	for _, p := range leaving {
		group.Go(p.CloseClean)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		seats, err := d.api.Seats(ctx, demoTenant)
		if err != nil {
			return fmt.Errorf("read the seats of %s: %w", demoTenant, err)
		}
		if seats.InUse == remaining {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d seats in use, there are %d: %w", remaining, seats.InUse, ctx.Err())
		case <-tick.C:
		}
	}
}

// report prints and checks the usage since the run began, all of which is the run's.
func (d *demo) report(ctx context.Context, began time.Time) error {
	usage, err := d.api.Usage(ctx, demoTenant, client.UsageQuery{
		From: began, To: time.Now().Add(time.Millisecond), Granularity: client.GranularityTotal,
	})
	if err != nil {
		return fmt.Errorf("read the usage report: %w", err)
	}
	if len(usage.Rows) != 1 {
		return fmt.Errorf("a total of %d rows", len(usage.Rows))
	}
	row := usage.Rows[0]
	d.say("\nThe usage report of this run:\n")
	if err := d.table(row); err != nil {
		return err
	}
	var wrong []error
	for _, check := range []struct {
		what         string
		got, require int64
	}{
		{"joins", row.Joins, demoClients},
		{"refused", row.Refused, demoWaiting},
		{"peak", row.Peak, demoSeats},
		{"closing", row.Closing, 0},
		{"identities", row.Identities, demoClients},
	} {
		if check.got != check.require {
			wrong = append(wrong, fmt.Errorf("the report says %s %d, not %d", check.what, check.got, check.require))
		}
	}
	return errors.Join(wrong...)
}

func (d *demo) table(r client.UsageRow) error {
	peakAt := ""
	if r.PeakAt != nil {
		peakAt = r.PeakAt.Format("15:04:05.000")
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "tenant\tconferences\tjoins\trefused\tpeak\tpeak at (UTC)\tclosing\tseat minutes\thosts\tidentities")
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%d\t%s\t%d\t%d\n",
		r.Tenant, r.Conferences, r.Joins, r.Refused, r.Peak, peakAt, r.Closing, r.SeatMinutes, r.Hosts, r.Identities)
	return w.Flush()
}
