package simulation

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/conference"
	"seatmeter/shared/crossing"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/license"
	"seatmeter/shared/pool"
	"seatmeter/shared/seat"
	"seatmeter/shared/signal"
	"seatmeter/shared/tenant"
)

// --- I6: each crossing rings exactly once ------------------------------------------------------

// bell is what an event says that has to ring.
type bell struct {
	tenant     tenant.ID
	conference conference.ID
	percent    int // zero: exhausted
	direction  string
}

// bells are the levels of pools, and the events of which they say that they rang.
type bells struct {
	levels map[seat.Pool]crossing.Level
	// due are the events that a level's last change asks for: at once, since they are
	// written in one step. Of a percentage that the license has no more, none need ring.
	due      map[bell]int
	optional map[bell]int
	up       int // levels
}

func newBells() bells {
	return bells{make(map[seat.Pool]crossing.Level), make(map[bell]int), make(map[bell]int), 0}
}

// wroteLevel notes which events a change of a level asks for.
func (w *world) wroteLevel(is crossing.Level, gone bool) {
	w.rung()
	was := w.levels[is.Pool]
	if gone {
		is = crossing.Level{Pool: is.Pool}
	}
	w.levels[is.Pool] = is
	w.up += count(is.Up()) - count(was.Up())
	before, now := was.Raised.List(), is.Raised.List()
	for _, percent := range now {
		if !slices.Contains(before, percent) {
			w.due[bell{is.Pool.Tenant, is.Conference, percent, "up"}]++
		}
	}
	for _, percent := range before {
		if !slices.Contains(now, percent) {
			w.optional[bell{is.Pool.Tenant, is.Conference, percent, "down"}]++
		}
	}
	if is.Exhausted && !was.Exhausted {
		w.due[bell{tenant: is.Pool.Tenant, conference: is.Conference}]++
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// wroteNote checks that an event of a crossing is asked for.
func (w *world) wroteNote(is signal.Note, gone bool) {
	if gone || is.Type != signal.SeatsThreshold && is.Type != signal.SeatsExhausted {
		return
	}
	var data struct {
		Percent    int           `json:"percent"`
		Direction  string        `json:"direction"`
		Conference conference.ID `json:"conference"`
	}
	if err := json.Unmarshal(is.Data, &data); err != nil {
		w.breaks("I6", "event %s: %v", is.ID, err)
	}
	b := bell{is.Tenant, data.Conference, data.Percent, data.Direction}
	switch {
	case w.due[b] > 0:
		w.due[b]--
	case w.optional[b] > 0:
		w.optional[b]--
	default:
		w.breaks("I6", "%+v rings, and no level says so", b)
	}
}

// rung checks that all events rang that levels have asked for.
func (w *world) rung() {
	for b, times := range w.due {
		if times > 0 {
			w.breaks("I6", "%+v does not ring, and a level says so", b)
		}
	}
}

// noticed checks at rest that each level is the one that the use of its pool has it be,
// once a round has looked at the seats that were given out since the last one.
func (w *world) noticed() {
	if err := w.reconciler(w.newProcess()).Round(context.Background()); err != nil {
		w.breaks("I5", "a round in calm: %v", err)
	}
	w.rung()
	for _, t := range w.order {
		l := w.licenses[t.id]
		pools := map[seat.Pool]bool{{Tenant: t.id}: true}
		for key, c := range w.conferences {
			if key.tenant == t.id && c.State == conference.StateLive {
				pools[seat.Pool{Tenant: t.id, Number: c.Number}] = true
			}
		}
		for of := range w.levels {
			if of.Tenant == t.id {
				pools[of] = true
			}
		}
		for of := range pools {
			w.levelled(l, of)
		}
	}
}

func (w *world) levelled(l license.License, of seat.Pool) {
	level := w.levels[of]
	u := crossing.UseOf(l, of, pool.Occupied(w.blocks[of], w.now()))
	level.Pool, level.Near = of, false // near is a guess until the next look
	if next, crossed := level.After(u, 0, level.ClearedMillis); next != level {
		w.breaks("I6", "pool %+v: %+v did not ring at %+v; the level is %+v", of, crossed, u, level)
	}
}

// looks begins what happens twice a minute: the levels that are up are decided anew.
func (w *world) looks() {
	var err error
	w.begin("look for crossings", reconcilerTime, func(ctx context.Context, p *process) {
		err = p.door.Crossings.Raised(ctx, func() time.Time { return w.clock(p) })
	}, func() { w.say("look for crossings: %v", err) })
}

// RaisedPools implements crossing.Levels. Mostly there are none.
func (s *store) RaisedPools(ctx context.Context, shard int) ([]seat.Pool, error) {
	s.w.effects.Lock()
	up := s.w.up
	s.w.effects.Unlock()
	if up == 0 {
		return nil, nil
	}
	return s.Store.RaisedPools(ctx, shard) //nolint:wrapcheck // it is the same method
}

// levelWritten has a change made to the transactions that write levels with events.
func levelWritten(change func(writes []types.TransactWriteItem) []types.TransactWriteItem) bug {
	return func(in any, call func(in any) (any, error)) (any, error) {
		write, is := in.(*dynamodb.TransactWriteItemsInput)
		if !is || !strings.HasPrefix(dynamo.Describe(in).Name, "put level and") {
			return call(in)
		}
		next := *write
		next.TransactItems = change(slices.Clone(write.TransactItems))
		return call(&next)
	}
}

// The bugs of levels: the first write is the level's, and the others are its events'.
var (
	eventAlone = levelWritten(func(writes []types.TransactWriteItem) []types.TransactWriteItem { return writes[1:] })
	levelAlone = levelWritten(func(writes []types.TransactWriteItem) []types.TransactWriteItem { return writes[:1] })
	levelBlind = levelWritten(func(writes []types.TransactWriteItem) []types.TransactWriteItem {
		put := *writes[0].Put
		put.ConditionExpression, put.ExpressionAttributeNames, put.ExpressionAttributeValues = nil, nil, nil
		writes[0].Put = &put
		return writes
	})
)
