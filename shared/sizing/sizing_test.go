package sizing_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/problem"
	"seatmeter/shared/seat"
	"seatmeter/shared/sizing"
	"seatmeter/shared/usage"
)

// step is the clock of the random histories: four make a RetryMillis.
const (
	step  = sizing.RetryMillis / 4
	start = 1_790_000_000_000
)

func at(steps int) int64 { return start + int64(steps)*step }

// history is the input of a Demand.
type history struct {
	model    license.Model
	period   usage.Period
	asOf     int64
	stays    []usage.Stay
	refusals []usage.Refusal
}

func (h history) replay(t rapid.TB) sizing.Result {
	t.Helper()
	d := sizing.New(h.period, h.model, h.asOf)
	for _, r := range h.refusals {
		if err := d.Refuse(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range h.stays {
		if err := d.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	return d.Replay()
}

func drawHistory(t *rapid.T) history {
	h := history{model: rapid.SampledFrom([]license.Model{license.ModelConcurrent, license.ModelNamed}).Draw(t, "model")}
	from := rapid.IntRange(0, 10).Draw(t, "from")
	h.period = usage.Period{FromMillis: at(from), ToMillis: at(from + rapid.IntRange(1, 30).Draw(t, "length"))}
	h.asOf = rapid.SampledFrom([]int64{h.period.ToMillis - step, h.period.ToMillis, at(100)}).Draw(t, "as of")
	last := min(h.period.ToMillis+sizing.RetryMillis, h.asOf) // as readers read
	for i := range rapid.IntRange(0, 16).Draw(t, "stays") {
		for _, part := range drawStay(t, i) {
			if part.JoinedAtMillis < last {
				h.stays = append(h.stays, part)
			}
		}
	}
	slices.SortStableFunc(h.stays, func(a, b usage.Stay) int { return cmp.Compare(a.JoinedAtMillis, b.JoinedAtMillis) })
	for i := range rapid.IntRange(0, 10).Draw(t, "refusals") {
		r := usage.Refusal{
			AtMillis: at(rapid.IntRange(-5, 45).Draw(t, "refused at")), Number: drawNumber(t), Identity: drawIdentity(t),
			Connection: seat.ConnectionID(fmt.Sprintf("refused-%d=", i)),
			Code:       rapid.SampledFrom([]problem.Code{problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostBusy}).Draw(t, "code"),
		}
		h.refusals = append(h.refusals, r)
	}
	slices.SortStableFunc(h.refusals, func(a, b usage.Refusal) int { return cmp.Compare(a.AtMillis, b.AtMillis) })
	return h
}

func drawNumber(t *rapid.T) conference.Number {
	return conference.Number(rapid.IntRange(1, 2).Draw(t, "conference"))
}

func drawIdentity(t *rapid.T) string {
	return fmt.Sprint("person-", rapid.IntRange(1, 7).Draw(t, "identity"))
}

// drawStay draws a stay of one to three connections, some after gaps too long for one.
func drawStay(t *rapid.T, i int) []usage.Stay {
	part := usage.Stay{
		ID: usage.StayID(fmt.Sprint("stay-", i)), Identity: drawIdentity(t), Number: drawNumber(t),
		JoinedAtMillis: at(rapid.IntRange(-10, 45).Draw(t, "joined")),
	}
	part.Block.Pool.Chair = rapid.IntRange(0, 4).Draw(t, "chair") == 0
	if rapid.IntRange(0, 3).Draw(t, "without an id") == 0 {
		part.ID = ""
	}
	var parts []usage.Stay
	for n := range rapid.IntRange(1, 3).Draw(t, "parts") {
		part.Connection = seat.ConnectionID(fmt.Sprintf("seated-%d-%d=", rapid.IntRange(0, 9).Draw(t, "order"), 10*i+n))
		part.LeftAtMillis = 0
		if rapid.IntRange(0, 8).Draw(t, "open") > 0 {
			part.LeftAtMillis = part.JoinedAtMillis + step*rapid.Int64Range(0, 12).Draw(t, "lasts")
		}
		parts = append(parts, part)
		part.JoinedAtMillis = max(part.JoinedAtMillis, part.LeftAtMillis) + step*rapid.Int64Range(-1, 6).Draw(t, "later")
		part.JoinedAtMillis = max(part.JoinedAtMillis, parts[n].JoinedAtMillis)
	}
	return parts
}

// visit is a visit as the package's comment defines it, found by comparing everything
// with everything.
type visit struct {
	at, until  int64
	identity   string
	pool       conference.Number
	refused    bool
	connection seat.ConnectionID
}

func (h history) pool(n conference.Number) conference.Number {
	if h.model == license.ModelNamed {
		return n
	}
	return 0
}

func (h history) end() int64 { return min(h.period.ToMillis, h.asOf) }

func (h history) wholeStays() []visit {
	var stays []visit
	var ids []usage.StayID
	for _, s := range h.stays {
		if h.model == license.ModelNamed && s.Block.Pool.Chair {
			continue
		}
		left := s.JoinedAtMillis + usage.MaxStayMillis
		if s.LeftAtMillis != 0 {
			left = min(left, s.LeftAtMillis)
		}
		continues := -1
		for i := range stays {
			if s.ID != "" && ids[i] == s.ID && s.JoinedAtMillis <= stays[i].until+usage.MaxGapMillis {
				continues = i
			}
		}
		if continues >= 0 {
			stays[continues].until = max(stays[continues].until, left)
			continue
		}
		ids = append(ids, s.ID)
		stays = append(stays, visit{s.JoinedAtMillis, left, s.Identity, h.pool(s.Number), false, s.Connection})
	}
	return stays
}

func (h history) visits() []visit {
	var visits []visit
	var lengths []int64
	stays := h.wholeStays()
	for _, s := range stays {
		if s.at < h.end() && (s.at >= h.period.FromMillis || s.until > h.period.FromMillis) {
			visits = append(visits, s)
		}
		if s.at < h.end() && s.at >= h.period.FromMillis {
			lengths = append(lengths, min(s.until, h.end())-s.at)
		}
	}
	slices.Sort(lengths)
	median := int64(0)
	if n := len(lengths); n > 0 {
		median = (lengths[n/2] + lengths[(n-1)/2]) / 2
	}
	var unanswered []visit
	for _, r := range h.refusals {
		if r.Code == problem.HostBusy || r.AtMillis < h.period.FromMillis || r.AtMillis >= h.end() {
			continue
		}
		v := visit{r.AtMillis, r.AtMillis + median, r.Identity, h.pool(r.Number), true, r.Connection}
		if !slices.ContainsFunc(stays, func(s visit) bool {
			return s.identity == v.identity && s.pool == v.pool && s.at >= v.at && s.at <= v.at+10*60*1000
		}) {
			unanswered = append(unanswered, v)
		}
	}
	for i, v := range unanswered {
		if !slices.ContainsFunc(unanswered[:i], func(u visit) bool {
			return u.identity == v.identity && u.pool == v.pool && v.at <= u.at+10*60*1000
		}) {
			visits = append(visits, v)
		}
	}
	slices.SortFunc(visits, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(fmt.Sprint(a.refused), fmt.Sprint(b.refused)), cmp.Compare(a.connection, b.connection))
	})
	return visits
}

// bruteForce seats the visits step by step. The mean of two stays may be half a step.
func (h history) bruteForce(seats int) sizing.Size {
	const step = step / 2
	size := sizing.Size{Seats: seats}
	away, in, visits := make(map[string]bool), make(map[conference.Number][]int64), h.visits()
	for now := at(-100); now < h.end(); now += step {
		for pool, ends := range in {
			in[pool] = slices.DeleteFunc(ends, func(end int64) bool { return end <= now })
		}
		for ; len(visits) > 0 && visits[0].at < now+step; visits = visits[1:] {
			v := visits[0]
			switch {
			case len(in[v.pool]) < seats:
				if v.until > v.at {
					in[v.pool] = append(in[v.pool], v.until)
				}
			case v.at >= h.period.FromMillis:
				size.Refusals++
				away[v.identity] = true
			}
		}
		for _, ends := range in {
			if now >= h.period.FromMillis && len(ends) == seats {
				size.AtLimitMillis += step
			}
		}
	}
	size.People = len(away)
	return size
}

func TestEveryNumberOfSeatsEqualsABruteForceReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		result := h.replay(t)
		recommended := 0
		for seats := 1; seats <= 30; seats++ {
			want := h.bruteForce(seats)
			if diff := gocmp.Diff(want, result.At(seats)); diff != "" {
				t.Fatalf("%d seats (-brute force +replay):\n%s", seats, diff)
			}
			if recommended == 0 && result.People > 0 && 100*want.People <= result.People {
				recommended = seats
			}
		}
		if got := result.Recommended(); got != recommended {
			t.Fatalf("recommends %d, not %d", got, recommended)
		}
		people := make(map[string]bool)
		visits := slices.DeleteFunc(h.visits(), func(v visit) bool { return v.at < h.period.FromMillis })
		for _, v := range visits {
			people[v.identity] = true
		}
		if result.Visits != len(visits) || result.People != len(people) {
			t.Fatalf("%d visits of %d people, want %d of %d", result.Visits, result.People, len(visits), len(people))
		}
	})
}
