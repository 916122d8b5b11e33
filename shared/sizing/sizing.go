// Package sizing tells how many seats a tenant needs: it replays who came, against any
// number of seats.
//
// Terms: a visit asks for a seat at one moment, and would keep it until another. The
// visits of a range are
//   - the stays that were in, each from its join until its end, over all connections, as
//     reports count them. The stays that began before the range take their seats first,
//     in the order in which they joined, and never count as turned away;
//   - the refusals for want of a seat, as if their people had come in and stayed the
//     range's median stay. A refusal is no visit of its own if the same person began a
//     stay at that moment or up to RetryMillis later: that stay is the visit. Of the
//     others, a refusal up to RetryMillis after the same person's last is no visit
//     either: the person tried again.
//
// The median is that of the stays that began in the range, each as long as it lasted
// until the range's end. Of an even number it is the mean of the middle two, rounded
// down; without any stay it is 0.
//
// Against N seats, the visits come in order of time. At equal times seats are given back
// first; then stays come, then refusals, and of either kind the lower connection id. A
// visit takes a seat if fewer than N are taken. Otherwise it is turned away, and takes
// none. A visit of no length takes a seat and gives it back at once. The time at the
// limit is the time with N seats taken, within the range and until as_of.
//
// Under a concurrent license, N are the tenant's seats, and every stay takes one. Under
// a named license, N are the participants of each conference: each has its own N seats,
// a host's chair is no visit, and the conferences' times at the limit are added up. A
// person is an identity, under a named license in one conference; the people who came
// and those turned away are distinct identities.
package sizing

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/usage"
)

// RetryMillis is how long after a refusal its person counts as trying again. A reader
// of the ledger looks this far ahead.
const RetryMillis = usage.MaxGapMillis

// MaxRecords bounds the records of a replay, which holds them in memory: so many take
// 0.8 GB while they are replayed.
const MaxRecords = 2_000_000

// ErrTooMany means that a range has more than MaxRecords stays and refusals.
var ErrTooMany = errors.New("too many stays and refusals")

// Demand collects the records of a range. Not for use by several goroutines.
type Demand struct {
	model           license.Model
	fromMillis      int64
	untilMillis     int64 // the range's end, or as_of
	identities      map[usage.Digest]int32
	stays, refusals []visit
	// latest are the visits that a further connection may continue.
	latest   map[usage.StayID]int
	forgetAt int // the number of them at which those that have ended are dropped
}

// visit asks for a seat in the pool of a conference, or in the tenant's (0).
type visit struct {
	at, until  int64
	person     person
	connection seat.ConnectionID
	refused    bool
}

type person struct {
	identity int32
	pool     conference.Number
}

// New makes an empty demand for a range, replayed by a model and as of a moment.
func New(p usage.Period, model license.Model, asOfMillis int64) *Demand {
	return &Demand{
		model: model, fromMillis: p.FromMillis, untilMillis: min(p.ToMillis, asOfMillis),
		identities: make(map[usage.Digest]int32), latest: make(map[usage.StayID]int), forgetAt: 1024,
	}
}

// Refuse adds a refusal, in order of time. Refusals out of the range, and those for
// another reason than a full pool, are ignored. It fails with ErrTooMany.
func (d *Demand) Refuse(r usage.Refusal) error {
	if _, full := r.Pool(); !full || r.AtMillis < d.fromMillis || r.AtMillis >= d.untilMillis {
		return nil
	}
	d.refusals = append(d.refusals, visit{
		at: r.AtMillis, person: d.person(r.Identity, r.Number), connection: r.Connection, refused: true,
	})
	return d.bound()
}

// Add adds a connection's part of a stay, in order of joining, as a usage.Sweep takes
// them: from usage.MaxStayMillis before the range until RetryMillis after it. It fails
// with ErrTooMany.
func (d *Demand) Add(part usage.Stay) error {
	if d.model == license.ModelNamed && part.Block.Pool.Chair {
		return nil
	}
	if i, known := d.latest[part.ID]; known && d.stays[i].until >= part.JoinedAtMillis-usage.MaxGapMillis {
		d.stays[i].until = max(d.stays[i].until, part.EndMillis())
		return nil
	}
	if part.ID != "" {
		d.forget(part.JoinedAtMillis)
		d.latest[part.ID] = len(d.stays)
	}
	d.stays = append(d.stays, visit{
		at: part.JoinedAtMillis, until: part.EndMillis(), person: d.person(part.Identity, part.Number), connection: part.Connection,
	})
	return d.bound()
}

func (d *Demand) bound() error {
	if len(d.stays)+len(d.refusals) > MaxRecords {
		return ErrTooMany
	}
	return nil
}

// forget drops the stays that no further connection can continue, once they may be half
// of all.
func (d *Demand) forget(joinedMillis int64) {
	if len(d.latest) < d.forgetAt {
		return
	}
	maps.DeleteFunc(d.latest, func(_ usage.StayID, i int) bool { return d.stays[i].until < joinedMillis-usage.MaxGapMillis })
	d.forgetAt = 2*len(d.latest) + 1024
}

func (d *Demand) person(identity string, n conference.Number) person {
	if d.model != license.ModelNamed {
		n = 0
	}
	name := usage.NewDigest(identity)
	i, known := d.identities[name]
	if !known {
		i = int32(len(d.identities)) //nolint:gosec // at most MaxRecords
		d.identities[name] = i
	}
	return person{i, n}
}

// visits are the range's, in the order in which they come.
func (d *Demand) visits() (visits []visit, medianMillis int64) {
	medianMillis = d.median()
	for _, v := range d.unanswered() {
		v.until = v.at + medianMillis
		visits = append(visits, v)
	}
	for _, v := range d.stays {
		within := v.at >= d.fromMillis || v.until > d.fromMillis
		if within && v.at < d.untilMillis {
			visits = append(visits, v)
		}
	}
	slices.SortFunc(visits, func(a, b visit) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.refused && !b.refused:
			return 1
		case b.refused && !a.refused:
			return -1
		}
		return cmp.Compare(a.connection, b.connection)
	})
	return visits, medianMillis
}

// median is the range's median stay.
func (d *Demand) median() int64 {
	var lengths []int64
	for _, v := range d.stays {
		if v.at >= d.fromMillis && v.at < d.untilMillis {
			lengths = append(lengths, min(v.until, d.untilMillis)-v.at)
		}
	}
	if len(lengths) == 0 {
		return 0
	}
	slices.Sort(lengths)
	n := len(lengths)
	return (lengths[(n-1)/2] + lengths[n/2]) / 2
}

// unanswered are the refusals that are visits of their own.
func (d *Demand) unanswered() []visit {
	began := make(map[person]int64) // the next stay of those who were refused
	for _, r := range d.refusals {
		began[r.person] = -1
	}
	var visits []visit
	stays := d.stays
	for _, r := range slices.Backward(d.refusals) {
		for len(stays) > 0 && stays[len(stays)-1].at >= r.at {
			last := stays[len(stays)-1]
			if _, refused := began[last.person]; refused {
				began[last.person] = last.at
			}
			stays = stays[:len(stays)-1]
		}
		if at := began[r.person]; at < 0 || at > r.at+RetryMillis {
			visits = append(visits, r)
		}
	}
	slices.Reverse(visits)
	tried := make(map[person]int64)
	return slices.DeleteFunc(visits, func(r visit) bool {
		before, again := tried[r.person]
		tried[r.person] = r.at
		return again && r.at <= before+RetryMillis
	})
}
