// Package memtable is DynamoDB in memory, as far as Seatmeter uses it: the seven
// calls of dynamo.API over Seatmeter's three tables, with their conditions,
// updates, indexes, limits and costs. It keeps nothing when the process ends.
//
// Its answers, errors, returned items and consumed units are DynamoDB's: a test
// sends the same requests over the same items to DynamoDB Local. What the store
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
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"seatmeter/shared/dynamo"
)

// Item is a DynamoDB item, or a map in one.
type Item = map[string]types.AttributeValue

const (
	attrPK = "pk"
	attrSK = "sk"
)

// Names are the tables that New makes.
var Names = dynamo.Tables{Live: "live", Ledger: "ledger", Usage: "usage"}

// Tables are DynamoDB tables in memory.
type Tables struct {
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
func New() *Tables {
	t := &Tables{tables: make(map[string]*table), soonest: math.MaxInt64}
	for name, indexes := range map[string]map[string]string{Names.Live: dynamo.Indexes, Names.Ledger: nil, Names.Usage: nil} {
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
	live := t.tables[Names.Live]
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
	if in.name == Names.Live {
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

// units is what replacing an item costs: the larger of the two, and a unit for
// each entry of an index that comes or goes.
func (p planned) units() float64 {
	total := units(max(p.oldSize, p.newSize), writeUnit)
	for _, index := range p.table.indexes {
		from, to := index.of(p.old), index.of(p.new)
		if from == to {
			continue
		}
		if from != "" {
			total++
		}
		if to != "" {
			total++
		}
	}
	return total
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

// begin locks the tables for a call and finds its table. The caller unlocks
// them if there is no error.
func (t *Tables) begin(ctx context.Context, name *string) (*table, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("canceled: %w", err)
	}
	t.mu.Lock()
	if one := t.tables[aws.ToString(name)]; one != nil {
		return one, nil
	}
	t.mu.Unlock()
	return nil, &types.ResourceNotFoundException{Message: aws.String("Cannot do operations on a non-existent table")}
}

// keys reads a primary key.
func keys(i Item, exactly bool) (pk, sk string, err error) {
	hash, isText := i[attrPK].(*types.AttributeValueMemberS)
	order, also := i[attrSK].(*types.AttributeValueMemberS)
	if !isText || !also || exactly && len(i) != 2 {
		return "", "", invalid("The provided key element does not match the schema")
	}
	if hash.Value == "" || order.Value == "" {
		return "", "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value")
	}
	return hash.Value, order.Value, nil
}

// fits gives an item's size, and refuses one that is too large or that an index
// cannot take.
func (t *table) fits(i Item) (int, error) {
	bytes := size(i)
	if bytes > maxItem {
		return bytes, invalid("Item size has exceeded the maximum allowed size")
	}
	for _, index := range t.indexes {
		if value, there := i[index.attribute]; there {
			if text, isText := value.(*types.AttributeValueMemberS); !isText || text.Value == "" {
				return bytes, invalid("One or more parameter values were invalid: Type mismatch for Index Key %s", index.attribute)
			}
		}
	}
	return bytes, nil
}

func behind(ctx context.Context, consistent *bool, table, pk, sk string) int {
	if aws.ToBool(consistent) {
		return 0
	}
	if of, told := ctx.Value(behindKey{}).(func(table, pk, sk string) int); told {
		return of(table, pk, sk)
	}
	return 0
}

// GetItem implements dynamo.API.
func (t *Tables) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	pk, sk, err := keys(in.Key, true)
	if err != nil {
		return nil, err
	}
	item := table.read(ctx, in.ConsistentRead, pk, sk)
	return &dynamodb.GetItemOutput{
		Item: maps.Clone(item),
		ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, func() float64 {
			return readUnits(size(item), aws.ToBool(in.ConsistentRead))
		}),
	}, nil
}

func (t *table) read(ctx context.Context, consistent *bool, pk, sk string) Item {
	r := t.find(pk, sk)
	if r == nil {
		return nil
	}
	return r.version(behind(ctx, consistent, t.name, pk, sk))
}

// BatchGetItem implements dynamo.API. It leaves no keys over.
func (t *Tables) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: make(map[string][]map[string]types.AttributeValue), UnprocessedKeys: make(map[string]types.KeysAndAttributes)}
	for name, asked := range in.RequestItems {
		if err := t.getMany(ctx, name, asked, in.ReturnConsumedCapacity, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

const maxBatch = 100

func (t *Tables) getMany(ctx context.Context, name string, asked types.KeysAndAttributes, report types.ReturnConsumedCapacity, out *dynamodb.BatchGetItemOutput) error {
	table, err := t.begin(ctx, &name)
	if err != nil {
		return err
	}
	defer t.mu.Unlock()
	if len(asked.Keys) == 0 || len(asked.Keys) > maxBatch {
		return invalid("Too many items requested for the BatchGetItem call, or none")
	}
	total, seen := 0.0, make(map[[2]string]bool, len(asked.Keys))
	for _, key := range asked.Keys {
		pk, sk, err := keys(key, true)
		if err != nil {
			return err
		}
		if seen[[2]string{pk, sk}] {
			return invalid("Provided list of item keys contains duplicates")
		}
		seen[[2]string{pk, sk}] = true
		item := table.read(ctx, asked.ConsistentRead, pk, sk)
		total += readUnits(size(item), aws.ToBool(asked.ConsistentRead))
		if item != nil {
			out.Responses[name] = append(out.Responses[name], maps.Clone(item))
		}
	}
	if c := consumed(report, &name, func() float64 { return total }); c != nil {
		out.ConsumedCapacity = append(out.ConsumedCapacity, *c)
	}
	return nil
}

// planned is a write that has been found to be possible.
type planned struct {
	table            *table
	pk, sk           string
	old, new         Item
	oldSize, newSize int
}

func (t *Tables) commit(p planned) { t.write(p.table, p.pk, p.sk, p.new, p.newSize) }

// check evaluates a condition over an item. Where it does not hold the error is
// a ConditionalCheckFailedException, with the item if that is asked for.
func check(condition *string, names map[string]string, values Item, item Item, returns types.ReturnValuesOnConditionCheckFailure, others ...*expression) error {
	var parsed *expression
	if condition != nil {
		var err error
		if parsed, err = parse(*condition, conditionText); err != nil {
			return err
		}
	}
	if err := checkNames(names, values, append(others, parsed)...); err != nil {
		return err
	}
	if parsed == nil || (scope{item, names, values}).holds(parsed.condition) {
		return nil
	}
	failed := &types.ConditionalCheckFailedException{Message: aws.String("The conditional request failed")}
	if returns == types.ReturnValuesOnConditionCheckFailureAllOld {
		failed.Item = maps.Clone(item)
	}
	return failed
}

func (t *table) planPut(item Item, condition *string, names map[string]string, values Item, returns types.ReturnValuesOnConditionCheckFailure) (planned, error) {
	pk, sk, err := keys(item, false)
	if err != nil {
		return planned{}, err
	}
	bytes, err := t.fits(item)
	if err != nil {
		return planned{}, err
	}
	old, was := t.item(pk, sk)
	return planned{t, pk, sk, old, maps.Clone(item), was, bytes}, check(condition, names, values, old, returns)
}

func (t *table) planDelete(key Item, condition *string, names map[string]string, values Item, returns types.ReturnValuesOnConditionCheckFailure) (planned, error) {
	pk, sk, err := keys(key, true)
	if err != nil {
		return planned{}, err
	}
	old, was := t.item(pk, sk)
	return planned{t, pk, sk, old, nil, was, 0}, check(condition, names, values, old, returns)
}

func (t *table) planUpdate(key Item, update, condition *string, names map[string]string, values Item, returns types.ReturnValuesOnConditionCheckFailure) (planned, *expression, error) {
	pk, sk, err := keys(key, true)
	if err != nil {
		return planned{}, nil, err
	}
	e, err := parse(aws.ToString(update), updateText)
	if err != nil {
		return planned{}, nil, err
	}
	old, was := t.item(pk, sk)
	if err := check(condition, names, values, old, returns, e); err != nil {
		return planned{}, nil, err
	}
	next, err := scope{old, names, values}.update(e, key)
	if err != nil {
		return planned{}, nil, err
	}
	bytes, err := t.fits(next)
	return planned{t, pk, sk, old, next, was, bytes}, e, err
}

// PutItem implements dynamo.API.
func (t *Tables) PutItem(ctx context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, err := table.planPut(in.Item, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.commit(p)
	return &dynamodb.PutItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}, nil
}

// DeleteItem implements dynamo.API.
func (t *Tables) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, err := table.planDelete(in.Key, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.commit(p)
	return &dynamodb.DeleteItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}, nil
}

// UpdateItem implements dynamo.API. It returns ALL_NEW, ALL_OLD, UPDATED_NEW of
// top-level attributes, or nothing.
func (t *Tables) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	table, err := t.begin(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	p, e, err := table.planUpdate(in.Key, in.UpdateExpression, in.ConditionExpression, in.ExpressionAttributeNames, in.ExpressionAttributeValues, in.ReturnValuesOnConditionCheckFailure)
	if err != nil {
		return nil, err
	}
	t.commit(p)
	out := &dynamodb.UpdateItemOutput{ConsumedCapacity: consumed(in.ReturnConsumedCapacity, in.TableName, p.units)}
	switch in.ReturnValues {
	case types.ReturnValueAllNew:
		out.Attributes = maps.Clone(p.new)
	case types.ReturnValueAllOld:
		out.Attributes = maps.Clone(p.old)
	case types.ReturnValueUpdatedNew:
		out.Attributes = make(Item)
		for _, one := range e.sets {
			out.Attributes[in.ExpressionAttributeNames[one.to[0]]] = p.new[in.ExpressionAttributeNames[one.to[0]]]
		}
		for _, one := range e.adds {
			out.Attributes[in.ExpressionAttributeNames[one.to[0]]] = p.new[in.ExpressionAttributeNames[one.to[0]]]
		}
	case "", types.ReturnValueNone:
	default:
		return nil, invalid("ReturnValues %s is not known here", in.ReturnValues)
	}
	return out, nil
}

// TransactWriteItems implements dynamo.API.
func (t *Tables) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("canceled: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var plans []planned
	reasons, canceled := make([]types.CancellationReason, len(in.TransactItems)), false
	for n, one := range in.TransactItems {
		reasons[n].Code = aws.String("None")
		p, err := t.plan(one)
		var failed *types.ConditionalCheckFailedException
		if asFailed(err, &failed) {
			reasons[n] = types.CancellationReason{Code: aws.String("ConditionalCheckFailed"), Message: failed.Message, Item: failed.Item}
			canceled = true
			continue
		}
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	if canceled {
		codes := make([]string, len(reasons))
		for n, reason := range reasons {
			codes[n] = *reason.Code
		}
		return nil, &types.TransactionCanceledException{
			Message:             aws.String("Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]"),
			CancellationReasons: reasons,
		}
	}
	total := make(map[*table]float64)
	for _, p := range plans {
		total[p.table] += 2 * p.units() //nolint:mnd // double
		t.commit(p)
	}
	out := &dynamodb.TransactWriteItemsOutput{}
	for table, units := range total {
		if c := consumed(in.ReturnConsumedCapacity, aws.String(table.name), func() float64 { return units }); c != nil {
			out.ConsumedCapacity = append(out.ConsumedCapacity, *c)
		}
	}
	return out, nil
}

func asFailed(err error, failed **types.ConditionalCheckFailedException) bool {
	one, is := err.(*types.ConditionalCheckFailedException) //nolint:errorlint // check's own
	*failed = one
	return is
}

// plan finds out whether one write of a transaction is possible.
func (t *Tables) plan(one types.TransactWriteItem) (planned, error) {
	named := func(name *string) (*table, error) {
		if found := t.tables[aws.ToString(name)]; found != nil {
			return found, nil
		}
		return nil, &types.ResourceNotFoundException{Message: aws.String("Cannot do operations on a non-existent table")}
	}
	switch {
	case one.Put != nil:
		table, err := named(one.Put.TableName)
		if err != nil {
			return planned{}, err
		}
		return table.planPut(one.Put.Item, one.Put.ConditionExpression, one.Put.ExpressionAttributeNames, one.Put.ExpressionAttributeValues, one.Put.ReturnValuesOnConditionCheckFailure)
	case one.Update != nil:
		table, err := named(one.Update.TableName)
		if err != nil {
			return planned{}, err
		}
		p, _, err := table.planUpdate(one.Update.Key, one.Update.UpdateExpression, one.Update.ConditionExpression, one.Update.ExpressionAttributeNames, one.Update.ExpressionAttributeValues, one.Update.ReturnValuesOnConditionCheckFailure)
		return p, err
	case one.Delete != nil:
		table, err := named(one.Delete.TableName)
		if err != nil {
			return planned{}, err
		}
		return table.planDelete(one.Delete.Key, one.Delete.ConditionExpression, one.Delete.ExpressionAttributeNames, one.Delete.ExpressionAttributeValues, one.Delete.ReturnValuesOnConditionCheckFailure)
	}
	return planned{}, invalid("A transaction's write is a Put, an Update or a Delete here")
}
