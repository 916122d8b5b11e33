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

// TimeLayout is how reports write times: UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// TenantsColumns are the columns of a report of all tenants, in order. A contract.
// The last ones are of the license in force at the end of the period, empty where there was none.
var TenantsColumns = append(slices.Clone(Columns), "model", "limit")

// MonthLayout is how months are written.
const MonthLayout = "2006-01"

// FormatMillis writes a time; what is absent is empty.
func FormatMillis(millis int64) string {
	if millis == 0 {
		return ""
	}
	return FormatTime(millis)
}

// FormatTime writes a time that is there.
func FormatTime(millis int64) string {
	return time.UnixMilli(millis).UTC().Format(TimeLayout)
}

// CSV writes rows as RFC 4180, one by one. Text that a spreadsheet would run as
// a formula gets an apostrophe in front; numbers and times are never touched.
type CSV struct {
	out    *csv.Writer
	record []string
}

// NewCSV begins with the columns' names, Columns or those and more. It writes
// through a buffer of a few kilobytes: Flush it in the end.
func NewCSV(w io.Writer, columns []string) (*CSV, error) {
	c := &CSV{out: csv.NewWriter(w)}
	c.out.UseCRLF = true
	return c, written(c.out.Write(columns))
}

// Write writes a tenant's row, with the cells of the columns that are more. The
// error is the writer's.
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

// Flush writes what is in the buffer. The error is the writer's.
func (c *CSV) Flush() error {
	c.out.Flush()
	return written(c.out.Error())
}

// WriteCSV writes a tenant's report as it comes, without holding more of it
// than a row. Errors are the rows' or the writer's; what was written by then
// is not a report.
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

// Inert is a text cell that no spreadsheet runs as a formula. What begins one
// is what OWASP's page on CSV injection lists, with its full-width forms; also
// behind spaces, which some programs trim, and behind a semicolon, at which
// some part cells. For text only: a negative number is to stay one.
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

// formulas are the letters that begin one.
const formulas = "=+-@\t\r\n＝＋－＠"

func beginsFormula(cell string) bool {
	if cell == "" {
		return false
	}
	bare := strings.TrimLeftFunc(cell, unicode.IsSpace)
	return strings.ContainsRune(formulas, rune(cell[0])) || bare != "" && strings.ContainsRune(formulas, []rune(bare)[0])
}
