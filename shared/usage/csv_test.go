package usage_test

import (
	"encoding/csv"
	"errors"
	"iter"
	"strings"
	"testing"

	"seatmeter/shared/problem"
	"seatmeter/shared/tenant"
	"seatmeter/shared/usage"
)

func TestCSVHasItsColumnsInOrderAndRFC4180sLineEnds(t *testing.T) {
	var out strings.Builder
	err := usage.WriteCSV(&out, "acme", rowsOf(
		usage.Row{
			FromMillis: noon, ToMillis: noon + 3_600_000, Opening: 1, Closing: 2, Peak: 3, PeakAtMillis: noon + 4,
			SeatMillis: 5_000, OverageMillis: 6, Joins: 7, Conferences: 10, Hosts: 11, Identities: 12, EstimatedMillis: 13,
			PeakHosts: 14, PeakParticipants: 15,
			Refusals: map[problem.Code]int{problem.SeatsExhausted: 8, problem.HostBusy: 1},
		},
		usage.Row{FromMillis: noon + 3_600_000, ToMillis: noon + 7_200_000},
		usage.Row{FromMillis: noon + 3_600_000, ToMillis: noon + 7_200_000, Group: "daily", OverageShared: true},
	))
	if err != nil {
		t.Fatal(err)
	}
	want := "tenant,from,to,group,opening,closing,peak,peak_at,seat_ms,seat_minutes,overage_ms,joins,refused,conferences,hosts,identities,estimated_ms,peak_hosts,peak_participants\r\n" +
		"acme,2026-09-21T14:13:20.000Z,2026-09-21T15:13:20.000Z,,1,2,3,2026-09-21T14:13:20.004Z,5000,0.0833,6,7,9,10,11,12,13,14,15\r\n" +
		"acme,2026-09-21T15:13:20.000Z,2026-09-21T16:13:20.000Z,,0,0,0,,0,0.0000,0,0,0,0,0,0,0,0,0\r\n" +
		"acme,2026-09-21T15:13:20.000Z,2026-09-21T16:13:20.000Z,daily,0,0,0,,0,0.0000,,0,0,0,0,0,0,0,0\r\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestFormulasInTextAreMadeInertAndNumbersAreUnchanged(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"weekly", "weekly"},
		{"=HYPERLINK(1)", "'=HYPERLINK(1)"},
		{"+1", "'+1"},
		{"-1", "'-1"},
		{"@SUM(1)", "'@SUM(1)"},
		{"\tx", "'\tx"},
		{"\rx", "'x"}, // the writer drops a lone carriage return
		{"\nx", "'\nx"},
		{"  =1", "'  =1"},
		{"\u00a0@SUM(1)", "'\u00a0@SUM(1)"},
		{"＝1", "'＝1"},
		{"＋1", "'＋1"},
		{"－1", "'－1"},
		{"＠x", "'＠x"},
		{"x;=1", "x;'=1"}, // a cell of its own where lists are parted by semicolons
		{"=1;;-1; @x", "'=1;;'-1;' @x"},
		{"a; b;", "a; b;"},
		{"  ", "  "},
		{" weekly", " weekly"},
		{"a=b", "a=b"},
		{"a -b", "a -b"},
		{"it's, \"quoted\"", "it's, \"quoted\""},
		{"Zürich", "Zürich"},
		{"", ""},
	} {
		var out strings.Builder
		row := usage.Row{FromMillis: noon, ToMillis: noon + 1, Group: test.text, SeatMillis: -60_000, OverageMillis: -1}
		if err := usage.WriteCSV(&out, tenant.ID(test.text), rowsOf(row)); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		cells := make(map[string]string)
		for i, name := range records[0] {
			cells[name] = records[1][i]
		}
		if cells["tenant"] != test.want || cells["group"] != test.want {
			t.Errorf("%q became tenant %q and group %q, want %q", test.text, cells["tenant"], cells["group"], test.want)
		}
		if cells["seat_ms"] != "-60000" || cells["overage_ms"] != "-1" {
			t.Errorf("numbers became %q and %q", cells["seat_ms"], cells["overage_ms"])
		}
	}
}

func TestAReportThatCannotBeWrittenIsAnError(t *testing.T) {
	if err := usage.WriteCSV(broken{}, "acme", rowsOf()); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}

func TestAnErrorOfTheRowsEndsTheReport(t *testing.T) {
	var out strings.Builder
	err := usage.WriteCSV(&out, "acme", func(yield func(usage.Row, error) bool) {
		_ = yield(usage.Row{FromMillis: noon, ToMillis: noon + 1}, nil) && yield(usage.Row{}, errBroken)
	})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}

// A report of any length goes out as its rows come in.
func TestRowsAreWrittenAsTheyCome(t *testing.T) {
	var out strings.Builder
	behind := 0
	err := usage.WriteCSV(&out, "acme", func(yield func(usage.Row, error) bool) {
		for i := range int64(10_000) {
			if !yield(usage.Row{FromMillis: noon + i, ToMillis: noon + i + 1}, nil) {
				return
			}
			behind = max(behind, int(i)+2-strings.Count(out.String(), "\n"))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 10_001 {
		t.Errorf("%d lines, want 10,001", lines)
	}
	if behind > 100 {
		t.Errorf("%d rows were held back", behind)
	}
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
