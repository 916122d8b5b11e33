// Package xlsx writes tables as spreadsheets. Nothing in one is computed or run: there
// are values and no formulas, and texts stay texts, also once they are edited.
package xlsx

import (
	"archive/zip"
	"cmp"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/xuri/excelize/v2"

	"seatmeter/shared/table"
)

// mostRows is the most rows of a sheet, the header and the total included.
const mostRows = excelize.TotalRows

// Write writes a table as a workbook: a sheet with a header that stays in view, the rows
// and the total, and a second sheet with the chart if the table has lines. The rows wait
// in a temporary file, so the memory that it takes does not grow with them. The error is
// table.ErrTooLong if they do not fit a sheet, the rows' own, or the writer's. After an
// error of the writer the output is incomplete; else nothing was written.
func Write(w io.Writer, t table.Table) (err error) {
	book := excelize.NewFile()
	defer func() { err = cmp.Or(err, book.Close()) }() // removes the temporary file
	// The library would have the whole file in memory before it writes it.
	book.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(w) })
	if err := book.SetSheetName(book.GetSheetName(0), t.Name); err != nil {
		return fmt.Errorf("name the sheet: %w", err)
	}
	if err := book.SetDocProps(&excelize.DocProperties{Creator: "Seatmeter", Title: t.Name}); err != nil {
		return fmt.Errorf("name the author: %w", err)
	}
	s, err := newSheet(book, t)
	if err != nil {
		return err
	}
	rows, err := s.writeRows(t)
	if err != nil {
		return err
	}
	if len(t.Lines) > 0 && rows > 0 {
		if err := addChart(book, t, rows); err != nil {
			return err
		}
	}
	if _, err := book.WriteTo(w); err != nil {
		return fmt.Errorf("write spreadsheet: %w", err)
	}
	return nil
}

// sheet writes rows, from the first on.
type sheet struct {
	out    *excelize.StreamWriter
	styles styles
	row    int
	values []any
}

func newSheet(book *excelize.File, t table.Table) (*sheet, error) {
	s := &sheet{}
	var err error
	if s.styles, err = newStyles(book); err != nil {
		return nil, fmt.Errorf("add styles: %w", err)
	}
	if s.out, err = book.NewStreamWriter(t.Name); err != nil {
		return nil, fmt.Errorf("begin the sheet: %w", err)
	}
	header := excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
	err = s.out.SetPanes(&header)
	for i, heading := range t.Headings {
		err = cmp.Or(err, s.out.SetColWidth(i+1, i+1, width(heading)))
	}
	if err != nil {
		return nil, fmt.Errorf("lay out the sheet: %w", err)
	}
	return s, nil
}

// width is the width of a column in characters.
func width(heading table.Heading) float64 {
	const times, texts = 28, 20
	name := len(heading.Name) + 2
	switch heading.Kind {
	case table.KindTime:
		return max(times, float64(name))
	case table.KindText, table.KindID:
		return max(texts, float64(name))
	}
	return float64(name)
}

// writeRows writes the header, the rows and the total. It returns the number of rows.
func (s *sheet) writeRows(t table.Table) (int, error) {
	for _, heading := range t.Headings {
		s.values = append(s.values, excelize.Cell{StyleID: s.styles.header, Value: heading.Name})
	}
	if err := s.writeValues(); err != nil {
		return 0, err
	}
	for cells, err := range t.Rows {
		if err != nil {
			return 0, err
		}
		if err := s.write(cells, s.styles.plain); err != nil {
			return 0, err
		}
	}
	rows := s.row - 1
	if t.Total != nil {
		cells, err := t.Total()
		if err != nil {
			return 0, err
		}
		if err := s.write(cells, s.styles.bold); err != nil {
			return 0, err
		}
	}
	if err := s.out.Flush(); err != nil {
		return 0, fmt.Errorf("end the sheet: %w", err)
	}
	return rows, nil
}

func (s *sheet) write(cells []table.Cell, styles map[table.Kind]int) error {
	s.values = s.values[:0]
	for _, cell := range cells {
		s.values = append(s.values, excelize.Cell{StyleID: styles[cell.Kind], Value: value(cell)})
	}
	return s.writeValues()
}

func (s *sheet) writeValues() error {
	if s.row == mostRows {
		return table.ErrTooLong
	}
	s.row++
	name, err := excelize.CoordinatesToCellName(1, s.row)
	if err == nil {
		err = s.out.SetRow(name, s.values)
	}
	if err != nil {
		return fmt.Errorf("write row %d: %w", s.row, err)
	}
	return nil
}

// earliest is the first moment that spreadsheets agree on: some count a day in
// February 1900 that there never was.
var earliest = time.Date(1900, time.March, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// value is a cell's value for the library. A time that is too early is its text.
func value(cell table.Cell) any {
	switch cell.Kind {
	case table.KindEmpty:
		return nil
	case table.KindNumber:
		return cell.Number
	case table.KindDecimal:
		return cell.Decimal()
	case table.KindFlag:
		return cell.Number == 1
	case table.KindTime:
		if cell.Number >= earliest {
			return days(cell.Number)
		}
	case table.KindText, table.KindID:
	}
	return cell.String()
}

// days is the number of days from the end of 1899 to a moment. Where it is no exact
// number, it is some ten microseconds too great: LibreOffice would cut off 13:02:53 to
// 13:02:52.999.
func days(millis int64) float64 {
	const dayMillis, epochDays, steps = 24 * 60 * 60 * 1000, 25_569, 16
	whole := float64(millis + epochDays*dayMillis)
	number := whole / dayMillis
	if math.FMA(number, dayMillis, -whole) == 0 {
		return number
	}
	return number + steps*(math.Nextafter(number, math.Inf(1))-number)
}
