package main

import (
	"context"
	"encoding/json"
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
	Name    string `arg:"" optional:"" default:"seat" enum:"seat" help:"What to measure: seat."`
	JSON    bool   `help:"Print one JSON object."`
	Rounds  int    `default:"5" help:"Rounds, after one to warm up."`
	Joins   int    `default:"1000" help:"Joins in a round."`
	Workers int    `default:"16" help:"Joins at the same time."`
}

// Help is the command's longer help.
func (benchCommand) Help() string {
	return "Measures joins per second beside bare conditional UpdateItems, and beside a join written with TransactWriteItems, on the same engine in the same run: DynamoDB Local, in memory, or what DYNAMODB_ENDPOINT names."
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
	report, err := bench.Seat(ctx, client, dynamo.Tables{Live: made.Name(tables.Live), Ledger: made.Name(tables.Ledger), Usage: made.Name(tables.Usage)},
		bench.SeatOptions{Rounds: c.Rounds, Joins: c.Joins, Workers: c.Workers, Progress: func(line string) { fmt.Fprintln(os.Stderr, line) }})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(report)
	}
	return printSeat(report)
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

func printSeat(report bench.SeatReport) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range report.Rates {
		fmt.Fprintf(out, "%s\t%.0f per second\t\n", r.Name, r.PerSecond)
	}
	fmt.Fprintln(out)
	for _, f := range report.Figures {
		fmt.Fprintf(out, "%s\t%.2f\t(%.2f to %.2f)\t%s\n", f.Name, f.Median, f.Min, f.Max, f.Held)
	}
	return out.Flush()
}
