package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/command"
	"seatmeter/infra/lab/bench"
	"seatmeter/infra/lab/bench/sqlite"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

type benchCommand struct {
	Names    []string `arg:"" optional:"" help:"Benchmarks to run (see above); default: all."`
	JSON     bool     `help:"Print one JSON object."`
	Write    bool     `help:"Write the figures to infra/lab/figures.json, and into the tables of infra/lab/README.md."`
	Rounds   int      `default:"5" help:"Rounds, after one to warm up."`
	Joins    int      `default:"1000" help:"seat, storm: joins in a round."`
	Workers  int      `default:"16" help:"seat, storm: joins at the same time."`
	People   int      `default:"90000" help:"storm: people who join at once, nine for every ten seats."`
	Events   int      `default:"3000" help:"lean: events in a round."`
	Starts   int      `default:"30" help:"cold: starts of each function."`
	Stays    int      `default:"300" help:"units: stays in a round."`
	Refusals int      `default:"1000" help:"units: refusals in a round."`
	Seats    int      `default:"30000" help:"renew: seats that servers have."`
	Renewals int      `default:"10000" help:"renew: renewals in a second."`
	Sockets  int      `default:"10000" help:"sockets: connections to open."`
	Sessions int      `default:"1000000" help:"usage: sessions in the large month."`
	Reports  int      `default:"50" help:"usage: reports in a round."`

	Connections []int `default:"10000,100000,1000000" help:"watch: live connections, of each size in turn."`
}

// benchmark is a measurement that the command runs by its name.
type benchmark struct {
	name, about string
	run         func(context.Context, benchCommand, *benchEngine) (bench.Report, error)
}

// benchmarks are in the order in which they run.
var benchmarks = []benchmark{
	{"seat", "joins per second beside as many bare conditional writes, joins by TransactWriteItems, and joins by an optimistic lock", benchSeat},
	{"units", "what DynamoDB charges for stays, joins and refusals, of 25 seats and of 10,000", benchUnits},
	{"lean", "the CPU and the allocations of the function connect beside those of its bare SDK calls", benchLean},
	{"cold", "the start of the function connect beside that of a minimal function in Go, and its size", benchCold},
	{"sockets", "how many connections the local stack has open at once, and its memory for each", benchSockets},
	{"storm", "joins of many people at once, and joins during a storm of refusals, in simulated time on an engine with DynamoDB's limits", benchStorm},
	{"renew", "renewals of servers' seats, one by one, and what DynamoDB charges for each, in simulated time on an engine with DynamoDB's limits", benchRenew},
	{"watch", "reconciliation of 10,000 to a million live connections, and of ghosts among them: CPU, units and cost, in simulated time", benchWatch},
	{"usage", "a month's report of many sessions beside one of a thousand, the roll-up beside the same figures in SQLite, and the memory of roll-ups and exports", benchUsage},
}

// Help is the command's longer help.
func (benchCommand) Help() string {
	var help strings.Builder
	for _, b := range benchmarks {
		fmt.Fprintf(&help, "%s measures %s.\n\n", b.name, b.about)
	}
	return help.String() + `Peers are measured on the same engine in the same run: DynamoDB Local, in memory, or the database at DYNAMODB_ENDPOINT; storm, renew and watch need none. The exit status is 1 if a figure is outside its limit.`
}

// Validate runs before Run.
func (c benchCommand) Validate() error {
	if c.Rounds < 1 || c.Joins < 1 || c.Workers < 1 || c.People < 1 || c.Events < 1 || c.Starts < 1 || c.Stays < 1 || c.Refusals < 1 || c.Reports < 1 || c.Seats < 1 || c.Renewals < 1 {
		return errors.New("--rounds, --joins, --workers, --people, --events, --starts, --stays, --refusals, --seats, --renewals and --reports are at least 1")
	}
	if c.Sessions < bench.LeastSessions {
		return fmt.Errorf("--sessions is at least %d", bench.LeastSessions)
	}
	for _, name := range c.Names {
		if !slices.ContainsFunc(benchmarks, func(b benchmark) bool { return b.name == name }) {
			return fmt.Errorf("there is no benchmark %q", name)
		}
	}
	return nil
}

// Run runs the named benchmarks.
func (c benchCommand) Run(ctx context.Context) error {
	database := &benchEngine{}
	defer database.stop(ctx)
	var report bench.Report
	runs := make(map[string]printed)
	for _, b := range benchmarks {
		if len(c.Names) > 0 && !slices.Contains(c.Names, b.name) {
			continue
		}
		one, err := b.run(ctx, c, database)
		if err != nil {
			return fmt.Errorf("bench %s: %w", b.name, err)
		}
		report.Add(one)
		runs[b.name] = printedNow(one)
	}
	if c.Write {
		if err := keep(runs); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	if err := c.print(report); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return withinLimits(report)
}

// keep writes the figures of this run into the laboratory's files.
func keep(runs map[string]printed) error {
	folder, err := labFolder()
	if err != nil {
		return err
	}
	if err := writeFigures(folder, runs); err != nil {
		return err
	}
	return writePage(folder)
}

// progress prints the current step.
func (benchCommand) progress(line string) { fmt.Fprintln(os.Stderr, line) }

func benchSeat(ctx context.Context, c benchCommand, database *benchEngine) (bench.Report, error) {
	client, names, err := database.tables(ctx)
	if err != nil {
		return bench.Report{}, err
	}
	return bench.Seat(ctx, client, names, bench.SeatOptions{Rounds: c.Rounds, Joins: c.Joins, Workers: c.Workers, Progress: c.progress})
}

func benchUnits(ctx context.Context, c benchCommand, database *benchEngine) (bench.Report, error) {
	client, names, err := database.tables(ctx)
	if err != nil {
		return bench.Report{}, err
	}
	return bench.Units(ctx, dynamo.New(client, names), bench.UnitsOptions{
		Rounds: c.Rounds, Stays: c.Stays, Refusals: c.Refusals, Progress: c.progress,
	})
}

func benchStorm(ctx context.Context, c benchCommand, _ *benchEngine) (bench.Report, error) {
	return bench.Storm(ctx, bench.StormOptions{
		Rounds: c.Rounds, Joins: c.Joins, Workers: c.Workers, People: c.People, Progress: c.progress,
	})
}

func benchRenew(ctx context.Context, c benchCommand, _ *benchEngine) (bench.Report, error) {
	return bench.Renew(ctx, bench.RenewOptions{Rounds: c.Rounds, Seats: c.Seats, PerSecond: c.Renewals, Progress: c.progress})
}

func benchWatch(ctx context.Context, c benchCommand, _ *benchEngine) (bench.Report, error) {
	return bench.Watch(ctx, bench.WatchOptions{Connections: c.Connections, Progress: c.progress})
}

func benchLean(ctx context.Context, c benchCommand, database *benchEngine) (bench.Report, error) {
	_, names, err := database.tables(ctx)
	if err != nil {
		return bench.Report{}, err
	}
	cfg, err := engine.Config(ctx, database.server.Endpoint)
	if err != nil {
		return bench.Report{}, err
	}
	return bench.Lean(ctx, cfg, names, bench.LeanOptions{Rounds: c.Rounds, Events: c.Events, Progress: c.progress})
}

func benchCold(ctx context.Context, c benchCommand, _ *benchEngine) (bench.Report, error) {
	root, err := command.Root()
	if err != nil {
		return bench.Report{}, err
	}
	return bench.Cold(ctx, bench.ColdOptions{Root: root, Starts: c.Starts, Progress: c.progress})
}

func benchUsage(ctx context.Context, c benchCommand, database *benchEngine) (bench.Report, error) {
	client, names, err := database.tables(ctx)
	if err != nil {
		return bench.Report{}, err
	}
	return bench.Usage(ctx, dynamo.New(client, names), bench.UsageOptions{
		Sessions: c.Sessions, Rounds: c.Rounds, Reports: c.Reports, SQLite: sqlite.Load, Progress: c.progress,
	})
}

func (c benchCommand) print(report bench.Report) error {
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range report.Rates {
		fmt.Fprintf(out, "%s\t%.0f per second\t\n", r.Name, r.PerSecond)
	}
	fmt.Fprintln(out)
	for _, f := range report.Figures {
		fmt.Fprintf(out, "%s\t%.2f\t(%.2f to %.2f)\t%s\t%s\n", f.Name, f.Median, f.Min, f.Max, f.Limits(), f.About)
	}
	return out.Flush()
}

// withinLimits returns an error, for exit status 1, if a figure is outside its
// limits.
func withinLimits(report bench.Report) error {
	broken := 0
	for _, f := range report.Figures {
		if f.Broken() {
			broken++
			fmt.Fprintf(os.Stderr, "%s is %.2f, not %s\n", f.Name, f.Median, f.Limits())
		}
	}
	if broken > 0 {
		return command.StatusFailed
	}
	return nil
}

// benchEngine is a database with tables of the benchmarks' own. The first
// benchmark that needs it starts it.
type benchEngine struct {
	server *engine.Engine
	client *dynamodb.Client
	made   tables.Tables
}

// tables returns the client and the names of the tables.
func (e *benchEngine) tables(ctx context.Context) (*dynamodb.Client, dynamo.Tables, error) {
	if e.client == nil {
		server, err := engine.Start(ctx, engine.Options{Progress: os.Stderr})
		if err != nil {
			return nil, dynamo.Tables{}, fmt.Errorf("start the engine: %w", err)
		}
		e.server = server
		if e.client, e.made, err = benchTables(ctx, server.Endpoint); err != nil {
			return nil, dynamo.Tables{}, err
		}
	}
	return e.client, e.made.Names(), nil
}

// stop drops the tables and stops the engine.
func (e *benchEngine) stop(ctx context.Context) {
	if e.server == nil {
		return
	}
	defer e.server.Stop()
	if err := e.made.Drop(context.WithoutCancel(ctx)); err != nil {
		fmt.Fprintf(os.Stderr, "the benchmarks' tables were not dropped: %v\n", err)
	}
}

func benchTables(ctx context.Context, endpoint string) (*dynamodb.Client, tables.Tables, error) {
	cfg, err := engine.Config(ctx, endpoint)
	if err != nil {
		return nil, tables.Tables{}, err
	}
	root, err := command.Root()
	if err != nil {
		return nil, tables.Tables{}, err
	}
	description, err := template.Read(filepath.Join(root, command.TemplateFile))
	if err != nil {
		return nil, tables.Tables{}, fmt.Errorf("bench: %w", err)
	}
	client := dynamo.NewClient(cfg)
	made := tables.New(client, fmt.Sprintf("bench-%d", time.Now().UnixNano()), description.Tables)
	if err := made.Create(ctx); err != nil {
		return nil, made, fmt.Errorf("bench: %w", err)
	}
	return client, made, nil
}
