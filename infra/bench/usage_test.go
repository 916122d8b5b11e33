package bench_test

import (
	"testing"

	"seatmeter/infra/bench"
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
	// Read in pieces, as days are, it is what it is when read at once.
	pieces, before, none := 0, int64(0), int64(0)
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
	resumed, estimated := 0, 0
	for _, s := range held.Parts {
		if s.Resumed {
			resumed++
		}
		if s.Estimated {
			estimated++
		}
		if s.LeftAtMillis == s.JoinedAtMillis {
			none++
		}
	}
	if resumed == 0 || estimated == 0 || none == 0 {
		t.Errorf("%d resumed, %d estimated, %d of no length", resumed, estimated, none)
	}
}
