package dynamo_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

var (
	variationsFlag = flag.Int("differential.variations", 20, "so many random variations of each kind of request are sent to both engines")
	variationSeed  = flag.Uint64("differential.seed", 0, "begin the random variations with this seed; by chance if 0")
)

// both is DynamoDB and memtable, which are to do the same.
type both struct {
	client *dynamodb.Client
	names  dynamo.Tables
	left   map[place]bool // in DynamoDB by the last variation
}

// compare sends a request to both, over the same items, and tells what differs
// in their answers or in what they then hold.
func (b *both) compare(t *testing.T, s sample) string {
	t.Helper()
	tables := memtable.Named(b.names)
	for at, i := range s.items {
		tables.Set(at.table, at.pk, at.sk, deepCopy(i))
	}
	b.set(t, s)
	here, errHere := call(t.Context(), tables, deepCopy(s.in))
	there, errThere := call(t.Context(), b.client, s.in)
	asDocumented(s.in, there)
	inOneOrder(s.in, here)
	inOneOrder(s.in, there)
	if diff := cmp.Diff(answer(there, errThere), answer(here, errHere)); diff != "" {
		return diff
	}
	if !dynamo.Describe(s.in).Write {
		return ""
	}
	partitions := b.partitions(s, tables)
	return cmp.Diff(b.holds(t, b.client, partitions), b.holds(t, tables, partitions))
}

// inOneOrder sorts the items of an index that have the same keys there: DynamoDB
// gives those in whatever order.
func inOneOrder(in, out any) {
	query, isQuery := in.(*dynamodb.QueryInput)
	answered, ok := out.(*dynamodb.QueryOutput)
	if !isQuery || !ok || answered == nil || query.IndexName == nil {
		return
	}
	rest := answered.Items
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && render(map[string]types.AttributeValue{"pk": rest[n]["pk"]}) == render(map[string]types.AttributeValue{"pk": rest[0]["pk"]}) {
			n++
		}
		slices.SortFunc(rest[:n], func(a, b map[string]types.AttributeValue) int { return strings.Compare(render(a), render(b)) })
		rest = rest[n:]
	}
}

// set puts the items into DynamoDB, in the place of those that were left there.
func (b *both) set(t *testing.T, s sample) {
	t.Helper()
	writes := make(map[string][]types.WriteRequest)
	for at, i := range s.items {
		writes[at.table] = append(writes[at.table], types.WriteRequest{PutRequest: &types.PutRequest{Item: i}})
		delete(b.left, at)
	}
	for at := range b.left {
		writes[at.table] = append(writes[at.table], types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: at.key()}})
	}
	for table, all := range writes {
		for some := range slices.Chunk(all, 25) { // as many as a batch may have
			out, err := b.client.BatchWriteItem(t.Context(), &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: some}})
			if err != nil || len(out.UnprocessedItems) > 0 {
				t.Fatalf("set items: %v, of %s", err, render(some))
			}
		}
	}
	clear(b.left)
	for at := range s.items {
		b.left[at] = true
	}
	for _, p := range partsOf(s.in) {
		if at := p.place(); at.pk != "" && at.sk != "" {
			b.left[at] = true
		}
	}
}

// holds reads what an engine holds of the items that a request may have
// changed, and partitions of its indexes.
func (b *both) holds(t *testing.T, api dynamo.API, partitions map[string][]string) []string {
	t.Helper()
	asked := make(map[string]types.KeysAndAttributes)
	for at := range b.left {
		keys := asked[at.table]
		keys.Keys, keys.ConsistentRead = append(keys.Keys, at.key()), aws.Bool(true)
		asked[at.table] = keys
	}
	out, err := api.BatchGetItem(t.Context(), &dynamodb.BatchGetItemInput{RequestItems: asked})
	if err != nil {
		t.Fatal(err)
	}
	list := answer(out, nil)
	for index, values := range partitions {
		for _, value := range values {
			out, err := api.Query(t.Context(), &dynamodb.QueryInput{
				TableName: &b.names.Live, IndexName: &index, KeyConditionExpression: aws.String("#a = :v"),
				ExpressionAttributeNames:  map[string]string{"#a": dynamo.Indexes[index]},
				ExpressionAttributeValues: memtable.Item{":v": &types.AttributeValueMemberS{Value: value}},
			})
			shown := answer(out, err)
			slices.Sort(shown) // by any order of those that onePerPartition tells of
			list = append(list, fmt.Sprintf("%s of %s: %s", index, value, render(shown)))
		}
	}
	slices.Sort(list)
	return list
}

// partitions are those of each index in which items are or were.
func (b *both) partitions(s sample, tables *memtable.Tables) map[string][]string {
	found := make(map[string][]string)
	add := func(i memtable.Item) {
		for index, attribute := range dynamo.Indexes {
			if value := textAt(i, attribute); value != "" && !slices.Contains(found[index], value) {
				found[index] = append(found[index], value)
			}
		}
	}
	for at, i := range s.items {
		if at.table == b.names.Live {
			add(i)
		}
	}
	tables.Each(b.names.Live, add)
	return found
}
