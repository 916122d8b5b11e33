package statement

import (
	"reflect"

	"seatmeter/shared/problem"
)

// correct makes a statement the next revision of an earlier one. If both say the
// same, it corrects nothing: a change of rules alone makes no revision.
func correct(before, next Statement) Statement {
	if reflect.DeepEqual(before.counted(), next.counted()) {
		return next
	}
	next.Revision, next.Corrects = before.Revision+1, before.Revision
	byDay := make(map[string]Figures, len(before.Days))
	for _, day := range before.Days {
		byDay[day.From] = day
	}
	for _, day := range next.Days {
		if d := difference(day, byDay[day.From]); !d.nothing() {
			next.Corrections = append(next.Corrections, d)
		}
	}
	d := adjustment(next.Totals, before.Totals)
	next.Adjustment = &d
	return next
}

// adjustment is a minus b.
func adjustment(a, b Figures) Adjustment {
	return Adjustment{
		Peak: a.Peak - b.Peak, SeatMillis: a.SeatMillis - b.SeatMillis, OverageMillis: a.OverageMillis - b.OverageMillis,
		Joins: a.Joins - b.Joins, Refused: a.Refused - b.Refused, Conferences: a.Conferences - b.Conferences,
		Hosts: a.Hosts - b.Hosts, Identities: a.Identities - b.Identities, EstimatedMillis: a.EstimatedMillis - b.EstimatedMillis,
	}
}

// counted are the totals and the days, in the figures that all versions of the
// rules share. A change of any other figure changes these too: more hosts or
// participants at once are more seat time.
func (s Statement) counted() []Figures {
	list := append([]Figures{s.Totals}, s.Days...)
	for i := range list {
		list[i].SeatMinutes, list[i].PeakHosts, list[i].PeakParticipants = "", nil, nil
	}
	return list
}

// difference is now minus before.
func difference(now, before Figures) Figures {
	d := Figures{
		From: now.From, To: now.To, SeatMillis: now.SeatMillis - before.SeatMillis, OverageMillis: now.OverageMillis - before.OverageMillis,
		Joins: now.Joins - before.Joins, Refused: now.Refused - before.Refused, EstimatedMillis: now.EstimatedMillis - before.EstimatedMillis,
		Refusals: map[problem.Code]int{},
	}
	for code, n := range now.Refusals {
		d.Refusals[code] = n
	}
	for code, n := range before.Refusals {
		if d.Refusals[code] -= n; d.Refusals[code] == 0 {
			delete(d.Refusals, code)
		}
	}
	return d
}

func (f Figures) nothing() bool {
	return f.SeatMillis == 0 && f.OverageMillis == 0 && f.Joins == 0 && f.Refused == 0 && f.EstimatedMillis == 0 && len(f.Refusals) == 0
}
