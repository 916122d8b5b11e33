package usage

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
)

// Digest stands for a conference, a host or an identity: the first half of the
// SHA-256 of its name. Two of a million names share one by a chance of 10⁻²⁷.
type Digest [16]byte

// NewDigest hashes a name.
func NewDigest(name string) Digest {
	sum := sha256.Sum256([]byte(name))
	return Digest(sum[:16])
}

// conferenceName tells conferences apart, also those that had the same id one after the
// other. With the id, a record whose id was changed is another conference's.
func conferenceName(n conference.Number, id conference.ID) string {
	return strconv.FormatInt(int64(n), 10) + " " + string(id)
}

// Compare orders digests by their bytes, eight at a time.
func (d Digest) Compare(other Digest) int {
	if order := cmp.Compare(binary.BigEndian.Uint64(d[:]), binary.BigEndian.Uint64(other[:])); order != 0 {
		return order
	}
	return cmp.Compare(binary.BigEndian.Uint64(d[8:]), binary.BigEndian.Uint64(other[8:]))
}

// Set is distinct digests in order. Its length is the distinct count.
type Set []Digest

// NewSet sorts digests into a set. It reuses the slice.
func NewSet(digests []Digest) Set {
	sorted, ends := byFirstByte(digests)
	begin := 0
	for _, end := range ends {
		slices.SortFunc(sorted[begin:end], Digest.Compare)
		begin = end
	}
	return slices.Compact(sorted)
}

// byFirstByte deals digests out by their first bytes, which are all as likely,
// and gives where each byte's end. It makes sorting the buckets several times as
// fast as sorting the whole.
func byFirstByte(digests []Digest) (dealt []Digest, ends [256]int) {
	var next [256]int
	for _, d := range digests {
		ends[d[0]]++
	}
	total := 0
	for i, n := range ends {
		next[i] = total
		total += n
		ends[i] = total
	}
	dealt = make([]Digest, len(digests))
	for _, d := range digests {
		dealt[next[d[0]]] = d
		next[d[0]]++
	}
	return dealt, ends
}

// Union is the set of digests in either set. It changes neither, and may return
// one of them.
func (s Set) Union(other Set) Set {
	if len(s) == 0 {
		return other
	}
	if len(other) == 0 {
		return s
	}
	union := make(Set, 0, max(len(s), len(other)))
	for len(s) > 0 && len(other) > 0 {
		order := s[0].Compare(other[0])
		next := s[0]
		if order > 0 {
			next = other[0]
		}
		if order <= 0 {
			s = s[1:]
		}
		if order >= 0 {
			other = other[1:]
		}
		union = append(union, next)
	}
	return append(append(union, s...), other...)
}

// Summary is a row that can be rolled up, with the sets of whom it counted, so
// that a name in two periods counts once in both together. The row's distinct
// counts are the sets' lengths. The zero Summary covers no time.
type Summary struct {
	Row                            Row
	Conferences, Hosts, Identities Set
	// Refused are the identities that were refused, Denied those of them who did not
	// get in.
	Refused, Denied Set
	Levels          Levels
}

// idle is a period of a group in which nothing happened.
func idle(p Period, asOf int64, group string) Summary {
	s := Summary{Row: Row{FromMillis: p.FromMillis, ToMillis: p.ToMillis, Group: group}}
	if passed := min(p.ToMillis, asOf) - p.FromMillis; passed > 0 {
		s.Levels = Levels{{0, passed}}
	}
	return s
}

// Idle is a period that is over, and in which nothing happened.
func Idle(p Period) Summary { return idle(p, p.ToMillis, "") }

// counted sets the row's distinct counts and percentiles.
func (s Summary) counted() Summary {
	s.Row.Conferences, s.Row.Hosts, s.Row.Identities = len(s.Conferences), len(s.Hosts), len(s.Identities)
	s.Row.RefusedIdentities, s.Row.DeniedIdentities = len(s.Refused), len(s.Denied)
	s.Row.P95, s.Row.P99 = s.Levels.Percentile(95), s.Levels.Percentile(99)
	return s
}

// empty: it is of no time.
func (s Summary) empty() bool { return s.Row.FromMillis == s.Row.ToMillis }

// Merge merges two adjacent periods of one group: opening and closing from the
// outer edges, the larger peaks (the earlier of equals), sums of time and counts,
// unions of sets. It is associative, and the zero Summary is neutral. It changes
// neither, and may share their memory.
func Merge(first, second Summary) Summary {
	if first.empty() {
		return second
	}
	if second.empty() {
		return first
	}
	a, b := first.Row, second.Row
	merged := a
	merged.ToMillis, merged.Closing = b.ToMillis, b.Closing
	if b.Peak > a.Peak {
		merged.Peak, merged.PeakAtMillis = b.Peak, b.PeakAtMillis
	}
	merged.PeakHosts = max(a.PeakHosts, b.PeakHosts)
	merged.PeakParticipants = max(a.PeakParticipants, b.PeakParticipants)
	merged.SeatMillis += b.SeatMillis
	merged.OverageMillis += b.OverageMillis
	merged.AtLimitMillis += b.AtLimitMillis
	merged.OverageShared = a.OverageShared || b.OverageShared
	merged.EstimatedMillis += b.EstimatedMillis
	merged.Joins += b.Joins
	merged.Refusals = addRefusals(a.Refusals, b.Refusals)
	merged.Waited += b.Waited
	merged.Abandoned += b.Abandoned
	merged.WaitMillis += b.WaitMillis
	return Summary{
		Row:         merged,
		Conferences: first.Conferences.Union(second.Conferences),
		Hosts:       first.Hosts.Union(second.Hosts),
		Identities:  first.Identities.Union(second.Identities),
		Refused:     first.Refused.Union(second.Refused),
		Denied:      first.Denied.Union(second.Denied),
		Levels:      first.Levels.add(second.Levels),
	}.counted()
}

// MergeAll merges adjacent periods, in order. It merges halves recursively, which
// takes n·log n instead of n² for large sets.
func MergeAll(summaries []Summary) Summary {
	switch len(summaries) {
	case 0:
		return Summary{}
	case 1:
		return summaries[0]
	}
	half := len(summaries) / 2
	return Merge(MergeAll(summaries[:half]), MergeAll(summaries[half:]))
}

func addRefusals(a, b map[problem.Code]int) map[problem.Code]int {
	if len(b) == 0 {
		return a
	}
	sum := maps.Clone(b)
	for code, n := range a {
		sum[code] += n
	}
	return sum
}
