package table_test

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"seatmeter/shared/table"
)

// row has a cell of each kind.
type row struct {
	text             string
	number           int64
	filled, negative bool
}

var columns = table.Columns[row]{
	table.Text("text", func(r row) string { return r.text }),
	table.ID("id", func(r row) string { return r.text }),
	table.Number("number", func(r row) int64 { return r.number }),
	table.Optional("optional", func(r row) (int64, bool) { return r.number, r.filled }),
	table.Decimal("decimal", func(r row) int64 { return r.number }),
	table.Time("time", func(r row) int64 { return r.number }),
	table.OptionalTime("moment", func(r row) int64 { return r.number }),
	table.Flag("flag", func(r row) (bool, bool) { return r.negative, r.filled }),
}

func rowsOf(rows ...row) table.Table {
	return columns.Table("rows", func(yield func(row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	})
}

func TestEachKindIsWrittenAsTheAPIWritesIt(t *testing.T) {
	var out strings.Builder
	if err := table.WriteCSV(&out, rowsOf(row{}, row{"weekly", 1_790_000_000_004, true, true}, row{"-x", 0, true, false})); err != nil {
		t.Fatal(err)
	}
	want := "text,id,number,optional,decimal,time,moment,flag\r\n" +
		",,0,,0.0000,1970-01-01T00:00:00.000Z,,\r\n" +
		"weekly,weekly,1790000000004,1790000000004,179000000.0004,2026-09-21T14:13:20.004Z,2026-09-21T14:13:20.004Z,true\r\n" +
		"'-x,'-x,0,0,0.0000,1970-01-01T00:00:00.000Z,,false\r\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestFormulasInTextAreMadeInert(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"weekly", "weekly"},
		{"=HYPERLINK(1)", "'=HYPERLINK(1)"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(1)", "'@SUM(1)"},
		{"\tx", "'\tx"},
		{"\nx", "'\nx"},
		{"  =1", "'  =1"},
		{"\u00a0@SUM(1)", "'\u00a0@SUM(1)"},
		{"＝1", "'＝1"},
		{"＋1", "'＋1"},
		{"－1", "'－1"},
		{"＠x", "'＠x"},
		{"x;=1", "x;'=1"}, // a cell of its own where lists are parted by semicolons
		{"=1;;-1; @x", "'=1;;'-1;' @x"},
		{"a; b;", "a; b;"},
		{"  ", "  "},
		{" weekly", " weekly"},
		{"a=b", "a=b"},
		{"a -b", "a -b"},
		{"it's, \"quoted\"", "it's, \"quoted\""},
		{"Zürich", "Zürich"},
		{"", ""},
	} {
		var out strings.Builder
		if err := table.WriteCSV(&out, rowsOf(row{text: test.text, number: -60_000})); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := []string{records[1][0], records[1][2]}, []string{test.want, "-60000"}; !slices.Equal(got, want) {
			t.Errorf("%q became %q, want %q", test.text, got, want)
		}
	}
}

func TestOnlyIDsThatCanBeFormulasAreMadeInert(t *testing.T) {
	for id, want := range map[string]string{
		"weekly": "weekly", "1e5": "1e5", "00123": "00123", "_a-b": "_a-b", "-A1": "'-A1", "-1": "'-1",
		"-connection0=": "-connection0=", "-connection0=.mfr1kzdc": "-connection0=.mfr1kzdc",
	} {
		var out strings.Builder
		if err := table.WriteCSV(&out, rowsOf(row{text: id})); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil || records[1][1] != want {
			t.Errorf("%q became %q (%v), want %q", id, records[1][1], err, want)
		}
	}
}

// A writer of CSV drops a lone carriage return.
func TestALoneCarriageReturnIsInert(t *testing.T) {
	var out strings.Builder
	if err := table.WriteCSV(&out, rowsOf(row{text: "\rx"})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `"'x"`) {
		t.Errorf("got %q", &out)
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfRowsAndWriterAreReturned(t *testing.T) {
	if err := table.WriteCSV(broken{}, rowsOf()); !errors.Is(err, errBroken) {
		t.Errorf("the writer's: %v", err)
	}
	torn := columns.Table("rows", func(yield func(row, error) bool) {
		_ = yield(row{}, nil) && yield(row{}, errBroken)
	})
	if err := table.WriteCSV(&strings.Builder{}, torn); !errors.Is(err, errBroken) {
		t.Errorf("the rows': %v", err)
	}
}

// A table of any length goes out as its rows come in.
func TestRowsAreWrittenAsTheyCome(t *testing.T) {
	var out strings.Builder
	behind := 0
	long := columns.Table("rows", func(yield func(row, error) bool) {
		for i := range 10_000 {
			if !yield(row{number: 1}, nil) {
				return
			}
			behind = max(behind, i+2-strings.Count(out.String(), "\n"))
		}
	})
	if err := table.WriteCSV(&out, long); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 10_001 {
		t.Errorf("%d lines, want 10,001", lines)
	}
	if behind > 200 {
		t.Errorf("%d rows were held back", behind)
	}
}
