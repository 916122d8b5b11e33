package usage

import (
	"iter"
	"slices"
	"strings"
)

// Groups are the summaries of a period's groups, in order of group. They can be read
// once.
type Groups struct {
	Period
	// PassedMillis is the time of the period up to as_of.
	PassedMillis int64
	Summaries    iter.Seq2[Summary, error]
}

// GroupsOf are the groups of a period that is over.
func GroupsOf(p Period, summaries iter.Seq2[Summary, error]) Groups {
	return Groups{p, p.ToMillis - p.FromMillis, summaries}
}

// MergeGroups merges parts of a period, in order, group by group. Time of the period
// that no part covers is over, and nothing happened in it. It holds one summary of
// each part in memory. An error ends the sequence.
func MergeGroups(p Period, parts []Groups) iter.Seq2[Summary, error] {
	return func(yield func(Summary, error) bool) {
		heads := make([]*groupHead, len(parts))
		for i, part := range parts {
			next, stop := iter.Pull2(part.Summaries)
			defer stop()
			heads[i] = &groupHead{Groups: part, next: next}
			heads[i].take()
		}
		for {
			group, err := leastGroup(heads)
			if err != nil {
				yield(Summary{}, err)
				return
			}
			if group == nil || !yield(mergeGroup(p, *group, heads), nil) {
				return
			}
		}
	}
}

// groupHead is the next group of a part, if any.
type groupHead struct {
	Groups
	next    func() (Summary, error, bool)
	summary Summary
	err     error
	there   bool
}

func (h *groupHead) take() { h.summary, h.err, h.there = h.next() }

// leastGroup is the first group of all that are left; nil if there is none.
func leastGroup(heads []*groupHead) (*string, error) {
	var least *string
	for _, h := range heads {
		if h.err != nil {
			return nil, h.err
		}
		if h.there && (least == nil || h.summary.Row.Group < *least) {
			least = &h.summary.Row.Group
		}
	}
	return least, nil
}

// mergeGroup merges a group's summaries, with idle time in between.
func mergeGroup(p Period, group string, heads []*groupHead) Summary {
	var list []Summary
	at := p.FromMillis
	idleUntil := func(to, passed int64) {
		if at < to {
			list = append(list, idle(Period{at, to}, at+passed, group))
			at = to
		}
	}
	for _, h := range heads {
		idleUntil(h.FromMillis, h.FromMillis-at)
		if !h.there || h.summary.Row.Group != group {
			idleUntil(h.ToMillis, h.PassedMillis)
			continue
		}
		list = append(list, h.summary)
		at = h.ToMillis
		h.take()
	}
	idleUntil(p.ToMillis, p.ToMillis-at)
	whole := MergeAll(list)
	whole.Row.Group = group
	return whole
}

// Append adds the rest of a summary's sets and levels, which sort after those it has.
func (s *Summary) Append(rest Summary) {
	for _, sets := range [][2]*Set{
		{&s.Conferences, &rest.Conferences},
		{&s.Hosts, &rest.Hosts},
		{&s.Identities, &rest.Identities},
		{&s.Refused, &rest.Refused},
		{&s.Denied, &rest.Denied},
	} {
		*sets[0] = append(*sets[0], *sets[1]...)
	}
	s.Levels = append(s.Levels, rest.Levels...)
}

// GroupTotals adds up, group by group, summaries that come in order of period.
type GroupTotals struct {
	groups map[string][]Summary
}

// Add adds a group's summary.
func (g *GroupTotals) Add(s Summary) {
	if g.groups == nil {
		g.groups = make(map[string][]Summary)
	}
	g.groups[s.Row.Group] = append(g.groups[s.Row.Group], s)
}

// Take gives the total of each group over a period that is over, in order of group,
// and begins anew.
func (g *GroupTotals) Take(p Period) []Summary {
	totals := make([]Summary, 0, len(g.groups))
	for group, summaries := range g.groups {
		var list []Summary
		at := p.FromMillis
		fill := func(to int64) {
			if at < to {
				list = append(list, idle(Period{at, to}, to, group))
			}
		}
		for _, s := range summaries {
			fill(s.Row.FromMillis)
			list, at = append(list, s), s.Row.ToMillis
		}
		fill(p.ToMillis)
		whole := MergeAll(list)
		whole.Row.Group = group
		totals = append(totals, whole)
	}
	g.groups = nil
	slices.SortFunc(totals, func(a, b Summary) int { return strings.Compare(a.Row.Group, b.Row.Group) })
	return totals
}
