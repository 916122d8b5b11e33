package httpapi_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

var updatePage = flag.Bool("update", false, "write the tables of shared/usage/README.md anew")

// workedLicense is the license of the page's tenant.
const workedLicense = `{"model":"concurrent","seats":3,"overage":"allow","burst":1,"time_zone":"Europe/Berlin"}`

const financePage = "../usage/README.md"

// The worked month of the page: what happened, as the ledger has it, and what
// the API makes of it.
func TestTheFinancePageIsWhatTheAPIAnswers(t *testing.T) {
	w := newWorld(t)
	w.workedMonth()
	days := w.table("acme/usage?period=2026-11&granularity=day")
	busy := days.where("peak", "4")
	quarters := w.table("acme/usage?granularity=quarter_hour&from=" + busy.cell(0, "from") + "&to=" + busy.cell(0, "to"))
	month := w.table("acme/usage?period=2026-11&granularity=month")
	ledger := w.table("acme/ledger?period=2026-11")
	stays := ledger.where("kind", "stay")
	page := map[string]string{
		"license":  "```json\n" + workedLicense + "\n```\n",
		"stays":    stays.markdown("identity", "conference", "joined_at", "left_at", "end", "estimated", "stay"),
		"refusals": ledger.where("kind", "refusal").markdown("identity", "conference", "at", "code", "limit", "in_use"),
		"waits":    ledger.where("kind", "wait").markdown("identity", "conference", "since", "until", "outcome"),
		"waited":   w.waited(days).markdown("waited", "abandoned", "wait_ms"),
		"moments":  momentsOf(t, stays, busy),
		"quarters": quarters.without("seat_ms", "0").markdown("from", "to", "opening", "closing", "peak", "peak_at", "seat_ms", "overage_ms", "joins", "refused", "identities"),
		"days":     days.without("seat_ms", "0").markdown("from", "to", "peak", "peak_at", "seat_ms", "overage_ms", "joins", "refused", "conferences", "hosts", "identities", "estimated_ms"),
		"month": month.markdown("peak", "peak_at", "seat_ms", "seat_minutes", "overage_ms", "joins", "refused", "conferences", "hosts",
			"identities", "estimated_ms", "peak_hosts", "peak_participants"),
		"full quarters": quarters.without("seat_ms", "0").markdown("from", "to", "peak", "p95", "p99", "at_limit_ms", "refused_identities", "denied_identities"),
		"full days":     days.without("seat_ms", "0").markdown("from", "to", "peak", "p95", "p99", "at_limit_ms", "refused_identities", "denied_identities"),
		"full month":    month.markdown("peak", "p95", "p99", "at_limit_ms", "refused_identities", "denied_identities"),
		"named":         w.table("globex/ledger?period=2026-11").markdown("identity", "conference", "pool", "joined_at", "left_at"),
		"named row":     w.table("globex/usage?period=2026-11&granularity=month").markdown("peak", "peak_hosts", "peak_participants", "seat_ms", "hosts"),
		"sizing":        w.table("acme/usage/sizing?period=2026-11&seats=2,3,4,5").markdown("seats", "refusals", "people", "at_limit_ms", "recommended"),
		"statement":     "```json\n" + w.statement() + "\n```\n",
		"columns":       columnsOf(t),
	}
	for _, column := range []string{"seat_ms", "overage_ms", "at_limit_ms", "joins", "refused", "estimated_ms"} {
		if days.sum(t, column) != month.sum(t, column) {
			t.Errorf("the days add up to %d %s, the month is %d", days.sum(t, column), column, month.sum(t, column))
		}
	}
	inPage(t, page)
}

// inPage holds the tables of the page to what they are to be.
func inPage(t *testing.T, tables map[string]string) {
	t.Helper()
	text, err := os.ReadFile(financePage)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	now := regexp.MustCompile(`(?s)<!-- ([a-z ]+): printed -->\n.*?<!-- end -->`).ReplaceAllStringFunc(string(text), func(block string) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(block, "<!-- "), ": printed")
		if tables[name] == "" {
			t.Errorf("nothing is printed as %q", name)
			return block
		}
		found++
		return "<!-- " + name + ": printed -->\n\n" + tables[name] + "\n<!-- end -->"
	})
	if found != len(tables) {
		t.Errorf("the page has %d of %d tables", found, len(tables))
	}
	if now == string(text) {
		return
	}
	if !*updatePage {
		t.Fatalf("%s is not what is printed: go test ./shared/httpapi -run FinancePage -update", financePage)
	}
	if err := os.WriteFile(financePage, []byte(now), 0o600); err != nil {
		t.Fatal(err)
	}
}

// workedMonth is a November of two tenants, of which everything is known.
func (w *world) workedMonth() {
	w.t.Helper()
	w.call(vendor, http.MethodPut, "/v1/tenants/acme/license", workedLicense).ok()
	w.call(vendor, http.MethodPut, "/v1/tenants/globex/license", `{"model":"named","hosts":2,"participants_per_conference":25}`).ok()
	w.now = time.Date(2026, time.December, 2, 9, 0, 0, 0, time.UTC).UnixMilli()
	own := seat.Pool{Tenant: "acme"}
	for _, s := range []told{
		{"ann@example.org", "weekly", 1, own, "03T08:00:00.000", "03T09:00:00.000", usage.EndClosed, ""},
		{"bob", "weekly", 1, own, "03T08:05:00.000", "03T08:20:00.000", usage.EndDropped, ""},
		{"cleo", "weekly", 1, own, "03T08:10:00.000", "03T08:40:00.000", usage.EndLeft, ""},
		{"bob", "weekly", 1, own, "03T08:20:20.000", "03T09:00:00.000", usage.EndClosed, "bob"},
		{"dan", "retro", 2, own, "03T08:30:00.000", "03T08:50:30.250", usage.EndClosed, ""},
		{"ann@example.org", "weekly", 1, own, "20T22:30:00.000", "20T23:30:00.000", usage.EndClosed, ""},
		{"fay", "weekly", 1, own, "20T22:45:00.500", "20T23:10:00.000", usage.EndVanished, ""},
	} {
		w.tell(s)
	}
	if err := w.store.Refuse(context.Background(), usage.Refusal{
		Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "eve", Role: jointoken.RoleParticipant,
		Connection: "refused-1=", AtMillis: november(w.t, "03T08:35:00.000"), Code: problem.SeatsExhausted, Limit: 3, InUse: 4,
	}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.RecordWait(context.Background(), usage.Wait{
		Tenant: "acme", Conference: "weekly", Number: 1, Host: "ann@example.org", Identity: "gus", Role: jointoken.RoleParticipant,
		Connection: "waited-1=", SinceMillis: november(w.t, "03T08:36:00.000"), UntilMillis: november(w.t, "03T08:38:30.000"), Outcome: usage.WaitLeft,
	}); err != nil {
		w.t.Fatal(err)
	}
	first, second := seat.Pool{Tenant: "globex", Number: 1}, seat.Pool{Tenant: "globex", Number: 2}
	chair := func(p seat.Pool) seat.Pool { p.Chair = true; return p }
	for _, s := range []told{
		{"hal@example.org", "sales", 1, chair(first), "10T14:00:00.000", "10T15:00:00.000", usage.EndClosed, ""},
		{"joe", "sales", 1, first, "10T14:05:00.000", "10T14:40:00.000", usage.EndClosed, ""},
		{"kim", "sales", 1, first, "10T14:06:00.000", "10T14:50:00.000", usage.EndClosed, ""},
		{"ida@example.org", "support", 2, chair(second), "10T14:30:00.000", "10T15:10:00.000", usage.EndClosed, ""},
		{"lea", "support", 2, second, "10T14:45:00.000", "10T15:05:00.000", usage.EndClosed, ""},
	} {
		w.tell(s)
	}
}

// told is a connection's part of a stay: of its own, or of the one before of
// somebody.
type told struct {
	identity   string
	conference conference.ID
	number     conference.Number
	pool       seat.Pool
	joined     string // of November, UTC
	left       string
	end        usage.End
	resumes    string
}

func november(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse(usage.TimeLayout, "2026-11-"+text+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

func (w *world) tell(s told) {
	w.t.Helper()
	name, _, _ := strings.Cut(s.identity, "@")
	joined := november(w.t, s.joined)
	id := seat.ConnectionID(fmt.Sprintf("%s-%s=", name, s.joined[:2]))
	stay := usage.NewStayID(id, joined)
	if s.resumes != "" {
		stay, id = usage.NewStayID(id, november(w.t, "03T08:05:00.000")), id+"2"
	}
	hosts := map[conference.ID]host.Email{"weekly": "ann@example.org", "retro": "dora@example.org", "sales": "hal@example.org", "support": "ida@example.org"}
	if _, err := w.store.Record(context.Background(), usage.Stay{
		ID: stay, Resumed: s.resumes != "", Tenant: s.pool.Tenant, Conference: s.conference, Number: s.number, Host: hosts[s.conference],
		Identity: s.identity, Role: jointoken.RoleParticipant, Connection: id, Block: seat.Block{Pool: s.pool}, Seat: 1, JoinedAtMillis: joined,
		LeftAtMillis: november(w.t, s.left), End: s.end, Estimated: s.end == usage.EndVanished, Limit: 3,
	}); err != nil {
		w.t.Fatal(err)
	}
}

// statement is the month's, with the days on which something happened.
func (w *world) statement() string {
	w.t.Helper()
	var s map[string]any
	if err := json.Unmarshal([]byte(w.call(finance, http.MethodPost, statements, `{"period":"2026-11"}`).ok().body), &s); err != nil {
		w.t.Fatal(err)
	}
	days, _ := s["days"].([]any)
	s["days"] = slices.DeleteFunc(days, func(day any) bool {
		return day.(map[string]any)["joins"] == 0.0 && day.(map[string]any)["seat_ms"] == 0.0
	})
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// waited is what the month's row in JSON has of waits, which CSV has not. The days
// add up to it.
func (w *world) waited(days table) table {
	w.t.Helper()
	type row struct {
		Waited    int64 `json:"waited"`
		Abandoned int64 `json:"abandoned"`
		Millis    int64 `json:"wait_ms"`
	}
	rows := func(granularity string) []row {
		return read[struct {
			Rows []row `json:"rows"`
		}](w.call(finance, http.MethodGet, "/v1/tenants/acme/usage?period=2026-11&granularity="+granularity, "").ok()).Rows
	}
	month := rows("month")[0]
	var sum row
	for _, day := range rows("day") {
		sum = row{sum.Waited + day.Waited, sum.Abandoned + day.Abandoned, sum.Millis + day.Millis}
	}
	if sum != month || len(rows("day")) != len(days.rows) {
		w.t.Errorf("the days add up to %+v, the month is %+v", sum, month)
	}
	return table{
		[]string{"waited", "abandoned", "wait_ms"},
		[][]string{{fmt.Sprint(month.Waited), fmt.Sprint(month.Abandoned), fmt.Sprint(month.Millis)}},
	}
}

// table is a CSV.
type table struct {
	columns []string
	rows    [][]string
}

func (w *world) table(of string) table {
	w.t.Helper()
	records, err := csv.NewReader(strings.NewReader(w.call(finance, http.MethodGet, "/v1/tenants/"+of+"&format=csv", "").ok().body)).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	return table{records[0], records[1:]}
}

func (t table) cell(row int, column string) string {
	return t.rows[row][slices.Index(t.columns, column)]
}

func (t table) where(column, value string) table {
	at := slices.Index(t.columns, column)
	return table{t.columns, slices.DeleteFunc(slices.Clone(t.rows), func(row []string) bool { return row[at] != value })}
}

func (t table) without(column, value string) table {
	at := slices.Index(t.columns, column)
	return table{t.columns, slices.DeleteFunc(slices.Clone(t.rows), func(row []string) bool { return row[at] == value })}
}

func (t table) sum(test *testing.T, column string) int64 {
	test.Helper()
	var sum int64
	for i := range t.rows {
		n, err := strconv.ParseInt(t.cell(i, column), 10, 64)
		if err != nil {
			test.Fatal(err)
		}
		sum += n
	}
	return sum
}

// markdown is some of the columns.
func (t table) markdown(columns ...string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for i := range t.rows {
		cells := make([]string, len(columns))
		for n, column := range columns {
			cells[n] = t.cell(i, column)
		}
		fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | "))
	}
	return out.String()
}

// momentsOf goes through a day of stays by hand: who is in from one change to the
// next, what that adds, and that the day's row says the same.
func momentsOf(t *testing.T, stays, day table) string {
	t.Helper()
	joined, left := make(map[string]string), make(map[string]string) // by stay
	var changes []string
	for i := range stays.rows {
		id, from, to := stays.cell(i, "stay"), stays.cell(i, "joined_at"), stays.cell(i, "left_at")
		if from < day.cell(0, "from") || from >= day.cell(0, "to") {
			continue
		}
		if joined[id] == "" {
			joined[id] = from
		}
		left[id] = to
	}
	for id := range joined {
		changes = append(changes, joined[id], left[id])
	}
	slices.Sort(changes)
	changes = slices.Compact(changes)
	list := table{columns: []string{"from", "to", "lasts (ms)", "in", "above 3", "adds to seat_ms", "adds to overage_ms"}}
	var seat, over int64
	for i := 0; i+1 < len(changes); i++ {
		lasts, in := moment(t, changes[i+1])-moment(t, changes[i]), int64(0)
		for id := range joined {
			if joined[id] <= changes[i] && changes[i] < left[id] {
				in++
			}
		}
		above := max(0, in-3)
		seat, over = seat+in*lasts, over+above*lasts
		list.rows = append(list.rows, []string{changes[i], changes[i+1], fmt.Sprint(lasts), fmt.Sprint(in), fmt.Sprint(above), fmt.Sprint(in * lasts), fmt.Sprint(above * lasts)})
	}
	list.rows = append(list.rows, []string{"**sum**", "", "", "", "", fmt.Sprint(seat), fmt.Sprint(over)})
	if seat != day.sum(t, "seat_ms") || over != day.sum(t, "overage_ms") || over == 0 {
		t.Errorf("by hand %d ms, %d above the limit; the report %v", seat, over, day.rows)
	}
	return list.markdown(list.columns...)
}

func moment(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(usage.TimeLayout, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// columnsOf is what the OpenAPI document says of each column of a report.
func columnsOf(t *testing.T) string {
	t.Helper()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Description string }
			}
		}
	}
	if err := json.Unmarshal([]byte(console(t, "/v1/openapi.json", http.MethodGet).body), &document); err != nil {
		t.Fatal(err)
	}
	unit := regexp.MustCompile(` Unit: (.*)\.$`)
	list := table{columns: []string{"column", "unit", "meaning"}}
	for _, column := range usage.LicensedColumns().Names() {
		of := "RowView"
		if column == "model" || column == "limit" {
			of = "TermsView"
		}
		text := document.Components.Schemas[of].Properties[column].Description
		if text == "" {
			t.Errorf("%s has no description", column)
		}
		measured := ""
		if found := unit.FindStringSubmatch(text); found != nil {
			measured, text = found[1], strings.TrimSuffix(text, found[0])
		}
		text, _, _ = strings.Cut(text, "\n")
		list.rows = append(list.rows, []string{"`" + column + "`", measured, strings.ReplaceAll(text, "|", `\|`)})
	}
	return list.markdown(list.columns...)
}
