package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"seatmeter/infra/bill"
	"seatmeter/infra/client"
	"seatmeter/infra/command"
)

type recomputeCommand struct {
	apiFlags

	Tenant    string `placeholder:"TENANT" help:"Whose bill."`
	Period    string `placeholder:"YYYY-MM" help:"A month that is closed."`
	Statement string `placeholder:"FILE" type:"existingfile" help:"The statement in JSON, instead of asking for it."`
	Ledger    string `placeholder:"FILE" type:"existingfile" help:"The ledger, exported with period=, as CSV, NDJSON or JSON, instead of asking for it."`
	History   string `placeholder:"FILE" type:"existingfile" help:"The pages of the license's history in JSON, instead of asking for them."`
}

// Help is the command's longer help.
func (recomputeCommand) Help() string {
	return "Computes the figures of a statement again, from nothing but what a customer can export: the ledger of the month and the license's history. Prints them by day and in total, and compares them with the statement's, also by segment. Ends with status 1 if any differs. With all three files it asks no API."
}

// Validate runs before Run.
func (c recomputeCommand) Validate() error {
	if c.offline() {
		return nil
	}
	if c.Tenant == "" || c.Period == "" {
		return errors.New("--tenant and --period, or --statement, --ledger and --history")
	}
	return errors.Join(validPeriod(c.Period), c.apiFlags.Validate())
}

func (c recomputeCommand) offline() bool {
	return c.Statement != "" && c.Ledger != "" && c.History != ""
}

// Run recomputes the bill.
func (c recomputeCommand) Run(ctx context.Context) error {
	equal, err := c.check(ctx)
	if err != nil {
		return fmt.Errorf("recompute: %w", err)
	}
	if !equal {
		return command.StatusFailed
	}
	return nil
}

// check prints the figures, and whether they are equal.
func (c recomputeCommand) check(ctx context.Context) (bool, error) {
	var api *client.Admin
	if !c.offline() {
		var err error
		if api, err = c.open(); err != nil {
			return false, err
		}
		fmt.Fprintf(os.Stderr, "reading %s of %s ...\n", c.Period, c.Tenant)
	}
	s, err := c.statement(ctx, api)
	if err != nil {
		return false, err
	}
	ledger, err := c.ledger(ctx, api)
	if err != nil {
		return false, err
	}
	history, err := c.history(ctx, api)
	if err != nil {
		return false, err
	}
	fmt.Printf("%s, %s, revision %d\n\n", s.Tenant, s.Period, s.Revision)
	differ, err := bill.Check(os.Stdout, s, ledger, history)
	if err != nil {
		return false, fmt.Errorf("%s of %s: %w", s.Period, s.Tenant, err)
	}
	fmt.Println()
	for _, one := range differ {
		fmt.Println(one)
	}
	if s.Stale {
		fmt.Println("The statement is stale: records came in after the month was closed.")
	}
	if len(differ) == 0 {
		fmt.Println("equal")
	}
	return len(differ) == 0, nil
}

// read is a file, or what the API answers if there is none.
func read(file string, ask func() ([]byte, error)) (*bytes.Reader, error) {
	if file != "" {
		ask = func() ([]byte, error) { return os.ReadFile(file) }
	}
	text, err := ask()
	return bytes.NewReader(text), err
}

func (c recomputeCommand) statement(ctx context.Context, api *client.Admin) (bill.Statement, error) {
	text, err := read(c.Statement, func() ([]byte, error) { return api.Statement(ctx, c.Tenant, c.Period) })
	if err != nil {
		return bill.Statement{}, err
	}
	return bill.ReadStatement(text)
}

func (c recomputeCommand) ledger(ctx context.Context, api *client.Admin) ([]bill.Record, error) {
	text, err := read(c.Ledger, func() ([]byte, error) { return api.Ledger(ctx, c.Tenant, c.Period) })
	if err != nil {
		return nil, err
	}
	return bill.ReadLedger(text)
}

func (c recomputeCommand) history(ctx context.Context, api *client.Admin) ([]client.Revision, error) {
	if c.History != "" {
		text, err := read(c.History, nil)
		if err != nil {
			return nil, err
		}
		return bill.ReadHistory(text)
	}
	var all []client.Revision
	for cursor := ""; ; {
		page, err := api.LicenseHistory(ctx, c.Tenant, client.Paging{Cursor: cursor})
		if err != nil {
			return nil, err
		}
		if all, cursor = append(all, page.Items...), page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}
