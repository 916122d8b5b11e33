package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"seatmeter/infra/command"
	"seatmeter/infra/local"
	"seatmeter/infra/local/engine"
	"seatmeter/infra/local/tables"
	"seatmeter/shared/books"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/tenant"
)

type booksCommand struct {
	dataFlag

	Tenant      string `placeholder:"TENANT" help:"Check this tenant only (default: all)."`
	LiveTable   string `placeholder:"NAME" help:"Check these tables on AWS, as the environment's credentials and region say, instead of a local stack's."`
	LedgerTable string `placeholder:"NAME" help:"Goes with --live-table."`
}

func (booksCommand) Help() string {
	return "For every block: seats ever taken = records of the ledger + seats in use + seats that became void. Reads the whole ledger of each tenant, changes nothing, and may run while people join and leave. Ends with status 1 if any block is off, and prints what is needed to find out why."
}

func (c booksCommand) Validate() error {
	if (c.LiveTable == "") != (c.LedgerTable == "") {
		return errors.New("--live-table and --ledger-table go together")
	}
	return nil
}

func (c booksCommand) Run(ctx context.Context) error {
	store, err := c.open(ctx)
	if err != nil {
		return fmt.Errorf("books: %w", err)
	}
	list := []tenant.ID{tenant.ID(c.Tenant)}
	if l, err := store.License(ctx, list[0]); c.Tenant != "" && (err != nil || l == nil) {
		return errors.Join(fmt.Errorf("books: there is no tenant %s", c.Tenant), err)
	}
	if c.Tenant == "" {
		if list, err = everyTenant(ctx, store); err != nil {
			return fmt.Errorf("books: %w", err)
		}
	}
	off, err := checkBooks(ctx, store, list)
	if err != nil {
		return fmt.Errorf("books: %w", err)
	}
	if off > 0 {
		return command.StatusFailed
	}
	return nil
}

func (c booksCommand) open(ctx context.Context) (*dynamo.Store, error) {
	if c.LiveTable != "" {
		cfg, err := config.LoadDefaultConfig(ctx)
		if err != nil {
			return nil, fmt.Errorf("load the AWS configuration: %w", err)
		}
		return dynamo.New(dynamo.NewClient(cfg), dynamo.Tables{Live: c.LiveTable, Ledger: c.LedgerTable}), nil
	}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	endpoints, err := local.ReadEndpoints(dir)
	if err != nil {
		return nil, err
	}
	if endpoints.DynamoDB == "" {
		return nil, errors.New("the stack keeps its state in memory, where no other process can look; its books are audited once a day, and what is off is logged")
	}
	cfg, err := engine.Config(ctx, endpoints.DynamoDB)
	if err != nil {
		return nil, err
	}
	return dynamo.New(dynamo.NewClient(cfg), tables.New(nil, local.DefaultTablePrefix, nil).Names()), nil
}

func everyTenant(ctx context.Context, store *dynamo.Store) ([]tenant.ID, error) {
	const page = 1000
	var all []tenant.ID
	for after := tenant.ID(""); ; {
		list, err := store.Tenants(ctx, after, page)
		if err != nil {
			return nil, fmt.Errorf("list tenants: %w", err)
		}
		all = append(all, list...)
		if len(list) < page {
			return all, nil
		}
		after = list[len(list)-1]
	}
}

// checkBooks prints the blocks that do not balance, and returns their number.
func checkBooks(ctx context.Context, store *dynamo.Store, list []tenant.ID) (int, error) {
	const suspects = 10
	checked, wrong := 0, 0
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for i, t := range list {
		fmt.Fprintf(os.Stderr, "\rtenant %d of %d, %d blocks ", i+1, len(list), checked)
		blocks, off, err := books.CheckAll(ctx, store, t, time.Now())
		if err != nil {
			fmt.Fprintln(os.Stderr)
			return wrong, fmt.Errorf("tenant %s: %w", t, err)
		}
		checked += blocks
		for _, b := range off {
			if wrong == 0 {
				fmt.Fprintln(out, "tenant\tpool\tchair\tblock\toff by\ttaken\trecords\topen\tvoids\tseats without a record\trecorded twice")
			}
			wrong++
			block := b.State.Block
			fmt.Fprintf(out, "%s\t%d\t%t\t%d\t%+d\t%d\t%d\t%d\t%d\t%v\t%v\n", t, block.Pool.Number, block.Pool.Chair, block.Index,
				b.Imbalance(), b.Opened(), b.Records, b.Open, b.Voids(), b.Suspects(suspects), b.Twice)
		}
	}
	fmt.Fprintln(os.Stderr)
	if err := out.Flush(); err != nil {
		return wrong, fmt.Errorf("print: %w", err)
	}
	fmt.Printf("%d tenants, %d blocks checked, %d off\n", len(list), checked, wrong)
	return wrong, nil
}
