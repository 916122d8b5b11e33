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

// bearer is the variable of the environment that has it.
type bearer string

func (b bearer) Bearer(context.Context, api.OperationName) (api.Bearer, error) {
	return api.Bearer{Token: os.Getenv(string(b))}, nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	client, err := api.NewClient(os.Getenv("SEATMETER_HTTP"), bearer("VENDOR"))
	if err != nil {
		return err
	}
	var between [2]time.Time
	for i, name := range []string{"FROM", "TO"} {
		if between[i], err = time.Parse(time.RFC3339, os.Getenv(name)); err != nil {
			return err
		}
	}
	for _, call := range []func(context.Context, *api.Client, time.Time, time.Time) error{license, missing, statements, usage, ledger, servers} {
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

// servers has a conference server take a seat, renew it, wait for another, and release both.
func servers(ctx context.Context, client *api.Client, _, _ time.Time) error {
	const tenant, conference = "go-servers", "calls"
	server, err := api.NewClient(os.Getenv("SEATMETER_HTTP"), bearer("SERVER"))
	if err != nil {
		return err
	}
	if _, err := client.PutLicense(ctx, &api.LicenseBody{Model: api.LicenseBodyModelConcurrent, Seats: api.NewOptInt64(1)}, api.PutLicenseParams{Tenant: tenant}); err != nil {
		return fmt.Errorf("write a license: %w", err)
	}
	scheduled := &api.ScheduleBody{Conference: api.NewOptString(conference), Host: "ann@example.com"}
	if _, err := client.ScheduleConference(ctx, scheduled, api.ScheduleConferenceParams{Tenant: tenant}); err != nil {
		return fmt.Errorf("schedule a conference: %w", err)
	}
	take := func(identity string) (api.TakeSeatRes, error) {
		body := &api.SeatBody{Identity: identity, Role: api.SeatBodyRoleParticipant, TTLSeconds: api.NewOptInt64(60), Wait: api.NewOptBool(true)}
		return server.TakeSeat(ctx, body, api.TakeSeatParams{Tenant: tenant, Conference: conference})
	}
	taken, err := answer[*api.SeatViewHeaders](take("bob"))
	if err != nil || taken.Response.InUse != 1 {
		return fmt.Errorf("took %+v: %w", taken, err)
	}
	waits, err := answer[*api.SeatStateViewHeaders](take("carl"))
	if err != nil || waits.Response.Position.Value != 1 || waits.Location.Value == "" {
		return fmt.Errorf("waits as %+v: %w", waits, err)
	}
	seat, waiting := taken.Response.Seat, waits.Response.Seat
	if _, err := answer[*api.RenewedView](server.RenewSeat(ctx, api.OptRenewBody{}, api.RenewSeatParams{Tenant: tenant, Seat: seat})); err != nil {
		return fmt.Errorf("renew a seat: %w", err)
	}
	renewed, err := answer[*api.RenewedManyViewHeaders](server.RenewSeats(ctx, &api.RenewManyBody{Seats: []string{seat, waiting}}, api.RenewSeatsParams{Tenant: tenant}))
	if err != nil || len(renewed.Response.Renewed) != 1 || len(renewed.Response.Queued) != 1 {
		return fmt.Errorf("renewed %+v: %w", renewed, err)
	}
	if _, err := answer[*api.ReleaseSeatNoContent](server.ReleaseSeat(ctx, api.ReleaseSeatParams{Tenant: tenant, Seat: seat})); err != nil {
		return fmt.Errorf("release a seat: %w", err)
	}
	stands := func() (api.GetSeatRes, error) {
		return server.GetSeat(ctx, api.GetSeatParams{Tenant: tenant, Seat: waiting})
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		now, err := answer[*api.SeatStateView](stands())
		if err == nil && now.State != api.SeatStateViewStateAdmitted && time.Now().Before(end) {
			continue
		}
		if err != nil || now.State != api.SeatStateViewStateAdmitted {
			return fmt.Errorf("stands as %+v: %w", now, err)
		}
		break
	}
	if _, err := server.ReleaseSeat(ctx, api.ReleaseSeatParams{Tenant: tenant, Seat: waiting}); err != nil {
		return fmt.Errorf("release a seat: %w", err)
	}
	lapsed, err := answer[*api.GetSeatGone](stands())
	if err != nil || lapsed.Code != api.ProblemCodeSeatLapsed {
		return fmt.Errorf("a released seat: %+v: %w", lapsed, err)
	}
	return nil
}
