package bench

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"runtime"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/export"
	"seatmeter/shared/license"
	"seatmeter/shared/rollup"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// The limits of the usage benchmark's figures.
const (
	limitMonth    = 1.3 // of a month's report with many sessions, over one with few
	limitSQLite   = 1.0 // of the roll-up's time over SQLite's
	limitRollUp   = 256 // MB
	limitExport   = 128 // MB
	wholeOverPart = 10
)

// LeastSessions is the number of sessions of the small month, and the minimum of
// the large one.
const LeastSessions = 1000

// The tenants of the usage benchmark.
const (
	tenantMany tenant.ID = "bench-many"
	tenantFew  tenant.ID = "bench-few"
)

// Rows are the rows of a month by granularity, in order, without idle ones.
type Rows map[usage.Granularity][]usage.Row

var keptGranularities = []usage.Granularity{
	usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth,
}

// Query computes a month's rows from its ledger.
type Query func(ctx context.Context) (Rows, error)

// UsageOptions configures Usage.
type UsageOptions struct {
	// Sessions is the number of sessions of the large month.
	Sessions int
	// Rounds come after one to warm up, each with this number of Reports.
	Rounds, Reports int
	// SQLite loads a month and returns the query that is the roll-up's peer, and
	// the database's closer.
	SQLite   func(ctx context.Context, h *Held) (Query, io.Closer, error)
	Progress func(string)
}

// Usage measures the time of a large month's reports beside a small month's, the
// time of a roll-up beside SQLite's for the same figures, and the memory of
// roll-ups and exports. It is an error if SQLite's figures differ.
func Usage(ctx context.Context, store *dynamo.Store, o UsageOptions) (Report, error) {
	var report Report
	for _, measure := range []func(context.Context, *dynamo.Store, UsageOptions, *Report) error{
		measureRollUpMemory, measureExportMemory, measureMonthReports, measureRollUp, // the last one, which keeps a month in memory
	} {
		if err := measure(ctx, store, o, &report); err != nil {
			return Report{}, err
		}
	}
	return report, nil
}

// afterMonth is a time at which every day of the month is final.
func afterMonth(m *Month) time.Time {
	const days = 5
	return time.UnixMilli(m.Period().ToMillis).AddDate(0, 0, days)
}

// store combines the interfaces of rollup.Store.
type store struct {
	license.Licenses
	usage.History
	rollup.Buckets
}

// licensed writes a month's licenses to a store.
func licensed(ctx context.Context, to license.Licenses, m *Month) error {
	for _, l := range m.Licenses() {
		if written, err := to.PutLicense(ctx, l); err != nil || !written {
			return fmt.Errorf("license %s, written %t: %w", l.Tenant, written, err)
		}
	}
	return nil
}

// rollUp rolls a whole month up.
func rollUp(ctx context.Context, s rollup.Store, m *Month) error {
	roller := rollup.New(s, slog.New(slog.DiscardHandler), func() time.Time { return afterMonth(m) })
	p, err := roller.Tenant(ctx, m.tenant)
	if err != nil {
		return fmt.Errorf("roll %s up: %w", m.tenant, err)
	}
	if p == nil || p.ThroughMillis < m.Period().ToMillis {
		return fmt.Errorf("%s is not rolled up to the end: %+v", m.tenant, p)
	}
	return nil
}

// rollUpInMemory rolls a month up into a memory store.
func rollUpInMemory(ctx context.Context, h usage.History, m *Month) (*dynamo.Store, error) {
	kept, _ := memtable.NewStore()
	if err := licensed(ctx, kept, m); err != nil {
		return nil, err
	}
	return kept, rollUp(ctx, store{kept, h, kept}, m)
}

// rows reads a month's rows back.
func rows(ctx context.Context, b rollup.Buckets, m *Month) (Rows, error) {
	all := make(Rows)
	for _, g := range keptGranularities {
		for row, err := range b.Rows(ctx, m.tenant, m.Zone().String(), g, m.Period().FromMillis, m.Period().ToMillis) {
			if err != nil {
				return nil, fmt.Errorf("read rows: %w", err)
			}
			all[g] = append(all[g], row)
		}
	}
	return all, nil
}

func measureRollUpMemory(ctx context.Context, _ *dynamo.Store, o UsageOptions, report *Report) error {
	o.Progress("measuring the memory of rolling up a generated month")
	m, err := NewMonth(tenantMany, o.Sessions)
	if err != nil {
		return err
	}
	peak, err := peakHeapMegabytes(func() error {
		_, err := rollUpInMemory(ctx, m, m)
		return err
	})
	if err != nil {
		return err
	}
	report.Figures = append(report.Figures, figure("rollup_peak_memory_mb",
		"peak heap of a roll-up, with the stored rows", []float64{peak}).atMost(limitRollUp))
	return nil
}

func measureExportMemory(ctx context.Context, _ *dynamo.Store, o UsageOptions, report *Report) error {
	for _, size := range []struct {
		name, held string
		sessions   int
	}{
		{"export_peak_memory_mb", "peak heap of an export of the ledger, the larger of CSV and NDJSON", o.Sessions},
		{"export_tenth_peak_memory_mb", "peak heap of an export of a tenth of the sessions", o.Sessions / wholeOverPart},
	} {
		m, err := NewMonth(tenantMany, size.sessions)
		if err != nil {
			return err
		}
		o.Progress(fmt.Sprintf("measuring the memory of exporting %d sessions", size.sessions))
		text, err := peakHeapMegabytes(func() error { return exportMonth(ctx, m, writeCSV) })
		if err != nil {
			return err
		}
		lines, err := peakHeapMegabytes(func() error { return exportMonth(ctx, m, usage.WriteLedgerJSON) })
		if err != nil {
			return err
		}
		report.Figures = append(report.Figures, figure(size.name, size.held, []float64{text, lines}).atMost(limitExport))
	}
	return nil
}

func measureRollUp(ctx context.Context, _ *dynamo.Store, o UsageOptions, report *Report) error {
	o.Progress("loading a month into memory and into SQLite")
	m, err := NewMonth(tenantMany, o.Sessions)
	if err != nil {
		return err
	}
	held, err := Hold(ctx, m)
	if err != nil {
		return err
	}
	query, database, err := o.SQLite(ctx, held)
	if err != nil {
		return fmt.Errorf("load SQLite: %w", err)
	}
	defer database.Close()
	o.Progress("comparing the figures")
	if err := Agree(ctx, held, query); err != nil {
		return err
	}
	rates, err := contest(ctx, o.Rounds, 1, 1, []contestant{
		{"rolling up", func(ctx context.Context, _ int) error {
			runtime.GC()
			_, err := rollUpInMemory(ctx, held, m)
			return err
		}},
		{"the same figures in SQLite", func(ctx context.Context, _ int) error {
			runtime.GC()
			_, err := query(ctx)
			return err
		}},
	}, o.Progress)
	if err != nil {
		return err
	}
	sessions := float64(o.Sessions)
	report.Rates = append(report.Rates,
		Rate{"sessions rolled up", sessions * median(rates[0])}, Rate{"sessions in SQLite", sessions * median(rates[1])})
	report.Figures = append(report.Figures,
		ratio("rollup_vs_sqlite", "time of a roll-up, over SQLite's for the same figures of the same records", rates[1], rates[0]).atMost(limitSQLite))
	return nil
}

// Agree checks that the roll-up of a month has the same figures as a query.
func Agree(ctx context.Context, held *Held, query Query) error {
	kept, err := rollUpInMemory(ctx, held, held.Month)
	if err != nil {
		return err
	}
	ours, err := rows(ctx, kept, held.Month)
	if err != nil {
		return err
	}
	theirs, err := query(ctx)
	if err != nil {
		return fmt.Errorf("query SQLite: %w", err)
	}
	for _, g := range keptGranularities {
		if len(ours[g]) != len(theirs[g]) {
			return fmt.Errorf("%s: rolled up to %d rows, in SQLite to %d", g, len(ours[g]), len(theirs[g]))
		}
		for i, row := range ours[g] {
			row = compared(row)
			if !cmp.Equal(row, theirs[g][i]) {
				return fmt.Errorf("%s: rolled up to %+v, in SQLite to %+v", g, row, theirs[g][i])
			}
		}
	}
	return nil
}

// writeLedger writes entries in a format.
type writeLedger func(w io.Writer, entries iter.Seq2[usage.Entry, error]) error

func writeCSV(w io.Writer, entries iter.Seq2[usage.Entry, error]) error {
	return table.WriteCSV(w, usage.LedgerTable(entries))
}

// compared leaves out what the query does not compute.
func compared(r usage.Row) usage.Row {
	r.PeakHosts, r.PeakParticipants, r.P95, r.P99, r.AtLimitMillis = 0, 0, 0, 0, 0
	r.RefusedIdentities, r.DeniedIdentities = 0, 0
	return r
}

// exportMonth exports the ledger of a month and discards the export.
func exportMonth(ctx context.Context, m *Month, write writeLedger) error {
	const afterwards = 24 * 60 * 60 * 1000 // for stays that resume after the month
	period := usage.Period{FromMillis: m.Period().FromMillis, ToMillis: m.Period().ToMillis + afterwards}
	lines := &lineCounter{}
	_, err := export.New(nowhere{}).Answer(ctx, export.File{Tenant: m.tenant, Name: "ledger"}, func(w io.Writer) error {
		lines.to = w
		return write(lines, usage.Entries(ctx, m, m.tenant, period))
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if lines.count < m.sessions {
		return fmt.Errorf("exported %d lines of %d sessions", lines.count, m.sessions)
	}
	return nil
}
