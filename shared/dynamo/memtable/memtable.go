// Package memtable is DynamoDB in memory, as far as Seatmeter uses it: the seven
// calls of dynamo.API over Seatmeter's three tables, with their conditions,
// updates, indexes, limits and costs. It keeps nothing when the process ends.
//
// Its answers, errors, returned items and consumed units are DynamoDB's: a test
// sends the same requests over the same items to DynamoDB Local, and tells where
// that is not as DynamoDB is documented to be. Entries of an index that have the
// same keys come in order of their sort keys; DynamoDB does not say in which. What the store
// does not use is refused, not guessed at: other functions in expressions,
// lists and sets, filters, scans, and attributes without an #alias.
//
// A read that is not consistent shows the newest version, unless the context
// says otherwise (Behind). Items expire when Expire is told the time. Every call
// is one atomic step, and safe for many goroutines. Items that come out must
// not be changed below their top level.
//
// It is our own because github.com/truora/minidyn v0.8.2, which does the same,
// ignores the REMOVE of a top-level attribute, makes NULL of an empty map, gives
// no item with a refused put, tells nothing of consumed units, scans the table
// for each query, and takes ten times as long for an update.
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

// Names are the tables that New makes.
var Names = dynamo.Tables{Live: "live", Ledger: "ledger", Usage: "usage"}

// Tables are DynamoDB tables in memory.
type Tables struct {
	names   dynamo.Tables
	mu      sync.Mutex
	tables  map[string]*table
	watches []func(Write)
	// soonest is no later than the first time to live of the live table that is
	// over, in Unix seconds.
	soonest int64
}

var _ dynamo.API = (*Tables)(nil)

// Write is the change of one item, as a stream tells of it. Old is nil where
// there was none, and New where there is none any more.
type Write struct {
	Table, PK, SK string
	Old, New      Item
}

// New makes Seatmeter's tables, empty.
func New() *Tables { return Named(Names) }

// Named makes tables of other names.
func Named(names dynamo.Tables) *Tables {
	t := &Tables{names: names, tables: make(map[string]*table), soonest: math.MaxInt64}
	for name, indexes := range map[string]map[string]string{names.Live: dynamo.Indexes, names.Ledger: nil, names.Usage: nil} {
		one := &table{name: name, partitions: make(map[string]*partition)}
		for of, attribute := range indexes {
			one.indexes = append(one.indexes, &index{name: of, attribute: attribute, partitions: make(map[string][]*record)})
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

// Watch has a function told of every write from now on, in order, before the
// call that makes it is answered. It must not call the tables.
func (t *Tables) Watch(watch func(Write)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches = append(t.watches, watch)
}

// Expire removes the items of the live table whose time to live is over. Only
// they have one.
func (t *Tables) Expire(nowSeconds int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if nowSeconds <= t.soonest {
		return
	}
	t.soonest = math.MaxInt64
	live := t.tables[t.names.Live]
	for _, p := range live.partitions {
		for _, r := range slices.Clone(p.records) {
			switch at := ends(r.item); {
			case at < nowSeconds:
				t.write(live, r.pk, r.sk, nil, 0)
			default:
				t.soonest = min(t.soonest, at)
			}
		}
	}
}

// ends is when an item's time to live is over, in Unix seconds; never, if it has
// none.
func ends(i Item) int64 {
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

// Set replaces an item whatever there is, or removes it: for tests that need an
// item as no call would leave it.
func (t *Tables) Set(table string, pk, sk string, item Item) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(t.tables[table], pk, sk, item, size(item))
}

type behindKey struct{}

// Behind has the reads of a context that are not consistent show an item as it
// was before its last writes: as many as behind says of it, and two at the
// most.
func Behind(ctx context.Context, behind func(table, pk, sk string) int) context.Context {
	return context.WithValue(ctx, behindKey{}, behind)
}

// table is one table.
type table struct {
	name       string
	partitions map[string]*partition
	indexes    []*index
	// recent are records that were written lately, which an index that is behind
	// may show still.
	recent []*record
}

const maxRecent = 64

// partition is the records of one pk, in order of sk.
type partition struct{ records []*record }

// index is a sparse global secondary index with the key (attribute, pk), which
// projects keys only.
type index struct {
	name, attribute string
	partitions      map[string][]*record // in order of pk, sk
}

// versions is how many writes a read can be behind.
const versions = 2

// record is an item and what it was before.
type record struct {
	pk, sk string
	item   Item // nil: deleted, and kept for those who are behind
	size   int
	before [versions]Item // the last first
}

// version is the item as it was before its last writes.
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

// write replaces an item by one of so many bytes, keeps the indexes, and tells
// those who watch.
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
		t.soonest = min(t.soonest, ends(item))
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

// of is an item's partition of the index; empty if it is not in it.
func (x *index) of(i Item) string {
	value, _ := i[x.attribute].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}

func (x *index) move(r *record, old, item Item) {
	from, to := x.of(old), x.of(item)
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

// byKeys orders records as an index does those of one partition.
func byKeys(a, b *record) int { return cmp.Or(cmp.Compare(a.pk, b.pk), cmp.Compare(a.sk, b.sk)) }
