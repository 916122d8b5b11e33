package dynamo_test

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo/faults"
	"seatmeter/shared/dynamo/memtable"
)

// sample is a request that the store made, and the items that it met.
type sample struct {
	in    any
	items map[place]memtable.Item
}

const (
	samplesKept    = 6  // of each kind and outcome
	neighboursKept = 12 // of a query's partition
)

// recorder keeps samples of the requests of each kind.
type recorder struct {
	tables  *memtable.Tables
	mu      sync.Mutex
	samples map[string]map[string][]sample // by kind and outcome
}

func (r *recorder) around(ctx context.Context, in any, next faults.Next) (any, error) {
	kind, kept := kindOf(in), sample{in: deepCopy(in), items: make(map[place]memtable.Item)}
	for _, p := range partsOf(kept.in) {
		shorten(p.item)
		shorten(p.values)
	}
	r.mu.Lock()
	enough := len(r.samples[kind]["done"]) == samplesKept
	r.mu.Unlock()
	if _, isQuery := in.(*dynamodb.QueryInput); !isQuery || !enough {
		r.meet(ctx, in, kept.items)
	}
	out, err := next(ctx, in)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.samples[kind] == nil {
		r.samples[kind] = make(map[string][]sample)
	}
	outcome := codeOf(err)
	if list := r.samples[kind][outcome]; len(list) < samplesKept {
		r.samples[kind][outcome] = append(list, kept)
	}
	return out, err
}

// meet reads the items that a request is about to find.
func (r *recorder) meet(ctx context.Context, in any, items map[place]memtable.Item) {
	get := func(at place) {
		out, err := r.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: &at.table, Key: at.key(), ConsistentRead: aws.Bool(true)})
		if err == nil && out.Item != nil {
			items[at] = deepCopy(out.Item)
			shorten(items[at])
		}
	}
	query, isQuery := in.(*dynamodb.QueryInput)
	if !isQuery {
		for _, p := range partsOf(in) {
			get(p.place())
		}
		return
	}
	partition, _, _ := strings.Cut(*query.KeyConditionExpression, " AND ")
	wide := &dynamodb.QueryInput{
		TableName: query.TableName, IndexName: query.IndexName, KeyConditionExpression: &partition, Limit: aws.Int32(neighboursKept),
		ExpressionAttributeNames:  maps.Clone(query.ExpressionAttributeNames),
		ExpressionAttributeValues: maps.Clone(query.ExpressionAttributeValues),
	}
	maps.DeleteFunc(wide.ExpressionAttributeNames, func(name, _ string) bool { return !strings.HasPrefix(partition, name+" ") })
	maps.DeleteFunc(wide.ExpressionAttributeValues, func(name string, _ types.AttributeValue) bool { return !strings.HasSuffix(partition, name) })
	for _, query := range []*dynamodb.QueryInput{query, wide} {
		if out, err := r.tables.Query(ctx, query); err == nil {
			for _, i := range out.Items[:min(len(out.Items), neighboursKept)] {
				get(placeOf(*query.TableName, i))
			}
		}
	}
}

// shorten cuts what is long: such samples would take most of the time.
func shorten(i memtable.Item) {
	const most = 5000
	for name, value := range i {
		if bytes, ok := value.(*types.AttributeValueMemberB); ok && len(bytes.Value) > most {
			i[name] = &types.AttributeValueMemberB{Value: bytes.Value[:most]}
		}
	}
}
