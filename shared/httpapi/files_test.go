package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	parquet "github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"seatmeter/shared/httpapi"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/statement"
	"seatmeter/shared/usage"
)

const spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// cellsOf are the rows of a workbook's first sheet, each by the names of CSV's columns,
// written as CSV writes them.
func cellsOf(t *testing.T, body string) []map[string]string {
	t.Helper()
	book, err := excelize.OpenReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	name := book.GetSheetName(0)
	raw, err := book.GetRows(name, excelize.Options{RawCellValue: true})
	if err != nil || len(raw) == 0 {
		t.Fatalf("%d rows, %v", len(raw), err)
	}
	var rows []map[string]string
	for r, values := range raw[1:] {
		row := make(map[string]string)
		for c, value := range values {
			at, err := excelize.CoordinatesToCellName(c+1, r+2)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := book.GetCellType(name, at)
			if err != nil {
				t.Fatal(err)
			}
			row[raw[0][c]] = asCSV(t, raw[0][c], value, kind, isTime(t, book, name, at))
		}
		rows = append(rows, row)
	}
	return rows
}

// isTime tells whether a cell is shown as a time in UTC.
func isTime(t *testing.T, book *excelize.File, sheet, at string) bool {
	t.Helper()
	id, err := book.GetCellStyle(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	style, err := book.GetStyle(id)
	if err != nil {
		t.Fatal(err)
	}
	return style.CustomNumFmt != nil && strings.HasSuffix(*style.CustomNumFmt, `"UTC"`)
}

func asCSV(t *testing.T, heading, value string, kind excelize.CellType, isTime bool) string {
	t.Helper()
	isText := kind == excelize.CellTypeInlineString || kind == excelize.CellTypeSharedString
	if value == "" || isText {
		return value
	}
	if kind == excelize.CellTypeBool {
		return strconv.FormatBool(value == "1")
	}
	number, err := strconv.ParseFloat(value, 64)
	if err != nil {
		t.Fatalf("%s is %q and no text", heading, value)
	}
	switch {
	case isTime:
		return usage.FormatTime(int64(math.Round((number - 25_569) * 86_400_000)))
	case heading == "seat_minutes":
		return fmt.Sprintf("%.4f", number)
	}
	return value
}

func (a answer) wantFile(media, name string) {
	a.t.Helper()
	if a.status != http.StatusOK || a.headers["content-type"] != media || a.headers["content-disposition"] != "attachment; filename="+name {
		a.t.Errorf("answered %d, %v", a.status, a.headers)
	}
}

// wantAsCSV checks that the first rows of a spreadsheet are those of the same call as CSV,
// and returns the last, which is the total.
func (w *world) wantAsCSV(t *testing.T, target string, rows []map[string]string) map[string]string {
	t.Helper()
	body := w.call(finance, http.MethodGet, target, "", "accept", "text/csv").ok().body
	records, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(records) < 2 || len(rows) != len(records) {
		t.Fatalf("%d rows, and %d of CSV (%v)", len(rows), len(records), err)
	}
	for r, record := range records[1:] {
		for c, name := range records[0] {
			if got, want := rows[r][name], strings.TrimPrefix(record[c], "'"); got != want {
				t.Errorf("row %d: %s is %q, and %q in CSV", r, name, got, want)
			}
		}
	}
	return rows[len(rows)-1]
}

// wantTotal compares members of a total with cells.
func wantTotal(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got[name] != value {
			t.Errorf("the total's %s is %q, want %q", name, got[name], value)
		}
	}
}

func TestAReportAsXLSXHasTheRowsOfCSVAndItsTotal(t *testing.T) {
	w := meetingOfTwo(t)
	w.used(time.UnixMilli(w.now - 3_600_000))
	for _, query := range []string{"", "&granularity=hour", "&granularity=day", "&group_by=host&granularity=hour", "&group_by=conference"} {
		got := w.call(finance, http.MethodGet, day+query+"&format=xlsx", "")
		got.wantFile(spreadsheet, "acme-usage.xlsx")
		rows := cellsOf(t, got.body)
		total := w.wantAsCSV(t, day+query, rows)
		whole := read[httpapi.UsageView](w.call(finance, http.MethodGet, day, "").ok()).Rows[0]
		wantTotal(t, total, map[string]string{
			"tenant": "total", "from": whole.From, "to": whole.To, "peak": strconv.Itoa(whole.Peak), "seat_ms": strconv.FormatInt(whole.SeatMillis, 10),
			"seat_minutes": whole.SeatMinutes, "joins": strconv.Itoa(whole.Joins), "identities": strconv.Itoa(whole.Identities), "limit": "",
		})
		_, limited := rows[0]["limit"]
		if grouped := strings.Contains(query, "group_by"); limited == grouped {
			t.Errorf("%q: has a limit %v", query, limited)
		}
	}
}

// Under a named license the limit bounds each conference.
func TestAReportAsXLSXHasThePeakThatTheLimitBounds(t *testing.T) {
	w := newWorld(t)
	w.named("acme", 1, 3)
	w.host("acme", "ann@example.org")
	w.schedule("acme", "weekly", "ann@example.org")
	w.join("acme", "weekly", "ann@example.org", "host", 1)
	w.join("acme", "weekly", "bob", "participant", 2)
	w.now += 60_000
	row := cellsOf(t, w.call(finance, http.MethodGet, day+"&format=xlsx", "").ok().body)[0]
	wantTotal(t, row, map[string]string{"peak": "2", "model": string(license.ModelNamed), "limit": "3", "limited_peak": "1"})
}

func TestAllTenantsAsXLSXHaveTheRowsOfCSVAndASum(t *testing.T) {
	w := meetingOfTwo(t)
	w.concurrent("00123", 3)
	w.concurrent("1e5", 4)
	const target = "/v1/usage?period=2026-09"
	for _, page := range []string{"", "&limit=2"} {
		got := w.call(finance, http.MethodGet, target+page, "", "accept", spreadsheet)
		if page == "" {
			got.wantFile(spreadsheet, "tenants-usage.xlsx")
		}
		total := w.wantAsCSV(t, target+page, cellsOf(t, got.body))
		want := map[string]string{"tenant": "total", "peak": "", "hosts": "", "seat_ms": "0", "seat_minutes": "0.0000", "joins": "0", "limit": ""}
		if page == "" {
			want["seat_ms"], want["seat_minutes"], want["joins"], want["refused"] = "660000", "11.0000", "2", "1"
		}
		wantTotal(t, total, want)
	}
}

func TestAStatementAsXLSXHasItsDaysAndTotals(t *testing.T) {
	w := newWorld(t)
	w.sinceLongAgo("acme", 25)
	w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
	w.used(time.Date(2026, time.August, 13, 9, 0, 0, 0, time.UTC))
	s := read[statement.Statement](w.call(finance, http.MethodPost, statements, `{"period":"2026-08"}`))
	got := w.call(finance, http.MethodGet, statements+"/2026-08?format=xlsx", "")
	got.wantFile(spreadsheet, "acme-statement-2026-08.xlsx")
	rows := cellsOf(t, got.body)
	total := w.wantAsCSV(t, statements+"/2026-08", rows)
	wantTotal(t, total, map[string]string{
		"tenant": "total", "period": "2026-08", "from": s.From, "to": s.To, "seat_ms": strconv.FormatInt(s.Totals.SeatMillis, 10),
		"seat_minutes": s.Totals.SeatMinutes, "joins": strconv.Itoa(s.Totals.Joins), "identities": "1", "limit": "25", "limited_peak": "1",
	})
}

func TestTheLedgerAsXLSXHasTheRowsOfCSVAndCounts(t *testing.T) {
	w := meetingOfTwo(t)
	w.sameMoment(3)
	w.odd()
	got := w.call(finance, http.MethodGet, ledger+"&format=xlsx", "")
	got.wantFile(spreadsheet, "acme-ledger.xlsx")
	total := w.wantAsCSV(t, ledger, cellsOf(t, got.body))
	wantTotal(t, total, map[string]string{"kind": "total", "stay": "5", "code": "1", "outcome": "0"})
}

// odd records a stay whose texts programs like to take for something else.
func (w *world) odd() {
	w.t.Helper()
	_, err := w.store.Record(w.t.Context(), usage.Stay{
		Tenant: "acme", Conference: "1e5", Number: 1, Host: "=1+1@example.org", ID: "-Zx1=.a", Identity: "2026-01-01", Role: "host",
		Connection: "-Zx1=", JoinedAtMillis: start + 7, LeftAtMillis: start + 1009, End: usage.EndClosed, Limit: 25,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestIDsInCSVJoinWithTheSameIDsElsewhere(t *testing.T) {
	w := meetingOfTwo(t)
	w.odd()
	body := w.call(finance, http.MethodGet, ledger, "", "accept", "text/csv").ok().body
	if !strings.Contains(body, ",1e5,1,'=1+1@example.org,2026-01-01,host,-Zx1=,-Zx1=.a,") {
		t.Errorf("answered\n%s", body)
	}
}

func TestTheLedgerAsParquetHasTheRowsOfCSV(t *testing.T) {
	w := meetingOfTwo(t)
	w.sameMoment(3)
	w.odd()
	got := w.call(finance, http.MethodGet, ledger+"&format=parquet", "")
	got.wantFile("application/vnd.apache.parquet", "acme-ledger.parquet")
	file, err := parquet.OpenFile(strings.NewReader(got.body), int64(len(got.body)))
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(w.call(finance, http.MethodGet, ledger, "", "accept", "text/csv").ok().body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, field := range file.Schema().Fields() {
		names = append(names, field.Name())
	}
	if !slices.Equal(names, records[0]) || file.NumRows() != int64(len(records)-1) {
		t.Fatalf("%d rows of %v, want %d of %v", file.NumRows(), names, len(records)-1, records[0])
	}
	rows := make([]parquet.Row, len(records)-1)
	if n, _ := parquet.NewReader(file).ReadRows(rows); n != len(rows) {
		t.Fatalf("read %d rows, want %d", n, len(rows))
	}
	for r, row := range rows {
		for c, value := range row {
			text := value.String()
			if value.IsNull() {
				text = ""
			} else if strings.HasPrefix(file.Schema().Fields()[c].Type().String(), "TIMESTAMP") {
				text = usage.FormatTime(value.Int64())
			}
			if want := strings.TrimPrefix(records[r+1][c], "'"); text != want {
				t.Errorf("row %d: %s is %q, and %q in CSV", r, names[c], text, want)
			}
		}
	}
}

// noise has as many stays in acme's ledger, with texts that do not compress, as make a
// file of over 5 MB in any format.
func (w *world) noise() (stays int) {
	w.t.Helper()
	stays = 2_000
	random := rand.NewChaCha8([32]byte{})
	for i := range stays {
		text := make([]byte, 2_500)
		_, _ = random.Read(text) // it cannot fail
		_, err := w.store.Record(w.t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", ID: "stay", Identity: hex.EncodeToString(text),
			Connection: seat.ConnectionID(fmt.Sprintf("MadeUpC%05d=", i)), JoinedAtMillis: start + int64(i), LeftAtMillis: start + int64(i) + 1,
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return stays
}

// rowsIn counts the rows of a ledger.
func rowsIn(t *testing.T, format string, body []byte) int {
	t.Helper()
	if format == "xlsx" {
		return len(cellsOf(t, string(body))) - 1
	}
	file, err := parquet.OpenFile(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	return int(file.NumRows())
}
