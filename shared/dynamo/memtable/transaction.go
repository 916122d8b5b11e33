package memtable

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

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
		if failed, refused := errors.AsType[*types.ConditionalCheckFailedException](err); refused {
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

// plan checks one write of a transaction.
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
		return table.planPut(one.Put.Item, condition{one.Put.ConditionExpression, one.Put.ExpressionAttributeNames, one.Put.ExpressionAttributeValues, one.Put.ReturnValuesOnConditionCheckFailure})
	case one.Update != nil:
		table, err := named(one.Update.TableName)
		if err != nil {
			return planned{}, err
		}
		p, _, err := table.planUpdate(one.Update.Key, one.Update.UpdateExpression, condition{one.Update.ConditionExpression, one.Update.ExpressionAttributeNames, one.Update.ExpressionAttributeValues, one.Update.ReturnValuesOnConditionCheckFailure})
		return p, err
	case one.Delete != nil:
		table, err := named(one.Delete.TableName)
		if err != nil {
			return planned{}, err
		}
		return table.planDelete(one.Delete.Key, condition{one.Delete.ConditionExpression, one.Delete.ExpressionAttributeNames, one.Delete.ExpressionAttributeValues, one.Delete.ReturnValuesOnConditionCheckFailure})
	}
	return planned{}, invalid("A transaction's write is a Put, an Update or a Delete here")
}
