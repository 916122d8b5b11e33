package httpapi_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"seatmeter/shared/problem"
)

func TestAnAnswerHasTheMostPreferredFormat(t *testing.T) {
	const json, text, lines, none = "application/json", "text/csv; charset=utf-8", "application/x-ndjson", ""
	w := meetingOfTwo(t)
	for accept, want := range map[string]struct{ usage, ledger string }{
		"":                                       {json, lines},
		"*/*":                                    {json, lines},
		"*":                                      {json, lines},
		"nonsense":                               {json, lines},
		";;;q=":                                  {json, lines},
		"text / csv":                             {json, lines},
		"text/csv":                               {text, text},
		"Text/CSV":                               {text, text},
		"TEXT/*":                                 {text, text},
		"text/csv;charset=UTF-8":                 {text, text},
		`text/csv; charset="utf-8";q=0.9`:        {text, text},
		"text/csv;header=present":                {text, text},
		"text/csv;header=absent":                 {none, none},
		"text/csv;charset=iso-8859-1":            {none, none},
		"text/csv;q=x":                           {text, text},
		",text/csv,":                             {text, text},
		"application/json":                       {json, json},
		"application/json;charset=utf-8":         {json, json},
		"application/*":                          {json, lines},
		"application/json;q=0, */*":              {text, lines},
		"*/*, application/json;q=0.0":            {text, lines},
		"text/csv;q=0.1, application/json;q=0.5": {json, json},
		"text/csv;charset=utf-8;q=0.1, application/json;q=0.5":         {json, json},
		"application/json;q=0.5, text/csv;q=0.51":                      {text, text},
		"text/csv;q=0.3, text/*;q=0.9, application/json;q=0.5":         {json, json},
		"text/csv;charset=utf-8;q=0.2, text/csv;q=0.9, */*;q=0.5":      {json, lines},
		"application/json;q=0.5, */*;q=0.5":                            {json, lines},
		`application/json;p="a,text/csv;q=1";q=0.2, text/csv;q=0.1`:    {text, text},
		"text/html, application/xhtml+xml, */*;q=0.8":                  {json, lines},
		"text/html, image/gif, *; q=.2, */*; q=.2":                     {json, lines},
		"application/json, text/csv, application/problem+json":         {json, json},
		"application/json;q=0":                                         {none, none},
		"*/*;q=0":                                                      {none, none},
		"text/csv;q=0":                                                 {none, none},
		"application/xml, image/*":                                     {none, none},
		"text/csvx":                                                    {none, none},
		"application/cbor":                                             {none, none},
		"application/json;version=2":                                   {none, none},
		strings.Repeat("a/b,", 2000):                                   {none, none},
		"application/x-ndjson, application/json;q=0.9, text/csv;q=0.8": {json, lines},
	} {
		for target, kind := range map[string]string{day: want.usage, ledger: want.ledger} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got := w.call(finance, method, target, "", "accept", accept)
				if got.headers["vary"] != "Accept" {
					t.Errorf("%q: varies by %q", accept, got.headers["vary"])
				}
				if kind == none {
					if got.status != http.StatusNotAcceptable || method == http.MethodGet && !strings.Contains(got.body, `"code":"not_acceptable"`) {
						t.Errorf("%s %.80q: answered %d %s", target, accept, got.status, got.body)
					}
					continue
				}
				if got.status != 200 || got.headers["content-type"] != kind {
					t.Errorf("%s %.80q: answered %d with %s, want %s", target, accept, got.status, got.headers["content-type"], kind)
				}
			}
		}
	}
}

// Every call that answers with a body says so before it does anything.
func TestJSONIsNotSentUnlessAccepted(t *testing.T) {
	asked := 0
	for path, operations := range describe(t).Paths {
		for method, operation := range operations {
			if method == "delete" {
				continue
			}
			w, who := populatedFor(t, target(path))
			unchanged := w.unchanged()
			body := ""
			if tried, ok := bodies[operation.ID]; ok {
				body = written(tried[0], "", "")
			}
			ask := strings.ToUpper(method)
			if ask == http.MethodGet && w.call(who, ask, target(path)+required(operation, ""), "").status != 200 {
				continue // there is none of it
			}
			w.call(who, ask, target(path)+required(operation, ""), body, "accept", "image/png, application/json;q=0").refused(problem.NotAcceptable)
			unchanged()
			asked++
		}
	}
	if asked < 20 {
		t.Errorf("asked %d calls", asked)
	}
}

func TestAnswersWithoutABodyIgnoreAccept(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.host("acme", "ann@example.org")
	w.call(vendor, http.MethodDelete, "/v1/tenants/acme/hosts/ann@example.org", "", "accept", "image/png").want(204, "")
}

// table reads CSV as rows by their columns' names.
func (a answer) table() []map[string]string {
	a.t.Helper()
	if a.status != 200 || a.headers["content-type"] != "text/csv; charset=utf-8" {
		a.t.Fatalf("answered %d %v: %s", a.status, a.headers, a.body)
	}
	lines, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil {
		a.t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

func TestAPeakAsCSVHasALineForEachHolder(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.schedule("acme", "weekly", "ann@example.org")
	for n, identity := range []string{"ann@example.org", "=cmd()", "zoe@example.org"} {
		w.join("acme", "weekly", identity, "participant", n+1)
	}
	w.now += 60_000
	const peak = "/v1/tenants/acme/usage/peaks?from=2026-09-21T00:00:00Z&to=2026-09-22T00:00:00Z"
	got := w.call(finance, http.MethodGet, peak, "", "accept", "text/csv")
	rows := got.table()
	if len(rows) != 3 || rows[1]["identity"] != "'=cmd()" || rows[0]["peak"] != "3" || rows[0]["tenant_limit"] != "25" ||
		rows[2]["joined_at"] != "2026-09-21T14:13:20.000Z" || rows[2]["left_at"] != "" || rows[2]["estimated"] != "false" || rows[2]["pool"] != "tenant" {
		t.Errorf("got %s", got.body)
	}
	if first, _, _ := strings.Cut(got.body, "\r\n"); first != "tenant,from,to,peak,peak_at,tenant_limit,connection,conference,host,identity,role,joined_at,left_at,estimated,pool,limit" {
		t.Errorf("columns %s", first)
	}
	if got.headers["link"] != "" || got.headers["content-disposition"] != "attachment; filename=acme-peak.csv" {
		t.Errorf("headers %v", got.headers)
	}
	var met []string
	for target := peak + "&limit=2"; target != ""; {
		page := w.call(finance, http.MethodGet, target, "", "accept", "text/csv")
		for _, row := range page.table() {
			met = append(met, row["connection"])
		}
		target, _, _ = strings.Cut(strings.TrimPrefix(page.headers["link"], "<"), ">")
	}
	if len(met) != 3 {
		t.Errorf("by pages: %v", met)
	}
}

func TestAStatementAsCSVHasALineForEachDay(t *testing.T) {
	w := newWorld(t)
	w.concurrent("acme", 25)
	w.used(time.Date(2026, time.August, 12, 9, 0, 0, 0, time.UTC))
	w.call(finance, http.MethodPost, statements, `{"period":"2026-08"}`).ok()
	whole := read[struct {
		Days []struct {
			From  string
			Joins int
		}
	}](w.call(finance, http.MethodGet, statements+"/2026-08", ""))
	got := w.call(finance, http.MethodGet, statements+"/2026-08", "", "accept", "text/csv")
	rows := got.table()
	if len(rows) == 0 || len(rows) != len(whole.Days) {
		t.Fatalf("%d rows of %d days", len(rows), len(whole.Days))
	}
	for i, row := range rows {
		if row["tenant"] != "acme" || row["period"] != "2026-08" || row["revision"] != "1" || row["from"] != whole.Days[i].From || row["joins"] != fmt.Sprint(whole.Days[i].Joins) {
			t.Errorf("row %v, want %+v", row, whole.Days[i])
		}
	}
	if got.headers["content-disposition"] != "attachment; filename=acme-statement-2026-08.csv" {
		t.Errorf("headers %v", got.headers)
	}
}

// A form is what many clients call a body whose type they were not told.
func TestABodyOfAnotherTypeIsUnsupported(t *testing.T) {
	w := newWorld(t)
	const body = `{"model":"concurrent","seats":25}`
	for _, kind := range []string{
		"text/plain", "application/xml", "multipart/form-data; boundary=x", "application/vnd.api+json", "application/json-patch+json", "text/json",
		"application/json; charset=iso-8859-1", "application/json; charset=utf-16", "application/json, application/json", "json", "application/",
	} {
		got := w.call(vendor, http.MethodPut, acmeLicense, body, "content-type", kind)
		if got.refused(problem.UnsupportedMediaType); got.headers["accept"] != "application/json" {
			t.Errorf("%s: takes %q", kind, got.headers["accept"])
		}
	}
	for _, coding := range []string{"gzip", "GZIP", "deflate", "br", "gzip, gzip", "identity, gzip", "x"} {
		got := w.call(vendor, http.MethodPut, acmeLicense, "\x1f\x8b\x08\x00", "content-encoding", coding)
		if got.refused(problem.UnsupportedMediaType); got.headers["accept-encoding"] != "identity" {
			t.Errorf("%s: takes %q", coding, got.headers["accept-encoding"])
		}
	}
	w.call(vendor, http.MethodGet, acmeLicense, "").refused(problem.NotFound)
	for _, kind := range []string{"", "application/json", "Application/JSON", "application/json; charset=utf-8", `application/json;charset="UTF-8"`, "application/x-www-form-urlencoded"} {
		w.call(vendor, http.MethodPut, acmeLicense, body, "content-type", kind).ok()
	}
	w.call(vendor, http.MethodPut, acmeLicense, body, "content-encoding", "identity").ok()
	w.call(vendor, http.MethodGet, acmeLicense, "", "content-type", "text/plain", "content-encoding", "gzip").ok()
}
