package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"seatmeter/shared/conference"
	"seatmeter/shared/host"
	"seatmeter/shared/jointoken"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// meeting is a past conference.
type meeting struct {
	id     conference.ID
	number conference.Number
	host   host.Email
	visits []*visit
}

// visit is a person's stay in a meeting, or a refused join.
type visit struct {
	meeting        *meeting
	identity       string
	connection     seat.ConnectionID
	joinedAtMillis int64
	leftAtMillis   int64
	end            usage.End
}

func (v *visit) isHost() bool { return v.identity == string(v.meeting.host) }

func (v *visit) role() jointoken.Role {
	if v.isHost() {
		return jointoken.RoleHost
	}
	return jointoken.RoleParticipant
}

// habit is a weekly meeting.
type habit struct {
	name string
	// days are its days of the week.
	days []time.Weekday
	// at is its time of day in UTC, and lasts its length.
	at, lasts time.Duration
	// host is the number of its host. least and most bound its participants.
	host, least, most int
}

const minutes = time.Minute

var workdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}

// ofConcurrent are the weekly conferences of a concurrent tenant with 25 seats. Once
// a week some joins are refused.
var ofConcurrent = []habit{
	{"standup", workdays, 9 * time.Hour, 15 * minutes, 1, 4, 6},
	{"project", []time.Weekday{time.Tuesday, time.Thursday}, 13 * time.Hour, 60 * minutes, 2, 5, 9},
	{"customer", []time.Weekday{time.Wednesday}, 14*time.Hour + 30*minutes, 45 * minutes, 3, 3, 6},
	{"all-hands", []time.Weekday{time.Thursday}, 13*time.Hour + 30*minutes, 30 * minutes, 1, 16, 22},
}

// ofNamed are the weekly conferences of a tenant with five named hosts, some at the
// same time.
var ofNamed = []habit{
	{"standup", workdays, 8*time.Hour + 30*minutes, 15 * minutes, 1, 3, 5},
	{"support", []time.Weekday{time.Monday, time.Wednesday}, 10 * time.Hour, 50 * minutes, 2, 2, 6},
	{"design", []time.Weekday{time.Monday}, 10*time.Hour + 15*minutes, 60 * minutes, 3, 4, 8},
	{"sales", []time.Weekday{time.Tuesday}, 15 * time.Hour, 45 * minutes, 4, 6, 12},
	{"training", []time.Weekday{time.Friday}, 11 * time.Hour, 90 * minutes, 5, 20, 30},
}

// scheduled returns a tenant's meetings in [from, to), in order.
func scheduled(l license.License, seed uint64, from, to time.Time) []*meeting {
	habits := ofConcurrent
	if l.Model == license.ModelNamed {
		habits = ofNamed
	}
	name := fnv.New64a()
	name.Write([]byte(l.Tenant))
	r := rand.New(rand.NewPCG(seed, name.Sum64()))
	var list []*meeting
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		for _, h := range habits {
			if slices.Contains(h.days, day.Weekday()) {
				list = append(list, h.meet(l, r, day))
			}
		}
	}
	return list
}

// email returns the address of a tenant's numbered person or host.
func email(l license.License, who string, n int) string {
	return fmt.Sprintf("%s%d@%s.example", who, n, l.Tenant)
}

// meet generates the meeting of one day. The host joins first; most people join
// within some minutes and stay to the end.
func (h habit) meet(l license.License, r *rand.Rand, day time.Time) *meeting {
	m := &meeting{
		id:   conference.ID(h.name + day.Format("-2006-01-02")),
		host: host.Email(email(l, "host", h.host)),
	}
	begins, ends := day.Add(h.at), day.Add(h.at+h.lasts)
	about := func(at time.Time, spread time.Duration) int64 {
		return at.UnixMilli() + r.Int64N(spread.Milliseconds())
	}
	people := r.Perm(2 * h.most)[:h.least+r.IntN(h.most-h.least+1)]
	for n := range 1 + len(people) {
		v := &visit{meeting: m, identity: string(m.host), joinedAtMillis: about(begins.Add(-2*minutes), minutes)}
		v.leftAtMillis, v.end = about(ends, 3*minutes), usage.EndClosed
		if n > 0 {
			v.identity = email(l, "person", 1+people[n-1])
			v.joinedAtMillis = about(begins, 5*minutes)
			v.ends(r)
		}
		v.connection = connection(v)
		m.visits = append(m.visits, v)
	}
	return m
}

// ends draws how a stay ends: one in eight leaves early, and one in twenty loses the
// connection.
func (v *visit) ends(r *rand.Rand) {
	if r.IntN(8) == 0 {
		v.leftAtMillis = v.joinedAtMillis + (v.leftAtMillis-v.joinedAtMillis)*int64(1+r.IntN(3))/4
		v.end = usage.EndLeft
	}
	switch r.IntN(40) {
	case 0:
		v.end = usage.EndDropped
	case 1:
		v.end = usage.EndVanished
	}
}

// connection returns an id in the gateway's format.
func connection(v *visit) seat.ConnectionID {
	const bytes = 11 // 16 characters, of which the last is a =
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", v.meeting.id, v.identity, v.joinedAtMillis))
	return seat.ConnectionID(base64.URLEncoding.EncodeToString(sum[:bytes]))
}

// event is a join or a leave.
type event struct {
	visit    *visit
	atMillis int64
	leaves   bool
}

// inOrder returns the events of meetings in order of time. At equal times, leaves
// come before joins.
func inOrder(list []*meeting) []event {
	var events []event
	for _, m := range list {
		for _, v := range m.visits {
			events = append(events, event{v, v.joinedAtMillis, false}, event{v, v.leftAtMillis, true})
		}
	}
	slices.SortFunc(events, func(a, b event) int {
		leavesFirst := map[bool]int{true: 0, false: 1}
		return cmp.Or(cmp.Compare(a.atMillis, b.atMillis), cmp.Compare(leavesFirst[a.leaves], leavesFirst[b.leaves]),
			cmp.Compare(a.visit.connection, b.visit.connection))
	})
	return events
}
