// Package bill recomputes a statement's figures from what a customer can export: the
// ledger of the month and the history of the license. It shares no code with the
// statement, so that the figures prove something if they are equal. The definitions are
// those of shared/usage/README.md. It keeps the ledger in memory.
package bill

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"seatmeter/infra/client"
)

const (
	// longest is the longest time of a record that is counted, in milliseconds.
	longest = 3 * 60 * 60 * 1000
	// longestGap is the most milliseconds between two records of one stay.
	longestGap = 10 * 60 * 1000
)

// stay is somebody's time in a conference, over all of its records.
type stay struct {
	Record // the first one
	joined int64
	left   int64
	// proof is how many seats of the pool were in use as it joined, if its end is an
	// estimate.
	proof int
}

// brief tells whether the stay has no length. It counts in peaks for a millisecond.
func (s stay) brief() bool { return s.left == s.joined }

func (s stay) pool() pool {
	if s.Pool == "tenant" {
		return pool{kind: s.Pool}
	}
	return pool{s.Pool, s.Number}
}

// pool is a tenant's pool, a conference's, or the chair of a conference.
type pool struct {
	kind   string
	number int64
}

// end is when a record ends.
func (r Record) end() int64 {
	joined := r.JoinedAt.UnixMilli()
	return max(joined, min(r.LeftAt.UnixMilli(), joined+longest))
}

// staysOf joins the records of each stay.
func staysOf(ledger []Record) []stay {
	var parts []Record
	for _, r := range ledger {
		if r.Kind == "stay" {
			parts = append(parts, r)
		}
	}
	slices.SortFunc(parts, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.name(), b.name()), a.JoinedAt.Compare(b.JoinedAt), cmp.Compare(asNumber(a.Resumed), asNumber(b.Resumed)))
	})
	var stays []stay
	for _, r := range parts {
		proof := asNumber(r.Estimated) * r.InUse
		joined := r.JoinedAt.UnixMilli()
		if n := len(stays) - 1; n >= 0 && stays[n].name() == r.name() && joined <= stays[n].left+longestGap {
			stays[n].left = max(stays[n].left, r.end())
			if joined == stays[n].joined {
				stays[n].proof = max(stays[n].proof, proof)
			}
			continue
		}
		stays = append(stays, stay{r, joined, r.end(), proof})
	}
	return stays
}

// name is the name of the stay; without one, the record is a stay of its own.
func (r Record) name() string { return cmp.Or(r.Stay, r.Connection+" "+r.JoinedAt.String()) }

func asNumber(flag bool) int {
	if flag {
		return 1
	}
	return 0
}

// limit is the number of seats of a license, from its revision on.
type limit struct {
	from  int64
	kind  string // of the pools that it bounds
	seats int
}

func limitOf(r client.Revision) limit {
	if r.Model == client.ModelNamed {
		return limit{r.ChangedAt.UnixMilli(), "conference", r.ParticipantsPerConference}
	}
	return limit{r.ChangedAt.UnixMilli(), "tenant", r.Seats}
}

// bill has the records and limits of which the figures are computed.
type bill struct {
	ledger []Record
	stays  []stay
	limits []limit
}

func newBill(ledger []Record, history []client.Revision) bill {
	b := bill{ledger: ledger, stays: staysOf(ledger)}
	for _, r := range history {
		b.limits = append(b.limits, limitOf(r))
	}
	if len(b.limits) > 0 { // the first one counts for the time before it too
		b.limits[0].from = 0
	}
	return b
}

// conference is one of the conferences that had an id.
type conference struct {
	number int64
	id     string
}

// figures computes those of [from, to), in Unix milliseconds.
func (b bill) figures(from, to int64) client.UsageRow {
	row := client.UsageRow{From: time.UnixMilli(from), To: time.UnixMilli(to), Refusals: make(map[client.Code]int)}
	for _, r := range b.ledger {
		if at := r.At.UnixMilli(); r.Kind == "refusal" && at >= from && at < to {
			row.Refused++
			row.Refusals[r.Code]++
		}
		if r.Kind == "stay" && r.Estimated {
			row.EstimatedMillis += max(0, min(r.end(), to)-max(r.JoinedAt.UnixMilli(), from))
		}
	}
	conferences, hosts, identities := make(map[conference]bool), make(map[string]bool), make(map[string]bool)
	var in []stay
	for _, s := range b.stays {
		if s.joined >= to || s.joined < from && s.left <= from {
			continue
		}
		in = append(in, s)
		conferences[conference{s.Number, s.Conference}], hosts[s.Host], identities[s.Identity] = true, true, true
		if s.joined >= from && !s.Resumed {
			row.Joins++
		}
	}
	row.Conferences, row.Hosts, row.Identities = int64(len(conferences)), int64(len(hosts)), int64(len(identities))
	sweep(&row, in, b.limits)
	row.SeatMinutes = minutes(row.SeatMillis)
	return row
}

// minutes are milliseconds in minutes, rounded half up to four places.
func minutes(millis int64) string {
	n := (millis + 3) / 6
	places := strconv.FormatInt(10_000+n%10_000, 10)[1:]
	return strconv.FormatInt(n/10_000, 10) + "." + places
}
