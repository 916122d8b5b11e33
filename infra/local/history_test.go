package local

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"seatmeter/infra/bill"
	"seatmeter/infra/client"
)

// A new stack has months to report and to close.
func TestStack_DemoTenantsHaveAHistoryToReportAndClose(t *testing.T) {
	t.Parallel()
	for _, store := range []Store{StoreMemory, StoreDynamoDB} {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			if store == StoreDynamoDB && (testing.Short() || os.Getenv("SEATMETER_TEST_STORE") == "memory") {
				t.Skip("on DynamoDB Local the whole run does it")
			}
			o := options(t.TempDir())
			o.Store, o.TablePrefix, o.Temporary, o.History = store, "history-"+rand.Text(), true, true
			api := vendor(t, start(t, o))
			today := time.Now().UTC()
			thisMonth := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC)
			for _, tenant := range []string{"acme", "globex"} {
				for months := range 3 {
					from := thisMonth.AddDate(0, -1-months, 0)
					usage, err := api.Usage(t.Context(), tenant, client.UsageQuery{From: from, To: from.AddDate(0, 1, 0), Granularity: client.GranularityTotal})
					if err != nil || len(usage.Rows) != 1 || usage.Rows[0].Joins < 100 || usage.Rows[0].Peak < 2 {
						t.Errorf("%s from %s on: %+v (%v)", tenant, from, usage.Rows, err)
					}
				}
				period := closable(today)
				if closed, err := api.ClosePeriod(t.Context(), tenant, period); err != nil || closed.Status != http.StatusCreated {
					t.Errorf("%s: closing %s was answered %d (%v)", tenant, period, closed.Status, err)
				}
				recompute(t, api, tenant, period)
			}
		})
	}
}

// closable is the last month that can be closed. Each can some hours after it ends, by its tenant's
// time zone.
func closable(now time.Time) string {
	yesterday := now.AddDate(0, 0, -1)
	return time.Date(yesterday.Year(), yesterday.Month()-1, 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}

// recompute checks a bill by what the API gives out.
func recompute(t *testing.T, api *client.Admin, tenant, period string) {
	t.Helper()
	stated, err := api.Statement(t.Context(), tenant, period)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := api.Ledger(t.Context(), tenant, period)
	if err != nil {
		t.Fatal(err)
	}
	history, err := api.LicenseHistory(t.Context(), tenant, client.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	s, failed := bill.ReadStatement(bytes.NewReader(stated))
	ledger, err := bill.ReadLedger(bytes.NewReader(lines))
	if failed != nil || err != nil || s.Totals.Joins < 100 {
		t.Fatalf("%s: read %+v (%v)", tenant, s.Totals, errors.Join(failed, err))
	}
	differ, err := bill.Check(io.Discard, s, ledger, history.Items)
	if err != nil || len(differ) > 0 {
		t.Errorf("%s: recomputed: %v (%v)", tenant, differ, err)
	}
}
