//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package parquet_test

import (
	"io"
	"testing"

	"seatmeter/shared/table"
	"seatmeter/shared/table/parquet"
	"seatmeter/shared/table/tabletest"
)

func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	write := func(t table.Table) error { return parquet.Write(io.Discard, t) }
	few, many := tabletest.PeakHeap(t, long(50_000), write), tabletest.PeakHeap(t, long(1_000_000), write)
	if many > few+16<<20 {
		t.Errorf("50,000 rows take %d bytes, and twenty times as many %d", few, many)
	}
}
