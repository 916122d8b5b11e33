package usage_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// span is the length of histories in milliseconds: short, so that many events have
// the same time.
const span = 40

// history is a random history of a few people, pools and limits.
type history struct {
	limits   usage.Limits
	parts    []usage.Stay
	refusals []usage.Refusal
	waits    []usage.Wait
	asOf     int64
}

func drawHistory(t *rapid.T) history {
	h := history{limits: drawLimits(t), asOf: noon + rapid.Int64Range(-5, span+15).Draw(t, "as of")}
	if rapid.IntRange(0, 3).Draw(t, "much later") == 0 {
		h.asOf += usage.DeniedMillis
	}
	for i := range rapid.IntRange(0, 14).Draw(t, "stays") {
		h.parts = append(h.parts, drawParts(t, i)...)
	}
	for range rapid.IntRange(0, 6).Draw(t, "refusals") {
		h.refusals = append(h.refusals, drawRefusal(t))
	}
	for range rapid.IntRange(0, 6).Draw(t, "waits") {
		h.waits = append(h.waits, drawWait(t))
	}
	return h
}

func drawRefusal(t *rapid.T) usage.Refusal {
	number := rapid.IntRange(1, 4).Draw(t, "refused by")
	return usage.Refusal{
		AtMillis: noon + rapid.Int64Range(-5, span+5).Draw(t, "refused at"),
		Code: rapid.SampledFrom([]problem.Code{
			problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostsExhausted, problem.HostBusy,
		}).Draw(t, "code"),
		Identity:   fmt.Sprintf("person-%d", rapid.IntRange(1, 5).Draw(t, "refused")),
		Conference: conference.ID(fmt.Sprintf("conference-%d", number)), Host: hostOf(number),
	}
}

// hostOf is the host of a conference.
func hostOf(number int) host.Email {
	return host.Email(fmt.Sprintf("host-%d@example.org", (number+1)/2))
}

// drawWait draws a wait, sometimes one that is longer than any connection lasts.
func drawWait(t *rapid.T) usage.Wait {
	w := usage.Wait{
		SinceMillis: noon + rapid.Int64Range(-20, span+5).Draw(t, "waits since"), Host: drawHost(t),
		Outcome: rapid.SampledFrom([]usage.WaitOutcome{usage.WaitAdmitted, usage.WaitLeft, usage.WaitGone}).Draw(t, "outcome"),
	}
	w.UntilMillis = w.SinceMillis + rapid.Int64Range(0, 25).Draw(t, "waited")
	if rapid.IntRange(0, 4).Draw(t, "overlong") == 0 {
		w.SinceMillis -= usage.MaxStayMillis
	}
	return w
}

func drawHost(t *rapid.T) host.Email {
	return host.Email(fmt.Sprintf("host-%d@example.org", rapid.IntRange(1, 2).Draw(t, "host")))
}

// drawParts draws a stay of one to three connections, with gaps or overlaps.
func drawParts(t *rapid.T, i int) []usage.Stay {
	whole := part(i, rapid.Int64Range(-10, span+10).Draw(t, "joined"), -1)
	if rapid.IntRange(0, 4).Draw(t, "late for a refusal") == 0 {
		whole.JoinedAtMillis += usage.DeniedMillis
	}
	number := rapid.IntRange(1, 4).Draw(t, "conference")
	whole.Number, whole.Conference = conference.Number(number), conference.ID(fmt.Sprintf("conference-%d", number))
	if rapid.IntRange(0, 9).Draw(t, "of another id") == 0 { // as no record but a changed one
		whole.Conference += "-changed"
	}
	whole.Host = hostOf(number)
	whole.Identity = fmt.Sprintf("person-%d", rapid.IntRange(1, 5).Draw(t, "identity"))
	if rapid.Bool().Draw(t, "own pool") {
		whole.Block.Pool.Number = whole.Number
		whole.Block.Pool.Chair = rapid.IntRange(0, 4).Draw(t, "chair") == 0
	}
	if rapid.IntRange(0, 3).Draw(t, "without an id") == 0 {
		whole.ID = ""
	}
	var parts []usage.Stay
	for n := range rapid.IntRange(1, 3).Draw(t, "parts") {
		next := whole
		next.Connection = seat.ConnectionID(fmt.Sprintf("connection-%d-%d=", i, n))
		if n > 0 {
			next.Resumed = true
			next.JoinedAtMillis = parts[n-1].JoinedAtMillis + rapid.Int64Range(0, 15).Draw(t, "later")
		}
		if rapid.IntRange(0, 5).Draw(t, "open") > 0 {
			next.LeftAtMillis = next.JoinedAtMillis + rapid.Int64Range(0, 25).Draw(t, "length")
		}
		next.InUse = rapid.IntRange(0, 6).Draw(t, "in use")
		next.Estimated = next.LeftAtMillis != 0 && rapid.Bool().Draw(t, "estimated")
		parts = append(parts, next)
	}
	return parts
}

func drawLimits(t *rapid.T) usage.Limits {
	var limits usage.Limits
	at := int64(noon - 15)
	for range rapid.IntRange(0, 4).Draw(t, "limits") {
		limits = append(limits, usage.Limit{
			FromMillis: at,
			Model:      rapid.SampledFrom([]license.Model{license.ModelConcurrent, license.ModelNamed}).Draw(t, "model"),
			Seats:      rapid.IntRange(0, 3).Draw(t, "seats"),
		})
		at += rapid.Int64Range(0, 25).Draw(t, "in force")
	}
	return limits
}

// drawCuts cuts the span anywhere.
func drawCuts(t *rapid.T) []usage.Period {
	edges := []int64{0, span}
	edges = append(edges, rapid.SliceOfNDistinct(rapid.Int64Range(1, span-1), 0, 6, rapid.ID).Draw(t, "edges")...)
	slices.Sort(edges)
	return cuts(edges...)
}

func (h history) records() usage.Records {
	return usage.Records{Stays: h.parts, Refusals: h.refusals, Waits: h.waits}
}

func (h history) report(periods []usage.Period) []usage.Row {
	return usage.Report(periods, h.limits, h.records(), h.asOf)
}

// summaries are the results of a sweep, period by period.
func (h history) summaries(t *rapid.T, periods []usage.Period) []usage.Summary {
	s := usage.NewSweep(periods, h.limits, h.asOf)
	for _, r := range slices.SortedFunc(slices.Values(h.refusals), func(a, b usage.Refusal) int { return cmp.Compare(a.AtMillis, b.AtMillis) }) {
		if err := s.Refuse(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range h.waits {
		if err := s.Wait(w); err != nil {
			t.Fatal(err)
		}
	}
	parts := slices.Clone(h.parts)
	slices.SortFunc(parts, func(a, b usage.Stay) int { return cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis) })
	for _, p := range parts {
		if err := s.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	return s.Close()
}

// known is the connections as known at as_of: those open then are open still, unless
// that is longer than a connection can last.
func (h history) known() []usage.Stay {
	var known []usage.Stay
	for _, p := range h.parts {
		if p.JoinedAtMillis >= h.asOf {
			continue
		}
		if most := p.JoinedAtMillis + usage.MaxStayMillis; p.LeftAtMillis == 0 || p.LeftAtMillis > most {
			p.LeftAtMillis = most
		}
		if p.LeftAtMillis > h.asOf {
			p.LeftAtMillis = math.MaxInt64
		}
		if !p.Estimated {
			p.InUse = 0 // proves nothing
		}
		known = append(known, p)
	}
	return known
}

// whole is the known stays, each from its first join to its last leave. No gap of
// this history is too long.
func (h history) whole() []usage.Stay {
	var stays []usage.Stay
	for _, p := range h.known() {
		at := slices.IndexFunc(stays, func(s usage.Stay) bool { return s.ID == p.ID && p.ID != "" })
		if at < 0 {
			stays = append(stays, p)
			continue
		}
		stays[at].JoinedAtMillis = min(stays[at].JoinedAtMillis, p.JoinedAtMillis)
		stays[at].LeftAtMillis = max(stays[at].LeftAtMillis, p.LeftAtMillis)
		stays[at].Resumed = stays[at].Resumed && p.Resumed
		if p.JoinedAtMillis == stays[at].JoinedAtMillis {
			stays[at].InUse = max(stays[at].InUse, p.InUse)
		}
	}
	return stays
}

func holds(s usage.Stay, at int64) bool { return s.JoinedAtMillis <= at && at < s.LeftAtMillis }

// seen tells whether a stay is in during a millisecond as far as peaks go.
func seen(s usage.Stay, at int64) bool { return holds(s, at) || s.JoinedAtMillis == at }

// unseen is how many more than are seen in each pool were in at a time, as records of
// stays of no length prove.
func unseen(stays []usage.Stay, at int64) map[seat.Pool]int {
	in, proven := make(map[seat.Pool]int), make(map[seat.Pool]int)
	for _, s := range stays {
		if seen(s, at) {
			in[s.Block.Pool]++
		}
		if s.JoinedAtMillis == at && s.LeftAtMillis == at {
			proven[s.Block.Pool] = max(proven[s.Block.Pool], s.InUse)
		}
	}
	for pool := range proven {
		proven[pool] = max(0, proven[pool]-in[pool])
	}
	return proven
}

// over is the number of seats above the limit at a time, over all pools, and how many
// pools are full.
func (h history) over(stays []usage.Stay, at int64) (over, full int64) {
	if len(h.limits) == 0 {
		return 0, 0
	}
	limit := h.limits[0]
	for _, l := range h.limits {
		if l.FromMillis <= at {
			limit = l
		}
	}
	inUse := make(map[seat.Pool]int)
	for _, s := range stays {
		if holds(s, at) {
			inUse[s.Block.Pool]++
		}
	}
	for pool, n := range inUse {
		if !pool.Chair && (pool.Number == 0) == (limit.Model == license.ModelConcurrent) {
			over += int64(max(0, n-limit.Seats))
			if n >= limit.Seats {
				full++
			}
		}
	}
	return over, full
}

// crowds counts, at a time, the hosts of conferences with connections, and the most
// participants of a conference.
func crowds(stays []usage.Stay, at int64) (hosts, participants int) {
	byHost, byConference := make(map[host.Email]bool), make(map[conference.Number]int)
	for _, s := range stays {
		if !seen(s, at) {
			continue
		}
		byHost[s.Host] = true
		if !s.Block.Pool.Chair {
			byConference[s.Number]++
			participants = max(participants, byConference[s.Number])
		}
	}
	for pool, more := range unseen(stays, at) {
		if pool.Number != 0 && !pool.Chair {
			participants = max(participants, byConference[pool.Number]+more)
		}
	}
	return len(byHost), participants
}

// percentile is the least number that was not exceeded in so many percent of the
// milliseconds.
func percentile(each []int, percent int) int {
	if len(each) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(each))
	return sorted[(len(sorted)*percent+99)/100-1]
}

// denied tells whether somebody was refused for want of a seat, and no connection of
// theirs joined the conference in time.
func (h history) denied(r usage.Refusal) bool {
	return r.Code != problem.HostBusy && !slices.ContainsFunc(h.known(), func(s usage.Stay) bool {
		return s.Conference == r.Conference && s.Identity == r.Identity &&
			s.JoinedAtMillis >= r.AtMillis && s.JoinedAtMillis <= r.AtMillis+usage.DeniedMillis
	})
}

// met is a conference with its id.
type met struct {
	number conference.Number
	id     conference.ID
}

// count computes a row millisecond by millisecond and stay by stay.
func (h history) count(p usage.Period) usage.Row {
	row := usage.Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis}
	stays := h.whole()
	var each []int
	for at := p.FromMillis; at < min(p.ToMillis, h.asOf); at++ {
		inUse, most := 0, 0
		for _, s := range stays {
			if holds(s, at) {
				inUse++
			}
			if seen(s, at) {
				most++
			}
		}
		for _, more := range unseen(stays, at) {
			most += more
		}
		if most > row.Peak {
			row.Peak, row.PeakAtMillis = most, at
		}
		each = append(each, inUse)
		hosts, participants := crowds(stays, at)
		row.PeakHosts, row.PeakParticipants = max(row.PeakHosts, hosts), max(row.PeakParticipants, participants)
		row.SeatMillis += int64(inUse)
		over, full := h.over(stays, at)
		row.OverageMillis += over
		row.AtLimitMillis += full
		for _, s := range h.known() {
			if s.Estimated && holds(s, at) {
				row.EstimatedMillis++
			}
		}
	}
	conferences, hosts, identities := make(map[met]bool), make(map[host.Email]bool), make(map[string]bool)
	for _, s := range stays {
		across := func(edge int64) bool { return holds(s, edge) && s.JoinedAtMillis < edge }
		began := s.JoinedAtMillis >= p.FromMillis && s.JoinedAtMillis < p.ToMillis
		if across(p.FromMillis) {
			row.Opening++
		}
		if across(p.ToMillis) {
			row.Closing++
		}
		if began && !s.Resumed {
			row.Joins++
		}
		if began || across(p.FromMillis) && p.FromMillis < h.asOf {
			conferences[met{s.Number, s.Conference}], hosts[s.Host], identities[s.Identity] = true, true, true
		}
	}
	row.Conferences, row.Hosts, row.Identities = len(conferences), len(hosts), len(identities)
	row.P95, row.P99 = percentile(each, 95), percentile(each, 99)
	refused, denied := make(map[string]bool), make(map[string]bool)
	for _, r := range h.refusals {
		if r.AtMillis >= p.FromMillis && r.AtMillis < p.ToMillis && r.AtMillis < h.asOf {
			if row.Refusals == nil {
				row.Refusals = make(map[problem.Code]int)
			}
			row.Refusals[r.Code]++
			refused[r.Identity] = true
			if h.denied(r) {
				denied[r.Identity] = true
			}
		}
	}
	row.RefusedIdentities, row.DeniedIdentities = len(refused), len(denied)
	for _, w := range h.waits {
		until := min(w.UntilMillis, w.SinceMillis+usage.MaxStayMillis)
		if until < p.FromMillis || until >= min(p.ToMillis, h.asOf) {
			continue
		}
		row.Waited++
		row.WaitMillis += until - w.SinceMillis
		if w.Outcome != usage.WaitAdmitted {
			row.Abandoned++
		}
	}
	return row
}

// of is the history of one host's conferences.
func (h history) of(email host.Email) history {
	h.parts = slices.DeleteFunc(slices.Clone(h.parts), func(s usage.Stay) bool { return s.Host != email })
	h.refusals = slices.DeleteFunc(slices.Clone(h.refusals), func(r usage.Refusal) bool { return r.Host != email })
	h.waits = slices.DeleteFunc(slices.Clone(h.waits), func(w usage.Wait) bool { return w.Host != email })
	return h
}

func TestAReportEqualsCountingMillisecondByMillisecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		want := make([]usage.Row, len(periods))
		for i, p := range periods {
			want[i] = h.count(p)
		}
		if diff := gocmp.Diff(want, h.report(periods)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestTheOrderOfStaysDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		want := h.report(periods)
		shuffle := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffle.Shuffle(len(h.parts), func(i, j int) { h.parts[i], h.parts[j] = h.parts[j], h.parts[i] })
		shuffle.Shuffle(len(h.waits), func(i, j int) { h.waits[i], h.waits[j] = h.waits[j], h.waits[i] })
		shuffle.Shuffle(len(h.refusals), func(i, j int) { h.refusals[i], h.refusals[j] = h.refusals[j], h.refusals[i] })
		if diff := gocmp.Diff(want, h.report(periods)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestHoweverTimeIsSplitTheTotalsAreTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		summaries := h.summaries(t, periods)
		if diff := gocmp.Diff(h.summaries(t, cuts(0, span)), []usage.Summary{usage.MergeAll(summaries)}); diff != "" {
			t.Fatal(diff)
		}
		for i := 1; i < len(summaries); i++ {
			if summaries[i].Row.Opening != summaries[i-1].Row.Closing {
				t.Fatalf("row %d opens with %d, the one before closed with %d", i, summaries[i].Row.Opening, summaries[i-1].Row.Closing)
			}
		}
	})
}

// Any three adjacent summaries merge, even if no sweep would produce them.
func TestNeighboursMergeToTheSameInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []usage.Summary
		for i := range 3 {
			one := drawHistory(t).summaries(t, cuts(0, span))[0]
			one.Row.FromMillis, one.Row.ToMillis = noon+int64(i)*span, noon+int64(i+1)*span
			all = append(all, one)
		}
		before := fmt.Sprint(all)
		left, right := usage.Merge(usage.Merge(all[0], all[1]), all[2]), usage.Merge(all[0], usage.Merge(all[1], all[2]))
		if diff := gocmp.Diff(left, right); diff != "" {
			t.Fatal(diff)
		}
		for _, one := range []usage.Summary{usage.Merge(usage.Summary{}, left), usage.Merge(left, usage.Summary{}), usage.MergeAll(all)} {
			if diff := gocmp.Diff(left, one); diff != "" {
				t.Fatal(diff)
			}
		}
		if after := fmt.Sprint(all); after != before {
			t.Fatalf("merging changed what was merged:\n%s\nwas\n%s", after, before)
		}
		for _, set := range []usage.Set{left.Conferences, left.Hosts, left.Identities} {
			if !slices.IsSortedFunc(set, usage.Digest.Compare) || len(slices.Compact(slices.Clone(set))) != len(set) {
				t.Fatalf("no set: %x", set)
			}
		}
		if left.Row.Identities != len(left.Identities) || left.Row.Hosts != len(left.Hosts) || left.Row.Conferences != len(left.Conferences) {
			t.Fatalf("the counts are not the sets': %+v", left.Row)
		}
	})
}

func TestARecountEqualsTheSweep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		for i, want := range h.summaries(t, periods) {
			got, err := usage.Recount(periods[i], h.limits, streamed(h.records()), h.asOf)
			if err != nil {
				t.Fatal(err)
			}
			want.Levels = nil
			if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func streamed(r usage.Records) usage.Streams {
	return usage.Streams{Stays: every(r.Stays), Refusals: every(r.Refusals), Waits: every(r.Waits)}
}

func every[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range list {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func TestARecountThatCannotReadSaysSo(t *testing.T) {
	for kind, tear := range map[string]func(*usage.Streams){
		"stays":    func(s *usage.Streams) { s.Stays = broke[usage.Stay] },
		"refusals": func(s *usage.Streams) { s.Refusals = broke[usage.Refusal] },
		"waits":    func(s *usage.Streams) { s.Waits = broke[usage.Wait] },
	} {
		records := streamed(usage.Records{})
		tear(&records)
		if _, err := usage.Recount(cuts(0, 1)[0], nil, records, forever); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func broke[T any](yield func(T, error) bool) {
	var none T
	yield(none, errBroken)
}

// A host's rows equal the report of that host's history alone, except the overage
// of the shared pool, and who else stays of no length prove was in it.
func TestAGroupsRowsAreAReportOfItAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, periods := drawHistory(t), drawCuts(t)
		for i := range h.limits {
			h.limits[i].Model = license.ModelNamed
		}
		for i := range h.parts {
			if h.parts[i].Block.Pool.Number == 0 {
				h.parts[i].InUse = 0
			}
		}
		var want []usage.Row
		for i := range periods {
			for _, email := range []host.Email{"host-1@example.org", "host-2@example.org"} {
				row := h.of(email).report(periods)[i]
				if row.Group = string(email); row.Identities > 0 || row.Refused() > 0 || row.Waited > 0 {
					want = append(want, row)
				}
			}
		}
		if diff := gocmp.Diff(want, usage.Grouped(periods, usage.GroupingHost, h.limits, h.records(), h.asOf), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAsManyHoldAPeakAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		h.asOf = forever
		for _, row := range h.report(drawCuts(t)) {
			if holders, unseen := usage.Holders(h.parts, row.PeakAtMillis); row.Peak > 0 && len(holders)+unseen != row.Peak {
				t.Fatalf("%d and %d more held the peak of %+v", len(holders), unseen, row)
			}
		}
	})
}
