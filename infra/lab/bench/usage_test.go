package bench_test

import (
	"testing"

	"seatmeter/infra/lab/bench"
	"seatmeter/shared/usage"
)

func TestAMonthIsTheSameEachTimeAndInOrder(t *testing.T) {
	const sessions = 3000
	m, err := bench.NewMonth("acme", sessions)
	if err != nil {
		t.Fatal(err)
	}
	held, err := bench.Hold(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if len(held.Parts) != sessions || len(held.Denied) == 0 {
		t.Fatalf("%d sessions, %d refusals", len(held.Parts), len(held.Denied))
	}
	// Read in pieces, as the roll-up reads days, the month is the same.
	pieces, before := 0, int64(0)
	const length = 7_654_321
	for from := m.Period().FromMillis; from < m.Period().ToMillis+24*3_600_000; from += length {
		for s, err := range m.Stays(t.Context(), "acme", from, from+length) {
			if err != nil {
				t.Fatal(err)
			}
			if s != held.Parts[pieces] {
				t.Fatalf("%+v in a piece, %+v at once", s, held.Parts[pieces])
			}
			if s.JoinedAtMillis < before || s.LeftAtMillis < s.JoinedAtMillis {
				t.Fatalf("out of order: %+v", s)
			}
			before = s.JoinedAtMillis
			pieces++
		}
	}
	if pieces != sessions {
		t.Errorf("%d sessions in pieces", pieces)
	}
	total := usage.Report([]usage.Period{m.Period()}, m.Limits(), usage.Records{Stays: held.Parts, Refusals: held.Denied}, m.Period().ToMillis+24*3_600_000)[0]
	if total.OverageMillis == 0 || total.EstimatedMillis == 0 || len(total.Refusals) < 2 || total.Joins >= sessions {
		t.Errorf("a total is zero: %+v", total)
	}
	none := 0
	for _, s := range held.Parts {
		if s.LeftAtMillis == s.JoinedAtMillis {
			none++
		}
	}
	if none == 0 {
		t.Error("all stays have a length")
	}
}

func TestAFigureIsBrokenAboveItsLimitOnly(t *testing.T) {
	for _, test := range []struct {
		median, limit float64
		want          bool
	}{{1.3, 1.3, false}, {1.31, 1.3, true}, {99, 0, false}} {
		if f := (bench.Figure{Median: test.median, AtMost: test.limit}); f.Broken() != test.want {
			t.Errorf("%+v: %t", f, f.Broken())
		}
	}
}
