package xlsx

import (
	"fmt"

	"github.com/xuri/excelize/v2"

	"seatmeter/shared/table"
)

// formats are the number formats of values; the others have none. The one of texts has a program keep a text
// that somebody edits, where it would take it for a number or a formula.
var formats = map[table.Kind]string{
	table.KindText: "@", table.KindID: "@", table.KindNumber: "0", table.KindDecimal: "0.0000",
	table.KindTime: `yyyy-mm-dd hh:mm:ss.000 "UTC"`,
}

// styles are the ids of a workbook's styles.
type styles struct {
	header      int
	plain, bold map[table.Kind]int
}

func newStyles(book *excelize.File) (styles, error) {
	s := styles{plain: make(map[table.Kind]int), bold: make(map[table.Kind]int)}
	var err error
	if s.header, err = addStyle(book, "@", true); err != nil {
		return s, err
	}
	for kind := range table.KindFlag + 1 {
		if s.plain[kind], err = addStyle(book, formats[kind], false); err != nil {
			return s, err
		}
		if s.bold[kind], err = addStyle(book, formats[kind], true); err != nil {
			return s, err
		}
	}
	return s, nil
}

func addStyle(book *excelize.File, format string, bold bool) (int, error) {
	style := excelize.Style{}
	if format != "" {
		style.CustomNumFmt = &format
	}
	if bold {
		style.Font = &excelize.Font{Bold: true}
	}
	id, err := book.NewStyle(&style)
	if err != nil {
		return 0, fmt.Errorf("format %s: %w", format, err)
	}
	return id, nil
}
