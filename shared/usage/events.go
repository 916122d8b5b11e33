package usage

import (
	"fmt"
	"slices"
	"strings"

	"seatmeter/shared/problem"
)

// events are what happened at moments: refusals, and the ends of waits.
type events struct {
	refusals          map[problem.Code]int
	refused, denied   people
	waited, abandoned int
	waitMillis        int64
}

// of is a summary with the events.
func (e events) of(s Summary) Summary {
	s.Row.Refusals, s.Row.Waited, s.Row.Abandoned, s.Row.WaitMillis = e.refusals, e.waited, e.abandoned, e.waitMillis
	s.Refused, s.Denied = e.refused.set(), e.denied.set()
	return s.counted()
}

// Refuse adds a refusal. Refusals come in order of time, and before the stays that
// joined later; else it fails with ErrOrder.
func (s *Sweep) Refuse(r Refusal) error {
	if r.AtMillis < s.latest || r.AtMillis < s.latestRefusal {
		return fmt.Errorf("a refusal at %d after a later record: %w", r.AtMillis, ErrOrder)
	}
	s.latestRefusal = r.AtMillis
	e, err := s.eventsAt(r.AtMillis, s.by.of(r.Host, r.Conference))
	if e == nil {
		return err
	}
	if e.refusals == nil {
		e.refusals = make(map[problem.Code]int)
	}
	e.refusals[r.Code]++
	e.refused.add(r.Identity)
	if r.WantedSeat() {
		s.denials.add(&denial{r.AtMillis, visitor{r.Conference, r.Identity}, e, false})
	}
	return nil
}

// Wait adds a wait that has ended, in any order. It fails with ErrOrder if the
// summary of the period in which it ended was returned already.
func (s *Sweep) Wait(w Wait) error {
	e, err := s.eventsAt(w.endMillis(), s.by.of(w.Host, w.Conference))
	if e == nil {
		return err
	}
	e.waited++
	if w.Outcome != WaitAdmitted {
		e.abandoned++
	}
	e.waitMillis += w.endMillis() - w.SinceMillis
	return nil
}

// eventsAt are a group's events of the period that contains a moment; nil if no
// period does, or the moment is as_of or later.
func (s *Sweep) eventsAt(atMillis int64, group string) (*events, error) {
	i, within := find(s.periods, atMillis)
	if !within || atMillis >= s.asOf {
		return nil, nil
	}
	if i < s.handed {
		return nil, fmt.Errorf("an event at %d in a period handed out: %w", atMillis, ErrOrder)
	}
	groups := s.events[i]
	if groups == nil {
		groups = make(map[string]*events)
		s.events[i] = groups
	}
	if groups[group] == nil {
		groups[group] = &events{}
	}
	return groups[group], nil
}

// withEvents adds events to the summaries of a period, and summaries of groups
// that have only events.
func withEvents(p Period, asOf int64, summaries []Summary, groups map[string]*events) []Summary {
	all := slices.Clone(summaries)
	if len(groups) == 0 {
		return all
	}
	for i, s := range all {
		if e := groups[s.Row.Group]; e != nil {
			all[i] = e.of(s)
			delete(groups, s.Row.Group)
		}
	}
	for group, e := range groups {
		all = append(all, e.of(idle(p, asOf, group)))
	}
	slices.SortFunc(all, func(a, b Summary) int { return strings.Compare(a.Row.Group, b.Row.Group) })
	return all
}
