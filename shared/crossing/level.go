// Package crossing notices when the use of a pool crosses a percentage of its limit, or
// when somebody is refused for want of a seat, and tells of it: see package signal.
//
// Terms: the pool is the one that a license bounds: the tenant's own under a concurrent
// license, and each conference's participants under a named one. A percentage is raised
// from the moment that the use reaches it until the use is 5 points below it. A pool is
// exhausted from the moment that somebody is refused for want of a seat until 5 points of
// its capacity are free. The level of a pool is what is raised, and whether it is
// exhausted.
//
// A level is one item, which is written together with the events of the crossing, so that
// neither is without the other: each crossing is told of exactly once, whatever dies and
// whatever comes twice. A level changes by what was just read consistently, wherever
// there is a hint that it may have changed: a join that passes a percentage, an answer
// that has a pool's use, a refusal, a round of reconciliation, and for pools whose level is
// up Watch.Raised, twice a minute. In a pool of several blocks a join knows the use of one
// of them: where that is high, Raised looks at the pool. A hint that gets lost delays an
// event until the next one.
package crossing

import (
	"context"
	"slices"

	"seatmeter/shared/conference"
	"seatmeter/shared/license"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// hysteresis is how many points below a percentage the use falls before the percentage
// can be reached again.
const hysteresis = 5

// Level is what is raised in a pool.
type Level struct {
	Pool seat.Pool
	// Conference is the pool's; empty for the tenant's own pool.
	Conference conference.ID
	// Raised are percentages of the limit.
	Raised license.Percents
	// Exhausted: somebody was refused, and the pool was almost full since.
	Exhausted bool
	// Near: the use may soon reach a percentage, in a pool of several blocks, where no
	// join sees that it does.
	Near bool
	// ClearedMillis is until when refusals are of a time at which the pool was
	// exhausted before. Unix time.
	ClearedMillis int64
	// Version counts the writes. Zero: there is no level yet.
	Version int64
}

// Up tells whether Raised looks at the pool.
func (l Level) Up() bool { return l.Raised != "" || l.Exhausted || l.Near }

// Levels stores levels. Errors are the store's own.
type Levels interface {
	// Level reads a pool's level, consistently.
	Level(ctx context.Context, pool seat.Pool) (Level, error)
	// SaveLevel writes a level and puts notes into the outbox, in one step, if the stored
	// version is the one before. False: it is not. After a lost answer a repeat gives
	// false: read again to see who won.
	SaveLevel(ctx context.Context, l Level, tell ...signal.Note) (bool, error)
	// RaisedPools lists the pools of a shard whose level is up. It may miss what was
	// written in the last second, and have what went down since.
	RaisedPools(ctx context.Context, shard int) ([]seat.Pool, error)
}

// Shards is the number of parts of the list of pools whose level is up.
const Shards = 4

// Use is how much of a pool is in use, and what its license says of it.
type Use struct {
	InUse, Limit, Capacity int
	Percents               license.Percents
}

// UseOf is the use of a pool under a license. The zero Use is that of a pool which the
// license's model does not bound: its level comes down without an event.
func UseOf(l license.License, pool seat.Pool, inUse int) Use {
	if own := pool.Number != 0; own != (l.Model == license.ModelNamed) {
		return Use{}
	}
	return Use{InUse: inUse, Limit: l.Limit(), Capacity: l.Capacity(), Percents: l.AlertPercents}
}

// reaches tells whether a number of seats is at least a percentage of another one.
func reaches(inUse, percent, of int) bool { return inUse*100 >= percent*of }

// below tells whether the use is 5 points below a percentage or, where there is nothing
// so low, whether nobody is in.
func below(inUse, percent, of int) bool { return inUse*100 <= max(percent-hysteresis, 0)*of }

// reached tells whether the use has reached a percentage since it was another one, beside
// those that are raised already.
func (u Use) reached(before int, raised license.Percents) bool {
	known := raised.List()
	return slices.ContainsFunc(u.Percents.List(), func(percent int) bool {
		return reaches(u.InUse, percent, u.Limit) && !reaches(before, percent, u.Limit) && !slices.Contains(known, percent)
	})
}

// nearPoints is how many points below the lowest percentage the use of a pool may be for
// the pool to be near it. For one block that a connection joins, it is half as many.
const nearPoints = 40

// near tells whether the use may soon reach a percentage.
func (u Use) near() bool {
	percents := u.Percents.List()
	return len(percents) > 0 && u.InUse > 0 && reaches(u.InUse, percents[0]-nearPoints, u.Limit)
}

// keeps are those of raised percentages that the use leaves raised.
func (u Use) keeps(raised license.Percents) license.Percents {
	kept, _ := license.NewPercents(slices.DeleteFunc(raised.List(), func(percent int) bool { return below(u.InUse, percent, u.Limit) }))
	return kept
}

// Crossing is one event: that a percentage was reached or is no longer, or that somebody
// was refused.
type Crossing struct {
	// Percent is zero for a refusal.
	Percent int
	Up      bool
}

// After is the level at a use, and what was crossed on the way: first what was reached,
// then what is no longer. A refusal counts if it came later than the level was last
// cleared; refusedMillis is zero for none.
func (l Level) After(u Use, refusedMillis, nowMillis int64) (Level, []Crossing) {
	was := make(map[int]bool)
	for _, percent := range l.Raised.List() {
		was[percent] = true
	}
	var raised []int
	var up, down []Crossing
	for _, percent := range u.Percents.List() {
		switch {
		case !was[percent] && reaches(u.InUse, percent, u.Limit):
			up = append(up, Crossing{percent, true})
		case was[percent] && below(u.InUse, percent, u.Limit):
			down = append([]Crossing{{percent, false}}, down...)
			continue
		case !was[percent]:
			continue
		}
		raised = append(raised, percent)
	}
	l.Raised, _ = license.NewPercents(append([]int{}, raised...)) // some of the license's
	l.Near = l.Near && u.near()
	switch {
	case !l.Exhausted && refusedMillis > l.ClearedMillis && u.Capacity > 0:
		l.Exhausted, l.ClearedMillis = true, refusedMillis
		up = append(up, Crossing{Up: true})
	case l.Exhausted && refusedMillis == 0 && below(u.InUse, 100, u.Capacity): //nolint:mnd // percent
		l.Exhausted, l.ClearedMillis = false, max(nowMillis, l.ClearedMillis)
	}
	return l, append(up, down...)
}

// thresholdData is the data of the event that a percentage was crossed.
type thresholdData struct {
	Percent    int           `json:"percent"`
	Direction  string        `json:"direction"`
	InUse      int           `json:"in_use"`
	Limit      int           `json:"limit"`
	Conference conference.ID `json:"conference,omitempty"`
}

// exhaustedData is the data of the event that somebody was refused for want of a seat.
type exhaustedData struct {
	InUse      int           `json:"in_use"`
	Limit      int           `json:"limit"`
	Conference conference.ID `json:"conference,omitempty"`
}

// notes are what is to be told of crossings.
func notes(l Level, u Use, crossed []Crossing, nowMillis int64) []signal.Note {
	list := make([]signal.Note, len(crossed))
	for n, c := range crossed {
		list[n] = signal.Note{Event: event(l.Pool.Tenant, l.Conference, u, c, nowMillis), DueMillis: nowMillis}
	}
	return list
}

func event(t tenant.ID, of conference.ID, u Use, c Crossing, nowMillis int64) signal.Event {
	if c.Percent == 0 {
		return signal.New(signal.NewID("exhausted"), t, signal.SeatsExhausted, nowMillis, exhaustedData{u.InUse, u.Limit, of})
	}
	direction := "down"
	if c.Up {
		direction = "up"
	}
	return signal.New(signal.NewID("seats"), t, signal.SeatsThreshold, nowMillis, thresholdData{c.Percent, direction, u.InUse, u.Limit, of})
}
