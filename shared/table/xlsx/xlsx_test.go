package xlsx_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"seatmeter/shared/table"
	"seatmeter/shared/table/tabletest"
	"seatmeter/shared/table/xlsx"
)

// written writes a table and opens it again.
func written(t testing.TB, rows table.Table) (*excelize.File, []byte) {
	t.Helper()
	var body bytes.Buffer
	if err := xlsx.Write(&body, rows); err != nil {
		t.Fatal(err)
	}
	book, err := excelize.OpenReader(bytes.NewReader(body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return book, body.Bytes()
}

// read reads a cell back as the value that it was made of.
func read(book *excelize.File, sheet string, kind table.Kind, at string) (table.Cell, error) {
	text, err := book.GetCellValue(sheet, at, excelize.Options{RawCellValue: true})
	if err != nil || text == "" {
		return table.Cell{}, err
	}
	cell := table.Cell{Kind: kind}
	stored, err := book.GetCellType(sheet, at)
	if err != nil {
		return cell, err
	}
	isText := stored == excelize.CellTypeInlineString || stored == excelize.CellTypeSharedString
	if wantsText := kind == table.KindText || kind == table.KindID; isText != wantsText {
		return cell, fmt.Errorf("%s is stored as type %d", at, stored)
	}
	number, _ := strconv.ParseFloat(text, 64)
	switch kind {
	case table.KindText, table.KindID:
		cell.Text = text
	case table.KindNumber, table.KindFlag:
		cell.Number, err = strconv.ParseInt(text, 10, 64)
	case table.KindDecimal:
		cell.Number = int64(math.Round(number * 10_000))
	case table.KindTime:
		cell.Number = int64(math.Round((number - 25_569) * 86_400_000))
	}
	return cell, err
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		given := tabletest.Draw(rt)
		book, _ := written(t, given.Table())
		defer book.Close()
		for r, row := range given.Rows {
			for c, cell := range row {
				at, err := excelize.CoordinatesToCellName(c+1, r+2)
				if err != nil {
					t.Fatal(err)
				}
				got, err := read(book, "sheet", given.Headings[c].Kind, at)
				if err != nil || got != cell {
					rt.Fatalf("%s is %+v (%v), want %+v", at, got, err, cell)
				}
			}
		}
		if rows, err := book.GetRows("sheet"); err != nil || len(rows) > len(given.Rows)+1 {
			rt.Fatalf("%d rows (%v), want %d", len(rows), err, len(given.Rows)+1)
		}
	})
}

// ids are texts that programs like to take for something else.
var ids = []string{"00123", "1e5", "2026-01-01", "-5", "=1+1", "TRUE", "12:30", "1,000", " 7", "+49", "@x", "_x0041_", "<b>&amp;", "'quoted"}

func sample(lines ...string) table.Table {
	at := time.Date(2026, time.November, 3, 8, 0, 0, 0, time.UTC).UnixMilli()
	columns := table.Columns[string]{
		table.ID("id", func(id string) string { return id }),
		table.Time("from", func(string) int64 { return at }),
		table.Number("peak", func(id string) int { return len(id) }),
		table.Number("limit", func(string) int { return 5 }),
		table.Decimal("seat_minutes", func(string) int64 { return 12_345 }),
	}
	t := columns.Table("usage", func(yield func(string, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	})
	t.Total = func() ([]table.Cell, error) {
		return []table.Cell{{Kind: table.KindID, Text: "total"}, {}, {Kind: table.KindNumber, Number: 9}, {}, {}}, nil
	}
	t.Lines, t.Along = lines, "from"
	return t
}

func TestASheetHasAFrozenBoldHeaderAndABoldTotal(t *testing.T) {
	book, _ := written(t, sample())
	defer book.Close()
	panes, err := book.GetPanes("usage")
	if err != nil || !panes.Freeze || panes.YSplit != 1 || panes.XSplit != 0 {
		t.Errorf("panes %+v (%v)", panes, err)
	}
	last := len(ids) + 2
	for at, bold := range map[string]bool{"A1": true, "B1": true, "A2": false, "C3": false, fmt.Sprintf("A%d", last): true, fmt.Sprintf("C%d", last): true} {
		id, err := book.GetCellStyle("usage", at)
		if err != nil {
			t.Fatal(err)
		}
		style, err := book.GetStyle(id)
		if err != nil || (style.Font != nil && style.Font.Bold) != bold {
			t.Errorf("%s: %+v (%v), want bold %v", at, style.Font, err, bold)
		}
	}
	rows, err := book.GetRows("usage")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"id", "from", "peak", "limit", "seat_minutes"}; !slices.Equal(rows[0], want) {
		t.Errorf("header %q, want %q", rows[0], want)
	}
	if want := []string{"00123", "2026-11-03 08:00:00.000 UTC", "5", "5", "1.2345"}; !slices.Equal(rows[1], want) {
		t.Errorf("row %q, want %q", rows[1], want)
	}
	if want := []string{"total", "", "9"}; len(rows) != last || !slices.Equal(rows[last-1], want) {
		t.Errorf("%d rows, the last is %q; want %d and %q", len(rows), rows[len(rows)-1], last, want)
	}
}

// A program that edits a cell of another format takes 00123 for a number again.
func TestTextsHaveTheFormatOfTexts(t *testing.T) {
	book, _ := written(t, sample())
	defer book.Close()
	for r, id := range ids {
		at := fmt.Sprintf("A%d", r+2)
		style, err := book.GetCellStyle("usage", at)
		if err != nil {
			t.Fatal(err)
		}
		format, err := book.GetStyle(style)
		if err != nil || format.CustomNumFmt == nil && format.NumFmt != 49 || format.CustomNumFmt != nil && *format.CustomNumFmt != "@" {
			t.Errorf("%q has the format %+v (%v)", id, format, err)
		}
	}
}

// unpacked are the parts of a workbook.
func unpacked(t *testing.T, body []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]string)
	for _, file := range archive.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[file.Name] = string(content)
	}
	return parts
}

func TestNothingInAWorkbookIsRun(t *testing.T) {
	_, body := written(t, sample("peak", "limit"))
	for name, content := range unpacked(t, body) {
		if strings.HasPrefix(name, "xl/worksheets/") && strings.Contains(content, "<f") {
			t.Errorf("%s has a formula", name)
		}
		switch folder := path.Dir(name); folder {
		case ".", "_rels", "docProps", "xl", "xl/_rels", "xl/worksheets", "xl/worksheets/_rels", "xl/theme", "xl/drawings", "xl/drawings/_rels", "xl/charts":
		default:
			t.Errorf("there is a part %s", name)
		}
		if strings.Contains(content, `TargetMode="External"`) || strings.Contains(name, "vba") || strings.Contains(content, "<hyperlink") || strings.Contains(content, "<definedName") {
			t.Errorf("%s refers to more than values", name)
		}
	}
}

func TestAChartDrawsTheLinesWithoutTheTotal(t *testing.T) {
	_, body := written(t, sample("peak", "limit"))
	chart := unpacked(t, body)["xl/charts/chart1.xml"]
	last := len(ids) + 1
	for _, address := range []string{
		fmt.Sprintf("'usage'!$B$2:$B$%d", last), fmt.Sprintf("'usage'!$C$2:$C$%d", last), fmt.Sprintf("'usage'!$D$2:$D$%d", last), "'usage'!$C$1", "'usage'!$D$1",
	} {
		if !strings.Contains(strings.ReplaceAll(chart, "&#39;", "'"), "<f>"+address+"</f>") {
			t.Errorf("no %s in the chart:\n%s", address, chart)
		}
	}
}

func TestATableWithoutRowsHasNoChart(t *testing.T) {
	none := sample("peak", "limit")
	none.Rows = func(func([]table.Cell, error) bool) {}
	book, _ := written(t, none)
	defer book.Close()
	if sheets := book.GetSheetList(); !slices.Equal(sheets, []string{"usage"}) {
		t.Errorf("sheets %v", sheets)
	}
}

// long is a table of so many rows of one cell.
func long(rows int) table.Table {
	columns := table.Columns[int]{table.Number("n", func(n int) int { return n })}
	return columns.Table("long", func(yield func(int, error) bool) {
		for n := range rows {
			if !yield(n, nil) {
				return
			}
		}
	})
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfRowsAndWriterAreReturned(t *testing.T) {
	if err := xlsx.Write(broken{}, long(1)); !errors.Is(err, errBroken) {
		t.Errorf("the writer's: %v", err)
	}
	torn := long(1)
	whole := torn.Rows
	torn.Rows = func(yield func([]table.Cell, error) bool) {
		whole(yield)
		yield(nil, errBroken)
	}
	var body bytes.Buffer
	if err := xlsx.Write(&body, torn); !errors.Is(err, errBroken) || body.Len() > 0 {
		t.Errorf("the rows': %v, and %d bytes", err, body.Len())
	}
	torn = long(1)
	torn.Total = func() ([]table.Cell, error) { return nil, errBroken }
	if err := xlsx.Write(io.Discard, torn); !errors.Is(err, errBroken) {
		t.Errorf("the total's: %v", err)
	}
}

func write(t table.Table) error { return xlsx.Write(io.Discard, t) }

func wide(rows int) table.Table {
	var columns table.Columns[int]
	for c := range 10 {
		columns = append(columns, table.ID(fmt.Sprintf("c%d", c), func(n int) string { return fmt.Sprintf("value %d of a row", n*c) }))
	}
	var values iter.Seq2[int, error] = func(yield func(int, error) bool) {
		for n := range rows {
			if !yield(n, nil) {
				return
			}
		}
	}
	return columns.Table("wide", values)
}
