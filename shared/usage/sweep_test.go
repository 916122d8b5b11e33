package usage_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

// busy yields n stays of a month in order of their joins, of up to two hours, one in
// ten of them resumed.
func busy(r *rand.Rand, n int, month int64) []usage.Stay {
	stays := make([]usage.Stay, 0, n)
	for i := range n {
		s := stay(i, month*int64(i)/int64(n), 0)
		s.ID = usage.NewStayID(s.Connection, s.JoinedAtMillis)
		s.Number = conference.Number(i/50 + r.IntN(500))
		s.Conference = conference.ID(fmt.Sprintf("conference-%d", s.Number))
		if i%2 == 0 {
			s.Block.Pool.Number = s.Number
		}
		s.Identity = fmt.Sprintf("person-%d@example.org", r.IntN(20_000))
		s.LeftAtMillis = s.JoinedAtMillis + r.Int64N(7_200_000)
		if i > 100 && r.IntN(10) == 0 {
			if before := stays[i-1-r.IntN(100)]; s.JoinedAtMillis-before.LeftAtMillis <= usage.MaxGapMillis {
				s.ID, s.Resumed, s.Number, s.Conference = before.ID, true, before.Number, before.Conference
				s.Identity, s.Block = before.Identity, before.Block
				s.LeftAtMillis = max(s.LeftAtMillis, before.LeftAtMillis)
			}
		}
		stays = append(stays, s)
	}
	return stays
}

// quarters cuts time from noon on.
func quarters(month int64) []usage.Period {
	var periods []usage.Period
	for at := int64(0); at < month; at += usage.QuarterHourMillis {
		periods = append(periods, usage.Period{FromMillis: noon + at, ToMillis: noon + at + usage.QuarterHourMillis})
	}
	return periods
}

const month = 30 * 24 * 3_600_000

func TestASweepRemembersOnlyOpenAndResumableStays(t *testing.T) {
	const week = 7 * 24 * 3_600_000
	stays := busy(rand.New(rand.NewPCG(1, 0)), 25_000, week)
	for _, by := range []usage.Grouping{usage.GroupingNone, usage.GroupingConference} {
		t.Run("by "+string(by), func(t *testing.T) {
			s := usage.NewGroupedSweep(quarters(week), by, seats(50), forever*2)
			most, done := 0, int64(0)
			ends := make(map[usage.StayID]int64) // of those whom it may remember
			for i, next := range stays {
				if err := s.Add(next); err != nil {
					t.Fatal(err)
				}
				ends[next.ID] = max(ends[next.ID], next.LeftAtMillis)
				for id, left := range ends {
					if left < next.JoinedAtMillis-usage.MaxGapMillis {
						delete(ends, id)
					}
				}
				if s.Retained() != len(ends) {
					t.Fatalf("after %d stays %d are remembered, want %d", i+1, s.Retained(), len(ends))
				}
				if s.Remembered() > 2*len(ends)+20 {
					t.Fatalf("after %d stays %d things are remembered of %d", i+1, s.Remembered(), len(ends))
				}
				most = max(most, s.Retained())
				for _, summary := range s.Done() {
					done = summary.Row.ToMillis
				}
			}
			if most > len(stays)/100 {
				t.Errorf("%d of %d stays were remembered at once", most, len(stays))
			}
			if behind := stays[len(stays)-1].JoinedAtMillis - done; behind > usage.MaxGapMillis+usage.QuarterHourMillis {
				t.Errorf("what was %d ms ago is not done", behind)
			}
		})
	}
}

func BenchmarkSweepMonthOfAMillionStays(b *testing.B) {
	stays, periods := busy(rand.New(rand.NewPCG(1, 0)), 1_000_000, month), quarters(month)
	b.ReportAllocs()
	for b.Loop() {
		s := usage.NewSweep(periods, seats(500, 1_000_000_000, 900), forever*10)
		rows := 0
		for _, stay := range stays {
			if err := s.Add(stay); err != nil {
				b.Fatal(err)
			}
			rows += len(s.Done())
		}
		if rows += len(s.Close()); rows != len(periods) {
			b.Fatalf("%d rows, want %d", rows, len(periods))
		}
	}
}

func BenchmarkRecountMonthOfAMillionStays(b *testing.B) {
	stays := busy(rand.New(rand.NewPCG(1, 0)), 1_000_000, month)
	b.ReportAllocs()
	for b.Loop() {
		_, err := usage.Recount(usage.Period{FromMillis: noon, ToMillis: noon + month}, seats(500, 1_000_000_000, 900), streamed(usage.Records{Stays: stays}), forever*10)
		if err != nil {
			b.Fatal(err)
		}
	}
}

func TestATooLongRecordCountsAsALongestConnection(t *testing.T) {
	const most = usage.MaxStayMillis
	periods := cuts(0, most/2, most, 3*most)
	ghost := but(stay(1, 0, 3*most), func(s *usage.Stay) { s.Estimated = true })
	rows := usage.Report(periods, nil, usage.Records{Stays: []usage.Stay{ghost, stay(2, 0, -1)}}, forever)
	for i, want := range []int64{most, most, 0} {
		if rows[i].SeatMillis != want || rows[i].EstimatedMillis != want/2 {
			t.Errorf("row %d: %+v, want %d ms", i, rows[i], want)
		}
	}
	whole := usage.Period{FromMillis: noon, ToMillis: noon + 3*most}
	sum, err := usage.Recount(whole, nil, streamed(usage.Records{Stays: []usage.Stay{ghost, stay(2, 0, -1)}}), forever)
	if err != nil || sum.Row.SeatMillis != 2*most || sum.Row.EstimatedMillis != most {
		t.Errorf("recounted %+v, %v", sum.Row, err)
	}
}

func TestASweepForgetsRefusalsThatAreDecided(t *testing.T) {
	const hours, each = 3 * 3_600_000, 1000
	s := usage.NewSweep(quarters(hours), seats(1), forever)
	most := 0
	refusals := func(yield func(usage.Refusal, error) bool) {
		for at := int64(0); at < hours; at += each {
			if !yield(usage.Refusal{Code: problem.SeatsExhausted, Conference: "weekly", Identity: "bob", AtMillis: noon + at}, nil) {
				return
			}
			most = max(most, s.Undecided())
		}
	}
	streams := usage.Streams{Stays: func(func(usage.Stay, error) bool) {}, Refusals: refusals, Waits: func(func(usage.Wait, error) bool) {}}
	if err := usage.Feed(streams, func() error { return nil }, s); err != nil {
		t.Fatal(err)
	}
	if most > usage.DeniedMillis/each+1 {
		t.Errorf("%d refusals were remembered at once", most)
	}
	for _, quarter := range s.Close() {
		if quarter.Row.DeniedIdentities != 1 {
			t.Errorf("%+v: want one denied person", quarter.Row)
		}
	}
}
