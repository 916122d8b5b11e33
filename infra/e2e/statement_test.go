package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"seatmeter/infra/client"
)

// statement is what finance reads of one.
type statement struct {
	Period   string            `json:"period"`
	Revision int               `json:"revision"`
	SHA256   string            `json:"sha256"`
	Totals   client.UsageRow   `json:"totals"`
	Days     []client.UsageRow `json:"days"`
}

// closing has finance close a period of the tenant's.
func (c *customer) closing(period string) (client.Response, error) {
	return running.vendor.As(running.bearer(c.t, "finance", "")).ClosePeriod(c.within(), c.id, period)
}

func TestStatement_ConcurrentClosesAddOneRevision(t *testing.T) {
	t.Parallel()
	l := client.Concurrent(2)
	l.StartsAt = new(time.Now().AddDate(0, -3, 0)) // no month before it is closed
	c := license(t, l)
	period := time.Now().UTC().AddDate(0, -2, 0).Format("2006-01")
	var group sync.WaitGroup
	var mu sync.Mutex
	created, hashes := 0, make(map[string]bool)
	for range 8 {
		group.Go(func() {
			r, err := c.closing(period)
			mu.Lock()
			defer mu.Unlock()
			var s statement
			if err == nil {
				err = json.Unmarshal(r.Body, &s)
			}
			if err != nil {
				t.Error(err)
				return
			}
			if r.Status == http.StatusCreated {
				created++
			}
			hashes[s.SHA256] = true
		})
	}
	group.Wait()
	if created != 1 || len(hashes) != 1 {
		t.Errorf("%d statements were made, with %d hashes", created, len(hashes))
	}
	finance := running.vendor.As(running.bearer(t, "finance", ""))
	r, err := finance.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/statements/"+period+"?revision=1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var s statement
	if err := json.Unmarshal(r.Body, &s); err != nil || s.Period != period || s.Revision != 1 || s.Totals.Joins != 0 || len(s.Days) < 28 {
		t.Errorf("read %s, %v", r.Body, err)
	}
	r, err = finance.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/statements", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list client.Page[statement]
	if err := json.Unmarshal(r.Body, &list); err != nil || len(list.Items) != 1 || !hashes[list.Items[0].SHA256] {
		t.Errorf("listed %s, %v", r.Body, err)
	}
	_, err = finance.Do(c.within(), http.MethodGet, "/v1/tenants/"+c.id+"/statements/"+period+"?revision=2", nil, nil)
	wantProblem(t, err, "not_found")
}

func TestStatement_ClosingBeforeTheLicenseNamesTheFirstMonth(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	_, err := c.closing(time.Now().UTC().AddDate(0, -2, 0).Format("2006-01"))
	wantProblem(t, err, "invalid")
	p, _ := errors.AsType[*client.Problem](err)
	first := c.began.Add(time.Second).UTC().Format("2006-01") // customers begin a second before their license
	if len(p.Errors) != 1 || !strings.HasSuffix(p.Errors[0].Detail, " "+first) {
		t.Errorf("told %+v, want %s named", p.Errors, first)
	}
}

func TestStatement_ACurrentPeriodIsNotClosed(t *testing.T) {
	t.Parallel()
	c := license(t, client.Concurrent(2))
	_, err := c.closing(time.Now().UTC().Format("2006-01"))
	wantProblem(t, err, "invalid")
}

func TestLedger_ACustomerCanRecomputeTheBill(t *testing.T) {
	t.Parallel()
	c := busy(t)
	to := time.Now()
	report, err := c.api.Usage(c.within(), c.id, client.UsageQuery{From: c.began, To: to, Granularity: client.GranularityTotal})
	if err != nil {
		t.Fatal(err)
	}
	const form = "2006-01-02T15:04:05.000Z"
	r, err := c.api.Do(c.within(), http.MethodGet,
		fmt.Sprintf("/v1/tenants/%s/ledger?from=%s&to=%s", c.id, c.began.UTC().Format(form), to.UTC().Format(form)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var millis, joins, refused int64
	lines := bufio.NewScanner(bytes.NewReader(r.Body))
	for lines.Scan() {
		var record struct {
			Kind     string    `json:"kind"`
			JoinedAt time.Time `json:"joined_at"`
			LeftAt   time.Time `json:"left_at"`
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		if record.Kind == "refusal" {
			refused++
			continue
		}
		joins++
		millis += record.LeftAt.Sub(record.JoinedAt).Milliseconds()
	}
	row := report.Rows[0]
	if millis != row.SeatMillis || joins != row.Joins || refused != row.Refused || joins == 0 || refused == 0 {
		t.Errorf("the ledger has %d ms, %d joins and %d refusals, the report %+v", millis, joins, refused, row)
	}
}
