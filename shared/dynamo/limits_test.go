package dynamo_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"seatmeter/infra/local/tables/tablestest"
	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// engines makes empty tables of the same names in DynamoDB and in a memtable.
func engines(t *testing.T) (map[string]dynamo.API, dynamo.Tables) {
	t.Helper()
	client, names := tablestest.Make(t, "../../template.yaml")
	return map[string]dynamo.API{"DynamoDB": client, "memtable": memtable.Named(names)}, names
}

// alike tells what of two engines' answers differs.
func alike(t *testing.T, what string, answers map[string][]string) {
	t.Helper()
	if diff := cmp.Diff(answers["DynamoDB"], answers["memtable"]); diff != "" {
		t.Errorf("%s (-DynamoDB +memtable):\n%s", what, diff)
	}
}

func put(t *testing.T, api dynamo.API, table string, i memtable.Item) {
	t.Helper()
	if _, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: i}); err != nil {
		t.Fatal(err)
	}
}

func itemAt(pk, sk string) memtable.Item { return place{pk: pk, sk: sk}.key() }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// byPages reads a query to its end. Between is called with the last key of each
// page but the last.
func byPages(t *testing.T, api dynamo.API, in dynamodb.QueryInput, between func(last memtable.Item)) []*dynamodb.QueryOutput {
	t.Helper()
	var pages []*dynamodb.QueryOutput
	for {
		out, err := api.Query(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		if pages = append(pages, out); out.LastEvaluatedKey == nil {
			return pages
		}
		between(out.LastEvaluatedKey)
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Each entry comes once, in order of the index's keys, and items without the
// attribute do not. In which order entries of the same keys come, DynamoDB does
// not say.
func TestAnIndexIsSparseAndPagedInOrder(t *testing.T) {
	apis, names := engines(t)
	for index, attribute := range dynamo.Indexes {
		for _, api := range apis {
			for n := range 30 {
				i := itemAt(fmt.Sprint(n/3), fmt.Sprint(n%3))
				if n%4 > 0 {
					i[attribute] = text("here")
				} else if n%8 == 0 {
					i[attribute] = text("elsewhere")
				}
				put(t, api, names.Live, i)
			}
		}
		for limit := range int32(5) {
			for _, forward := range []bool{true, false} {
				partitions, entries := make(map[string][]string), make(map[string][]string)
				for name, api := range apis {
					in := queryOf(names.Live, index, attribute, "here")
					if in.ScanIndexForward = &forward; limit > 0 {
						in.Limit = &limit
					}
					for _, page := range byPages(t, api, in, func(memtable.Item) {}) {
						partitions[name] = append(partitions[name], fmt.Sprintf("page of %d", page.Count))
						for _, i := range page.Items {
							partitions[name], entries[name] = append(partitions[name], textAt(i, dynamo.PartitionKey)), append(entries[name], render(i))
						}
					}
					slices.Sort(entries[name])
				}
				alike(t, fmt.Sprintf("%s: partitions by %d, forward %t", index, limit, forward), partitions)
				alike(t, fmt.Sprintf("%s: entries by %d, forward %t", index, limit, forward), entries)
			}
		}
	}
}

func queryOf(table, index, attribute, value string) dynamodb.QueryInput {
	in := dynamodb.QueryInput{
		TableName: &table, KeyConditionExpression: aws.String("#a = :v"), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		ExpressionAttributeNames: map[string]string{"#a": attribute}, ExpressionAttributeValues: memtable.Item{":v": text(value)},
	}
	if index != "" {
		in.IndexName = &index
	}
	return in
}

// A reader goes on where it was, also if the entry that it stopped at has left
// the index since.
func TestAnIndexGoesOnAfterAnEntryThatIsGone(t *testing.T) {
	apis, names := engines(t)
	for index, attribute := range dynamo.Indexes {
		for _, forward := range []bool{true, false} {
			pages := make(map[string][]string)
			for name, api := range apis {
				for n := range 9 {
					i := itemAt(fmt.Sprint(n), "s")
					i[attribute] = text("here")
					put(t, api, names.Live, i)
				}
				in := queryOf(names.Live, index, attribute, "here")
				in.Limit, in.ScanIndexForward = aws.Int32(2), &forward
				all := byPages(t, api, in, func(last memtable.Item) {
					put(t, api, names.Live, placeOf(names.Live, last).key())
				})
				for _, page := range all {
					pages[name] = append(pages[name], answer(page, nil)...)
				}
			}
			alike(t, fmt.Sprintf("%s, forward %t", index, forward), pages)
		}
	}
}

// A page ends where it has a megabyte, or with the query.
func TestAPageHasAMegabyte(t *testing.T) {
	const megabyte = 1 << 20
	apis, names := engines(t)
	bare := itemAt("0", "00")
	overhead := len("padding") + len("0") + len("00")
	for name := range bare {
		overhead += len(name)
	}
	for partition, sizes := range [][]int{
		{megabyte / 4, megabyte / 4, megabyte / 4, megabyte / 4, 100},
		{megabyte / 4, megabyte / 4, megabyte / 4, megabyte / 4},
		{megabyte / 4, megabyte / 4, megabyte / 4, megabyte/4 - 1, 100, 100},
		{megabyte / 4, megabyte / 4, megabyte / 4, megabyte/4 + 1, 100},
		{300_000, 400_000, 200_000, 100, 350_000, 350_000, 350_000, 350_000, 350_000, 4096, 4097},
	} {
		for _, api := range apis {
			for n, size := range sizes {
				i := itemAt(fmt.Sprint(partition), fmt.Sprintf("%02d", n))
				i["padding"] = text(strings.Repeat("x", size-overhead))
				put(t, api, names.Usage, i)
			}
		}
		for _, forward := range []bool{true, false} {
			pages := make(map[string][]string)
			for name, api := range apis {
				in := queryOf(names.Usage, "", dynamo.PartitionKey, fmt.Sprint(partition))
				in.ScanIndexForward = &forward
				for _, page := range byPages(t, api, in, func(memtable.Item) {}) {
					asDocumented(&in, page)
					pages[name] = append(pages[name], answer(page, nil)...)
				}
			}
			alike(t, fmt.Sprintf("sizes %v, forward %t", sizes, forward), pages)
		}
	}
}

// The size of a value is by how much less an item takes beside it before it is
// refused: 400 KB are the limit.
func TestAValuesSizeIsCountedToTheByte(t *testing.T) {
	const around = 64
	apis, names := engines(t)
	n := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	inner := &types.AttributeValueMemberM{Value: memtable.Item{"a": text("b"), "c": &types.AttributeValueMemberM{Value: memtable.Item{}}}}
	for _, value := range []types.AttributeValue{
		n("0"), n("1"), n("10"), n("12"), n("100"), n("105"), n("120"), n("123"), n("1000"), n("1230"), n("1234"), n("12300"), n("123456000"),
		n("-1"), n("-12"), n("-123"), n("2.5"), n("12.5"), n("0.5"), n("0.05"), n("0.001"), n("1790000000123"), n("9223372036854775808"), n(strings.Repeat("9", 38)),
		text(""), text("ü"), &types.AttributeValueMemberB{Value: []byte("abc")}, &types.AttributeValueMemberBOOL{Value: true},
		&types.AttributeValueMemberM{Value: memtable.Item{}}, inner,
	} {
		left := make(map[string][]string)
		for name, api := range apis {
			refused := func(n int) bool {
				i := itemAt("p", "s")
				i["padding"], i["x"] = text(strings.Repeat("x", 400<<10-around+n)), value
				_, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &names.Usage, Item: i})
				return err != nil
			}
			left[name] = []string{fmt.Sprint(around - sort.Search(around+1, refused))}
		}
		alike(t, render(value), left)
	}
}

func TestABatchNamesEachKeyOnceAndAtMostAHundred(t *testing.T) {
	apis, names := engines(t)
	var keys []map[string]types.AttributeValue
	for n := range 101 {
		keys = append(keys, itemAt(fmt.Sprint(n), "s"))
	}
	for what, keys := range map[string][]map[string]types.AttributeValue{
		"none": {}, "one": keys[:1], "the same twice": {keys[0], keys[1], keys[0]}, "a hundred": keys[:100], "one more": keys,
	} {
		answers := make(map[string][]string)
		for name, api := range apis {
			put(t, api, names.Live, itemAt("0", "s"))
			in := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{names.Live: {Keys: keys}}}
			out, err := api.BatchGetItem(t.Context(), in)
			answers[name] = answer(out, err)
		}
		alike(t, what, answers)
	}
}
