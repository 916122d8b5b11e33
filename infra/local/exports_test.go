package local

import (
	"bufio"
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
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// asked makes a request as curl does without -L.
func asked(t *testing.T, address string, header http.Header) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	stays := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := stays.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// record puts stays into acme's ledger that make an answer of over 5 MB, one a
// second.
func record(t *testing.T, s *Stack, from time.Time, stays int) {
	t.Helper()
	for i := range stays {
		at := from.Add(time.Duration(i) * time.Second).UnixMilli()
		err := s.Store().Record(t.Context(), usage.Stay{
			Tenant: "acme", Conference: "weekly", Number: 1, Host: "ada@acme.example", ID: "stay", Role: "participant",
			Identity: fmt.Sprintf("%d-%s", i, strings.Repeat("long-", 1000)), Connection: seat.ConnectionID(fmt.Sprintf("MadeUpC%05d=", i)),
			JoinedAtMillis: at, LeftAtMillis: at + 500, End: usage.EndClosed, Limit: 25, InUse: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestExports_ALargeLedgerIsDownloadedByTheLinkAloneAndASmallOneIsTheAnswer(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	const stays = 3000 // 15 MB
	from := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	record(t, s, from, stays)
	bearer, err := s.Issuer.Mint("finance", "", time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(to time.Time) *http.Response {
		query := url.Values{"from": {from.Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
		return asked(t, s.Endpoints.HTTP+"/v1/tenants/acme/ledger?"+query.Encode(), http.Header{"Authorization": {"Bearer " + bearer}})
	}

	small := ask(from.Add(10 * time.Second))
	if lines := lines(t, small.Body); small.StatusCode != http.StatusOK || len(lines) != 10 {
		t.Errorf("a small one: answered %d and %d lines, want 200 and 10", small.StatusCode, len(lines))
	}

	large := ask(from.Add(stays * time.Second))
	link := large.Header.Get("Location")
	if large.StatusCode != http.StatusSeeOther || !strings.HasPrefix(link, s.Endpoints.Exports+"/seatmeter-exportsbucket/tenants/acme/") {
		t.Fatalf("answered %d and %q, want 303 and a link to %s", large.StatusCode, link, s.Endpoints.Exports)
	}
	file := asked(t, link, nil)
	if file.StatusCode != http.StatusOK || file.Header.Get("Content-Type") != "application/x-ndjson" ||
		file.Header.Get("Content-Disposition") != "attachment; filename=acme-ledger.ndjson" {
		t.Errorf("the link answered %d, %v", file.StatusCode, file.Header)
	}
	got := lines(t, file.Body)
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

// lines reads all lines.
func lines(t *testing.T, from io.Reader) []string {
	t.Helper()
	var all []string
	scanner := bufio.NewScanner(from)
	for scanner.Buffer(nil, 1<<20); scanner.Scan(); {
		all = append(all, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestExports_EndWithTheStack(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	if response := asked(t, s.Endpoints.Exports+"/seatmeter-exportsbucket", nil); response.StatusCode != http.StatusOK {
		t.Errorf("the bucket answers %d", response.StatusCode)
	}
	stop(t, s)
	if _, err := client.NewAdmin(s.Endpoints.Exports, "").Do(context.Background(), http.MethodGet, "/", nil, nil); err == nil {
		t.Error("it still answers")
	}
}
