package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// WriteCSV writes a table, but for its total, as RFC 4180. A text cell that a
// spreadsheet would run as a formula gets an apostrophe in front. After an error, of
// the rows or of the writer, the output is incomplete.
func WriteCSV(w io.Writer, t Table) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	record := make([]string, len(t.Headings))
	for i, heading := range t.Headings {
		record[i] = heading.Name
	}
	if err := out.Write(record); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for cells, err := range t.Rows {
		if err != nil {
			return err
		}
		for i, cell := range cells {
			record[i] = cell.String()
			switch cell.Kind {
			case KindText:
				record[i] = inert(record[i])
			case KindID:
				record[i] = inertID(record[i])
			}
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// inert returns a text that no spreadsheet runs as a formula. Formulas begin with the
// characters of OWASP's page on CSV injection, in full width too, at the start, after
// spaces, which some programs trim, or after a semicolon, at which some programs split
// cells.
func inert(text string) string {
	if !strings.ContainsAny(text, formulas) {
		return text
	}
	cells := strings.Split(text, ";")
	for n, cell := range cells {
		if beginsFormula(cell) {
			cells[n] = "'" + cell
		}
	}
	return strings.Join(cells, ";")
}

// inertID is inert of an id. Of ids only the caller's own can be formulas: one such as
// -A1. A connection's id ends with an equals sign, with which no formula ends.
func inertID(id string) string {
	if strings.HasPrefix(id, "-") && !strings.Contains(id, "=") {
		return "'" + id
	}
	return id
}

// formulas are the characters that begin a formula.
const formulas = "=+-@\t\r\n＝＋－＠"

func beginsFormula(cell string) bool {
	if cell == "" {
		return false
	}
	bare := strings.TrimLeftFunc(cell, unicode.IsSpace)
	return strings.ContainsRune(formulas, rune(cell[0])) || bare != "" && strings.ContainsRune(formulas, []rune(bare)[0])
}
