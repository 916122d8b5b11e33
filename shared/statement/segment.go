package statement

import (
	"seatmeter/shared/license"
	"seatmeter/shared/usage"
)

// Segment has the billed figures of a part of a period, in which one model, limit and
// number of hosts was in force.
type Segment struct {
	From          string        `json:"from"`
	To            string        `json:"to"`
	Model         license.Model `json:"model"`
	Limit         int           `json:"limit"`
	Peak          int           `json:"peak"`
	SeatMillis    int64         `json:"seat_ms"`
	OverageMillis int64         `json:"overage_ms"`
	Hosts         int           `json:"hosts"`
}

// segment is the time of a Segment.
type segment struct {
	usage.Period
	model        license.Model
	limit, hosts int
}

// segmentsOf cuts a period where the license changed its model, its limit or its
// number of hosts. The first revision also counts for the time before it.
func segmentsOf(revisions []license.License, p usage.Period) []segment {
	var list []segment
	for i, l := range revisions {
		from, to := p.FromMillis, p.ToMillis
		if i > 0 {
			from = max(from, l.ChangedAtMillis)
		}
		if i+1 < len(revisions) {
			to = min(to, revisions[i+1].ChangedAtMillis)
		}
		if from >= to {
			continue
		}
		next := segment{usage.Period{FromMillis: from, ToMillis: to}, l.Model, l.Limit(), l.Hosts}
		if n := len(list); n > 0 && list[n-1].model == next.model && list[n-1].limit == next.limit && list[n-1].hosts == next.hosts {
			list[n-1].ToMillis = to
			continue
		}
		list = append(list, next)
	}
	return list
}

// view is a segment with what was used in it.
func (s segment) view(r usage.Row) Segment {
	return Segment{
		From: usage.FormatTime(s.FromMillis), To: usage.FormatTime(s.ToMillis), Model: s.model, Limit: s.limit,
		Peak: r.Peak, SeatMillis: r.SeatMillis, OverageMillis: r.OverageMillis, Hosts: r.Hosts,
	}
}
