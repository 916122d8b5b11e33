package dynamo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"seatmeter/shared/dynamo"
	"seatmeter/shared/dynamo/memtable"
)

// answer is what an API says, in a form that can be compared.
func answer(out any, err error) []string {
	if err != nil {
		return refusal(err)
	}
	var list []string
	units := func(c *types.ConsumedCapacity) {
		if c != nil {
			list = append(list, fmt.Sprintf("consumed %v of %s", aws.ToFloat64(c.CapacityUnits), aws.ToString(c.TableName)))
		}
	}
	switch out := out.(type) {
	case *dynamodb.GetItemOutput:
		list = append(list, render(out.Item))
		units(out.ConsumedCapacity)
	case *dynamodb.PutItemOutput:
		units(out.ConsumedCapacity)
	case *dynamodb.UpdateItemOutput:
		list = append(list, render(out.Attributes))
		units(out.ConsumedCapacity)
	case *dynamodb.DeleteItemOutput:
		units(out.ConsumedCapacity)
	case *dynamodb.QueryOutput:
		for _, i := range out.Items {
			list = append(list, render(i))
		}
		list = append(list, fmt.Sprintf("%d of %d, last %s", out.Count, out.ScannedCount, render(out.LastEvaluatedKey)))
		units(out.ConsumedCapacity)
	case *dynamodb.BatchGetItemOutput:
		for table, items := range out.Responses {
			for _, i := range items {
				list = append(list, table+" "+render(i))
			}
		}
		list = append(list, fmt.Sprintf("%d left over", len(out.UnprocessedKeys)))
		for n := range out.ConsumedCapacity {
			units(&out.ConsumedCapacity[n])
		}
		slices.Sort(list)
	}
	return list
}

// refusal is what an API says that does not do what it was asked.
func refusal(err error) []string {
	list := []string{"error " + codeOf(err)}
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		list = append(list, "item "+render(failed.Item))
	}
	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		for _, reason := range canceled.CancellationReasons {
			list = append(list, "reason "+aws.ToString(reason.Code)+" "+render(reason.Item))
		}
	}
	return list
}

func codeOf(err error) string {
	if err == nil {
		return "done"
	}
	if told, ok := errors.AsType[smithy.APIError](err); ok {
		return told.ErrorCode()
	}
	return err.Error()
}

// asDocumented changes an answer of DynamoDB Local to what DynamoDB is
// documented to say, where memtable says that.
//
// "Queries that do not return results consume the minimum number of read
// capacity units for that type of read operation." (API reference, Query.)
// DynamoDB Local says 0.
//
// "Requests for nonexistent items consume the minimum read capacity units
// according to the type of read." (API reference, BatchGetItem.) DynamoDB Local
// leaves them out.
//
// "If DynamoDB processes the number of items up to the limit while processing
// the results, it stops the operation and returns the matching values up to that
// point, and a key in LastEvaluatedKey". (API reference, Query.) DynamoDB Local
// gives no key if the last item is the last that BETWEEN allows.
func asDocumented(in, out any) {
	least := func(consistent *bool) float64 {
		if aws.ToBool(consistent) {
			return 1
		}
		return 0.5
	}
	switch out := out.(type) {
	case *dynamodb.QueryOutput:
		if query, ok := in.(*dynamodb.QueryInput); ok && out != nil && out.ScannedCount == 0 {
			out.ConsumedCapacity.CapacityUnits = aws.Float64(least(query.ConsistentRead))
		} else if ok && out != nil && query.Limit != nil && out.Count == *query.Limit && out.LastEvaluatedKey == nil {
			partition := strings.Fields(*query.KeyConditionExpression)[2]
			out.LastEvaluatedKey = memtable.Item{dynamo.PartitionKey: query.ExpressionAttributeValues[partition], dynamo.SortKey: out.Items[out.Count-1][dynamo.SortKey]}
		}
	case *dynamodb.BatchGetItemOutput:
		for n := range out.ConsumedCapacity {
			of := &out.ConsumedCapacity[n]
			asked := in.(*dynamodb.BatchGetItemInput).RequestItems[*of.TableName]
			missing := len(asked.Keys) - len(out.Responses[*of.TableName])
			of.CapacityUnits = aws.Float64(*of.CapacityUnits + float64(missing)*least(asked.ConsistentRead))
		}
	}
}
