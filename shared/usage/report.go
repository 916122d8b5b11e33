package usage

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/table"
)

// Row is the figures of one period. Times are Unix milliseconds.
type Row struct {
	FromMillis, ToMillis int64
	// Group is a host's address or a conference's id, in a report by them.
	Group string
	// Opening and Closing are the connections that were in across the
	// period's edges. A period's closing is the next one's opening.
	Opening, Closing int
	// Peak is the most that were in at once, PeakAtMillis the first moment.
	Peak         int
	PeakAtMillis int64
	// PeakHosts is the most hosts that had anybody in their conferences at
	// once. PeakParticipants is the most connections that were in one
	// conference at once; a host's own first connection under a named license
	// is not among them. A named license is sold by these two.
	PeakHosts, PeakParticipants int
	SeatMillis                  int64
	// OverageMillis is the time above the limits in force. A host's own first
	// connection has no part in it.
	OverageMillis int64
	// AtLimitMillis is the time in which a pool had as many in use as the limit in
	// force, or more; of several pools it is added up.
	AtLimitMillis int64
	// OverageShared: the row is a group's, and the tenant's own pool had a limit
	// in its time. What was above that is no group's, and neither OverageMillis nor
	// AtLimitMillis is to be shown.
	OverageShared bool
	// P95 and P99 are percentiles of the number of connections in, by time.
	P95, P99 int
	Joins    int
	Refusals map[problem.Code]int
	// RefusedIdentities are the different people who were refused, DeniedIdentities
	// those who were so for want of a seat and did not get in.
	RefusedIdentities, DeniedIdentities int
	// Waited is the waits for a seat that ended, and Abandoned those of them whose
	// connection got none. WaitMillis is the whole length of all of them. It is no
	// part of SeatMillis.
	Waited, Abandoned int
	WaitMillis        int64
	Conferences       int
	Hosts             int
	Identities        int
	// EstimatedMillis is the time of connections whose end is estimated.
	EstimatedMillis int64
}

// Idle tells whether nothing happened: no stay, no join, no refusal, no wait.
func (r Row) Idle() bool {
	return r.Peak == 0 && r.Joins == 0 && len(r.Refusals) == 0 && r.Waited == 0
}

// Refused is the number of refusals of every kind.
func (r Row) Refused() int {
	total := 0
	for _, n := range r.Refusals {
		total += n
	}
	return total
}

// SeatMinutes is the time in minutes, as a decimal number with four places,
// rounded half up. Spreadsheets of some countries read three places as
// thousands. Sums are made of SeatMillis, so that nothing is rounded twice.
func (r Row) SeatMinutes() string {
	return table.Cell{Kind: table.KindDecimal, Number: r.TenThousandthsOfMinutes()}.String()
}

// TenThousandthsOfMinutes is the time in ten-thousandths of a minute.
func (r Row) TenThousandthsOfMinutes() int64 {
	const millisEach = 6
	return (r.SeatMillis + millisEach/2) / millisEach
}

// Filled gives a row for each period: the given ones, in order, and idle ones for
// the rest. An error ends the sequence.
func Filled(periods []Period, rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return filled(periods, rows, func(r Row) Row { return r }, func(p Period) Row { return Idle(p).Row })
}

// FilledSummaries is Filled for summaries.
func FilledSummaries(periods []Period, summaries iter.Seq2[Summary, error]) iter.Seq2[Summary, error] {
	return filled(periods, summaries, func(s Summary) Row { return s.Row }, Idle)
}

func filled[T any](periods []Period, items iter.Seq2[T, error], row func(T) Row, idle func(Period) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := periods
		fill := func(until int64) bool {
			for len(left) > 0 && left[0].FromMillis < until {
				if !yield(idle(left[0]), nil) {
					return false
				}
				left = left[1:]
			}
			return true
		}
		for item, err := range items {
			if err != nil {
				yield(item, fmt.Errorf("read stored rows: %w", err))
				return
			}
			if !fill(row(item).FromMillis) || !yield(item, nil) {
				return
			}
			left = left[1:]
		}
		fill(math.MaxInt64)
	}
}

// Grouping is what a report's rows are grouped by.
type Grouping string

// The groupings.
const (
	GroupingNone       Grouping = ""
	GroupingHost       Grouping = "host"
	GroupingConference Grouping = "conference"
)

// Validate checks that it is one. The error is problem.Invalid at #/group_by.
func (g Grouping) Validate() error {
	switch g {
	case GroupingNone, GroupingHost, GroupingConference:
		return nil
	}
	return problem.InvalidFields(problem.Field{Pointer: "#/group_by", Detail: "must be host or conference"})
}

// of is the group of what happened in a conference.
func (g Grouping) of(h host.Email, c conference.ID) string {
	switch g {
	case GroupingHost:
		return string(h)
	case GroupingConference:
		return string(c)
	case GroupingNone:
	}
	return ""
}

// Records are those of a ledger, in any order. Stays may come in parts; open ones
// have LeftAtMillis zero.
type Records struct {
	Stays    []Stay
	Refusals []Refusal
	Waits    []Wait
}

// Report sweeps records into rows, one per period. Periods are in order and
// adjacent. See Sweep for what is counted.
func Report(periods []Period, limits Limits, records Records, asOfMillis int64) []Row {
	return Grouped(periods, GroupingNone, limits, records, asOfMillis)
}

// Grouped sweeps records into rows of those groups that had anybody in, a join, a
// refusal or the end of a wait in a period, in order of period and group. For the
// overage of groups see NewGroupedSweep.
func Grouped(periods []Period, by Grouping, limits Limits, records Records, asOfMillis int64) []Row {
	s := NewGroupedSweep(periods, by, limits, asOfMillis)
	for _, r := range slices.SortedFunc(slices.Values(records.Refusals), byTime) {
		_ = s.Refuse(r) // in order, and no period is handed out yet
	}
	for _, w := range records.Waits {
		_ = s.Wait(w) // as above
	}
	for _, stay := range slices.SortedFunc(slices.Values(records.Stays), byJoin) {
		_ = s.Add(stay) // in order
	}
	summaries := s.Close()
	rows := make([]Row, len(summaries))
	for i, summary := range summaries {
		rows[i] = summary.Row
	}
	return rows
}

func byJoin(a, b Stay) int {
	return cmp.Or(cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis), cmp.Compare(a.Connection, b.Connection))
}

func byTime(a, b Refusal) int { return cmp.Compare(a.AtMillis, b.AtMillis) }

// find gives the period that contains a moment.
func find(periods []Period, at int64) (int, bool) {
	return slices.BinarySearchFunc(periods, at, func(p Period, at int64) int {
		switch {
		case p.ToMillis <= at:
			return -1
		case p.FromMillis > at:
			return 1
		}
		return 0
	})
}
