package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"seatmeter/infra/client"
	"seatmeter/shared/timezone"
)

type reportCommand struct {
	apiFlags

	Tenant string `required:"" placeholder:"TENANT" help:"Whose usage."`
	Period string `required:"" placeholder:"YYYY-MM" help:"A month of the tenant's calendar."`
	CSV    bool   `name:"csv" help:"Print the rows as CSV, as the API gives them."`
}

// Help is the command's longer help.
func (reportCommand) Help() string {
	return "Prints what a tenant used in a month: a line per day on which something happened, and the month's. Days are those of the tenant's time zone, times are its clock's. A month that is not over is reported as far as it has come."
}

// Validate runs before Run.
func (c reportCommand) Validate() error {
	return errors.Join(validPeriod(c.Period), c.apiFlags.Validate())
}

// Run prints the report.
func (c reportCommand) Run(ctx context.Context) error {
	api, err := c.open()
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	fmt.Fprintf(os.Stderr, "reading %s of %s ...\n", c.Period, c.Tenant)
	license, err := api.License(ctx, c.Tenant)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	q := client.UsageQuery{Period: c.Period, Granularity: client.GranularityDay}
	if c.CSV {
		text, err := api.UsageCSV(ctx, c.Tenant, q)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		_, err = os.Stdout.Write(text)
		return err
	}
	q.Total = true
	report, err := api.Usage(ctx, c.Tenant, q)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return printUsage(os.Stdout, license, c.Period, report)
}

// printUsage prints a line for each day with usage, and the total.
func printUsage(w io.Writer, license client.License, period string, days client.Usage) error {
	zone, err := timezone.Load(days.TimeZone)
	if err != nil {
		return fmt.Errorf("the report's time zone: %w", err)
	}
	fmt.Fprintf(w, "%s, %s (%s), as of %s\n", days.Tenant, period, days.TimeZone, days.AsOf.In(zone).Format(time.DateTime))
	fmt.Fprintf(w, "License now: %s\n\n", words(license))
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "day\tpeak\tat\tpeak hosts\tpeak participants\tp95\tat limit min\tseat minutes\toverage min\tjoins\trefused\tdenied people\tconferences\thosts\tidentities\testimated min\t")
	for _, row := range days.Rows {
		if row.Peak != 0 || row.Joins != 0 || row.Refused != 0 {
			printRow(out, row.From.In(zone).Format(time.DateOnly), row, zone)
		}
	}
	if days.Total != nil {
		printRow(out, "total", *days.Total, zone)
	}
	return out.Flush()
}

func printRow(out io.Writer, label string, r client.UsageRow, zone *time.Location) {
	at := "-"
	if r.PeakAt != nil {
		at = r.PeakAt.In(zone).Format("01-02 15:04:05")
	}
	fmt.Fprintf(out, "%s\t%d\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t\n", label, r.Peak, at, r.PeakHosts, r.PeakParticipants,
		r.P95, minutes(r.AtLimitMillis), r.SeatMinutes, minutes(r.OverageMillis), r.Joins, r.Refused, r.DeniedPeople, r.Conferences, r.Hosts, r.Identities, minutes(r.EstimatedMillis))
}

// minutes returns milliseconds as minutes, truncated to a tenth.
func minutes(millis int64) string {
	const perTenth = 6000
	return fmt.Sprintf("%d.%d", millis/perTenth/10, millis/perTenth%10)
}

// words returns a license in words.
func words(l client.License) string {
	if l.Model == client.ModelNamed {
		return "named, " + strconv.Itoa(l.Hosts) + " x " + strconv.Itoa(l.ParticipantsPerConference) + ": sold by peak hosts x peak participants"
	}
	return "concurrent, " + strconv.Itoa(l.Seats) + ": sold by the peak"
}
