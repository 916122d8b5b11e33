package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/problem"
	"seatmeter/shared/report"
	"seatmeter/shared/sizing"
	"seatmeter/shared/usage"
)

// Before the range ann came, and in it bob, who is still in, and dan, who was refused.
// Cleo came after the range, eve was refused after it.
func TestSizingReadsTheRangeWithTheStaysThatReachIn(t *testing.T) {
	w := newWorld(t, "UTC")
	w.stay(2, -30, time.Hour, "ann")
	w.refuse(usage.Refusal{AtMillis: w.at(2, 20).UnixMilli(), Identity: "dan", Code: problem.SeatsExhausted})
	w.stay(2, 70, time.Minute, "cleo")
	w.refuse(usage.Refusal{AtMillis: w.at(2, 71).UnixMilli(), Identity: "eve", Code: problem.SeatsExhausted})
	w.now = w.at(2, 90)
	w.open = []usage.Stay{w.part(w.at(2, 10).UnixMilli(), 0, "bob", nil)}
	result, err := report.New(w.store, w).Sizing(t.Context(), w.query(w.at(2, 0), w.at(2, 60), usage.GranularityTotal))
	if err != nil {
		t.Fatal(err)
	}
	minute := time.Minute.Milliseconds()
	if result.Visits != 2 || result.People != 2 || result.MedianMillis != 50*minute || result.Recommended() != 3 {
		t.Errorf("got %+v, which recommends %d", result, result.Recommended())
	}
	for seats, want := range map[int]sizing.Size{
		1: {Seats: 1, Refusals: 2, People: 2, AtLimitMillis: 30 * minute},
		2: {Seats: 2, Refusals: 1, People: 1, AtLimitMillis: 20 * minute},
		3: {Seats: 3, AtLimitMillis: 10 * minute},
		4: {Seats: 4},
	} {
		if diff := cmp.Diff(want, result.At(seats)); diff != "" {
			t.Errorf("%d seats (-want +got):\n%s", seats, diff)
		}
	}
}

func TestSizingOfAnInvalidRangeIsRefused(t *testing.T) {
	w := newWorld(t, "UTC")
	_, err := report.New(w.store, w).Sizing(t.Context(), w.query(w.at(2, 0), w.at(1, 0), usage.GranularityTotal))
	wantFaults(t, err, "#/to")
}
