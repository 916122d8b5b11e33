package simulation

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
	"seatmeter/shared/reconcile"
	"seatmeter/shared/seat"
	"seatmeter/shared/tenant"
)

// verdict is what becomes of one call.
type verdict int

const (
	goesWell    verdict = iota
	failsBefore         // nothing was done
	failsAfter          // it is done, and the answer is lost
	diesBefore          // the process dies before it
	diesAfter           // the process dies after it
	landsLater          // the answer is lost, and it is done at some later time
	isBehind            // a read that is not consistent shows what was before
)

func (v verdict) String() string {
	return [...]string{"", "fails, nothing done", "done, answer lost", "process dies before", "process dies after", "answer lost, done later", "reads what was before"}[v]
}

// request is a call that waits for its turn: one of DynamoDB's or the
// gateway's.
type request struct {
	dynamo.Call
	in any // what DynamoDB is asked; nil: it is the gateway that is
}

func (r request) String() string {
	text := r.Name + " " + r.PK
	if r.SK != "" {
		text += "/" + r.SK
	}
	if r.Of != "" {
		text += " of " + r.Of
	}
	return text
}

// compare orders the calls that one invocation makes at the same time.
func (r request) compare(other request) int {
	return cmp.Or(strings.Compare(r.Name, other.Name), strings.Compare(r.PK, other.PK), strings.Compare(r.SK, other.SK), strings.Compare(r.Of, other.Of))
}

// around is each call of the store: as a bug has it, if there is one.
func (w *world) around(ctx context.Context, in any, next faults.Next) (any, error) {
	if w.bug == nil {
		return w.call(ctx, in, in, next)
	}
	return w.bug(in, func(asked any) (any, error) { return w.call(ctx, in, asked, next) })
}

// call makes a call of DynamoDB, by which the code meant another if there is a
// bug.
func (w *world) call(ctx context.Context, meant, asked any, next faults.Next) (any, error) {
	asker := ctx
	do := func(ctx context.Context) (any, error) {
		w.meant, w.doing = meant, invocationOf(asker)
		defer func() { w.meant, w.doing = nil, nil }()
		if read, is := asked.(*dynamodb.GetItemInput); is { // perhaps a bug's, before a write
			return w.tables.GetItem(ctx, read)
		}
		return next(ctx, asked)
	}
	i := invocationOf(ctx)
	if i == nil {
		return w.done(context.Background(), do)
	}
	return w.turn(ctx, &parked{request: request{dynamo.Describe(asked), asked}, do: do, by: i, answer: make(chan struct{})})
}

// store is what the handlers call: all of it makes calls of DynamoDB but for one
// step, which is not worth a turn where it finds nothing.
type store struct {
	*dynamo.Store
	w *world
}

// Agenda implements reconcile.Agenda. Most shards are empty.
func (s *store) Agenda(ctx context.Context, shard int, after tenant.ID, limit int) ([]reconcile.Entry, tenant.ID, error) {
	s.w.effects.Lock()
	entries := s.w.agenda[shard]
	s.w.effects.Unlock()
	if entries == 0 {
		return nil, "", nil
	}
	return s.Store.Agenda(ctx, shard, after, limit) //nolint:wrapcheck // it is the same method
}

// deed is what a call does.
type deed func(ctx context.Context) (any, error)

// done does it at once, as what belongs to no invocation always is.
func (w *world) done(ctx context.Context, do deed) (any, error) {
	w.effects.Lock()
	defer w.effects.Unlock()
	return do(ctx)
}

// become has a call go as it was judged. What is done does not end with the
// caller's context: the schedule decides.
func (w *world) become(p *parked, v verdict) {
	p.err = faults.ErrFault
	ctx := context.Background()
	switch v {
	case goesWell:
		p.out, p.err = w.done(ctx, p.do)
	case isBehind:
		p.out, p.err = w.done(memtable.Behind(ctx, func(table, pk, sk string) int { return p.behind[item{table, pk, sk}] }), p.do)
	case failsAfter, diesAfter:
		_, _ = w.done(ctx, p.do)
	case landsLater:
		w.later = append(w.later, effect{p.by.name + ": " + p.String(), w.now() + handlerTime, func() { _, _ = w.done(ctx, p.do) }})
	case failsBefore, diesBefore:
	}
}

// do makes a call of the gateway.
func (w *world) do(ctx context.Context, name string, id seat.ConnectionID, write bool, do func() error) error {
	i, deed := invocationOf(ctx), func(context.Context) (any, error) { return nil, do() }
	if i == nil {
		_, err := w.done(ctx, deed)
		return err
	}
	asked := request{Call: dynamo.Call{Name: name, PK: string(id), Write: write}}
	_, err := w.turn(ctx, &parked{request: asked, do: deed, by: i, answer: make(chan struct{})})
	return err
}

// --- reads that are not consistent -------------------------------------------------------------

// lag is how old a read can be that is not consistent.
const lag = 1000

// item names one.
type item struct{ table, pk, sk string }

func (i item) compare(other item) int {
	return cmp.Or(strings.Compare(i.table, other.table), strings.Compare(i.pk, other.pk), strings.Compare(i.sk, other.sk))
}

// change is a write that was made within the last moment.
type change struct {
	item
	at       int64
	old, new memtable.Item
}

// outdated is an item that a read may show as it was before so many writes.
type outdated struct {
	item
	writes int
}

// outdated lists what a call may show as it was, in order.
func (w *world) outdated(r request) []outdated {
	if r.in == nil || r.Write || r.Consistent {
		return nil
	}
	var list []outdated
	for _, one := range w.lately {
		if one.at+lag <= w.now() || !concerns(r, one) {
			continue
		}
		if n := slices.IndexFunc(list, func(o outdated) bool { return o.item == one.item }); n < 0 {
			list = append(list, outdated{one.item, 1})
		} else {
			list[n].writes = 2 // as far back as a read may be
		}
	}
	slices.SortFunc(list, func(a, b outdated) int { return a.compare(b.item) })
	return list
}

// concerns tells whether a read might show a change.
func concerns(r request, one change) bool {
	switch in := r.in.(type) {
	case *dynamodb.GetItemInput:
		return one.item == item{r.Table, r.PK, r.SK}
	case *dynamodb.QueryInput:
		if in.IndexName == nil {
			return one.table == r.Table && one.pk == r.PK
		}
		attribute := dynamo.Indexes[aws.ToString(in.IndexName)]
		return one.table == r.Table && (isText(one.old[attribute], r.PK) || isText(one.new[attribute], r.PK))
	case *dynamodb.BatchGetItemInput:
		for table, asked := range in.RequestItems {
			return one.table == table && slices.ContainsFunc(asked.Keys, func(key memtable.Item) bool {
				return isText(key[dynamo.PartitionKey], one.pk) && isText(key[dynamo.SortKey], one.sk)
			})
		}
	}
	return false
}

// chooses how far behind each item is shown, and at least one of them.
func (w *world) chooses(list []outdated) map[item]int {
	behind := make(map[item]int, len(list))
	for n, one := range list {
		least := 0
		if n == len(list)-1 && len(behind) == 0 {
			least = 1
		}
		if writes := least + w.script.below(one.writes+1-least); writes > 0 {
			behind[one.item] = writes
		}
	}
	return behind
}
