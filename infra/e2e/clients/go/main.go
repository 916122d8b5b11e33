// Command clients calls a running API through the client that ogen makes of its OpenAPI document.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"clients/api"
)

type vendor struct{}

func (vendor) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: os.Getenv("VENDOR")}, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := api.NewClient(os.Getenv("SEATMETER_HTTP"), vendor{})
	if err != nil {
		return err
	}
	var between [2]time.Time
	for i, name := range []string{"FROM", "TO"} {
		if between[i], err = time.Parse(time.RFC3339, os.Getenv(name)); err != nil {
			return err
		}
	}
	for _, call := range []func(context.Context, *api.Client, time.Time, time.Time) error{license, missing, statements, usage, ledger} {
		if err := call(ctx, client, between[0], between[1]); err != nil {
			return err
		}
	}
	return nil
}

// answer is what a call gave, as the type that is wanted.
func answer[T any](got any, err error) (T, error) {
	wanted, ok := got.(T)
	if err == nil && !ok {
		err = fmt.Errorf("answered %T: %+v", got, got)
	}
	return wanted, err
}

func license(ctx context.Context, client *api.Client, _, _ time.Time) error {
	written, err := answer[*api.PutLicenseCreated](client.PutLicense(ctx, &api.LicenseBody{
		Model: api.LicenseBodyModelConcurrent, Seats: api.NewOptInt64(25), ExpiresAt: api.NewOptDateTime(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)),
	}, api.PutLicenseParams{Tenant: "go"}))
	if err != nil {
		return fmt.Errorf("write a license: %w", err)
	}
	read, err := answer[*api.LicenseViewHeaders](client.GetLicense(ctx, api.GetLicenseParams{Tenant: "go"}))
	if err != nil {
		return fmt.Errorf("read a license: %w", err)
	}
	if read.Response.Seats.Value != 25 || read.ETag.Value != `"1"` || written.ETag != read.ETag {
		return fmt.Errorf("the license is %+v", read)
	}
	return nil
}

func missing(ctx context.Context, client *api.Client, _, _ time.Time) error {
	problem, err := answer[*api.GetLicenseNotFound](client.GetLicense(ctx, api.GetLicenseParams{Tenant: "nobody"}))
	if err != nil {
		return fmt.Errorf("read a license that is not there: %w", err)
	}
	if problem.Code != api.ProblemCodeNotFound {
		return fmt.Errorf("the problem is %+v", problem)
	}
	return nil
}

func statements(ctx context.Context, client *api.Client, _, _ time.Time) error {
	page, err := answer[*api.PageStatementView](client.ListStatements(ctx, api.ListStatementsParams{Tenant: "go"}))
	if err != nil {
		return fmt.Errorf("list statements: %w", err)
	}
	var first api.Statement
	if err := json.Unmarshal([]byte(os.Getenv("FIRST_STATEMENT")), &first); err != nil {
		return fmt.Errorf("read a first statement: %w", err)
	}
	if len(page.Items) != 0 || first.Adjustment.Set {
		return fmt.Errorf("the statements are %+v, a first one's adjustment is %+v", page.Items, first.Adjustment)
	}
	return nil
}

func usage(ctx context.Context, client *api.Client, from, to time.Time) error {
	report, err := answer[*api.UsageViewHeaders](client.GetUsage(ctx, api.GetUsageParams{
		Tenant: "acme", From: api.NewOptDateTime(from), To: api.NewOptDateTime(to), GroupBy: api.NewOptGetUsageGroupBy(api.GetUsageGroupByConference),
	}))
	if err != nil {
		return fmt.Errorf("report usage: %w", err)
	}
	joins := int64(0)
	for _, row := range report.Response.Rows {
		if row.Group == os.Getenv("CONFERENCE") {
			joins = row.Joins
		}
	}
	if joins != 30 {
		return fmt.Errorf("%d joins, want 30", joins)
	}
	file, err := answer[*api.GetUsageOKTextCsvHeaders](client.GetUsage(ctx, api.GetUsageParams{
		Tenant: "acme", From: api.NewOptDateTime(from), To: api.NewOptDateTime(to), Format: api.NewOptGetUsageFormat(api.GetUsageFormatCsv),
	}))
	if err != nil {
		return fmt.Errorf("report usage as CSV: %w", err)
	}
	text, err := io.ReadAll(file.Response)
	if err == nil && !strings.HasPrefix(string(text), "tenant,from,to,") {
		err = fmt.Errorf("the CSV is %q", text)
	}
	return err
}

func ledger(ctx context.Context, client *api.Client, from, to time.Time) error {
	stays, refusals := 0, 0
	in := api.GetLedgerParams{Tenant: "acme", From: api.NewOptDateTime(from), To: api.NewOptDateTime(to), Format: api.NewOptGetLedgerFormat(api.GetLedgerFormatJSON), Limit: api.NewOptInt64(20)}
	for {
		page, err := answer[*api.PageLedgerRecordHeaders](client.GetLedger(ctx, in))
		if err != nil {
			return fmt.Errorf("list the ledger: %w", err)
		}
		for _, record := range page.Response.Items {
			switch {
			case record.IsStayRecord() && record.StayRecord.End == api.StayRecordEndClosed:
				stays++
			case record.IsRefusalRecord() && record.RefusalRecord.Code == "seats_exhausted":
				refusals++
			}
		}
		if page.Response.NextCursor.Null {
			break
		}
		in.Cursor = api.NewOptString(page.Response.NextCursor.Value)
	}
	if stays != 30 || refusals != 5 {
		return fmt.Errorf("%d stays and %d refusals, want 30 and 5", stays, refusals)
	}
	return nil
}
