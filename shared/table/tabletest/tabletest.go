// Package tabletest has what the tests of all formats of tables share.
package tabletest

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seatmeter/shared/table"
)

// Given is a table by its rows.
type Given struct {
	Headings []table.Heading
	Rows     [][]table.Cell
}

// Table returns the table, named sheet.
func (g Given) Table() table.Table {
	return table.Table{Name: "sheet", Headings: g.Headings, Rows: func(yield func([]table.Cell, error) bool) {
		for _, row := range g.Rows {
			if !yield(slices.Clone(row), nil) {
				return
			}
		}
	}}
}

// Draw draws a table with all kinds of columns, any of whose cells may be empty.
func Draw(t *rapid.T) Given {
	kinds := rapid.SliceOfN(rapid.SampledFrom([]table.Kind{
		table.KindText, table.KindID, table.KindNumber, table.KindDecimal, table.KindTime, table.KindFlag,
	}), 1, 8).Draw(t, "kinds")
	var g Given
	for i, kind := range kinds {
		g.Headings = append(g.Headings, table.Heading{Name: fmt.Sprintf("c%d", len(kinds)-i), Kind: kind})
	}
	for range rapid.IntRange(0, 10).Draw(t, "rows") {
		row := make([]table.Cell, len(kinds))
		for i, kind := range kinds {
			if rapid.Bool().Draw(t, "filled") {
				row[i] = cell(t, kind)
			}
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// words are texts that programs like to take for something else.
var words = []string{"00123", "1e5", "2026-01-01", "=1+1", "-2", "+49", "@x", " x ", "TRUE", "_x0041_", "a\tb", "<&>", `"'`, "é\u0301", "😀"}

func cell(t *rapid.T, kind table.Kind) table.Cell {
	// The greatest whole number that a spreadsheet has without loss, and 10 billion minutes.
	const exact, minutes = 1 << 53, 10_000_000_000
	first := time.Date(1900, time.March, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	last := time.Date(2999, time.December, 31, 0, 0, 0, 0, time.UTC).UnixMilli()
	c := table.Cell{Kind: kind}
	switch kind {
	case table.KindEmpty:
	case table.KindText, table.KindID:
		c.Text = rapid.OneOf(rapid.SampledFrom(words), rapid.StringMatching(`[\pL\pN\pP\pS ]{1,60}`)).Draw(t, "text")
	case table.KindNumber:
		c.Number = rapid.Int64Range(-exact, exact).Draw(t, "number")
	case table.KindDecimal:
		c.Number = rapid.Int64Range(0, minutes).Draw(t, "decimal")
	case table.KindTime:
		c.Number = rapid.Int64Range(first, last).Draw(t, "time")
	case table.KindFlag:
		c.Number = rapid.Int64Range(0, 1).Draw(t, "flag")
	}
	return c
}

// PeakHeap is the most bytes of heap in use while a table is written, seen at each
// thousandth row.
func PeakHeap(t *testing.T, rows table.Table, write func(table.Table) error) uint64 {
	t.Helper()
	var peak atomic.Uint64
	each, n := rows.Rows, 0
	rows.Rows = func(yield func([]table.Cell, error) bool) {
		for cells, err := range each {
			if n++; n%1000 == 0 {
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				peak.Store(max(peak.Load(), now.HeapInuse))
			}
			if !yield(cells, err) {
				return
			}
		}
	}
	runtime.GC()
	if err := write(rows); err != nil {
		t.Fatal(err)
	}
	return peak.Load()
}
