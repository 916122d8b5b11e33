package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/infra/bench"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/infra/local/template"
	"seatmeter/shared/dynamo"
)

type benchCommand struct {
	Name     string `arg:"" optional:"" default:"seat" enum:"seat,usage,all" help:"What to measure: seat (the default), usage, or all."`
	JSON     bool   `help:"Print one JSON object."`
	Rounds   int    `default:"5" help:"Rounds, after one to warm up."`
	Joins    int    `default:"1000" help:"Of seat: joins in a round."`
	Workers  int    `default:"16" help:"Of seat: joins at the same time."`
	Sessions int    `default:"1000000" help:"Of usage: sessions in the large month."`
	Reports  int    `default:"50" help:"Of usage: reports in a round."`
}

// Help is the command's longer help.
func (benchCommand) Help() string {
	return `seat measures joins per second beside bare conditional UpdateItems, and beside a join written with TransactWriteItems.

usage measures a month's report of many sessions beside one of a thousand, rolling up beside the same figures in SQLite, and the memory of rolling up and of exporting. Where a figure is above its limit the status is 1.

All is measured on the same engine in the same run: DynamoDB Local, in memory, or what DYNAMODB_ENDPOINT names.`
}

// Validate runs before Run.
func (c benchCommand) Validate() error {
	if c.Rounds < 1 || c.Joins < 1 || c.Workers < 1 || c.Reports < 1 {
		return errors.New("--rounds, --joins, --workers and --reports are at least 1")
	}
	if c.Sessions < bench.LeastSessions {
		return fmt.Errorf("--sessions is at least %d", bench.LeastSessions)
	}
	return nil
}

// Run measures on tables of its own, which it drops at the end.
func (c benchCommand) Run(ctx context.Context) (err error) {
	database, err := engine.Start(ctx, engine.Options{Progress: os.Stderr})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	defer database.Stop()
	client, made, err := benchTables(ctx, database.Endpoint)
	if err != nil {
		return err
	}
	defer func() {
		if dropped := made.Drop(context.WithoutCancel(ctx)); err == nil {
			err = dropped
		}
	}()
	report, err := c.measure(ctx, client, dynamo.Tables{
		Live: made.Name(tables.Live), Ledger: made.Name(tables.Ledger), Usage: made.Name(tables.Usage),
	})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := c.print(report); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return withinLimits(report)
}

// measure measures what is named.
func (c benchCommand) measure(ctx context.Context, client *dynamodb.Client, names dynamo.Tables) (all bench.Report, err error) {
	progress := func(line string) { fmt.Fprintln(os.Stderr, line) }
	if c.Name != "usage" {
		all, err = bench.Seat(ctx, client, names, bench.SeatOptions{Rounds: c.Rounds, Joins: c.Joins, Workers: c.Workers, Progress: progress})
	}
	if err != nil || c.Name == "seat" {
		return all, err
	}
	of, err := bench.Usage(ctx, dynamo.New(client, names), bench.UsageOptions{
		Sessions: c.Sessions, Rounds: c.Rounds, Reports: c.Reports, SQLite: loadSQLite, Progress: progress,
	})
	return bench.Report{Rates: append(all.Rates, of.Rates...), Figures: append(all.Figures, of.Figures...)}, err
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
		limit := ""
		if f.Limit > 0 {
			limit = fmt.Sprintf("at most %g", f.Limit)
		}
		fmt.Fprintf(out, "%s\t%.2f\t(%.2f to %.2f)\t%s\t%s\n", f.Name, f.Median, f.Min, f.Max, limit, f.Held)
	}
	return out.Flush()
}

// withinLimits ends with status 1 if a figure is not.
func withinLimits(report bench.Report) error {
	broken := 0
	for _, f := range report.Figures {
		if f.Broken() {
			broken++
			fmt.Fprintf(os.Stderr, "%s is %.2f, above %g\n", f.Name, f.Median, f.Limit)
		}
	}
	if broken > 0 {
		return exitStatus(1)
	}
	return nil
}

func benchTables(ctx context.Context, endpoint string) (*dynamodb.Client, tables.Tables, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion("local"), config.WithBaseEndpoint(endpoint),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("local", "local", "")))
	if err != nil {
		return nil, tables.Tables{}, fmt.Errorf("bench: %w", err)
	}
	root, err := projectRoot()
	if err != nil {
		return nil, tables.Tables{}, err
	}
	description, err := template.Read(filepath.Join(root, "template.yaml"))
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
