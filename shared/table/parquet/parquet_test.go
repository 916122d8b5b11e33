package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	format "github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"seatmeter/shared/table"
	"seatmeter/shared/table/parquet"
	"seatmeter/shared/table/tabletest"
)

// types are the types of columns, as the format's schema names them.
var types = map[table.Kind]string{
	table.KindText: "STRING", table.KindID: "STRING", table.KindNumber: "INT(64,true)", table.KindDecimal: "DECIMAL(18,4)",
	table.KindTime: "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)", table.KindFlag: "BOOLEAN",
}

func written(t testing.TB, rows table.Table) *format.File {
	t.Helper()
	var body bytes.Buffer
	if err := parquet.Write(&body, rows); err != nil {
		t.Fatal(err)
	}
	file, err := format.OpenFile(bytes.NewReader(body.Bytes()), int64(body.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// read reads all rows of a file back as cells.
func read(t testing.TB, file *format.File, headings []table.Heading) [][]table.Cell {
	t.Helper()
	var all [][]table.Cell
	reader := format.NewReader(file)
	defer reader.Close()
	buffer := make([]format.Row, 7)
	for {
		n, err := reader.ReadRows(buffer)
		for _, row := range buffer[:n] {
			cells := make([]table.Cell, len(headings))
			for i, value := range row {
				cells[i] = cellOf(value, headings[i].Kind)
			}
			all = append(all, cells)
		}
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func cellOf(value format.Value, kind table.Kind) table.Cell {
	switch {
	case value.IsNull():
		return table.Cell{}
	case kind == table.KindText || kind == table.KindID:
		return table.Cell{Kind: kind, Text: string(value.ByteArray())}
	case kind == table.KindFlag:
		if value.Boolean() {
			return table.Cell{Kind: kind, Number: 1}
		}
		return table.Cell{Kind: kind}
	}
	return table.Cell{Kind: kind, Number: value.Int64()}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		given := tabletest.Draw(rt)
		file := written(t, given.Table())
		for i, field := range file.Schema().Fields() {
			heading := given.Headings[i]
			if field.Name() != heading.Name || !field.Optional() || field.Type().String() != types[heading.Kind] {
				rt.Fatalf("column %d is %s %s, want %s %s", i, field.Name(), field.Type(), heading.Name, types[heading.Kind])
			}
		}
		if got := read(t, file, given.Headings); !slices.EqualFunc(got, given.Rows, slices.Equal) {
			rt.Fatalf("read %v, want %v", got, given.Rows)
		}
	})
}

var columns = table.Columns[int]{
	table.ID("id", func(n int) string { return fmt.Sprintf("connection-%d=", n) }),
	table.Number("n", func(n int) int { return n }),
	table.Text("host", func(int) string { return "ada@acme.example" }),
}

func long(rows int) table.Table {
	return columns.Table("long", func(yield func(int, error) bool) {
		for n := range rows {
			if !yield(n, nil) {
				return
			}
		}
	})
}

func TestRowsAreInGroupsAndInOrder(t *testing.T) {
	const rows = 50_000
	file := written(t, long(rows))
	if groups := len(file.RowGroups()); groups != 3 {
		t.Errorf("%d groups, want 3", groups)
	}
	got := read(t, file, long(0).Headings)
	if len(got) != rows {
		t.Fatalf("%d rows, want %d", len(got), rows)
	}
	for n, cells := range got {
		if !slices.Equal(cells, columns.Row(n)) {
			t.Fatalf("row %d is %v", n, cells)
		}
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfRowsAndWriterAreReturned(t *testing.T) {
	if err := parquet.Write(broken{}, long(1)); !errors.Is(err, errBroken) {
		t.Errorf("the writer's: %v", err)
	}
	torn := long(1)
	torn.Rows = func(yield func([]table.Cell, error) bool) { yield(nil, errBroken) }
	if err := parquet.Write(io.Discard, torn); !errors.Is(err, errBroken) {
		t.Errorf("the rows': %v", err)
	}
}
