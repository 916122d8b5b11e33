//go:build !race

// Long tests of one goroutine: the race detector has nothing to watch in them.

package xlsx_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"seatmeter/shared/table"
	"seatmeter/shared/table/tabletest"
	"seatmeter/shared/table/xlsx"
)

// A sheet has 1,048,576 rows, one of them the header.
func TestRowsThatDoNotFitASheetAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a million rows twice")
	}
	if err := xlsx.Write(io.Discard, long(1_048_575)); err != nil {
		t.Errorf("as many as fit: %v", err)
	}
	more := long(1_048_575)
	more.Total = func() ([]table.Cell, error) { return []table.Cell{{}}, nil }
	var body bytes.Buffer
	if err := xlsx.Write(&body, more); !errors.Is(err, table.ErrTooLong) || body.Len() > 0 {
		t.Errorf("one more, of the total: %v, and %d bytes", err, body.Len())
	}
}

// 100,000 rows take some 80 MB of XML, which waits on the disk.
func TestMemoryDoesNotGrowWithTheRows(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	few, many := tabletest.PeakHeap(t, wide(20_000), write), tabletest.PeakHeap(t, wide(100_000), write)
	if many > few+16<<20 {
		t.Errorf("20,000 rows take %d bytes, and five times as many %d", few, many)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
