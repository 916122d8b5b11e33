package usage_test

import (
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"seatmeter/shared/problem"
	"seatmeter/shared/table"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func TestCSVHasItsColumnsInOrderAndRFC4180sLineEnds(t *testing.T) {
	var out strings.Builder
	err := writeReport(&out, "acme", rowsOf(
		usage.Row{
			FromMillis: noon, ToMillis: noon + 3_600_000, Opening: 1, Closing: 2, Peak: 3, PeakAtMillis: noon + 4,
			SeatMillis: 5_000, OverageMillis: 6, Joins: 7, Conferences: 10, Hosts: 11, Identities: 12, EstimatedMillis: 13,
			PeakHosts: 14, PeakParticipants: 15, P95: 16, P99: 17, AtLimitMillis: 18, RefusedIdentities: 19, DeniedIdentities: 20,
			Refusals: map[problem.Code]int{problem.SeatsExhausted: 8, problem.HostBusy: 1},
		},
		usage.Row{FromMillis: noon + 3_600_000, ToMillis: noon + 7_200_000},
		usage.Row{FromMillis: noon + 3_600_000, ToMillis: noon + 7_200_000, Group: "daily", OverageShared: true},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := "tenant,from,to,group,opening,closing,peak,peak_at,seat_ms,seat_minutes,overage_ms,joins,refused,conferences,hosts,identities,estimated_ms,peak_hosts,peak_participants,p95,p99,at_limit_ms,refused_identities,denied_identities\r\n" +
		"acme,2026-09-21T14:13:20.000Z,2026-09-21T15:13:20.000Z,,1,2,3,2026-09-21T14:13:20.004Z,5000,0.0833,6,7,9,10,11,12,13,14,15,16,17,18,19,20\r\n" +
		"acme,2026-09-21T15:13:20.000Z,2026-09-21T16:13:20.000Z,,0,0,0,,0,0.0000,0,0,0,0,0,0,0,0,0,0,0,0,0,0\r\n" +
		"acme,2026-09-21T15:13:20.000Z,2026-09-21T16:13:20.000Z,daily,0,0,0,,0,0.0000,,0,0,0,0,0,0,0,0,0,0,,0,0\r\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// writeReport writes a tenant's rows as CSV.
func writeReport(w io.Writer, t tenant.ID, rows iter.Seq2[usage.Row, error]) error {
	return table.WriteCSV(w, usage.ReportColumns(usage.GroupingHost).Table("usage", func(yield func(usage.ReportRow, error) bool) {
		for row, err := range rows {
			if !yield(usage.ReportRow{Tenant: t, Row: row}, err) {
				return
			}
		}
	}))
}

// each gives rows one by one.
func rowsOf(rows ...usage.Row) iter.Seq2[usage.Row, error] {
	return func(yield func(usage.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

var errBroken = errors.New("broken pipe")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
