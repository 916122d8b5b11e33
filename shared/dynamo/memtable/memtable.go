// Package memtable is an in-memory DynamoDB, as far as Seatmeter uses it: the
// seven calls of dynamo.API over Seatmeter's three tables, with their conditions,
// updates, indexes, limits and costs. Nothing is kept when the process ends.
//
// Answers, errors, returned items and consumed units are DynamoDB's. A test sends
// the same requests over the same items to DynamoDB Local, and says where that
// differs from DynamoDB's documentation. Index entries with the same keys come in
// order of their sort keys; DynamoDB promises no order. Features that the store
// does not use are refused: other functions in expressions, lists and sets,
// filters, scans, and attributes without an #alias.
//
// An eventually consistent read returns the newest version, unless the context
// says otherwise (Behind). Items expire when Expire is called. Every call is one
// atomic step, and safe for many goroutines. Callers must not change returned
// items below their top level.
//
// The library that does the same, github.com/truora/minidyn v0.8.2, ignores the
// REMOVE of a top-level attribute, makes NULL of an empty map, returns no item
// with a refused put, reports no consumed units, scans the table for each query,
// and takes ten times as long for an update.
package memtable

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
)

// Item is a DynamoDB item, or a map in one.
type Item = map[string]types.AttributeValue

const (
	attrPK = dynamo.PartitionKey
	attrSK = dynamo.SortKey
)

// Names are the names of New's tables.
var Names = dynamo.Tables{Live: "live", Ledger: "ledger", Usage: "usage"}

// Tables is a set of DynamoDB tables in memory.
type Tables struct {
	names   dynamo.Tables
	mu      sync.Mutex
	tables  map[string]*table
	watches []func(Write)
	// earliestExpiry is a lower bound of the times at which items of the live table
	// expire, in Unix seconds.
	earliestExpiry int64
}

var _ dynamo.API = (*Tables)(nil)

// Write is the change of one item, as a stream reports it. Old is nil for a new
// item, and New for a deleted one.
type Write struct {
	Table, PK, SK string
	Old, New      Item
}

// New makes Seatmeter's tables, empty.
func New() *Tables { return Named(Names) }

// Named makes tables with other names.
func Named(names dynamo.Tables) *Tables {
	t := &Tables{names: names, tables: make(map[string]*table), earliestExpiry: math.MaxInt64}
	for name, indexes := range map[string]map[string]string{names.Live: dynamo.Indexes, names.Ledger: nil, names.Usage: nil} {
		one := &table{name: name, partitions: make(map[string]*partition)}
		for of, attribute := range indexes {
			one.indexes = append(one.indexes, &index{of, attribute, dynamo.Included[of], make(map[string][]*record)})
		}
		t.tables[name] = one
	}
	return t
}

// NewStore makes a store over new tables.
func NewStore() (*dynamo.Store, *Tables) {
	tables := New()
	return dynamo.New(tables, Names), tables
}

// Watch calls a function with every later write, in order, before the writing
// call returns. The function must not call the tables.
func (t *Tables) Watch(watch func(Write)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches = append(t.watches, watch)
}

// Expire removes the items of the live table whose time to live is over; items of
// other tables have none.
func (t *Tables) Expire(nowSeconds int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if nowSeconds <= t.earliestExpiry {
		return
	}
	t.earliestExpiry = math.MaxInt64
	live := t.tables[t.names.Live]
	for _, p := range live.partitions {
		for _, r := range slices.Clone(p.records) {
			switch at := expirySeconds(r.item); {
			case at < nowSeconds:
				t.write(live, r.pk, r.sk, nil, 0)
			default:
				t.earliestExpiry = min(t.earliestExpiry, at)
			}
		}
	}
}

// expirySeconds is an item's time to live in Unix seconds; the maximum if it has
// none.
func expirySeconds(i Item) int64 {
	n, expires := i[dynamo.ExpiresAttribute].(*types.AttributeValueMemberN)
	if !expires {
		return math.MaxInt64
	}
	at, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return at
}

// Each calls a function with every item of a table, in no order.
func (t *Tables) Each(table string, each func(Item)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.tables[table].partitions {
		for _, r := range p.records {
			if r.item != nil {
				each(maps.Clone(r.item))
			}
		}
	}
}

// Set replaces or removes an item, for tests that need an item which no call
// would leave.
func (t *Tables) Set(table string, pk, sk string, item Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(t.tables[table], pk, sk, item, size(item))
}

type behindKey struct{}

// Behind makes eventually consistent reads with the context return older
// versions. The function says how many writes an item's version is behind; at
// most two are kept.
func Behind(ctx context.Context, behind func(table, pk, sk string) int) context.Context {
	return context.WithValue(ctx, behindKey{}, behind)
}

type table struct {
	name       string
	partitions map[string]*partition
	indexes    []*index
	// recent are records that were written lately: a stale index may still have them.
	recent []*record
}

const maxRecent = 64

// partition is the records of one pk, in order of sk.
type partition struct{ records []*record }

// index is a sparse global secondary index with the key (attribute, pk) that
// projects keys and the included attributes.
type index struct {
	name, attribute string
	included        []string
	partitions      map[string][]*record // in order of pk, sk
}

// shows is the entry of an item.
func (x *index) shows(i Item) Item {
	entry := Item{attrPK: i[attrPK], attrSK: i[attrSK], x.attribute: i[x.attribute]}
	for _, name := range x.included {
		if value, there := i[name]; there {
			entry[name] = value
		}
	}
	return entry
}

// versions is how many writes a read can be behind.
const versions = 2

// record is an item and its older versions.
type record struct {
	pk, sk string
	item   Item // nil: deleted, and kept for stale reads
	size   int
	before [versions]Item // latest first
}

// version is the item as it was so many writes ago.
func (r *record) version(behind int) Item {
	if behind == 0 {
		return r.item
	}
	return r.before[min(behind, versions)-1]
}

func (p *partition) find(sk string) (int, bool) {
	return slices.BinarySearchFunc(p.records, sk, func(r *record, sk string) int { return cmp.Compare(r.sk, sk) })
}

func (t *table) find(pk, sk string) *record {
	if p := t.partitions[pk]; p != nil {
		if at, there := p.find(sk); there {
			return p.records[at]
		}
	}
	return nil
}

func (t *table) item(pk, sk string) (Item, int) {
	if r := t.find(pk, sk); r != nil {
		return r.item, r.size
	}
	return nil, 0
}

// write replaces an item, updates the indexes, and calls the watchers. It gets
// the item's size in bytes.
func (t *Tables) write(in *table, pk, sk string, item Item, bytes int) {
	p := in.partitions[pk]
	if p == nil {
		p = &partition{}
		in.partitions[pk] = p
	}
	at, there := p.find(sk)
	if !there {
		if item == nil {
			return
		}
		p.records = slices.Insert(p.records, at, &record{pk: pk, sk: sk})
	}
	r := p.records[at]
	old := r.item
	if in.name == t.names.Live {
		t.earliestExpiry = min(t.earliestExpiry, expirySeconds(item))
	}
	for _, index := range in.indexes {
		index.move(r, old, item)
	}
	r.before[1], r.before[0], r.item, r.size = r.before[0], old, item, bytes
	if len(in.recent) == maxRecent {
		in.recent = in.recent[1:]
	}
	in.recent = append(in.recent, r)
	for _, watch := range t.watches {
		watch(Write{in.name, pk, sk, old, item})
	}
}

// partitionOf is an item's partition of the index; empty if the index does not
// have it.
func (x *index) partitionOf(i Item) string {
	value, _ := i[x.attribute].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}

func (x *index) move(r *record, old, item Item) {
	from, to := x.partitionOf(old), x.partitionOf(item)
	if from == to {
		return
	}
	if from != "" {
		list := x.partitions[from]
		if at, there := slices.BinarySearchFunc(list, r, byKeys); there {
			x.partitions[from] = slices.Delete(list, at, at+1)
		}
	}
	if to != "" {
		at, _ := slices.BinarySearchFunc(x.partitions[to], r, byKeys)
		x.partitions[to] = slices.Insert(x.partitions[to], at, r)
	}
}

// byKeys is the order of records in a partition of an index.
func byKeys(a, b *record) int { return cmp.Or(cmp.Compare(a.pk, b.pk), cmp.Compare(a.sk, b.sk)) }
