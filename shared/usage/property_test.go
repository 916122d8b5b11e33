package usage_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// span is how much time the properties are tried on, in milliseconds: little,
// so that much happens at the same moment.
const span = 40

// history is what may have happened: a few people, pools and limits.
type history struct {
	stays    []usage.Stay
	refusals []usage.Refusal
	asOf     int64
}

func drawHistory(t *rapid.T) history {
	h := history{asOf: noon + rapid.Int64Range(-5, span+15).Draw(t, "as of")}
	for i := range rapid.IntRange(0, 14).Draw(t, "stays") {
		joined := rapid.Int64Range(-10, span+10).Draw(t, "joined")
		left := joined + rapid.Int64Range(0, 25).Draw(t, "length")
		s := stay(i, joined, left)
		if rapid.IntRange(0, 3).Draw(t, "open") == 0 {
			s.LeftAtMillis = 0
		}
		s.Number = conference.Number(rapid.IntRange(1, 3).Draw(t, "conference"))
		s.Host = host.Email(fmt.Sprintf("host-%d@example.org", rapid.IntRange(1, 2).Draw(t, "host")))
		s.Identity = fmt.Sprintf("person-%d", rapid.IntRange(1, 5).Draw(t, "identity"))
		s.Block.Pool.Number = conference.Number(rapid.IntRange(0, 1).Draw(t, "pool"))
		s.Block.Pool.Chair = rapid.IntRange(0, 4).Draw(t, "chair") == 0
		s.Limit = rapid.IntRange(1, 3).Draw(t, "limit")
		s.Estimated = rapid.Bool().Draw(t, "estimated")
		h.stays = append(h.stays, s)
	}
	for range rapid.IntRange(0, 6).Draw(t, "refusals") {
		h.refusals = append(h.refusals, usage.Refusal{
			AtMillis: noon + rapid.Int64Range(-5, span+5).Draw(t, "refused at"),
			Code:     rapid.SampledFrom([]problem.Code{problem.SeatsExhausted, problem.HostBusy}).Draw(t, "code"),
		})
	}
	return h
}

// drawCuts cuts the span anywhere.
func drawCuts(t *rapid.T) []usage.Period {
	edges := []int64{0, span}
	edges = append(edges, rapid.SliceOfNDistinct(rapid.Int64Range(1, span-1), 0, 6, rapid.ID).Draw(t, "edges")...)
	slices.Sort(edges)
	return cuts(edges...)
}

func (h history) report(periods []usage.Period) []usage.Row {
	return usage.Report(periods, h.stays, h.refusals, h.asOf)
}

// holds tells whether a stay is in at a moment, as far as is known at as_of:
// who was in then still is.
func (h history) holds(s usage.Stay, at int64) bool {
	leaves := s.LeftAtMillis != 0 && s.LeftAtMillis <= h.asOf
	return s.JoinedAtMillis < h.asOf && s.JoinedAtMillis <= at && (!leaves || at < s.LeftAtMillis)
}

// over is the seats above the limit at a moment, pool by pool.
func (h history) over(at int64) int64 {
	inUse, last := make(map[seat.Pool]int), make(map[seat.Pool]usage.Stay)
	for _, s := range h.stays {
		pool := s.Block.Pool
		if pool.Chair || s.JoinedAtMillis > at || s.JoinedAtMillis >= h.asOf {
			continue
		}
		if h.holds(s, at) {
			inUse[pool]++
		}
		latest, known := last[pool]
		if !known || s.JoinedAtMillis > latest.JoinedAtMillis || s.JoinedAtMillis == latest.JoinedAtMillis && s.Seat > latest.Seat {
			last[pool] = s
		}
	}
	var over int64
	for pool, n := range inUse {
		over += int64(max(0, n-last[pool].Limit))
	}
	return over
}

// count is a row counted the slow way: millisecond by millisecond, stay by stay.
func (h history) count(p usage.Period) usage.Row {
	row := usage.Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis}
	for at := p.FromMillis; at < p.ToMillis; at++ {
		inUse := 0
		for _, s := range h.stays {
			if !h.holds(s, at) {
				continue
			}
			inUse++
			if at < h.asOf {
				row.SeatMillis++
			}
			if s.Estimated && at < h.asOf {
				row.EstimatedMillis++
			}
		}
		if inUse > row.Peak {
			row.Peak, row.PeakAtMillis = inUse, at
		}
		if at < h.asOf {
			row.OverageMillis += h.over(at)
		}
	}
	conferences, hosts, identities := make(map[conference.Number]bool), make(map[host.Email]bool), make(map[string]bool)
	for _, s := range h.stays {
		across := func(edge int64) bool { return h.holds(s, edge) && s.JoinedAtMillis < edge }
		joins := s.JoinedAtMillis >= p.FromMillis && s.JoinedAtMillis < p.ToMillis && s.JoinedAtMillis < h.asOf
		if across(p.FromMillis) {
			row.Opening++
		}
		if across(p.ToMillis) {
			row.Closing++
		}
		if joins {
			row.Joins++
		}
		if joins || across(p.FromMillis) {
			conferences[s.Number], hosts[s.Host], identities[s.Identity] = true, true, true
		}
	}
	row.Conferences, row.Hosts, row.Identities = len(conferences), len(hosts), len(identities)
	for _, r := range h.refusals {
		if r.AtMillis >= p.FromMillis && r.AtMillis < p.ToMillis {
			if row.Refusals == nil {
				row.Refusals = make(map[problem.Code]int)
			}
			row.Refusals[r.Code]++
		}
	}
	return row
}

func TestAReportEqualsCountingMillisecondByMillisecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		want := make([]usage.Row, len(periods))
		for i, p := range periods {
			want[i] = h.count(p)
		}
		if diff := cmp.Diff(want, h.report(periods)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestTheOrderOfStaysDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		want := h.report(periods)
		shuffle := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffle.Shuffle(len(h.stays), func(i, j int) { h.stays[i], h.stays[j] = h.stays[j], h.stays[i] })
		shuffle.Shuffle(len(h.refusals), func(i, j int) { h.refusals[i], h.refusals[j] = h.refusals[j], h.refusals[i] })
		if diff := cmp.Diff(want, h.report(periods)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// totals is what rows roll up to: sums of time and counts, the largest peak.
type totals struct {
	SeatMillis, OverageMillis, EstimatedMillis int64
	Joins, Refused, Peak                       int
	PeakAtMillis                               int64
	Opening, Closing                           int
}

func rollUp(rows []usage.Row) totals {
	total := totals{Opening: rows[0].Opening, Closing: rows[len(rows)-1].Closing}
	for _, r := range rows {
		total.SeatMillis += r.SeatMillis
		total.OverageMillis += r.OverageMillis
		total.EstimatedMillis += r.EstimatedMillis
		total.Joins += r.Joins
		total.Refused += r.Refused()
		if r.Peak > total.Peak {
			total.Peak, total.PeakAtMillis = r.Peak, r.PeakAtMillis
		}
	}
	return total
}

func TestHoweverTimeIsSplitTheTotalsAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		rows := h.report(periods)
		if diff := cmp.Diff(rollUp(h.report(cuts(0, span))), rollUp(rows)); diff != "" {
			t.Fatal(diff)
		}
		for i := 1; i < len(rows); i++ {
			if rows[i].Opening != rows[i-1].Closing {
				t.Fatalf("row %d opens with %d, the one before closed with %d", i, rows[i].Opening, rows[i-1].Closing)
			}
		}
	})
}
