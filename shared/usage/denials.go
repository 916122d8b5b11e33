package usage

import (
	"seatmeter/shared/conference"
	"seatmeter/shared/problem"
)

// DeniedMillis is how long somebody who was refused for want of a seat has to get
// into the conference after all. Who does not is denied. It is no longer than
// MaxGapMillis, which is how far a report looks ahead.
const DeniedMillis = 10 * 60 * 1000

// WantedSeat tells whether a join was denied because too few seats are licensed:
// for the tenant, for the conference, or for hosts.
func (r Refusal) WantedSeat() bool {
	switch r.Code {
	case problem.SeatsExhausted, problem.ParticipantsExhausted, problem.HostsExhausted:
		return true
	}
	return false
}

// visitor is a person who wants to be in a conference.
type visitor struct {
	conference conference.ID
	identity   string
}

// denial is a refusal whose person may get in yet.
type denial struct {
	at int64
	visitor
	events *events
	gotIn  bool
}

// denials are the refusals of the last DeniedMillis, in order of time.
type denials struct {
	queue   fifo[*denial]
	waiting map[visitor][]*denial
}

func (d *denials) add(one *denial) {
	if d.waiting == nil {
		d.waiting = make(map[visitor][]*denial)
	}
	d.queue.push(one)
	d.waiting[one.visitor] = append(d.waiting[one.visitor], one)
}

// admit notes that somebody got in.
func (d *denials) admit(at int64, v visitor) {
	refused := d.waiting[v]
	for len(refused) > 0 && refused[0].at <= at {
		refused[0].gotIn = true
		refused = refused[1:]
	}
	d.keep(v, refused)
}

// expire counts those as denied who were refused before a moment and did not get
// in.
func (d *denials) expire(before int64) {
	for !d.queue.empty() && d.queue.first().at < before {
		one := d.queue.pop()
		if one.gotIn {
			continue
		}
		one.events.denied.add(one.identity)
		d.keep(one.visitor, d.waiting[one.visitor][1:])
	}
}

func (d *denials) keep(v visitor, refused []*denial) {
	if len(refused) == 0 {
		delete(d.waiting, v)
		return
	}
	d.waiting[v] = refused
}

// people are distinct identities.
type people map[Digest]struct{}

func (p *people) add(identity string) {
	if *p == nil {
		*p = make(people)
	}
	(*p)[NewDigest(identity)] = struct{}{}
}

// set is nil for nobody.
func (p people) set() Set {
	if len(p) == 0 {
		return nil
	}
	list := make([]Digest, 0, len(p))
	for one := range p {
		list = append(list, one)
	}
	return NewSet(list)
}
