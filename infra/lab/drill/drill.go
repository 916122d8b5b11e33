// Package drill rehearses a restore: it backs the tables up while people come and go,
// puts the restored tables into service, lets reconciliation mend what the rewind has
// left, and then checks the books and the pools.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/template"
	"seatmeter/shared/books"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/tenant"
)

const (
	stopWithin = 10 * time.Second
	// mendWithin is the time in which reconciliation gives back the seat of a
	// connection that is gone, one that a round has just missed included.
	mendWithin = 6 * time.Minute
)

// Options are what a drill needs. All are required but Progress.
type Options struct {
	// Template is the path of the SAM template, and DataDir a new folder.
	Template, DataDir string
	// For is how long people come and go before the backup.
	For      time.Duration
	Progress io.Writer
}

// Report is what a drill found.
type Report struct {
	Joins, Items int
	Backup       time.Duration
	// Stale seats were in use in the backup, by people who are gone.
	Stale int
	// Mended is how long it took until they were given back.
	Mended time.Duration
	Blocks int
	// Broken says what does not hold after the restore; nothing, if all is well.
	Broken []string
}

type drill struct {
	options Options
	report  Report
	engine  *engine.Engine
	tables  []template.Table
}

// Run runs a drill. An error means that it could not be done; what it found is in the
// report.
func Run(ctx context.Context, o Options) (report Report, err error) {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	read, err := template.Read(o.Template)
	if err != nil {
		return Report{}, fmt.Errorf("drill: %w", err)
	}
	started, err := engine.Start(ctx, engine.Options{Progress: o.Progress})
	if err != nil {
		return Report{}, fmt.Errorf("drill: %w", err)
	}
	defer started.Stop()
	d := &drill{options: o, engine: started, tables: read.Tables}
	prefix := fmt.Sprintf("drill-%d", time.Now().UnixNano())
	if err := d.backUp(ctx, prefix, prefix+"-restored"); err != nil {
		return d.report, fmt.Errorf("back up under load: %w", err)
	}
	if err := d.serve(ctx, prefix+"-restored"); err != nil {
		return d.report, fmt.Errorf("serve with the restored tables: %w", err)
	}
	return d.report, nil
}

func (d *drill) say(format string, args ...any) {
	fmt.Fprintf(d.options.Progress, format+"\n", args...)
}

// start runs a stack on tables with a prefix, which go with it.
func (d *drill) start(ctx context.Context, endpoint, prefix string) (_ *local.Stack, _ *client.Admin, stop func() error, err error) {
	stack, err := local.Start(ctx, local.Options{
		Template: d.options.Template, DataDir: d.options.DataDir, DynamoDBEndpoint: endpoint, TablePrefix: prefix, Temporary: true,
	})
	if err != nil {
		return nil, nil, nil, err
	}
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return stack.Close(ctx)
	}
	bearer, err := stack.Issuer.Mint("vendor", "", time.Hour, time.Now())
	if err != nil {
		return nil, nil, nil, errors.Join(err, stop())
	}
	return stack, client.NewAdmin(stack.Endpoints.HTTP, bearer), stop, nil
}

// backUp copies all tables at one moment, while people come and go.
func (d *drill) backUp(ctx context.Context, prefix, restored string) (err error) {
	before, err := openGate(ctx, d.engine.Endpoint)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, before.server.Close()) }()
	stack, api, stop, err := d.start(ctx, before.address, prefix)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	crowd, err := begin(ctx, stack, api)
	if err != nil {
		return err
	}
	defer crowd.end()
	d.say("People come and go for %.0f s ...", d.options.For.Seconds())
	pause(ctx, d.options.For)
	cfg, err := engine.Config(ctx, d.engine.Endpoint)
	if err != nil {
		return err
	}
	began := time.Now()
	err = before.during(func() error {
		d.report.Items, err = restore(ctx, dynamo.NewClient(cfg), d.tables, prefix, restored)
		return err
	})
	d.report.Backup, d.report.Joins = time.Since(began), int(crowd.joins.Load())
	d.say("Backed up and restored %d items after %d joins; people go on for %.0f s ...", d.report.Items, d.report.Joins, d.options.For.Seconds())
	pause(ctx, d.options.For)
	return err
}

// serve starts again on the restored tables, and checks what then holds.
func (d *drill) serve(ctx context.Context, restored string) (err error) {
	stack, api, stop, err := d.start(ctx, d.engine.Endpoint, restored)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if d.report.Stale, err = inUse(ctx, api); err != nil {
		return err
	}
	d.say("%d seats are in use by people who are gone; reconciliation is to give them back ...", d.report.Stale)
	if d.report.Stale == 0 {
		d.broken("nobody had a seat at the moment of the backup, so that nothing was tried; let people come for longer")
	}
	if err := d.mend(ctx, api); err != nil {
		return err
	}
	for _, id := range tenants {
		blocks, off, err := books.CheckAll(ctx, stack.Store(), tenant.ID(id), time.Now())
		if err != nil {
			return err
		}
		d.report.Blocks += blocks
		for _, b := range off {
			d.broken("the books do not balance: %v", b.Attrs())
		}
	}
	return d.fill(ctx, stack, api)
}

func (d *drill) broken(format string, args ...any) {
	d.report.Broken = append(d.report.Broken, fmt.Sprintf(format, args...))
}

func inUse(ctx context.Context, api *client.Admin) (n int, err error) {
	for _, id := range tenants {
		now, err := api.Seats(ctx, id)
		if err != nil {
			return 0, err
		}
		n += now.InUse + now.Held
	}
	return n, nil
}

// mend waits until no seat of those who are gone is in use.
func (d *drill) mend(ctx context.Context, api *client.Admin) error {
	began, said := time.Now(), time.Now()
	for {
		left, err := inUse(ctx, api)
		d.report.Mended = time.Since(began)
		switch {
		case err != nil:
			return err
		case left == 0:
			return nil
		case d.report.Mended > mendWithin:
			d.broken("%d seats are in use after %.0f s", left, d.report.Mended.Seconds())
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if time.Since(said) > 20*time.Second {
			said = time.Now()
			d.say("  %d seats are in use after %.0f s", left, d.report.Mended.Seconds())
		}
		pause(ctx, time.Second)
	}
}

// fill takes all seats of the concurrent tenant, and one more, which must be refused.
func (d *drill) fill(ctx context.Context, stack *local.Stack, api *client.Admin) error {
	made, err := api.CreateConference(ctx, tenants[0], client.Conference{Host: "host@drill.example"})
	if err != nil {
		return err
	}
	for n := range seats + 1 {
		token, err := api.CreateJoinToken(ctx, tenants[0], made.Conference, client.JoinRequest{Identity: fmt.Sprint("again-", n), Role: client.RoleParticipant})
		if err != nil {
			return err
		}
		p, err := client.Dial(ctx, stack.Endpoints.WebSocket, token.Token, client.DialOptions{})
		if err == nil {
			defer p.Abandon()
		}
		refused, full := errors.AsType[*client.Refused](err)
		switch {
		case err != nil && !full:
			return err
		case n < seats && full:
			d.broken("join %d of %d was refused with %s", n+1, seats, refused.Code)
		case n == seats && (!full || refused.Code != client.CodeSeatsExhausted):
			d.broken("one more than all seats was not refused as seats_exhausted: %v", err)
		}
	}
	return nil
}
