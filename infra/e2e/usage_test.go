package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/client"
	"seatmeter/shared/timezone"
)

// columns is the contract's order.
const columns = "tenant,from,to,group,opening,closing,peak,peak_at,seat_ms,seat_minutes,overage_ms,joins,refused,conferences,hosts,identities,estimated_ms,peak_hosts,peak_participants,p95,p99,at_limit_ms,refused_identities,denied_identities"

// busy is a customer who has two conferences of two behind, one refused in each.
func busy(t *testing.T) *customer {
	t.Helper()
	c := license(t, client.Concurrent(2))
	for i := range 2 {
		conference, host := c.live(c.host(i))
		guest := c.join(conference, "guest@example.com", client.RoleParticipant)
		c.refused(conference, "late@example.com", client.RoleParticipant, "seats_exhausted")
		c.leave(host, guest)
		c.awaitInUse(0)
	}
	nextMillisecond()
	return c
}

func TestUsage_CSVAndJSONAgree(t *testing.T) {
	t.Parallel()
	c := busy(t)
	for _, granularity := range []client.Granularity{client.GranularityTotal, client.GranularityHour, client.GranularityDay} {
		t.Run(string(granularity), func(t *testing.T) {
			q := client.UsageQuery{From: c.began, To: time.Now(), Granularity: granularity}
			text, err := c.api.UsageCSV(c.within(), c.id, q)
			if err != nil {
				t.Fatal(err)
			}
			header, _, _ := strings.Cut(string(text), "\r\n")
			if header != columns {
				t.Errorf("columns\n%s, want\n%s", header, columns)
			}
			records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			report, err := c.api.Usage(c.within(), c.id, q)
			if err != nil {
				t.Fatal(err)
			}
			want := [][]string{strings.Split(columns, ",")}
			for _, row := range report.Rows {
				want = append(want, record(row))
			}
			if diff := cmp.Diff(want, records); diff != "" {
				t.Errorf("JSON (-) and CSV (+) differ:\n%s", diff)
			}
		})
	}
}

func record(r client.UsageRow) []string {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	peakAt := ""
	if r.PeakAt != nil {
		peakAt = at(*r.PeakAt)
	}
	return []string{
		r.Tenant, at(r.From), at(r.To), r.Group, number(r.Opening), number(r.Closing), number(r.Peak), peakAt,
		number(r.SeatMillis), r.SeatMinutes, number(r.OverageMillis), number(r.Joins), number(r.Refused),
		number(r.Conferences), number(r.Hosts), number(r.Identities), number(r.EstimatedMillis), number(r.PeakHosts), number(r.PeakParticipants),
		number(r.P95), number(r.P99), number(r.AtLimitMillis), number(r.RefusedPeople), number(r.DeniedPeople),
	}
}

func TestUsage_ComesInTheRequestedFormat(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	r, err := c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/usage"+thisHour(), http.Header{"Accept": {"text/csv"}}, nil)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("answered by %q (%v), want text/csv", r.Header.Get("Content-Type"), err)
	}
	r, err = c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/usage"+thisHour(), nil, nil)
	if err != nil || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("answered by %q (%v), want application/json", r.Header.Get("Content-Type"), err)
	}
}

func TestUsage_RefusedJoinsAreCountedByReason(t *testing.T) {
	t.Parallel()
	c := busy(t)
	row := c.total()
	if row.Refused != 2 || row.Refusals["seats_exhausted"] != 2 || len(row.Refusals) != 1 {
		t.Errorf("report %+v, want two refused for seats_exhausted", row)
	}
	suspended := client.Concurrent(2)
	suspended.Status = "suspended"
	c.change(suspended)
	c.refused(c.schedule("ada@example.com"), "ada@example.com", client.RoleHost, "license_suspended")
	row = c.total()
	if row.Refused != 3 || row.Refusals["seats_exhausted"] != 2 || row.Refusals["license_suspended"] != 1 {
		t.Errorf("report %+v, want one more for license_suspended", row)
	}
	if row.Joins != 4 {
		t.Errorf("%d joins, want the 4 that were admitted", row.Joins)
	}
}

func TestUsage_DistinctThingsAreCountedOnce(t *testing.T) {
	t.Parallel()
	row := busy(t).total()
	if row.Conferences != 2 || row.Hosts != 2 || row.Identities != 3 || row.Peak != 2 || row.Group != "" {
		t.Errorf("report %+v, want 2 conferences, 2 hosts, and the one guest of both once", row)
	}
}

// The report's own arithmetic, whatever the clock says: parts make the whole.
func TestUsage_HoursAndDaysAddUpToTheTotal(t *testing.T) {
	t.Parallel()
	c := busy(t)
	to := time.Now()
	read := func(g client.Granularity) (sum client.UsageRow) {
		u, err := c.api.Usage(c.within(), c.id, client.UsageQuery{From: c.began, To: to, Granularity: g})
		if err != nil {
			t.Fatal(err)
		}
		if u.Tenant != c.id || u.Granularity != g || u.TimeZone != "UTC" || u.AsOf.Before(c.began) || len(u.Rows) == 0 {
			t.Fatalf("report %+v", u)
		}
		for i, row := range u.Rows {
			if row.Tenant != c.id || !row.From.Before(row.To) || i > 0 && row.From.Before(u.Rows[i-1].To) {
				t.Errorf("%s: row %+v after %+v", g, row, u.Rows[max(0, i-1)])
			}
			sum.SeatMillis += row.SeatMillis
			sum.Joins += row.Joins
			sum.Refused += row.Refused
			sum.Peak = max(sum.Peak, row.Peak)
		}
		return sum
	}
	total := read(client.GranularityTotal)
	if total.SeatMillis <= 0 || total.Joins != 4 || total.Refused != 2 || total.Peak != 2 {
		t.Errorf("total %+v", total)
	}
	for _, g := range []client.Granularity{client.GranularityHour, client.GranularityDay} {
		if diff := cmp.Diff(total, read(g)); diff != "" {
			t.Errorf("total (-) and the sum over each %s (+) differ:\n%s", g, diff)
		}
	}
}

func TestUsage_DaysAreThoseOfTheTenantsTimeZone(t *testing.T) {
	t.Parallel()
	l := client.Concurrent(2)
	l.TimeZone = "Asia/Kathmandu" // +05:45
	c := license(t, l)
	zone, err := timezone.Load(l.TimeZone)
	if err != nil {
		t.Fatal(err)
	}
	_, host := c.live("ada@example.com")
	c.leave(host)
	c.awaitInUse(0)
	now := time.Now().In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	u, err := c.api.Usage(c.within(), c.id, client.UsageQuery{
		From: midnight.AddDate(0, 0, -1), To: midnight.AddDate(0, 0, 1), Granularity: client.GranularityDay,
	})
	if err != nil {
		t.Fatal(err)
	}
	if u.TimeZone != l.TimeZone {
		t.Errorf("time zone %q, want %q", u.TimeZone, l.TimeZone)
	}
	for _, row := range u.Rows {
		if from := row.From.In(zone); from.Hour() != 0 || from.Minute() != 0 || !row.To.Equal(from.AddDate(0, 0, 1)) {
			t.Errorf("a day from %v to %v, want midnight to midnight there", row.From.In(zone), row.To.In(zone))
		}
	}
}

func TestUsage_NumbersAndTimesHaveTheContractsForms(t *testing.T) {
	t.Parallel()
	c := busy(t)
	r, err := c.api.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/usage"+untilNow(c.began)+"&granularity=total", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		AsOf string           `json:"as_of"`
		Rows []map[string]any `json:"rows"`
	}
	if err := json.Unmarshal(r.Body, &report); err != nil || len(report.Rows) != 1 {
		t.Fatalf("%s (%v), want one row", r.Body, err)
	}
	row := report.Rows[0]
	moment := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	for name, value := range map[string]any{"as_of": report.AsOf, "from": row["from"], "to": row["to"], "peak_at": row["peak_at"]} {
		if !moment.MatchString(fmt.Sprint(value)) {
			t.Errorf("%s is %v, want RFC 3339 in UTC with milliseconds", name, value)
		}
	}
	milliseconds, ok := row["seat_ms"].(float64)
	if !ok || fmt.Sprintf("%.4f", float64(int64(milliseconds*10_000/60_000+0.5))/10_000) != row["seat_minutes"] {
		t.Errorf("%v seat_ms are %v seat_minutes, want a decimal text with 4 places, rounded half up", row["seat_ms"], row["seat_minutes"])
	}
	if row["estimated_ms"] != 0.0 || row["overage_ms"] != 0.0 {
		t.Errorf("row %v, want nothing estimated, no overage", row)
	}
}

func untilNow(from time.Time) string {
	const form = "2006-01-02T15:04:05.000Z"
	return "?from=" + from.UTC().Format(form) + "&to=" + time.Now().UTC().Format(form)
}

func TestUsage_CSVNeutralisesTextThatASpreadsheetWouldRun(t *testing.T) {
	t.Parallel()
	formula := "-" + newID("tenant") // an id, and to a spreadsheet a formula
	if _, err := running.vendor.PutLicense(t.Context(), formula, client.Concurrent(2)); err != nil {
		t.Fatal(err)
	}
	text, err := running.vendor.UsageCSV(t.Context(), formula, client.UsageQuery{
		From: time.Now().Add(-time.Hour), To: time.Now(), Granularity: client.GranularityTotal,
	})
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(records) != 2 {
		t.Fatalf("%q (%v), want a header and a row", text, err)
	}
	if cell := records[1][0]; strings.HasPrefix(cell, "-") || !strings.Contains(cell, formula) {
		t.Errorf("tenant %q, want the id, made harmless", cell)
	}
}

func TestUsage_GroupsAreTheHostsOrTheConferencesThatWereUsed(t *testing.T) {
	t.Parallel()
	c := busy(t)
	q := client.UsageQuery{From: c.began, To: time.Now(), Granularity: client.GranularityTotal, GroupBy: "host"}
	u, err := c.api.Usage(c.within(), c.id, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(u.Rows) != 2 || u.Rows[0].Group != c.host(0) || u.Rows[1].Group != c.host(1) {
		t.Fatalf("rows %+v, want one for each host", u.Rows)
	}
	for _, row := range u.Rows {
		if row.Joins != 2 || row.Refused != 1 || row.Peak != 2 || row.Conferences != 1 {
			t.Errorf("row %+v, want a conference of two and one refused", row)
		}
	}
	q.GroupBy = "conference"
	if u, err = c.api.Usage(c.within(), c.id, q); err != nil || len(u.Rows) != 2 {
		t.Errorf("rows %+v (%v), want one for each conference", u.Rows, err)
	}
}

func TestUsage_APeakListsTheHoldersOfItsSeats(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(3))
	conference, host := c.live("ada@example.com")
	guest := c.join(conference, "guest@example.com", client.RoleParticipant)
	c.leave(host)
	c.awaitInUse(1)
	nextMillisecond()
	peak, err := c.api.Peak(c.within(), c.id, client.UsageQuery{From: c.began, To: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if peak.Peak != 2 || peak.PeakAt == nil || peak.Limit == nil || *peak.Limit != 3 || len(peak.Items) != 2 || peak.NextCursor != "" {
		t.Fatalf("peak %+v, want two of three", peak)
	}
	ada, other := peak.Items[0], peak.Items[1]
	if ada.Identity != "ada@example.com" || ada.Role != client.RoleHost || ada.LeftAt == nil || ada.Pool != "tenant" {
		t.Errorf("held by %+v, want the host, who has left", ada)
	}
	if other.Identity != "guest@example.com" || other.Conference != conference || other.LeftAt != nil || !other.JoinedAt.Equal(*peak.PeakAt) {
		t.Errorf("held by %+v, want the guest, who is still in, from the peak at %v on", other, peak.PeakAt)
	}
	c.wantIn(guest)
}

func TestUsage_ARefusalListsTheHoldersOfTheSeats(t *testing.T) {
	t.Parallel()
	c := busy(t)
	page, err := c.api.Refusals(c.within(), c.id, client.UsageQuery{From: c.began, To: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 2 || page.NextCursor != "" || page.Items[1].At.Before(page.Items[0].At) {
		t.Fatalf("refusals %+v, want two in order", page)
	}
	for i, r := range page.Items {
		if r.Code != "seats_exhausted" || r.Identity != "late@example.com" || r.Limit == nil || *r.Limit != 2 || r.InUse == nil || *r.InUse != 2 {
			t.Errorf("refusal %+v", r)
		}
		if r.Holders != 2 || len(r.HeldBy) != 2 || r.HeldBy[0].Identity != c.host(i) || r.HeldBy[1].Identity != "guest@example.com" {
			t.Errorf("held by %+v, want host %d and the guest", r.HeldBy, i)
		}
	}
}

func TestUsage_AMonthListsEveryTenantOnce(t *testing.T) {
	t.Parallel()
	period := time.Now().UTC().Format("2006-01")
	used, idle := busy(t), license(t, client.Named(5, 25))
	if time.Now().UTC().Format("2006-01") != period {
		t.Skip("the month has turned meanwhile")
	}
	found := make(map[string]client.TenantUsage)
	for p := (client.Paging{Limit: 7}); ; {
		page, err := running.vendor.TenantsUsage(used.within(), period, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if _, twice := found[item.Tenant]; twice {
				t.Errorf("%s is listed twice", item.Tenant)
			}
			found[item.Tenant] = item
		}
		if page.NextCursor == "" {
			break
		}
		p.Cursor = page.NextCursor
	}
	if row := found[used.id]; row.Joins != 4 || row.Refused != 2 || row.Peak != 2 || row.License == nil || row.License.Limit != 2 {
		t.Errorf("the busy tenant's row is %+v", row)
	}
	if row := found[idle.id]; row.Joins != 0 || row.PeakAt != nil || row.License == nil || row.License.Hosts == nil || *row.License.Hosts != 5 {
		t.Errorf("the idle tenant's row is %+v", row)
	}
	me := used.api.As(used.stack.bearer(t, "tenant_admin", used.id))
	_, err := me.TenantsUsage(used.within(), period, client.Paging{})
	wantProblem(t, err, "forbidden")
}

// While people are in, each reading is of another moment.
func TestUsage_ATotalEqualsItsDaysDuringConferences(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(5))
	conference, _ := c.live(c.host(0))
	c.join(conference, "guest@example.com", client.RoleParticipant)
	nextMillisecond()
	report, err := c.api.Usage(c.within(), c.id, client.UsageQuery{Period: c.began.UTC().Format("2006-01"), Granularity: client.GranularityDay, Total: true})
	if err != nil {
		t.Fatal(err)
	}
	var millis, joins, peak int64
	for _, day := range report.Rows {
		millis, joins, peak = millis+day.SeatMillis, joins+day.Joins, max(peak, day.Peak)
	}
	if total := report.Total; total == nil || total.SeatMillis != millis || total.Joins != joins || total.Peak != peak || millis == 0 || len(report.Rows) < 28 {
		t.Errorf("the days are %d ms, %d joins and a peak of %d, the total %+v", millis, joins, peak, total)
	}
}
