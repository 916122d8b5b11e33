package dynamo_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// random varies requests and items.
type random struct {
	*rand.Rand
	// numbers are those of the sample: comparisons are between them.
	numbers []string
}

func (r *random) oneIn(n int) bool { return r.IntN(n) == 0 }

// pick gives one of a list.
func pick[T any](r *random, list []T) T { return list[r.IntN(len(list))] }

// vary makes another sample of one: as it was, but for what is asked for beside
// the answer, or with some of its items and values changed.
func (r *random) vary(was sample, asItWas bool) sample {
	s := sample{in: deepCopy(was.in), items: make(map[place]memtable.Item)}
	for at, i := range was.items {
		s.items[at] = deepCopy(i)
	}
	r.returns(s.in)
	if asItWas {
		return s
	}
	r.collect(s)
	for _, at := range slices.SortedFunc(maps.Keys(s.items), byPlace) {
		if r.oneIn(8) {
			delete(s.items, at)
			continue
		}
		for range r.IntN(3) {
			r.change(s.items[at], true)
		}
		r.index(s.items[at])
	}
	for _, p := range partsOf(s.in) {
		if p.put && r.oneIn(3) {
			r.change(p.item, true)
			if _, together := s.in.(*dynamodb.TransactWriteItemsInput); together {
				r.index(p.item) // of others DynamoDB Local tells some as a reason, and some as an error
			}
		}
		if len(p.values) > 0 && r.oneIn(2) {
			r.change(p.values, false)
			inIndex(p.values)
		}
	}
	switch in := s.in.(type) {
	case *dynamodb.QueryInput:
		if in.IndexName != nil {
			onePerPartition(s.items)
		}
		r.page(in, s)
	case *dynamodb.GetItemInput:
		in.ConsistentRead = aws.Bool(r.oneIn(2))
	case *dynamodb.BatchGetItemInput:
		for table, asked := range in.RequestItems {
			asked.ConsistentRead = aws.Bool(r.oneIn(2))
			in.RequestItems[table] = asked
		}
	}
	return s
}

func byPlace(a, b place) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(a.pk, b.pk), cmp.Compare(a.sk, b.sk))
}

// change changes one entry of a map; where it is an item, others may come and
// go, and its key stays.
func (r *random) change(m memtable.Item, isItem bool) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != dynamo.PartitionKey && name != dynamo.SortKey {
			names = append(names, name)
		}
	}
	switch {
	case isItem && r.oneIn(10):
		m["padding"] = &types.AttributeValueMemberS{Value: strings.Repeat("x", pick(r, []int{900, 1024, 3000, 4096, 5000, 9000})+r.IntN(100))}
	case len(names) == 0:
	case isItem && r.oneIn(3):
		delete(m, pick(r, names))
	default:
		name := pick(r, names)
		m[name] = r.value(m[name])
	}
}

// value gives another value instead of one.
func (r *random) value(v types.AttributeValue) types.AttributeValue {
	if r.oneIn(4) {
		return pick(r, []types.AttributeValue{
			&types.AttributeValueMemberN{Value: "1"}, &types.AttributeValueMemberS{Value: "1"}, &types.AttributeValueMemberB{Value: []byte("1")},
			&types.AttributeValueMemberBOOL{Value: true}, &types.AttributeValueMemberM{Value: memtable.Item{}},
		})
	}
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		return &types.AttributeValueMemberN{Value: r.number(v.Value)}
	case *types.AttributeValueMemberS:
		return &types.AttributeValueMemberS{Value: pick(r, []string{"", v.Value + "x", v.Value + "\U0010FFFF", strings.ToValidUTF8(v.Value[:len(v.Value)/2], ""), "\uFFFD"})}
	case *types.AttributeValueMemberB:
		return &types.AttributeValueMemberB{Value: pick(r, [][]byte{{}, append(v.Value, 0xFF), v.Value[:len(v.Value)/2]})}
	case *types.AttributeValueMemberBOOL:
		return &types.AttributeValueMemberBOOL{Value: !v.Value}
	case *types.AttributeValueMemberM:
		r.change(v.Value, true)
	}
	return v
}

// collect finds the numbers of a sample.
func (r *random) collect(s sample) {
	add := func(i memtable.Item) {
		for _, name := range slices.Sorted(maps.Keys(i)) {
			if n, ok := i[name].(*types.AttributeValueMemberN); ok {
				r.numbers = append(r.numbers, n.Value)
			}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(s.items), byPlace) {
		add(s.items[at])
	}
	for _, p := range partsOf(s.in) {
		add(p.values)
	}
}

// number gives another number: one near it, or near another of the sample, or
// one at a limit.
func (r *random) number(was string) string {
	if len(r.numbers) > 0 && r.oneIn(2) {
		if was = pick(r, r.numbers); r.oneIn(2) {
			return was
		}
	}
	var n int64
	if _, err := fmt.Sscan(was, &n); err != nil || r.oneIn(4) {
		return pick(r, []string{
			"0", "-1", "2.5", "0.001", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
			strings.Repeat("9", 38), "-1" + strings.Repeat("0", 30), "1234567890123456789012345678",
		})
	}
	return fmt.Sprint(pick(r, []int64{n - 1, n + 1, -n, 2 * n}))
}

// index has an item in an index, or not, or in it elsewhere.
func (r *random) index(i memtable.Item) {
	for _, attribute := range dynamo.Indexes {
		if value, isText := i[attribute].(*types.AttributeValueMemberS); i[attribute] != nil && (!isText || value.Value == "") {
			delete(i, attribute) // an index takes no other
		}
		if r.oneIn(8) {
			i[attribute] = &types.AttributeValueMemberS{Value: pick(r, []string{"1", "x"})}
		}
	}
}

// inIndex has a value that an update gives to the attribute of an index be one
// that an index takes: of others DynamoDB Local takes some, and loses them.
func inIndex(values memtable.Item) {
	for _, attribute := range dynamo.Indexes {
		if name := ":" + attribute; values[name] != nil && textAt(values, name) == "" {
			values[name] = &types.AttributeValueMemberS{Value: "x"}
		}
	}
}

// returns varies what is told beside the answer. Requests ask for what they
// consume.
func (r *random) returns(in any) {
	failure := pick(r, []types.ReturnValuesOnConditionCheckFailure{"", types.ReturnValuesOnConditionCheckFailureAllOld})
	switch in := in.(type) {
	case *dynamodb.GetItemInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.PutItemInput:
		in.ReturnConsumedCapacity, in.ReturnValuesOnConditionCheckFailure = types.ReturnConsumedCapacityTotal, failure
	case *dynamodb.UpdateItemInput:
		in.ReturnConsumedCapacity, in.ReturnValuesOnConditionCheckFailure = types.ReturnConsumedCapacityTotal, failure
		in.ReturnValues = pick(r, []types.ReturnValue{"", types.ReturnValueNone, types.ReturnValueAllNew, types.ReturnValueAllOld, types.ReturnValueUpdatedNew})
	case *dynamodb.DeleteItemInput:
		in.ReturnConsumedCapacity, in.ReturnValuesOnConditionCheckFailure = types.ReturnConsumedCapacityTotal, failure
	case *dynamodb.QueryInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.BatchGetItemInput:
		in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	case *dynamodb.TransactWriteItemsInput:
		// Not what it consumes: DynamoDB Local says 2 units, whatever is written.
		// "One transactional write request consumes two write units for each item of
		// up to 1 KB" (Developer Guide, read and write operations) is memtable's.
		for _, one := range in.TransactItems {
			switch {
			case one.Put != nil:
				one.Put.ReturnValuesOnConditionCheckFailure = failure
			case one.Update != nil:
				one.Update.ReturnValuesOnConditionCheckFailure = failure
			case one.Delete != nil:
				one.Delete.ReturnValuesOnConditionCheckFailure = failure
			}
		}
	}
}

// onePerPartition leaves one item of each partition: in which order an index has
// several is not documented, and DynamoDB Local's is by a hash.
func onePerPartition(items map[place]memtable.Item) {
	last := ""
	for _, at := range slices.SortedFunc(maps.Keys(items), byPlace) {
		if at.pk == last {
			delete(items, at)
		}
		last = at.pk
	}
}

// page varies which page of a query is asked for.
func (r *random) page(in *dynamodb.QueryInput, s sample) {
	in.ExclusiveStartKey, in.Limit = nil, nil
	if in.IndexName == nil {
		in.ConsistentRead = aws.Bool(r.oneIn(2))
	}
	in.ScanIndexForward = pick(r, []*bool{nil, aws.Bool(true), aws.Bool(false)})
	if r.oneIn(2) {
		in.Limit = aws.Int32(1 + r.Int32N(4))
	}
	places := slices.SortedFunc(maps.Keys(s.items), byPlace)
	if len(places) == 0 || !r.oneIn(2) {
		return
	}
	at := pick(r, places)
	key := at.key()
	if in.IndexName != nil {
		attribute := dynamo.Indexes[*in.IndexName]
		if key[attribute] = s.items[at][attribute]; key[attribute] == nil {
			return
		}
	}
	if r.oneIn(3) { // where none is
		name := dynamo.SortKey
		if in.IndexName != nil {
			name = dynamo.PartitionKey
		}
		key[name] = &types.AttributeValueMemberS{Value: textAt(key, name) + "x"}
	}
	for _, value := range in.ExpressionAttributeValues {
		if bound, isText := value.(*types.AttributeValueMemberS); isText && bound.Value == textAt(key, dynamo.SortKey) && strings.Contains(*in.KeyConditionExpression, "BETWEEN") {
			return // there DynamoDB Local says that nothing is left, and does not start
		}
	}
	in.ExclusiveStartKey = key
}
