package usage

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"seatmeter/shared/tenant"
)

// Columns are the columns of a report, in order. A contract.
var Columns = []string{
	"tenant", "from", "to", "group", "opening", "closing", "peak", "peak_at", "seat_ms", "seat_minutes", "overage_ms",
	"joins", "refused", "conferences", "hosts", "identities", "estimated_ms", "peak_hosts", "peak_participants",
}

// TimeLayout is the format of times in reports: UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// TenantsColumns are the columns of a report of all tenants, in order. A contract.
// The last two are of the license in force at the end of the period, empty if there was none.
var TenantsColumns = append(slices.Clone(Columns), "model", "limit")

// MonthLayout is the format of months.
const MonthLayout = "2006-01"

// FormatMillis formats a time; an absent one is empty.
func FormatMillis(millis int64) string {
	if millis == 0 {
		return ""
	}
	return FormatTime(millis)
}

// FormatTime formats a time, which is not absent.
func FormatTime(millis int64) string {
	return time.UnixMilli(millis).UTC().Format(TimeLayout)
}

// CSV writes rows as RFC 4180. A text cell that a spreadsheet would run as a formula
// gets an apostrophe in front; numbers and times do not.
type CSV struct {
	out    *csv.Writer
	record []string
}

// NewCSV writes the names of the columns: Columns, perhaps followed by others. The
// output is buffered: call Flush at the end.
func NewCSV(w io.Writer, columns []string) (*CSV, error) {
	c := &CSV{out: csv.NewWriter(w)}
	c.out.UseCRLF = true
	return c, written(c.out.Write(columns))
}

// Write writes a tenant's row, followed by the cells of the other columns. The error
// is the writer's.
func (c *CSV) Write(t tenant.ID, r Row, more ...string) error {
	overage := ""
	if !r.OverageShared {
		overage = strconv.FormatInt(r.OverageMillis, 10)
	}
	c.record = append(c.record[:0],
		Inert(string(t)), FormatTime(r.FromMillis), FormatTime(r.ToMillis), Inert(r.Group),
		strconv.Itoa(r.Opening), strconv.Itoa(r.Closing), strconv.Itoa(r.Peak), FormatMillis(r.PeakAtMillis),
		strconv.FormatInt(r.SeatMillis, 10), r.SeatMinutes(), overage,
		strconv.Itoa(r.Joins), strconv.Itoa(r.Refused()), strconv.Itoa(r.Conferences), strconv.Itoa(r.Hosts),
		strconv.Itoa(r.Identities), strconv.FormatInt(r.EstimatedMillis, 10), strconv.Itoa(r.PeakHosts), strconv.Itoa(r.PeakParticipants),
	)
	c.record = append(c.record, more...)
	return written(c.out.Write(c.record))
}

// Flush writes the buffer. The error is the writer's.
func (c *CSV) Flush() error {
	c.out.Flush()
	return written(c.out.Error())
}

// WriteCSV writes a tenant's report row by row. After an error, of the rows or of
// the writer, the output is incomplete.
func WriteCSV(w io.Writer, t tenant.ID, rows iter.Seq2[Row, error]) error {
	c, err := NewCSV(w, Columns)
	if err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
		if err := c.Write(t, row); err != nil {
			return err
		}
	}
	return c.Flush()
}

func written(err error) error {
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// Inert returns a text cell that no spreadsheet runs as a formula. Formulas begin
// with the characters of OWASP's page on CSV injection, in full width too, at the
// start, after spaces, which some programs trim, or after a semicolon, at which
// some programs split cells. Not for numbers, which may be negative.
func Inert(text string) string {
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

// formulas are the characters that begin a formula.
const formulas = "=+-@\t\r\n＝＋－＠"

func beginsFormula(cell string) bool {
	if cell == "" {
		return false
	}
	bare := strings.TrimLeftFunc(cell, unicode.IsSpace)
	return strings.ContainsRune(formulas, rune(cell[0])) || bare != "" && strings.ContainsRune(formulas, []rune(bare)[0])
}
