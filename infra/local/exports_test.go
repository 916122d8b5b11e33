package local

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"seatmeter/infra/client"
	"seatmeter/infra/local/template"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// answered is the answer to a request, without following redirects.
type answered struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, address string, header http.Header) answered {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	unled := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := unled.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{response.StatusCode, response.Header, string(body)}
}

// record writes stays to acme's ledger, one a second, of about 5 KB each.
func record(t *testing.T, s *Stack, from time.Time, stays int) {
	t.Helper()
	for i := range stays {
		at := from.Add(time.Duration(i) * time.Second).UnixMilli()
		_, err := s.Store().Record(t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ada@acme.example", ID: "stay", Role: "participant",
			Identity: fmt.Sprintf("%d-%s", i, strings.Repeat("long-", 1000)), Connection: seat.ConnectionID(fmt.Sprintf("MadeUpC%05d=", i)),
			JoinedAtMillis: at, LeftAtMillis: at + 500, End: usage.EndClosed, Limit: 25, InUse: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestExports_OnlyALargeLedgerIsALink(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	const stays = 3000 // 15 MB
	from := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	record(t, s, from, stays)
	bearer, err := s.Issuer.Mint("finance", "", time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ledger := func(to time.Time) answered {
		query := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
		return ask(t, s.Endpoints.HTTP+"/v1/tenants/acme/ledger?"+query.Encode(), http.Header{"Authorization": {"Bearer " + bearer}})
	}

	small := ledger(from.Add(10 * time.Second))
	if lines := strings.Count(small.body, "\n"); small.status != http.StatusOK || lines != 10 {
		t.Errorf("a small one: answered %d and %d lines, want 200 and 10", small.status, lines)
	}

	large := ledger(from.Add(stays * time.Second))
	link := large.header.Get("Location")
	if large.status != http.StatusSeeOther || !strings.HasPrefix(link, s.Endpoints.Exports+"/seatmeter-exportsbucket/tenants/acme/") {
		t.Fatalf("answered %d and %q, want 303 and a link to %s", large.status, link, s.Endpoints.Exports)
	}
	checkCrossOrigin(t, s.options.Template, link)
	file := ask(t, link, nil)
	if file.status != http.StatusOK || file.header.Get("Content-Type") != "application/x-ndjson" ||
		file.header.Get("Content-Disposition") != "attachment; filename=acme-ledger.ndjson" {
		t.Errorf("the link answered %d, %v", file.status, file.header)
	}
	got := strings.Split(strings.TrimSuffix(file.body, "\n"), "\n")
	if len(got) != stays {
		t.Fatalf("%d lines, want %d", len(got), stays)
	}
	for i, line := range got {
		var record struct {
			Connection string    `json:"connection"`
			JoinedAt   time.Time `json:"joined_at"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if record.Connection != fmt.Sprintf("MadeUpC%05d=", i) || !record.JoinedAt.Equal(from.Add(time.Duration(i)*time.Second)) {
			t.Fatalf("line %d is %+v", i, record)
		}
	}
}

// checkCrossOrigin checks that the bucket's rule allows each page to read the link. After a
// cross-origin redirect, a browser sends the origin null.
func checkCrossOrigin(t *testing.T, file, link string) {
	t.Helper()
	described, err := template.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	rules := described.Buckets[0].CORS
	if len(rules) != 1 {
		t.Fatalf("the template has %d rules for the exports, want 1", len(rules))
	}
	for _, origin := range []string{"null", "https://console.example"} {
		got := ask(t, link, http.Header{"Origin": {origin}}).header
		exposed := strings.Join(rules[0].ExposeHeaders, ", ")
		if got.Get("Access-Control-Allow-Origin") != "*" || got.Get("Access-Control-Expose-Headers") != exposed {
			t.Errorf("a page of %s is told %v", origin, got)
		}
	}
}

func TestExports_EndWithTheStack(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	if answer := ask(t, s.Endpoints.Exports+"/seatmeter-exportsbucket", nil); answer.status != http.StatusOK {
		t.Errorf("the bucket answers %d", answer.status)
	}
	stop(t, s)
	if _, err := client.NewAdmin(s.Endpoints.Exports, "").Do(context.Background(), http.MethodGet, "/", nil, nil); err == nil {
		t.Error("the bucket still answers")
	}
}
