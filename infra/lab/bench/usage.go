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
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

// The limits of the usage benchmark's figures.
const (
	limitMonth    = 1.3 // of a month's report with many sessions, over one with few
	limitSQLite   = 1.0 // of our time over SQLite's
	limitRollUp   = 256 // MB
	limitExport   = 128 // MB
	wholeOverPart = 10
)

// LeastSessions is what the small month has, and the least of the large one.
const LeastSessions = 1000

// The tenants of the usage benchmark.
const (
	tenantMany tenant.ID = "bench-many"
	tenantFew  tenant.ID = "bench-few"
)

// Rows are a month's, by granularity: those in which something happened, in
// order.
type Rows map[usage.Granularity][]usage.Row

var keptGranularities = []usage.Granularity{
	usage.GranularityQuarterHour, usage.GranularityHour, usage.GranularityDay, usage.GranularityMonth,
}

// Query computes a month's rows from its ledger.
type Query func(ctx context.Context) (Rows, error)

// UsageOptions says how much the usage benchmark measures.
type UsageOptions struct {
	// Sessions is how many the large month has; the small one has
	// LeastSessions.
	Sessions int
	// Rounds come after one to warm up, each with so many Reports.
	Rounds, Reports int
	// SQLite loads a month and gives the query to hold the roll-up against,
	// and what closes the database.
	SQLite   func(ctx context.Context, h *Held) (Query, io.Closer, error)
	Progress func(string)
}

// Usage measures what reports, roll-ups and exports of a large month take:
// beside a small month's, beside the same figures in SQLite, and in memory.
// The error tells, too, that SQLite has other figures than the roll-up.
func Usage(ctx context.Context, store *dynamo.Store, o UsageOptions) (Report, error) {
	var report Report
	for _, measure := range []func(context.Context, *dynamo.Store, UsageOptions, *Report) error{
		measureRollUpMemory, measureExportMemory, measureMonthReports, measureRollUp, // the last one holds a month in memory
	} {
		if err := measure(ctx, store, o, &report); err != nil {
			return Report{}, err
		}
	}
	return report, nil
}

// settled is a moment at which the month is long over.
func settled(m *Month) time.Time {
	const days = 5
	return time.UnixMilli(m.Period().ToMillis).AddDate(0, 0, days)
}

// store is where rolling up reads and writes.
type store struct {
	license.Licenses
	usage.History
	rollup.Buckets
}

// licensed puts a month's licenses into a store.
func licensed(ctx context.Context, to license.Licenses, m *Month) error {
	for _, l := range m.Licenses() {
		if written, err := to.PutLicense(ctx, l); err != nil || !written {
			return fmt.Errorf("license %s, written %t: %w", l.Tenant, written, err)
		}
	}
	return nil
}

// rollUp rolls a month up, all of it.
func rollUp(ctx context.Context, s rollup.Store, m *Month) error {
	roller := rollup.New(s, slog.New(slog.DiscardHandler), func() time.Time { return settled(m) })
	p, err := roller.Tenant(ctx, m.tenant)
	if err != nil {
		return fmt.Errorf("roll %s up: %w", m.tenant, err)
	}
	if p == nil || p.ThroughMillis < m.Period().ToMillis {
		return fmt.Errorf("%s is not rolled up to the end: %+v", m.tenant, p)
	}
	return nil
}

// rollUpInMemory gives what is kept of a history.
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
	o.Progress("rolling up a month that is made as it is read, for the memory it takes")
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
		"peak heap while sessions are rolled up, with what is kept of them", []float64{peak}).atMost(limitRollUp))
	return nil
}

func measureExportMemory(ctx context.Context, _ *dynamo.Store, o UsageOptions, report *Report) error {
	for _, size := range []struct {
		name, held string
		sessions   int
	}{
		{"export_peak_memory_mb", "peak heap while the ledger is exported, the larger of CSV and NDJSON", o.Sessions},
		{"export_tenth_peak_memory_mb", "peak heap while a tenth of the sessions is exported: it is flat", o.Sessions / wholeOverPart},
	} {
		m, err := NewMonth(tenantMany, size.sessions)
		if err != nil {
			return err
		}
		o.Progress(fmt.Sprintf("exporting %d sessions, for the memory it takes", size.sessions))
		text, err := peakHeapMegabytes(func() error { return exportMonth(ctx, m, usage.WriteLedgerCSV) })
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
	o.Progress("holding a month in memory, and in SQLite")
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
		ratio("rollup_vs_sqlite", "time to roll up over SQLite's for the same figures of the same rows", rates[1], rates[0]).atMost(limitSQLite))
	return nil
}

// Agree checks that a month rolls up to the figures that a query of it has.
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
			row.PeakHosts, row.PeakParticipants = 0, 0 // SQLite is not asked for these
			if !cmp.Equal(row, theirs[g][i]) {
				return fmt.Errorf("%s: rolled up to %+v, in SQLite to %+v", g, row, theirs[g][i])
			}
		}
	}
	return nil
}

// writeLedger writes entries in some format.
type writeLedger func(w io.Writer, entries iter.Seq2[usage.Entry, error]) error

// exportMonth exports a month's ledger to a store that keeps nothing.
func exportMonth(ctx context.Context, m *Month, write writeLedger) error {
	const afterwards = 24 * 60 * 60 * 1000 // who resumes
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
