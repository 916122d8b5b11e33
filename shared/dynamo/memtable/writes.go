package memtable

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

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
		out.Attributes = scope{p.new, in.ExpressionAttributeNames, nil}.only(e)
	case "", types.ReturnValueNone:
	default:
		return nil, invalid("ReturnValues %s is not known here", in.ReturnValues)
	}
	return out, nil
}

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
