package usage_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// withoutPercentiles leaves them to TestPercentilesAreByTime.
var withoutPercentiles = cmpopts.IgnoreFields(usage.Row{}, "P95", "P99")

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
			"a stay of no length is a join that takes no time, and counts in the peak",
			[]usage.Stay{stay(1, 50, 50)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{{Peak: 1, PeakAtMillis: noon + 50, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}, {}},
		},
		{
			"a stay of no length at an edge belongs to the period that begins",
			[]usage.Stay{stay(1, 100, 100)},
			[]int64{0, 100, 200},
			forever,
			[]usage.Row{{}, {Peak: 1, PeakAtMillis: noon + 100, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1}},
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
			[]usage.Row{{Peak: 3, PeakAtMillis: noon + 10, PeakHosts: 2, PeakParticipants: 1, SeatMillis: 40, Joins: 4, Conferences: 3, Hosts: 2, Identities: 4}},
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
				want := &test.want[i]
				want.FromMillis, want.ToMillis = p.FromMillis, p.ToMillis
				if want.Peak > 0 && want.PeakHosts == 0 { // all are in one conference
					want.PeakHosts, want.PeakParticipants = 1, want.Peak
				}
			}
			if diff := cmp.Diff(test.want, usage.Report(periods, nil, usage.Records{Stays: test.stays}, test.asOf), withoutPercentiles); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOverageAndTimeAtTheLimitFollowTheLimitInForce(t *testing.T) {
	chair := func(s usage.Stay) usage.Stay {
		return but(s, func(s *usage.Stay) { s.Block.Pool.Number, s.Block.Pool.Chair = s.Number, true })
	}
	ann := func(s usage.Stay) usage.Stay { return in(s, 1, "ann@example.org") }
	bob := func(s usage.Stay) usage.Stay { return in(s, 2, "bob@example.org") }
	for _, test := range []struct {
		name   string
		limits usage.Limits
		stays  []usage.Stay
		want   int64
		full   int64 // time at the limit
	}{
		{"without a license there is none", nil, []usage.Stay{stay(1, 0, 50), stay(2, 0, 50)}, 0, 0},
		{"within the limit there is none", seats(2), []usage.Stay{stay(1, 0, 50), stay(2, 0, 50)}, 0, 50},
		{"one above for ten", seats(1), []usage.Stay{stay(1, 0, 50), stay(2, 40, 60)}, 10, 60},
		{"two above for ten", seats(1), []usage.Stay{stay(1, 0, 10), stay(2, 0, 10), stay(3, 0, 10)}, 20, 10},
		{"each conference has its own limit", participants(1), []usage.Stay{ann(stay(1, 0, 10)), bob(stay(2, 0, 10)), bob(stay(3, 0, 10))}, 10, 20},
		{"one conference's room is not another's", participants(2), []usage.Stay{bob(stay(1, 0, 10)), bob(stay(2, 0, 10)), bob(stay(3, 0, 10))}, 10, 10},
		{"a host's own first connection has no part in it", participants(1), []usage.Stay{chair(ann(stay(1, 0, 10))), ann(stay(2, 0, 10))}, 0, 10},
		{"a named license bounds no tenant's pool", participants(1), []usage.Stay{stay(1, 0, 10), stay(2, 0, 10)}, 0, 0},
		{"a concurrent license bounds no conference's pool", seats(1), []usage.Stay{ann(stay(1, 0, 10)), ann(stay(2, 0, 10))}, 0, 0},
		{"a license that shrinks makes overage at once, with people in", seats(3, 10, 1), []usage.Stay{stay(1, 0, 30), stay(2, 0, 30), stay(3, 20, 30)}, 10 + 20, 20},
		{"a license that grows ends overage at once", seats(1, 10, 3), []usage.Stay{stay(1, 0, 30), stay(2, 0, 30)}, 10, 10},
		{"a limit is in force from its moment on", seats(1, 10, 2), []usage.Stay{stay(1, 9, 11), stay(2, 9, 11)}, 1, 2},
		{"the first limit holds before it, too", usage.Limits{{FromMillis: noon + 90, Model: license.ModelConcurrent, Seats: 1}}, []usage.Stay{stay(1, 0, 10), stay(2, 0, 10)}, 10, 10},
		{"a change of model changes what is bounded", append(seats(1), participants(1, 10)...), []usage.Stay{stay(1, 0, 30), stay(2, 0, 30)}, 10, 10},
		{"of limits at the same moment, the last is in force", seats(5, 0, 1), []usage.Stay{stay(1, 0, 10), stay(2, 0, 10)}, 10, 10},
		{"the limit of a stay's own record does not matter", seats(2), []usage.Stay{limited(stay(1, 0, 10), 1), limited(stay(2, 0, 10), 1)}, 0, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := usage.Report(cuts(0, 100), test.limits, usage.Records{Stays: test.stays}, forever)[0]
			if got.OverageMillis != test.want || got.AtLimitMillis != test.full {
				t.Errorf("%d ms of overage and %d at the limit, want %d and %d", got.OverageMillis, got.AtLimitMillis, test.want, test.full)
			}
		})
	}
}

func TestAPoolsLimitIsThatOfTheModelThen(t *testing.T) {
	own, conferences := seat.Pool{Tenant: "acme"}, seat.Pool{Tenant: "acme", Number: 7}
	chair := seat.Pool{Tenant: "acme", Number: 7, Chair: true}
	limits := append(seats(25, 10, 30), usage.LimitOf(noon+20, license.License{Model: license.ModelNamed, Hosts: 5, ParticipantsPerConference: 40}))
	for _, test := range []struct {
		at      int64
		pool    seat.Pool
		want    int
		bounded bool
	}{
		{-1000, own, 25, true},
		{0, own, 25, true},
		{9, own, 25, true},
		{10, own, 30, true},
		{19, own, 30, true},
		{20, own, 0, false},
		{19, conferences, 0, false},
		{20, conferences, 40, true},
		{20_000, conferences, 40, true},
		{0, chair, 0, false},
		{20, chair, 0, false},
	} {
		got, bounded := limits.At(noon+test.at, test.pool)
		if bounded != test.bounded || bounded && got != test.want {
			t.Errorf("at %d, %+v has %d, %t; want %d, %t", test.at, test.pool, got, bounded, test.want, test.bounded)
		}
	}
	if _, bounded := (usage.Limits{}).At(noon, own); bounded {
		t.Error("no license, and yet a limit")
	}
}

func TestAResumedStayIncludesTheTimeOfItsHold(t *testing.T) {
	const gap = usage.MaxGapMillis
	later := func(s usage.Stay) usage.Stay { return but(s, func(s *usage.Stay) { s.Resumed = true }) }
	for _, test := range []struct {
		name  string
		parts []usage.Stay
		want  usage.Row
	}{
		{"a gap counts", []usage.Stay{part(1, 0, 10), later(part(1, 30, 50))}, usage.Row{Peak: 1, SeatMillis: 50, Joins: 1}},
		{"a hand-over is not counted twice", []usage.Stay{part(1, 0, 30), later(part(1, 20, 50))}, usage.Row{Peak: 1, SeatMillis: 50, Joins: 1}},
		{"parts that touch", []usage.Stay{part(1, 0, 20), later(part(1, 20, 50))}, usage.Row{Peak: 1, SeatMillis: 50, Joins: 1}},
		{"the longest gap counts", []usage.Stay{part(1, 0, 10), later(part(1, 10+gap, 20+gap))}, usage.Row{Peak: 1, SeatMillis: 20 + gap, Joins: 1}},
		{"a longer one does not", []usage.Stay{part(1, 0, 10), later(part(1, 11+gap, 20+gap))}, usage.Row{Peak: 1, SeatMillis: 19, Joins: 1}},
		{"each gap counts", []usage.Stay{part(1, 0, 10), later(part(1, 20, 30)), later(part(1, 40, 50))}, usage.Row{Peak: 1, SeatMillis: 50, Joins: 1}},
		{"a shorter part within a longer one ends nothing", []usage.Stay{part(1, 0, 50), later(part(1, 10, 20))}, usage.Row{Peak: 1, SeatMillis: 50, Joins: 1}},
		{"a part of no length is gone on with", []usage.Stay{part(1, 10, 10), later(part(1, 20, 30))}, usage.Row{Peak: 1, SeatMillis: 20, Joins: 1}},
		{"one that began before what is known is no join", []usage.Stay{later(part(1, 20, 30))}, usage.Row{Peak: 1, SeatMillis: 10}},
		{"open at last", []usage.Stay{part(1, 0, 10), later(part(1, 20, -1))}, usage.Row{Peak: 1, SeatMillis: 2 * gap, Joins: 1, Closing: 1}},
		{"two stays are not one", []usage.Stay{part(1, 0, 20), part(2, 10, 30)}, usage.Row{Peak: 2, SeatMillis: 40, Joins: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, parts := range [][]usage.Stay{test.parts, backwards(test.parts)} {
				got := usage.Report(cuts(0, 2*gap), nil, usage.Records{Stays: parts}, forever)[0]
				got = usage.Row{Peak: got.Peak, SeatMillis: got.SeatMillis, Joins: got.Joins, Opening: got.Opening, Closing: got.Closing}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestAResumedHoldCountsAcrossPeriods(t *testing.T) {
	parts := []usage.Stay{part(1, 0, 90), but(part(1, 310, 350), func(s *usage.Stay) { s.Resumed = true })}
	rows := usage.Report(cuts(0, 100, 200, 300, 400), nil, usage.Records{Stays: parts}, forever)
	for i, want := range []usage.Row{
		{Closing: 1, SeatMillis: 100, Joins: 1, Identities: 1},
		{Opening: 1, Closing: 1, SeatMillis: 100, Identities: 1},
		{Opening: 1, Closing: 1, SeatMillis: 100, Identities: 1},
		{Opening: 1, SeatMillis: 50, Identities: 1},
	} {
		got := usage.Row{Opening: rows[i].Opening, Closing: rows[i].Closing, SeatMillis: rows[i].SeatMillis, Joins: rows[i].Joins, Identities: rows[i].Identities}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	// Who has not resumed by as_of was not in after the end.
	if got := usage.Report(cuts(0, 400), nil, usage.Records{Stays: parts}, noon+310)[0]; got.SeatMillis != 90 || got.Closing != 0 {
		t.Errorf("before it is resumed: %+v", got)
	}
}

func TestEstimatedTimeIsThatOfConnectionsWithEstimatedEnds(t *testing.T) {
	estimated := func(s usage.Stay) usage.Stay { return but(s, func(s *usage.Stay) { s.Estimated = true }) }
	parts := []usage.Stay{part(1, 0, 100), estimated(part(1, 150, 250)), part(2, 0, 300)}
	rows := usage.Report(cuts(0, 200, 300), nil, usage.Records{Stays: parts}, forever)
	if rows[0].EstimatedMillis != 50 || rows[1].EstimatedMillis != 50 {
		t.Errorf("%d and %d ms, want 50 and 50", rows[0].EstimatedMillis, rows[1].EstimatedMillis)
	}
}

func TestGroupsHaveARowEachWhereTheyHadAnything(t *testing.T) {
	ann := func(s usage.Stay) usage.Stay {
		return but(in(s, 1, "ann@example.org"), func(s *usage.Stay) { s.Conference = "weekly" })
	}
	bob := func(s usage.Stay) usage.Stay {
		return but(in(s, 2, "bob@example.org"), func(s *usage.Stay) { s.Conference = "daily" })
	}
	stays := []usage.Stay{ann(stay(1, 10, 150)), ann(stay(2, 20, 40)), bob(stay(3, 20, 30)), bob(stay(4, 120, 120)), bob(stay(1, 25, 30))}
	refusals := []usage.Refusal{
		{AtMillis: noon + 250, Code: problem.ParticipantsExhausted, Host: "ann@example.org", Conference: "weekly"},
		{AtMillis: noon + 50, Code: problem.ParticipantsExhausted, Host: "bob@example.org", Conference: "daily"},
	}
	refused := map[problem.Code]int{problem.ParticipantsExhausted: 1}
	periods := cuts(0, 100, 200, 300, 400)
	want := []usage.Row{
		{Group: "ann@example.org", Closing: 1, Peak: 2, PeakAtMillis: noon + 20, SeatMillis: 110, OverageMillis: 20, AtLimitMillis: 90, P95: 2, P99: 2, Joins: 2, Conferences: 1, Hosts: 1, Identities: 2},
		{Group: "bob@example.org", Peak: 2, PeakAtMillis: noon + 25, SeatMillis: 15, OverageMillis: 5, AtLimitMillis: 10, P95: 1, P99: 2, Joins: 2, Conferences: 1, Hosts: 1, Identities: 2, Refusals: refused, RefusedIdentities: 1, DeniedIdentities: 1},
		{Group: "ann@example.org", Opening: 1, Peak: 1, PeakAtMillis: noon + 100, SeatMillis: 50, AtLimitMillis: 50, P95: 1, P99: 1, Conferences: 1, Hosts: 1, Identities: 1},
		{Group: "bob@example.org", Peak: 1, PeakAtMillis: noon + 120, Joins: 1, Conferences: 1, Hosts: 1, Identities: 1},
		{Group: "ann@example.org", Refusals: refused, RefusedIdentities: 1, DeniedIdentities: 1},
	}
	for i, p := range []int{0, 0, 1, 1, 2} {
		want[i].FromMillis, want[i].ToMillis = periods[p].FromMillis, periods[p].ToMillis
		want[i].PeakHosts, want[i].PeakParticipants = min(1, want[i].Peak), want[i].Peak
	}
	if diff := cmp.Diff(want, usage.Grouped(periods, usage.GroupingHost, participants(1), usage.Records{Stays: stays, Refusals: refusals}, forever)); diff != "" {
		t.Error(diff)
	}
	rows := usage.Grouped(periods, usage.GroupingConference, participants(1), usage.Records{Stays: stays, Refusals: refusals}, forever)
	for i := range want {
		want[i].Group = map[string]string{"ann@example.org": "weekly", "bob@example.org": "daily"}[want[i].Group]
	}
	for i, swap := range []int{1, 0, 3, 2, 4} { // daily comes before weekly
		if diff := cmp.Diff(want[swap], rows[i]); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
}

func TestOverageOfTheTenantsPoolIsNoGroups(t *testing.T) {
	stays := []usage.Stay{stay(1, 10, 150), but(stay(2, 20, 40), func(s *usage.Stay) { s.Number, s.Host = 2, "bob@example.org" })}
	refusals := []usage.Refusal{{AtMillis: noon + 50, Code: problem.SeatsExhausted, Host: "cleo@example.org", Conference: "daily"}}
	change := append(seats(1), participants(1, 100)...)
	back := append(participants(1), seats(1, 100, 1)[1:]...)
	for _, test := range []struct {
		name   string
		limits usage.Limits
		shared []bool // by period
	}{
		{"concurrent", seats(1), []bool{true, true}},
		{"named", participants(1), []bool{false, false}},
		{"without a license", nil, []bool{false, false}},
		{"concurrent, then named", change, []bool{true, false}},
		{"named, then concurrent", back, []bool{false, true}},
		{"concurrent for no time", append(append(participants(1), seats(1, 40, 1)[1:]...), participants(1, 40)...), []bool{false, false}},
		{"concurrent for a moment", append(append(participants(1), seats(1, 40, 1)[1:]...), participants(1, 41)...), []bool{true, false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			periods := cuts(0, 100, 200)
			rows := usage.Grouped(periods, usage.GroupingHost, test.limits, usage.Records{Stays: stays, Refusals: refusals}, forever)
			if len(rows) != 4 {
				t.Fatalf("rows: %+v", rows)
			}
			for _, row := range rows {
				if want := test.shared[(row.FromMillis-noon)/100]; row.OverageShared != want {
					t.Errorf("%s from %d: overage shared: %t, want %t", row.Group, row.FromMillis-noon, row.OverageShared, want)
				}
			}
			for _, row := range usage.Report(periods, test.limits, usage.Records{Stays: stays, Refusals: refusals}, forever) {
				if row.OverageShared {
					t.Errorf("a row of all lacks its overage: %+v", row)
				}
			}
		})
	}
	if all := usage.Report(cuts(0, 100), seats(1), usage.Records{Stays: stays}, forever); all[0].OverageMillis != 20 {
		t.Errorf("%d ms above the tenant's limit, want 20", all[0].OverageMillis)
	}
}

func TestHostsAndParticipantsPeakAtTheirOwnMoments(t *testing.T) {
	ann := func(s usage.Stay) usage.Stay { return in(s, 1, "ann@example.org") }
	bob := func(s usage.Stay) usage.Stay { return in(s, 2, "bob@example.org") }
	chair := func(s usage.Stay) usage.Stay {
		return but(s, func(s *usage.Stay) { s.Block.Pool.Number, s.Block.Pool.Chair = s.Number, true })
	}
	for _, test := range []struct {
		name                string
		stays               []usage.Stay
		hosts, participants int
	}{
		{"nobody", nil, 0, 0},
		{"a host alone in the chair", []usage.Stay{chair(ann(stay(1, 10, 20)))}, 1, 0},
		{"participants without the chair", []usage.Stay{chair(ann(stay(1, 10, 20))), ann(stay(2, 10, 20)), ann(stay(3, 10, 20))}, 1, 2},
		{"two conferences of one host are one host", []usage.Stay{in(stay(1, 10, 20), 1, "ann@example.org"), in(stay(2, 10, 20), 3, "ann@example.org")}, 1, 1},
		{"hosts one after the other", []usage.Stay{ann(stay(1, 10, 20)), bob(stay(2, 20, 30))}, 1, 1},
		{"hosts at once", []usage.Stay{ann(stay(1, 10, 21)), bob(stay(2, 20, 30))}, 2, 1},
		{"a stay of no length is in for its millisecond", []usage.Stay{ann(stay(1, 10, 20)), bob(stay(2, 15, 15)), ann(stay(3, 15, 15)), ann(stay(4, 16, 16))}, 2, 2},
		{"a host stays while anybody is in", []usage.Stay{ann(stay(1, 10, 15)), ann(stay(2, 12, 30)), bob(stay(3, 25, 40))}, 2, 2},
		{"in across the beginning", []usage.Stay{chair(ann(stay(1, -10, 20))), ann(stay(2, -10, 5)), ann(stay(3, -10, 5)), bob(stay(4, -10, 5)), bob(stay(5, 4, 8))}, 2, 2},
		{"gone at the beginning", []usage.Stay{ann(stay(1, -10, 0)), bob(stay(2, -10, 0))}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := usage.Report(cuts(0, 100), nil, usage.Records{Stays: test.stays}, forever)[0]
			if got.PeakHosts != test.hosts || got.PeakParticipants != test.participants {
				t.Errorf("%d hosts and %d participants, want %d and %d", got.PeakHosts, got.PeakParticipants, test.hosts, test.participants)
			}
		})
	}
}

func TestWhatIsNoGroupingIsRefused(t *testing.T) {
	for _, g := range []usage.Grouping{usage.GroupingNone, usage.GroupingHost, usage.GroupingConference} {
		if err := g.Validate(); err != nil {
			t.Errorf("%q: %v", g, err)
		}
	}
	for _, g := range []usage.Grouping{"tenant", "Host", "hosts"} {
		wantFault(t, g.Validate(), "#/group_by")
	}
}

func TestThoseWhoMadeAPeakAreTold(t *testing.T) {
	parts := []usage.Stay{
		part(5, 20, 40), part(1, 0, 10), but(part(1, 30, 50), func(s *usage.Stay) { s.Resumed = true; s.Connection = "heir=" }),
		part(2, 0, 20), part(3, 20, 20), part(4, 5, -1), part(6, 21, 60),
	}
	for at, want := range map[int64][]string{
		-1: nil, 0: {"connection-1=", "connection-2="}, 5: {"connection-1=", "connection-2=", "connection-4="},
		20: {"connection-1=", "connection-4=", "connection-3=", "connection-5="}, 35: {"connection-4=", "connection-5=", "connection-6=", "heir="},
		55: {"connection-4=", "connection-6="}, 5000: {"connection-4="},
	} {
		var got []string
		holders, _ := usage.Holders(parts, noon+at)
		for _, s := range holders {
			got = append(got, string(s.Connection))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %d: %s", at, diff)
		}
	}
	late := []usage.Stay{part(1, 0, 10), part(1, 11+usage.MaxGapMillis, 20+usage.MaxGapMillis)}
	if between, _ := usage.Holders(late, noon+15); len(between) != 0 {
		t.Errorf("a seat was held, and not resumed in time: %+v", between)
	}
	if after, _ := usage.Holders(late, noon+15+usage.MaxGapMillis); len(after) != 1 || after[0].JoinedAtMillis != late[1].JoinedAtMillis {
		t.Errorf("who came back too late is told as %+v", after)
	}
	if list, _ := usage.Holders(parts, noon+10); list[0].Connection != "connection-1=" || list[0].LeftAtMillis != noon+10 {
		t.Errorf("a seat that is held for the next connection is told as that of %+v", list[0])
	}
}

func TestARosterForgetsOnlyWhoIsInNoMore(t *testing.T) {
	const gap = usage.MaxGapMillis
	r := usage.NewRoster()
	r.Add(part(1, 0, 10))
	r.Add(part(2, 0, 20))
	r.Forget(noon + gap + 10)
	r.Add(but(part(1, gap+5, gap+30), func(s *usage.Stay) { s.Resumed = true }))
	r.Add(but(part(2, gap+15, gap+30), func(s *usage.Stay) { s.Resumed = true }))
	for at, want := range map[int64]int{5: 1, 15: 1, gap: 1, gap + 7: 2, gap + 20: 2, gap + 30: 0} {
		if got := len(r.At(noon + at)); got != want {
			t.Errorf("%d are in at %d, want %d", got, at, want)
		}
	}
}

func TestAStayOutOfOrderIsRefusedAndNotCounted(t *testing.T) {
	s := usage.NewSweep(cuts(0, 100), nil, forever)
	if err := s.Add(stay(1, 10, 20)); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(stay(2, 9, 20)); !errors.Is(err, usage.ErrOrder) {
		t.Errorf("got %v, want %v", err, usage.ErrOrder)
	}
	if err := s.Add(stay(3, 10, 20)); err != nil {
		t.Errorf("at the same moment: %v", err)
	}
	if row := s.Close()[0].Row; row.Joins != 2 || row.SeatMillis != 20 {
		t.Errorf("counted %+v", row)
	}
}

func TestSummariesAreHandedOutOnceTheyCanNoLongerChange(t *testing.T) {
	const gap = usage.MaxGapMillis
	s := usage.NewSweep(cuts(0, 100, 200), nil, forever)
	if err := s.Refuse(usage.Refusal{AtMillis: noon + 150, Code: problem.HostBusy}); err != nil {
		t.Errorf("a refusal in time: %v", err)
	}
	add := func(next usage.Stay, done int) {
		t.Helper()
		if err := s.Add(next); err != nil {
			t.Fatal(err)
		}
		if got := len(s.Done()); got != done {
			t.Errorf("%d are done after a join at %d, want %d", got, next.JoinedAtMillis-noon, done)
		}
	}
	add(stay(1, 10, 20), 0)
	add(stay(2, 100+gap, -1), 0)
	add(stay(2, 101+gap, -1), 1)
	add(stay(2, 102+gap, -1), 0)
	if err := s.Refuse(usage.Refusal{AtMillis: noon + 160, Code: problem.HostBusy}); !errors.Is(err, usage.ErrOrder) {
		t.Errorf("a refusal after later stays: %v", err)
	}
	if err := s.Wait(usage.Wait{SinceMillis: noon, UntilMillis: noon + 50}); !errors.Is(err, usage.ErrOrder) {
		t.Errorf("a wait in a period handed out: %v", err)
	}
	if rest := s.Close(); len(rest) != 1 || rest[0].Row.Refused() != 1 || len(s.Close()) != 0 {
		t.Errorf("left: %+v", rest)
	}
}

func TestRefusalsAreCountedByReasonInTheirPeriod(t *testing.T) {
	refusal := func(at int64, code problem.Code) usage.Refusal {
		return usage.Refusal{AtMillis: noon + at, Code: code}
	}
	rows := usage.Report(cuts(0, 100, 200), nil, usage.Records{Refusals: []usage.Refusal{
		refusal(-1, problem.SeatsExhausted), refusal(0, problem.SeatsExhausted), refusal(99, problem.SeatsExhausted),
		refusal(100, problem.HostBusy), refusal(150, problem.SeatsExhausted), refusal(200, problem.SeatsExhausted),
	}}, forever)
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

// A wait counts whole where it ended, as no time of a seat.
func TestAWaitCountsInTheRowInWhichItEnded(t *testing.T) {
	wait := func(since, until int64, outcome usage.WaitOutcome) usage.Wait {
		return usage.Wait{SinceMillis: noon + since, UntilMillis: noon + until, Outcome: outcome, Conference: "weekly"}
	}
	records := usage.Records{Waits: []usage.Wait{
		wait(-50, -1, usage.WaitGone), wait(-50, 0, usage.WaitAdmitted), wait(50, 99, usage.WaitLeft),
		wait(60, 100, usage.WaitGone), wait(110, 110, usage.WaitAdmitted), wait(150, 200, usage.WaitLeft),
	}}
	want := []usage.Row{
		{FromMillis: noon, ToMillis: noon + 100, Waited: 2, Abandoned: 1, WaitMillis: 99},
		{FromMillis: noon + 100, ToMillis: noon + 200, Waited: 2, Abandoned: 1, WaitMillis: 40},
	}
	if diff := cmp.Diff(want, usage.Report(cuts(0, 100, 200), seats(1), records, forever)); diff != "" {
		t.Error(diff)
	}
	for i := range want {
		want[i].Group = "weekly"
		want[i].OverageShared = true
	}
	if diff := cmp.Diff(want, usage.Grouped(cuts(0, 100, 200), usage.GroupingConference, seats(1), records, forever)); diff != "" {
		t.Errorf("by conference: %s", diff)
	}
}

func TestSeatMinutesAreRoundedHalfUpToFourPlaces(t *testing.T) {
	for _, test := range []struct {
		millis int64
		want   string
	}{
		{0, "0.0000"},
		{2, "0.0000"},
		{3, "0.0001"}, // 0.00005 minutes
		{8, "0.0001"},
		{9, "0.0002"},
		{59_996, "0.9999"},
		{59_997, "1.0000"},
		{60_000, "1.0000"},
		{90_000, "1.5000"},
		{3_600_000 * 25, "1500.0000"},
		{9_000_000_000_000_000, "150000000000.0000"},
	} {
		if got := (usage.Row{SeatMillis: test.millis}).SeatMinutes(); got != test.want {
			t.Errorf("%d ms are %s minutes, want %s", test.millis, got, test.want)
		}
	}
}
