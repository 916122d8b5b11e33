package usage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/problem"
	"seatmeter/shared/usage"
)

func TestAReportCountsWhoWasInAndForHowLong(t *testing.T) {
	for _, test := range []struct {
		name  string
		stays []usage.Stay
		edges []int64
		asOf  int64
		want  []usage.Row
	}{
		{
			"nobody was in", nil,
			[]int64{0, 100},
			forever,
			[]usage.Row{{}},
		},
		{
			"one stay within",
			[]usage.Stay{stay(1, 10, 40)},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 1, PeakAtMillis: noon + 10, SeatMillis: 30, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"a stay is split at the edges it spans, and what closes a period opens the next",
			[]usage.Stay{stay(1, 50, 250)},
			[]int64{0, 100, 200, 300},
			forever,
			[]usage.Row{
				{Closing: 1, Peak: 1, PeakAtMillis: noon + 50, SeatMillis: 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1},
				{Opening: 1, Closing: 1, Peak: 1, PeakAtMillis: noon + 100, SeatMillis: 100, Conferences: 1, Hosts: 1, Identities: 1},
				{Opening: 1, Peak: 1, PeakAtMillis: noon + 200, SeatMillis: 50, Conferences: 1, Hosts: 1, Identities: 1},
			},
		},
		{
			"who leaves as a period begins is not in it",
			[]usage.Stay{stay(1, 50, 100)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{
				{Peak: 1, PeakAtMillis: noon + 50, SeatMillis: 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1},
				{},
			},
		},
		{
			"who joins as a period begins is in that period alone",
			[]usage.Stay{stay(1, 100, 150)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{
				{},
				{Peak: 1, PeakAtMillis: noon + 100, SeatMillis: 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1},
			},
		},
		{
			"at equal times leaving comes before joining",
			[]usage.Stay{stay(1, 10, 20), stay(2, 20, 30)},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 1, PeakAtMillis: noon + 10, SeatMillis: 20, Joins: 2, Conferences: 1, Hosts: 1, Identities: 2}},
		},
		{
			"a peak is dated by its first moment",
			[]usage.Stay{stay(1, 10, 20), stay(2, 15, 20), stay(3, 30, 40), stay(4, 30, 40)},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 2, PeakAtMillis: noon + 15, SeatMillis: 35, Joins: 4, Conferences: 1, Hosts: 1, Identities: 4}},
		},
		{
			"a stay of no length is a join that takes no time and no place",
			[]usage.Stay{stay(1, 50, 50)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{{Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}, {}},
		},
		{
			"a stay of no length at an edge belongs to the period that begins",
			[]usage.Stay{stay(1, 100, 100)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{{}, {Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"an open stay counts up to as_of",
			[]usage.Stay{stay(1, 10, -1)},
			[]int64{0, 100},
			noon + 60,
			[]usage.Row{{Closing: 1, Peak: 1, PeakAtMillis: noon + 10, SeatMillis: 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"a stay that ended after as_of was open then",
			[]usage.Stay{stay(1, 10, 90)},
			[]int64{0, 100},
			noon + 60,
			[]usage.Row{{Closing: 1, Peak: 1, PeakAtMillis: noon + 10, SeatMillis: 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"what begins at as_of or later has not happened",
			[]usage.Stay{stay(1, 60, 70), stay(2, 61, -1), stay(3, 59, 60)},
			[]int64{0, 100},
			noon + 60,
			[]usage.Row{{Peak: 1, PeakAtMillis: noon + 59, SeatMillis: 1, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"who comes twice is two joins and one identity",
			[]usage.Stay{stay(1, 10, 20), stay(1, 30, 40)},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 1, PeakAtMillis: noon + 10, SeatMillis: 20, Joins: 2, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"two devices of one person count twice",
			[]usage.Stay{stay(1, 10, 20), but(stay(2, 10, 20), func(s *usage.Stay) { s.Identity = "person-1" })},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 2, PeakAtMillis: noon + 10, SeatMillis: 20, Joins: 2, Conferences: 1, Hosts: 1, Identities: 1}},
		},
		{
			"conferences and hosts are counted once each",
			[]usage.Stay{
				in(stay(1, 10, 20), 1, "ann@example.org"), in(stay(2, 10, 20), 2, "ann@example.org"),
				in(stay(3, 10, 20), 3, "bob@example.org"), in(stay(4, 30, 40), 3, "bob@example.org"),
			},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 3, PeakAtMillis: noon + 10, SeatMillis: 40, Joins: 4, Conferences: 3, Hosts: 2, Identities: 4}},
		},
		{
			"time of stays with an estimated end is told apart",
			[]usage.Stay{stay(1, 10, 20), but(stay(2, 10, 40), func(s *usage.Stay) { s.Estimated = true })},
			[]int64{0, 100},
			forever,
			[]usage.Row{{Peak: 2, PeakAtMillis: noon + 10, SeatMillis: 40, Joins: 2, Conferences: 1, Hosts: 1, Identities: 2, EstimatedMillis: 30}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			periods := cuts(test.edges...)
			for i, p := range periods {
				test.want[i].FromMillis, test.want[i].ToMillis = p.FromMillis, p.ToMillis
			}
			if diff := cmp.Diff(test.want, usage.Report(periods, test.stays, nil, test.asOf)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOverageIsTheTimeAboveTheLimitOfTheLastJoin(t *testing.T) {
	chair := func(s usage.Stay) usage.Stay {
		return but(s, func(s *usage.Stay) { s.Block.Pool.Chair = true })
	}
	for _, test := range []struct {
		name  string
		stays []usage.Stay
		want  int64
	}{
		{"within the limit there is none", []usage.Stay{limited(stay(1, 0, 50), 2), limited(stay(2, 0, 50), 2)}, 0},
		{"one above for ten", []usage.Stay{limited(stay(1, 0, 50), 1), limited(stay(2, 40, 60), 1)}, 10},
		{"two above for ten", []usage.Stay{limited(stay(1, 0, 10), 1), limited(stay(2, 0, 10), 1), limited(stay(3, 0, 10), 1)}, 20},
		{
			"each pool has its own limit",
			[]usage.Stay{
				in(limited(stay(1, 0, 10), 1), 1, "ann@example.org"), in(limited(stay(2, 0, 10), 1), 2, "bob@example.org"),
				in(limited(stay(3, 0, 10), 1), 2, "bob@example.org"),
			},
			10,
		},
		{
			"a host's own first connection has no part in it",
			[]usage.Stay{chair(limited(stay(1, 0, 10), 1)), limited(stay(2, 0, 10), 1)},
			0,
		},
		{
			"a license that shrank makes overage from the next join on",
			[]usage.Stay{limited(stay(1, 0, 30), 3), limited(stay(2, 0, 30), 3), limited(stay(3, 20, 30), 1)},
			20,
		},
		{
			"a license that grew ends overage at the next join",
			[]usage.Stay{limited(stay(1, 0, 30), 1), limited(stay(2, 0, 30), 1), limited(stay(3, 20, 30), 3)},
			20,
		},
		{
			"of joins at the same moment, the later seat's limit is in force",
			[]usage.Stay{limited(stay(2, 0, 10), 1), limited(stay(1, 0, 10), 2)},
			10,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := usage.Report(cuts(0, 100), test.stays, nil, forever)[0].OverageMillis
			if got != test.want {
				t.Errorf("%d ms of overage, want %d", got, test.want)
			}
		})
	}
}

func TestRefusalsAreCountedByReasonInTheirPeriod(t *testing.T) {
	refusal := func(at int64, code problem.Code) usage.Refusal {
		return usage.Refusal{AtMillis: noon + at, Code: code}
	}
	rows := usage.Report(cuts(0, 100, 200), nil, []usage.Refusal{
		refusal(-1, problem.SeatsExhausted), refusal(0, problem.SeatsExhausted), refusal(99, problem.SeatsExhausted),
		refusal(100, problem.HostBusy), refusal(150, problem.SeatsExhausted), refusal(200, problem.SeatsExhausted),
	}, forever)
	want := []map[problem.Code]int{
		{problem.SeatsExhausted: 2},
		{problem.SeatsExhausted: 1, problem.HostBusy: 1},
	}
	for i, row := range rows {
		if diff := cmp.Diff(want[i], row.Refusals); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
		if row.Refused() != 2 {
			t.Errorf("row %d: %d refused in all, want 2", i, row.Refused())
		}
		if row.Joins != 0 {
			t.Errorf("row %d: a refusal counted as a join", i)
		}
	}
}

func TestSeatMinutesAreRoundedHalfUpToThreePlaces(t *testing.T) {
	for _, test := range []struct {
		millis int64
		want   string
	}{
		{0, "0.000"},
		{29, "0.000"},
		{30, "0.001"}, // 0.0005 minutes
		{89, "0.001"},
		{90, "0.002"},
		{59_969, "0.999"},
		{59_970, "1.000"},
		{60_000, "1.000"},
		{90_000, "1.500"},
		{3_600_000 * 25, "1500.000"},
		{9_000_000_000_000_000, "150000000000.000"},
	} {
		if got := (usage.Row{SeatMillis: test.millis}).SeatMinutes(); got != test.want {
			t.Errorf("%d ms are %s minutes, want %s", test.millis, got, test.want)
		}
	}
}
