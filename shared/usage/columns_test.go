package usage_test

import (
	"fmt"
	"testing"

	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

func TestPercentilesAreByTime(t *testing.T) {
	for _, test := range []struct {
		name     string
		stays    []usage.Stay
		asOf     int64
		p95, p99 int
	}{
		{"nobody was in", nil, forever, 0, 0},
		{"in for five percent of the time", []usage.Stay{stay(1, 0, 50)}, forever, 0, 1},
		{"in for a little more", []usage.Stay{stay(1, 0, 51)}, forever, 1, 1},
		{"in for one percent of the time", []usage.Stay{stay(1, 0, 10)}, forever, 0, 0},
		{"two for the last of it", []usage.Stay{stay(1, 0, 1000), stay(2, 945, 1000)}, forever, 2, 2},
		{"two for less than that", []usage.Stay{stay(1, 0, 1000), stay(2, 955, 1000)}, forever, 1, 2},
		{"only the time up to as_of counts", []usage.Stay{stay(1, 0, -1)}, noon + 10, 1, 1},
		{"no time has passed", []usage.Stay{stay(1, -10, -1)}, noon, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := usage.Report(cuts(0, 1000), nil, usage.Records{Stays: test.stays}, test.asOf)[0]
			if got.P95 != test.p95 || got.P99 != test.p99 {
				t.Errorf("%d and %d, want %d and %d", got.P95, got.P99, test.p95, test.p99)
			}
		})
	}
}

func TestDeniedIsWhoGotNoSeatInTenMinutes(t *testing.T) {
	const window = usage.DeniedMillis
	refused := func(who int, at int64, code problem.Code) usage.Refusal {
		return usage.Refusal{AtMillis: noon + at, Code: code, Conference: "weekly", Host: "ann@example.org", Identity: fmt.Sprintf("person-%d", who)}
	}
	elsewhere := but(stay(1, 60, 90), func(s *usage.Stay) { s.Conference = "daily" })
	for _, test := range []struct {
		name            string
		refusals        []usage.Refusal
		stays           []usage.Stay
		refused, denied int
	}{
		{"nobody", nil, []usage.Stay{stay(1, 0, 10)}, 0, 0},
		{"one person, twice", []usage.Refusal{refused(1, 50, problem.SeatsExhausted), refused(1, 60, problem.SeatsExhausted)}, nil, 1, 1},
		{"two people", []usage.Refusal{refused(1, 50, problem.ParticipantsExhausted), refused(2, 50, problem.HostsExhausted)}, nil, 2, 2},
		{"not for want of a seat", []usage.Refusal{refused(1, 50, problem.HostBusy), refused(2, 50, problem.LicenseExpired)}, nil, 2, 0},
		{"got in later", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(1, 60, 90)}, 1, 0},
		{"at the same moment", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(1, 50, 90)}, 1, 0},
		{"at the last moment, in the next row", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(1, 50+window, -1)}, 1, 0},
		{"a moment too late", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(1, 51+window, -1)}, 1, 1},
		{"was in before", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(1, 40, 90)}, 1, 1},
		{"somebody else got in", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{stay(2, 60, 90)}, 1, 1},
		{"into another conference", []usage.Refusal{refused(1, 50, problem.SeatsExhausted)}, []usage.Stay{elsewhere}, 1, 1},
		{"refused again after getting in", []usage.Refusal{refused(1, 50, problem.SeatsExhausted), refused(1, 95, problem.SeatsExhausted)}, []usage.Stay{stay(1, 60, 90)}, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			records := usage.Records{Stays: test.stays, Refusals: test.refusals}
			for _, by := range []usage.Grouping{usage.GroupingNone, usage.GroupingConference} {
				var refused, denied int
				for _, row := range usage.Grouped(cuts(0, 100), by, nil, records, forever) {
					refused, denied = refused+row.RefusedIdentities, denied+row.DeniedIdentities
				}
				if refused != test.refused || denied != test.denied {
					t.Errorf("by %q: %d refused, %d denied, want %d and %d", by, refused, denied, test.refused, test.denied)
				}
			}
		})
	}
}

// ghosts are stays of no length, whose records say how many were in.
func ghosts(n int) []usage.Stay {
	list := make([]usage.Stay, n)
	for i := range list {
		at := int64(10 + 7*i)
		list[i] = but(stay(i, at, at), func(s *usage.Stay) { s.Estimated, s.End, s.InUse = true, usage.EndVanished, i+1 })
	}
	return list
}

func TestGhostsThatNobodyAskedAfterPeakAsTheirRecordsSay(t *testing.T) {
	records := usage.Records{Stays: ghosts(20)}
	last := records.Stays[19]
	rows := usage.Report(cuts(0, 100, 200), seats(25), records, forever)
	if rows[1].Peak != 20 || rows[1].PeakAtMillis != last.JoinedAtMillis || rows[1].PeakParticipants != 1 {
		t.Errorf("twenty at once are %+v", rows[1])
	}
	if rows[0].Peak != 13 || rows[0].Joins+rows[1].Joins != 20 || rows[0].SeatMillis+rows[1].SeatMillis != 0 {
		t.Errorf("before that %+v", rows[0])
	}
	if holders, unseen := usage.Holders(records.Stays, last.JoinedAtMillis); len(holders) != 20 || unseen != 0 {
		t.Errorf("%d held the peak, and %d more", len(holders), unseen)
	}
	if holders, unseen := usage.Holders(records.Stays[18:], last.JoinedAtMillis); len(holders) != 2 || unseen != 18 {
		t.Errorf("%d held the peak, and %d more, want 2 and 18", len(holders), unseen)
	}
	for _, by := range []usage.Grouping{usage.GroupingHost, usage.GroupingConference} { // whose were the others?
		if row := usage.Grouped(cuts(0, 200), by, seats(25), records, forever)[0]; row.Peak != 1 {
			t.Errorf("by %s: %+v", by, row)
		}
	}
}

func TestGhostsOfAConferencesOwnPoolPeakThere(t *testing.T) {
	records := usage.Records{Stays: ghosts(20)}
	for i := range records.Stays {
		records.Stays[i].Block.Pool = seat.Pool{Tenant: "acme", Number: 1}
	}
	for _, by := range []usage.Grouping{usage.GroupingNone, usage.GroupingHost, usage.GroupingConference} {
		if row := usage.Grouped(cuts(0, 200), by, participants(25), records, forever)[0]; row.Peak != 20 || row.PeakParticipants != 20 {
			t.Errorf("by %q: %+v", by, row)
		}
	}
}

func TestAnObservedStayOfNoLengthProvesOnlyItself(t *testing.T) {
	one := but(stay(1, 50, 50), func(s *usage.Stay) { s.End, s.InUse = usage.EndClosed, 7 })
	if row := usage.Report(cuts(0, 100), seats(25), usage.Records{Stays: []usage.Stay{one}}, forever)[0]; row.Peak != 1 {
		t.Errorf("%+v", row)
	}
}
