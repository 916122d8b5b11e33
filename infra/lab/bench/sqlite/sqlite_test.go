//go:build cgo

package sqlite_test

import (
	"slices"
	"strings"
	"testing"

	"seatmeter/infra/lab/bench"
	"seatmeter/infra/lab/bench/sqlite"
	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/dynamo"
)

const sessions = 2000

// open makes the template's tables, and drops them after the test.
func open(t *testing.T) *dynamo.Store {
	t.Helper()
	return dynamo.New(tablestest.Make(t, "../../../../template.yaml"))
}

// The benchmark checks by itself that SQLite's figures equal the roll-up's, that
// reports of rolled-up days do not read the ledger, and that an export has a line
// for each session.
func TestTheUsageBenchmarkHasEveryFigureWithItsLimit(t *testing.T) {
	report, err := bench.Usage(t.Context(), open(t), bench.UsageOptions{
		Sessions: sessions, Rounds: 1, Reports: 1, SQLite: sqlite.Load, Progress: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"month_report_time_by_day": 1.3, "month_report_time_by_month": 1.3,
		"month_report_read_units_by_day": 1.3, "month_report_read_units_by_month": 1.3,
		"month_report_time_by_host": 1.3, "month_report_read_units_by_host": 1.3,
		"rollup_vs_sqlite": 1, "rollup_peak_memory_mb": 256, "export_peak_memory_mb": 128, "export_tenth_peak_memory_mb": 128,
	}
	for _, f := range report.Figures {
		limit, known := want[f.Name]
		if !known || f.AtMost != limit || f.Median <= 0 || f.Min > f.Median || f.Max < f.Median || f.About == "" {
			t.Errorf("%+v, want a limit of %v", f, limit)
		}
		// Units and memory do not depend on the machine's load; times do.
		if timed := strings.Contains(f.Name, "_time_") || f.Name == "rollup_vs_sqlite"; !timed && f.Broken() {
			t.Errorf("%s is %v", f.Name, f.Median)
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestTheBenchmarkNoticesThatSQLiteHasOtherFigures(t *testing.T) {
	for name, change := range map[string]func(*bench.Held){
		"a stay is a millisecond longer": func(h *bench.Held) { h.Parts[sessions/2].LeftAtMillis++ },
		"a stay is missing":              func(h *bench.Held) { h.Parts = slices.Delete(h.Parts, 100, 101) },
		"everybody is one person": func(h *bench.Held) {
			for i := range h.Parts {
				h.Parts[i].Identity = "somebody"
			}
		},
		"a refusal is missing": func(h *bench.Held) { h.Denied = h.Denied[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			m, err := bench.NewMonth("acme", sessions)
			if err != nil {
				t.Fatal(err)
			}
			held, err := bench.Hold(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			query, database, err := sqlite.Load(t.Context(), held)
			if err != nil {
				t.Fatal(err)
			}
			defer database.Close()
			if err := bench.Agree(t.Context(), held, query); err != nil {
				t.Fatal(err)
			}
			change(held)
			if err := bench.Agree(t.Context(), held, query); err == nil {
				t.Error("the difference is not noticed")
			}
		})
	}
}
