package usage

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"seatmeter/shared/tenant"
)

// Columns are the columns of a report, in order. A contract.
var Columns = []string{
	"tenant", "from", "to", "group", "opening", "closing", "peak", "peak_at", "seat_ms", "seat_minutes", "overage_ms",
	"joins", "refused", "conferences", "hosts", "identities", "estimated_ms",
}

// TimeLayout is how reports write times: UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

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

// WriteCSV writes a report as RFC 4180. Text that a spreadsheet would run as a
// formula gets an apostrophe in front; numbers are never touched.
func WriteCSV(w io.Writer, t tenant.ID, rows []Row) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(Columns); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	for _, r := range rows {
		record := []string{
			Inert(string(t)), FormatTime(r.FromMillis), FormatTime(r.ToMillis), Inert(r.Group),
			strconv.Itoa(r.Opening), strconv.Itoa(r.Closing), strconv.Itoa(r.Peak), FormatMillis(r.PeakAtMillis),
			strconv.FormatInt(r.SeatMillis, 10), r.SeatMinutes(), strconv.FormatInt(r.OverageMillis, 10),
			strconv.Itoa(r.Joins), strconv.Itoa(r.Refused()), strconv.Itoa(r.Conferences), strconv.Itoa(r.Hosts),
			strconv.Itoa(r.Identities), strconv.FormatInt(r.EstimatedMillis, 10),
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

// Inert is a text cell of a CSV: what a spreadsheet would run as a formula gets
// an apostrophe in front. For text columns only: a negative number is a number.
func Inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
